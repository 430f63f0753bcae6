/**
 * What the operator allows, with the addresses of this machine kept fresh.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { addressVerdict } from "../../../lib/outbound/address.ts";
import { createOutboundPolicy } from "../../../lib/outbound/policy.ts";
import { createManualClock } from "../../helpers/manual_clock.ts";

Deno.test("createOutboundPolicy() forbids the addresses of this machine's interfaces", () => {
  const policy = createOutboundPolicy({
    allow_networks: [],
    allow_http: false,
    clock: createManualClock(),
    interfaces: () => ["9.9.9.9", "2606:4700:0::0001", "127.0.0.1", "not an address"],
  });
  for (const address of ["9.9.9.9", "::ffff:9.9.9.9", "2606:4700::1"]) {
    assertEquals(addressVerdict(address, policy), "forbidden", address);
  }
  assertEquals(addressVerdict("9.9.9.10", policy), "public");
});

Deno.test("createOutboundPolicy() looks at the interfaces again after 10 s", async () => {
  const clock = createManualClock();
  let own = ["9.9.9.9"];
  const policy = createOutboundPolicy({
    allow_networks: [],
    allow_http: false,
    clock,
    interfaces: () => own,
  });
  own = ["9.9.9.10"];
  await clock.advance(9999);
  assertEquals([...policy.own_addresses], ["9.9.9.9"]);
  await clock.advance(1);
  assertEquals([...policy.own_addresses], ["9.9.9.10"]);
  own = ["9.9.9.11"];
  await clock.advance(9999);
  assertEquals([...policy.own_addresses], ["9.9.9.10"], "10 s from the last look, not from the first");
});

Deno.test("createOutboundPolicy() reads this machine's interfaces by default", () => {
  const policy = createOutboundPolicy({ allow_networks: [], allow_http: false, clock: createManualClock() });
  assert(policy.own_addresses.has("127.0.0.1"), [...policy.own_addresses].join());
});

Deno.test("createOutboundPolicy() fails at once if the interfaces can't be read", () => {
  assertThrows(
    () =>
      createOutboundPolicy({
        allow_networks: [],
        allow_http: false,
        clock: createManualClock(),
        interfaces: () => {
          throw new Deno.errors.NotCapable("sys");
        },
      }),
    Deno.errors.NotCapable,
  );
});
