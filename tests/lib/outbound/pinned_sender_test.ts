/**
 * The pinned sender, beyond the contract that both senders keep: it connects to the vetted address and no other.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { createPinnedSender } from "../../../lib/outbound/pinned_sender.ts";
import { type RawConnection, startRawReceiver, startReceiver } from "../../helpers/receiver.ts";
import { TRUSTED } from "./certificates.ts";
import { testSenderContract } from "./sender_contract.ts";
import {
  answering,
  assertError,
  assertStatus,
  createRig,
  type SenderDriver,
  TIMEOUT_MS,
} from "./sender_rig.ts";

const PINNED: SenderDriver = { make: createPinnedSender, bad_chunk: "protocol" };
const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

testSenderContract("pinned", PINNED);

/** Answers every request on a connection. */
async function answerAll(connection: RawConnection): Promise<void> {
  while (await connection.readRequest() !== "") await connection.write(OK);
}

Deno.test("pinned sender connects to exactly the judged addresses, whatever the system makes of the name", async () => {
  await using receiver = startReceiver({ hostname: "127.0.0.2" });
  const names = {
    "hook.test": ["127.0.0.2"],
    "localhost": ["127.0.0.2"],
    "127.0.0.1.nip.test": ["127.0.0.2"],
  };
  await using rig = createRig(PINNED, { names });
  for (const host of Object.keys(names)) {
    assertStatus(await rig.post(`http://${host}:${receiver.port}/`), 200, host);
    assertEquals(receiver.requests.at(-1)?.headers.get("host"), `${host}:${receiver.port}`);
  }
});

Deno.test("pinned sender keeps SNI and the certificate's name while it connects to an address", async () => {
  await using receiver = startReceiver({ tls: TRUSTED });
  const names = { "hook.test": ["127.0.0.1"], "hook.test.": ["127.0.0.1"], "other.test": ["127.0.0.1"] };
  await using rig = createRig(PINNED, { names });
  assertStatus(await rig.post(`https://hook.test:${receiver.port}/`), 200);
  assertStatus(await rig.post(`https://hook.test.:${receiver.port}/`), 200, "a trailing dot");
  assertError(
    await rig.post(`https://other.test:${receiver.port}/`),
    "tls",
    "a certificate for another name",
  );
  assertEquals(receiver.requests.map(({ headers }) => headers.get("host")), [
    `hook.test:${receiver.port}`,
    `hook.test.:${receiver.port}`,
  ]);
});

Deno.test("pinned sender names the host in the TLS hello, but never an address", async () => {
  const hellos: string[] = [];
  await using receiver = startRawReceiver(async (connection) => {
    hellos.push(await connection.readBytes());
  });
  await using rig = createRig(PINNED, { names: { "hook.test": ["127.0.0.1"], "hook.test.": ["127.0.0.1"] } });
  for (const host of ["hook.test", "hook.test.", "127.0.0.1"]) {
    assertError(await rig.post(`https://${host}:${receiver.port}/`), "tls");
  }
  assertEquals(hellos.map((hello) => hello.includes("hook.test")), [true, true, false]);
  assertEquals(hellos.map((hello) => hello.includes("hook.test.") || hello.includes("127.0.0.1")), [
    false,
    false,
    false,
  ]);
  assertEquals(hellos.map((hello) => hello.includes("http/1.1") && !hello.includes("h2")), [
    true,
    true,
    true,
  ]);
});

Deno.test("pinned sender tries the next address when one refuses", async () => {
  await using receiver = startReceiver({ hostname: "127.0.0.3" });
  await using rig = createRig(PINNED, {
    networks: "127.0.0.0/8 ::1",
    names: {
      "many.test": ["127.0.0.1", "127.0.0.2", "::1", "127.0.0.3"],
      "dead.test": ["127.0.0.1", "127.0.0.2"],
    },
  });
  assertStatus(await rig.post(`http://many.test:${receiver.port}/`), 200);
  assertError(await rig.post(`http://dead.test:${receiver.port}/`), "connect");
});

Deno.test("pinned sender dials a loopback name at what the operator allowed of it", async () => {
  await using receiver = startReceiver();
  await using rig = createRig(PINNED, { names: { "localhost": ["127.0.0.1", "::1"] } });
  assertStatus(await rig.post(`http://localhost:${receiver.port}/`), 200);
});

Deno.test("pinned sender sends the given headers, host, connection and content-length, and nothing else", async () => {
  const seen = Promise.withResolvers<string>();
  await using receiver = startRawReceiver(async (connection) => {
    seen.resolve(await connection.readRequest());
    await connection.write(OK);
    await connection.closed();
  });
  await using rig = createRig(PINNED);
  const headers = { "Content-Type": "application/json", "X-Team": "a b", "webhook-id": "evt_1" };
  assertStatus(await rig.post(`http://127.0.0.1:${receiver.port}/in?a=%20b`, { headers }), 200);
  assertEquals((await seen.promise).split("\r\n"), [
    "POST /in?a=%20b HTTP/1.1",
    `host: 127.0.0.1:${receiver.port}`,
    "connection: keep-alive",
    "Content-Type: application/json",
    "X-Team: a b",
    "webhook-id: evt_1",
    "content-length: 16",
    "",
    `{"event":"test"}`,
  ]);
});

Deno.test("pinned sender refuses a header that would break out of its line", async () => {
  await using receiver = startReceiver();
  await using rig = createRig(PINNED);
  assertError(await rig.post(receiver.url, { headers: { "X-Team": "a\r\nX-Evil: 1" } }), "protocol");
  assertError(await rig.post(receiver.url, { headers: { "X-Team: 1\r\nX-Evil": "1" } }), "protocol");
  assertEquals(receiver.requests.length, 0);
});

Deno.test("pinned sender looks a name up for a new connection only", async () => {
  await using receiver = startRawReceiver(answerAll);
  await using rig = createRig(PINNED, { names: { "hook.test": ["127.0.0.1"] } });
  for (let send = 0; send < 5; send++) {
    assertStatus(await rig.post(`http://hook.test:${receiver.port}/`), 200);
  }
  assertEquals([receiver.connections, rig.resolver.asked.length], [1, 1]);
});

Deno.test("pinned sender keeps no connection longer than a minute, so that DNS is followed", async () => {
  await using receiver = startRawReceiver(answerAll);
  await using rig = createRig(PINNED, { names: { "hook.test": [["127.0.0.1"], ["10.0.0.1"]] } });
  const url = `http://hook.test:${receiver.port}/`;
  assertStatus(await rig.post(url), 200);
  await rig.clock.advance(60_000);
  assertStatus(await rig.post(url), 200, "a minute old it still serves");
  await rig.clock.advance(1);
  assertStatus(await rig.post(url), 200, "the send after which it is too old");
  assertError(await rig.post(url), "blocked_address", "the name has moved to a forbidden address");
  assertEquals(receiver.connections, 1);
});

Deno.test("pinned sender judges the URL of each send, also on a kept connection", async () => {
  await using receiver = startRawReceiver(answerAll);
  await using rig = createRig(PINNED);
  assertStatus(await rig.post(receiver.url), 200);
  assertError(await rig.post(receiver.url.replace("//", "//user:secret@")), "blocked_address");
});

Deno.test("pinned sender dials anew, once, when a kept connection was closed in between", async () => {
  const ended = Promise.withResolvers<void>();
  await using receiver = startRawReceiver(async (connection, number) => {
    await connection.readRequest();
    await connection.write(OK);
    if (number > 0) return await connection.closed();
    connection.close();
    ended.resolve();
  });
  await using rig = createRig(PINNED, { names: { "hook.test": ["127.0.0.1"] } });
  assertStatus(await rig.post(`http://hook.test:${receiver.port}/`), 200);
  await ended.promise;
  assertStatus(await rig.post(`http://hook.test:${receiver.port}/`), 200);
  assertEquals([receiver.connections, rig.resolver.asked.length], [2, 2], "and judges the name anew");
});

Deno.test("pinned sender reports reset, and sends nothing twice, when a kept connection dies under a request", async () => {
  const requests: string[] = [];
  await using receiver = startRawReceiver(async (connection) => {
    requests.push(await connection.readRequest());
    await connection.write(OK);
    requests.push(await connection.readRequest());
  });
  await using rig = createRig(PINNED);
  assertStatus(await rig.post(receiver.url), 200);
  assertError(await rig.post(receiver.url), "reset");
  assertEquals([receiver.connections, requests.length], [1, 2]);
});

Deno.test("pinned sender keeps no connection that is to be closed", async () => {
  const closing = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
  const impatient = "HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 2\r\n\r\nok";
  const too_long = `HTTP/1.1 200 OK\r\ncontent-length: 70000\r\n\r\n${"x".repeat(70_000)}`;
  for (const answer of [closing, impatient, too_long]) {
    await using receiver = startRawReceiver(async (connection) => {
      await connection.readRequest();
      await connection.write(answer);
      await connection.closed();
    });
    await using rig = createRig(PINNED);
    for (let send = 0; send < 2; send++) assertStatus(await rig.post(receiver.url), 200);
    assertEquals(receiver.connections, 2, answer.slice(0, 60));
  }
});

Deno.test("pinned sender takes bytes nobody asked for as the end of a kept connection, never as an answer", async () => {
  const stuffed = Promise.withResolvers<void>();
  await using receiver = startRawReceiver(async (connection, number) => {
    await connection.readRequest();
    await connection.write(number > 0 ? OK : OK + "HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n");
    stuffed.resolve();
    await connection.closed();
  });
  await using rig = createRig(PINNED);
  await rig.post(receiver.url);
  await stuffed.promise;
  assertStatus(await rig.post(receiver.url), 200);
  assertEquals(receiver.connections, 2);
});

Deno.test("pinned sender makes no send wait for another's connection", async () => {
  const all_there = Promise.withResolvers<void>();
  await using receiver = startRawReceiver(async (connection, number) => {
    await connection.readRequest();
    if (number === 39) all_there.resolve();
    await all_there.promise;
    await connection.write(OK);
    await connection.closed();
  });
  await using rig = createRig(PINNED);
  const results = await Promise.all(Array.from({ length: 40 }, () => rig.post(receiver.url)));
  for (const result of results) assertStatus(result, 200);
  assertEquals(receiver.connections, 40);
});

Deno.test("pinned sender ends one send's handshake at its deadline without touching another's", async () => {
  await using receiver = startRawReceiver((connection) => connection.closed());
  await using rig = createRig(PINNED);
  const url = receiver.url.replace("http:", "https:");
  const short = rig.post(url, { timeout_ms: 1000 });
  await receiver.accepted(1);
  const long = rig.post(url, { timeout_ms: 5000 });
  const second = await receiver.accepted(2);
  await rig.clock.advance(1000);
  assertError(await short, "timeout");
  assertEquals(rig.clock.pending, 1, "the other one's deadline still runs");
  second.close();
  assertError(await long, "tls");
});

Deno.test("pinned sender gives up on hints without end", async () => {
  await using receiver = startRawReceiver(answering("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000)));
  await using rig = createRig(PINNED);
  assertError(await rig.post(receiver.url), "protocol");
});

Deno.test("pinned sender says in words what it was doing when the time was up", async () => {
  await using receiver = startRawReceiver(async (connection) => {
    const request = await connection.readRequest();
    if (request.includes("/body")) await connection.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx");
    reached.resolve();
    await connection.closed();
  });
  await using rig = createRig(PINNED, { names: { "slow.test": "hangs" } });
  let reached = Promise.withResolvers<void>();
  const details: string[] = [];
  for (const url of ["https://slow.test/", `http://127.0.0.1:${receiver.port}/`]) {
    reached = Promise.withResolvers<void>();
    const sending = rig.post(url);
    if (!url.includes("slow")) await reached.promise;
    await rig.clock.advance(TIMEOUT_MS);
    const result = await sending;
    assert(result.kind === "error");
    details.push(result.detail);
  }
  assertEquals(details, [
    "no whole answer within 10000 ms, still connecting",
    "no whole answer within 10000 ms, still waiting for the answer",
  ]);
});
