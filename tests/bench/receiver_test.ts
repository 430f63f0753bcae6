/**
 * The receiver and the callers of the measurements count what is so.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { eventText, SECRET } from "../../bench/events.ts";
import { RawClient, requestBytes } from "../../bench/raw_client.ts";
import { Worker } from "../../bench/worker.ts";
import { signatureHeaders, SigningKey } from "../../lib/sign.ts";
import { callRaw } from "../helpers/raw_caller.ts";
import { startReceiver } from "../helpers/receiver.ts";

/** A delivery as bytes. */
function deliveryText(path: string, number: number, secret = SECRET): string {
  const body = eventText(number, "s0.example");
  const signable = { webhook_id: "evt_1", timestamp_s: 1_800_000_000, body: new TextEncoder().encode(body) };
  const headers = Object.entries(signatureHeaders([new SigningKey(secret)], signable))
    .map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `POST ${path} HTTP/1.1\r\nhost: x\r\n${headers}content-length: ${body.length}\r\n\r\n${body}`;
}

Deno.test("the receiver counts each event once, and answers by the path", async () => {
  await using receiver = Worker.start("receiver", ["--allow-net=127.0.0.1"]);
  using caller = await callRaw(await receiver.call("url"));
  await receiver.call("begin", { events: 3 });
  await caller.send(deliveryText("/ok/1", 0));
  await caller.readUntil("200 OK");
  // In pieces, as a network may bring it.
  const [head = "", body = ""] = deliveryText("/ok/2", 2).split("\r\n\r\n");
  await caller.send(head);
  await caller.send("\r\n\r\n");
  await caller.send(body);
  const arrived = await receiver.call<Record<string, number>>("arrived", { count: 2, timeout_ms: 60_000 });
  assertEquals(
    [arrived.taken, arrived.refused, arrived.verified, arrived.forged, arrived.connections],
    [2, 0, 1, 0, 1],
  );
  await caller.send(deliveryText("/no/3", 1));
  await caller.readUntil("404 Not Found");
  assertEquals((await receiver.call<Record<string, number>>("counts")).refused, 1);
  assertEquals(await receiver.call("spread"), { least: 0, most: 1 });
  const times = new Float64Array(Uint8Array.fromBase64(await receiver.call<string>("times")).buffer);
  assertEquals([...times].map((at) => at > 0), [true, false, true]);
});

Deno.test("the receiver finds a signature under another secret", async () => {
  await using receiver = Worker.start("receiver", ["--allow-net=127.0.0.1"]);
  using caller = await callRaw(await receiver.call("url"));
  await receiver.call("begin", { events: 1 });
  await caller.send(deliveryText("/ok/1", 0, "another-secret-of-the-benchmark-01"));
  await caller.readUntil("200 OK");
  const { verified, forged } = await receiver.call<Record<string, number>>("counts");
  assertEquals([verified, forged], [0, 1]);
});

Deno.test("a process says what went wrong, and what it can't do", async () => {
  await using load = Worker.start("load", ["--allow-net=127.0.0.1"]);
  const reasonOf = async (call: Promise<unknown>): Promise<string> => await call.then(() => "", String);
  assert((await reasonOf(load.call("dance"))).includes("There is no command dance"));
  const nobody = { url: "http://127.0.0.1:1", paths: ["/"], key: "k", runs: 1 };
  assert((await reasonOf(load.call("read", nobody))).includes("ConnectionRefused"));
});

Deno.test("the client reads answers of any size to their end, one after the other", async () => {
  const long = "x".repeat(100_000);
  await using receiver = startReceiver({
    respond: [new Response(long, { status: 202 }), new Response("short")],
  });
  const client = await RawClient.connect(receiver.origin);
  const request = requestBytes("POST", "/in", { key: "k", body: "{}" });
  assertEquals(await client.call(request), { status: 202, text: long });
  assertEquals(await client.call(request), { status: 200, text: "short" });
  assertEquals(receiver.requests.map(({ text, headers }) => [text, headers.get("authorization")]), [
    ["{}", "Bearer k"],
    ["{}", "Bearer k"],
  ]);
  client.close();
});
