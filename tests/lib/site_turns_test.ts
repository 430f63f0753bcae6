/**
 * Turns among sites.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { AppError } from "../../lib/errors.ts";
import { ACCEPT } from "../../lib/limits.ts";
import { SiteTurns } from "../../lib/site_turns.ts";
import { settle } from "../helpers/manual_clock.ts";

/** Work that ends when the test says so. */
function makeWork(): { begun: string[]; run: (name: string) => () => Promise<string>; end: () => void } {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  return {
    begun,
    run: (name) => async () => {
      begun.push(name);
      await new Promise<void>((resolve) => void ends.push(resolve));
      return name;
    },
    end: () => ends.shift()?.(),
  };
}

Deno.test("a site that posts fast has so much under way at a time, and another site's event begins at once", async () => {
  const turns = new SiteTurns();
  const work = makeWork();
  const fast = Array.from(
    { length: ACCEPT.per_site_at_once + 10 },
    (_, n) => turns.take("fast.example", work.run(`fast ${n}`)),
  );
  const slow = turns.take("slow.example", work.run("slow"));
  await settle();
  assertEquals(work.begun.length, ACCEPT.per_site_at_once + 1);
  assertEquals(work.begun.at(-1), "slow");
  for (let n = 0; n < ACCEPT.per_site_at_once + 11; n++) {
    work.end();
    await settle();
  }
  assertEquals(await slow, "slow");
  assertEquals(await Promise.all(fast), fast.map((_, n) => `fast ${n}`), "in the order in which they came");
  assertEquals(turns.sites, 0);
});

Deno.test("a site that is too fast is told to slow down, without disturbing what waits", async () => {
  const turns = new SiteTurns();
  const work = makeWork();
  const most = ACCEPT.per_site_at_once + ACCEPT.per_site_waiting_max;
  const taken = Array.from({ length: most }, (_, n) => turns.take("fast.example", work.run(String(n))));
  const error = await assertRejects(() => turns.take("fast.example", work.run("too much")), AppError);
  assertEquals([error.code, error.retry_after_s], ["rate_limited", 1]);
  const other = turns.take("other.example", work.run("other"));
  for (let n = 0; n <= most; n++) {
    work.end();
    await settle();
  }
  await Promise.all([...taken, other]);
  assertEquals(turns.sites, 0);
  const again = turns.take("fast.example", work.run("again"));
  await settle();
  work.end();
  assertEquals(await again, "again");
});

Deno.test("what fails gives its turn on", async () => {
  const turns = new SiteTurns();
  const failing = Array.from(
    { length: ACCEPT.per_site_at_once + 5 },
    () => turns.take("a.example", () => Promise.reject(new Error("part of this test"))),
  );
  const results = await Promise.allSettled(failing);
  assert(results.every(({ status }) => status === "rejected"));
  assertEquals(turns.sites, 0);
});
