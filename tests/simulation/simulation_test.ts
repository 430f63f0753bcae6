/**
 * The simulation over many seeds, and the proof that its invariants can fail: every planted bug is caught.
 *
 * A failure names its seed and the command that repeats it.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { accept } from "../../lib/accept.ts";
import { encodeBody } from "../../lib/event.ts";
import { LEASE, TIME } from "../../lib/limits.ts";
import { createWebhook } from "../../lib/webhooks.ts";
import { createChance } from "./chance.ts";
import { createInvariants } from "./invariants.ts";
import { SITES } from "./persons.ts";
import { PLANTED_BUGS } from "./planted_bugs.ts";
import { playSeeds } from "./seeds.ts";
import { type Run, simulate } from "./simulate.ts";
import { receiverOf, urlOf, World } from "./world.ts";

const STEPS = 30;
/** The seeds that every run of the tests looks at, always the same: `deno task simulate --seeds 5000` draws others. */
const SEEDS = 2000;
/** How many seeds a planted bug may survive. */
const BUG_SEEDS = 120;

function told(seed: number, { violation, trace }: Run): string {
  const found = `Seed ${seed} violates ${violation?.invariant}: ${violation?.what}`;
  const last = trace.slice(-30).join("\n");
  return `${found}\nRepeat it: deno task simulate --seed ${seed} --steps ${STEPS}\n${last}`;
}

Deno.test("whatever happens, nothing accepted is lost and every send is explained", async () => {
  const { failed, sends } = await playSeeds({ first: 0, seeds: SEEDS, steps: STEPS });
  assert(failed === null, failed === null ? "" : told(failed.seed, failed.run));
  assert(sends > SEEDS, `${sends} sends are too few to tell anything`);
});

Deno.test("the same seed gives the same run, to the last line", async () => {
  const [first, second] = [await simulate(7, STEPS), await simulate(7, STEPS)];
  assertEquals(first.trace, second.trace);
});

Deno.test("a send is explained although the clocks jumped past the lease of another, which ended it since", async () => {
  const chance = createChance(0);
  const invariants = createInvariants();
  const world = new World({ chance, has_queue: true, breakage: {}, invariants, only: null });
  const [site_id, url, timeout_ms] = [SITES[0], urlOf(0, 0), 10 * TIME.SECOND_MS];
  const first = await world.start();
  const acceptSome = async (count: number): Promise<void> => {
    const data = { goal_name: "Signup", visitor_count: 1, path: "/" };
    const payload = {
      event: "goal_completion",
      site_id,
      timestamp: "2026-01-01T00:00:00Z",
      data,
    } as const;
    for (let left = count; left > 0; left--) {
      void accept({ payload, body: encodeBody(payload) }, null, first.accepting);
    }
    await world.advance(300);
  };
  const input = { url, events: ["goal_completion"], max_retries: 0, timeout_ms };
  void createWebhook(site_id, input, first.managing);
  await world.advance(0);
  // Two quick answers: it sends three at a time from then on, and a process that has just started two.
  await acceptSome(2);
  world.moods.set(receiverOf(url), "hanging");
  await acceptSome(3);
  world.jump(timeout_ms + LEASE.margin_ms);
  await world.start();
  await world.advance(2 * timeout_ms);
  const [ended, again] = [...world.sends.values()].at(-1) ?? [];
  assert(
    (ended?.answered_at ?? Infinity) < (again?.world_at ?? -Infinity),
    "it waited in the second process",
  );
  assertEquals(world.violation, null);
});

for (const { name, breakage, caught_by, weather, steps = STEPS } of PLANTED_BUGS) {
  Deno.test(`a planted bug is caught by ${caught_by}: ${name}`, async () => {
    const options = { breakage, only: caught_by, ...(weather === undefined ? {} : { weather }) };
    for (let seed = 0; seed < BUG_SEEDS; seed++) {
      const { violation } = await simulate(seed, steps, options);
      if (violation !== null) return;
    }
    assert(false, `it survived ${BUG_SEEDS} seeds`);
  });
}

Deno.test("the command runs without any permission but its own, and refuses what makes no sense", async () => {
  const run = async (...args: string[]): Promise<[number, string]> => {
    const command = new Deno.Command(Deno.execPath(), {
      args: ["task", "--quiet", "simulate", ...args],
      env: { NO_COLOR: "1" },
      stderr: "null",
    });
    const { code, stdout } = await command.output();
    return [code, new TextDecoder().decode(stdout)];
  };
  const [code, text] = await run("--seed", "3", "--steps", "5", "--seeds", "2");
  assertEquals([code, text.startsWith("Everything held: 2 seeds from 3, 5 steps each")], [0, true]);
  assertEquals((await run("--seed", "three"))[0], 2);
});

Deno.test("every invariant has a name of its own and is caught out by a planted bug", () => {
  const names = createInvariants().map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
  const caught = new Set(PLANTED_BUGS.map(({ caught_by }) => caught_by));
  assertEquals(names.filter((name) => !caught.has(name)), []);
});
