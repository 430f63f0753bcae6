/**
 * The platform's own sender, beyond the contract that both senders keep.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { createFetchSender, fetchErrorKind } from "../../../lib/outbound/fetch_sender.ts";
import type { SendErrorKind } from "../../../lib/ports.ts";
import { startReceiver } from "../../helpers/receiver.ts";
import { testSenderContract } from "./sender_contract.ts";
import { assertStatus, createRig, type SenderDriver } from "./sender_rig.ts";

const FETCH: SenderDriver = {
  make({ policy, resolver, clock, ca }) {
    const client = Deno.createHttpClient({ caCerts: [...ca] });
    const sender = createFetchSender({ policy, resolver, clock, init: { client } });
    let closing: Promise<void> | null = null;
    return { post: sender.post, close: () => closing ??= sender.close().then(() => client.close()) };
  },
  bad_chunk: "reset",
};

testSenderContract("fetch", FETCH);

Deno.test("fetch sender asks for no encoding, whatever the request says", async () => {
  await using receiver = startReceiver();
  await using rig = createRig(FETCH);
  assertStatus(await rig.post(receiver.url), 200);
  assertStatus(await rig.post(receiver.url, { headers: { "Accept-Encoding": "br" } }), 200);
  assertEquals(receiver.requests.map(({ headers }) => headers.get("accept-encoding")), [
    "identity",
    "identity",
  ]);
});

Deno.test("fetchErrorKind() goes by fetch's words, and never by what the URL says", () => {
  const url = "http://dns.error.example/certificate?invalid=(connect)";
  const cases: [string, SendErrorKind][] = [
    [`error sending request for url (${url}): client error (Connect): dns error: no record found`, "dns"],
    [
      `error sending request for url (${url}): client error (Connect): invalid peer certificate: Expired`,
      "tls",
    ],
    [
      `error sending request for url (${url}): client error (Connect): received fatal alert: HandshakeFailure`,
      "tls",
    ],
    [
      `error sending request for url (${url}): client error (Connect): tcp connect error: Connection refused`,
      "connect",
    ],
    [
      `error sending request for ${url} : client error (SendRequest): invalid HTTP version parsed`,
      "protocol",
    ],
    [`error sending request for ${url} : client error (SendRequest): message head is too large`, "protocol"],
    [
      `error sending request for ${url} : client error (SendRequest): connection closed before message completed`,
      "reset",
    ],
    [
      `error sending request for ${url} : client error (SendRequest): connection error: Connection reset by peer`,
      "reset",
    ],
  ];
  for (const [message, kind] of cases) {
    assertEquals(fetchErrorKind(new TypeError("fetch failed", { cause: new Error(message) })), kind, message);
  }
  assertEquals(fetchErrorKind(new TypeError("error reading a body from connection")), "reset");
  assertEquals(fetchErrorKind(new TypeError("Fetch failed: Requests to port 25 are blocked")), "connect");
  assertEquals(fetchErrorKind("something else"), "reset");
});
