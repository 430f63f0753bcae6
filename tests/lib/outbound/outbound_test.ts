/**
 * The way out as the service has it: its sender is loaded when it is first used, and nobody can tell.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { parseNetworks } from "../../../lib/outbound/address.ts";
import { createOutbound } from "../../../lib/outbound/outbound.ts";
import type { Sender, SendRequest } from "../../../lib/ports.ts";
import { systemClock } from "../../../lib/outbound/clock.ts";
import { startReceiver } from "../../helpers/receiver.ts";

function createSender(sender: "pinned" | "fetch"): Sender {
  const parsed = parseNetworks("127.0.0.0/8");
  assert(parsed.ok);
  return createOutbound({ sender, allow_networks: parsed.networks, allow_http: false }, systemClock()).sender;
}

function requestTo(url: string): SendRequest {
  return { url, headers: {}, body: new TextEncoder().encode("{}"), timeout_ms: 10_000 };
}

for (const kind of ["pinned", "fetch"] as const) {
  Deno.test(`${kind}: sends that begin while the sender is loaded arrive, also where it is closed at once`, async () => {
    await using receiver = startReceiver();
    const sender = createSender(kind);
    const sends = [1, 2].map(() => sender.post(requestTo(receiver.url)));
    await sender.close();
    assertEquals((await Promise.all(sends)).map(({ kind }) => kind), ["answer", "answer"]);
    assertEquals(receiver.requests.length, 2);
    assertEquals((await sender.post(requestTo(receiver.url))).kind, "error");
  });

  Deno.test(`${kind}: a sender that is closed before its first send sends nothing`, async () => {
    await using receiver = startReceiver();
    const sender = createSender(kind);
    await sender.close();
    assertEquals(await sender.post(requestTo(receiver.url)), {
      kind: "error",
      error: "connect",
      detail: "the sender is closed",
    });
    await sender.close();
    assertEquals(receiver.requests.length, 0);
  });
}
