/**
 * Looking names up: both families, under a deadline, without one name holding up another.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createResolver, ResolveError } from "../../../lib/outbound/resolver.ts";
import { createManualClock } from "../../helpers/manual_clock.ts";
import { type DnsAnswer, type DnsServer, startDnsServer } from "./dns_server.ts";

const NEVER = new AbortController().signal;

/** What the name server answers to A and to AAAA. */
const ZONE: Record<string, readonly [a: DnsAnswer, aaaa: DnsAnswer]> = {
  "both.test": [["9.9.9.9", "9.9.9.10"], ["2606:4700::1111"]],
  "only4.test": [["9.9.9.9"], []],
  "only4-nx.test": [["9.9.9.9"], "nxdomain"],
  "only6.test": ["nxdomain", ["2606:4700::1111"]],
  "broken4.test": ["servfail", ["2606:4700::1111"]],
  "empty.test": [[], []],
  "broken.test": ["servfail", "servfail"],
  "alias.test": [{ cname: "both.test" }, { cname: "both.test" }],
  "private.test": [["127.0.0.1"], ["::ffff:10.0.0.1"]],
  "half.test": [["9.9.9.9"], "silent"],
  "silent.test": ["silent", "silent"],
};

function startZone(): Promise<DnsServer> {
  return startDnsServer((name, type) => {
    if (name.startsWith("slow-")) return "silent";
    const [a, aaaa] = ZONE[name] ?? ["nxdomain", "nxdomain"];
    return type === "A" ? a : aaaa;
  });
}

Deno.test("resolve() gives the addresses of both families, IPv4 first", async () => {
  await using server = await startZone();
  const clock = createManualClock();
  const resolver = createResolver({ clock, name_server: server.name_server });
  const expected: Record<string, readonly string[]> = {
    "both.test": ["9.9.9.9", "9.9.9.10", "2606:4700::1111"],
    "both.test.": ["9.9.9.9", "9.9.9.10", "2606:4700::1111"],
    "alias.test": ["9.9.9.9", "9.9.9.10", "2606:4700::1111"],
    "only4.test": ["9.9.9.9"],
    "only4-nx.test": ["9.9.9.9"],
    "only6.test": ["2606:4700::1111"],
    "broken4.test": ["2606:4700::1111"],
  };
  for (const [host, addresses] of Object.entries(expected)) {
    assertEquals(await resolver.resolve(host, NEVER), addresses, host);
  }
  assertEquals(server.questions.slice(0, 2).sort(), ["A both.test", "AAAA both.test"]);
  assertEquals(clock.pending, 0, "no timer is left");
});

Deno.test("resolve() judges nothing: private addresses are given as they are", async () => {
  await using server = await startZone();
  const resolver = createResolver({ clock: createManualClock(), name_server: server.name_server });
  assertEquals(await resolver.resolve("private.test", NEVER), ["127.0.0.1", "::ffff:10.0.0.1"]);
});

Deno.test("resolve() rejects a name without addresses", async () => {
  await using server = await startZone();
  const resolver = createResolver({ clock: createManualClock(), name_server: server.name_server });
  for (
    const host of ["nowhere.test", "empty.test", "broken.test", "no such", "a..b", `${"x".repeat(64)}.test`]
  ) {
    await assertRejects(() => resolver.resolve(host, NEVER), ResolveError, "does not resolve", host);
  }
});

Deno.test("resolve() waits 250 ms for the other family, then goes on with the one that answered", async () => {
  await using server = await startZone();
  const clock = createManualClock();
  const armed = Promise.withResolvers<void>();
  const resolver = createResolver({
    clock: {
      after(delay_ms, run): () => void {
        armed.resolve();
        return clock.after(delay_ms, run);
      },
    },
    name_server: server.name_server,
  });
  const resolving = resolver.resolve("half.test", NEVER);
  await armed.promise;
  assertEquals(clock.next_at, clock.now() + 250);
  await clock.advance(250);
  assertEquals(await resolving, ["9.9.9.9"]);
});

Deno.test("resolve() ends with the signal's reason when the signal is aborted", async () => {
  await using server = await startZone();
  const resolver = createResolver({ clock: createManualClock(), name_server: server.name_server });
  const controller = new AbortController();
  const resolving = resolver.resolve("silent.test", controller.signal);
  const reason = new Error("time is up");
  controller.abort(reason);
  assertEquals(await assertRejects(() => resolving, Error), reason);
  assertEquals(await assertRejects(() => resolver.resolve("both.test", controller.signal), Error), reason);
});

Deno.test("resolve() finds a good name while 64 others hang", async () => {
  await using server = await startZone();
  const resolver = createResolver({ clock: createManualClock(), name_server: server.name_server });
  const controller = new AbortController();
  let settled = 0;
  const hanging = Array.from({ length: 64 }, async (_, index) => {
    await assertRejects(() => resolver.resolve(`slow-${index}.test`, controller.signal), DOMException);
    settled++;
  });
  assertEquals((await resolver.resolve("both.test", NEVER)).length, 3);
  assertEquals(settled, 0, "the good one waited for none of them");
  controller.abort();
  await Promise.all(hanging);
});

Deno.test("resolve() knows localhost and what is below it without asking anybody", async () => {
  await using server = await startZone();
  const resolver = createResolver({ clock: createManualClock(), name_server: server.name_server });
  for (const host of ["localhost", "localhost.", "a.localhost"]) {
    const addresses = await resolver.resolve(host, NEVER);
    assert(
      addresses.length > 0 && addresses.every((address) => ["127.0.0.1", "::1"].includes(address)),
      host,
    );
  }
  assertEquals(server.questions, []);
});
