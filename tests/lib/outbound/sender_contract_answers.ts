/**
 * The sender contract: requests, answers, and how much of them is read.
 *
 * Owns tests that run over each driver. It must never assume which driver it is.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type RawConnection, startRawReceiver, startReceiver } from "../../helpers/receiver.ts";
import {
  answering,
  assertError,
  assertStatus,
  BODY,
  closingAfter,
  createRig,
  type RegisterTest,
  SECRET_PATH,
  type SenderDriver,
} from "./sender_rig.ts";

/**
 * @param test Registers a test.
 * @param driver Under test.
 */
export function testAnswers(test: RegisterTest, driver: SenderDriver): void {
  test("posts the body with the headers it is given", async () => {
    await using receiver = startReceiver();
    await using rig = createRig(driver);
    const headers = {
      "Content-Type": "application/json",
      "webhook-id": "evt_1",
      "X-Team": "Größe".slice(0, 2),
    };
    assertStatus(await rig.post(`${receiver.origin}/in?a=1&b=%20`, { headers }), 200);
    const [request] = receiver.requests;
    assert(request !== undefined);
    assertEquals([request.method, request.path, request.text], ["POST", "/in?a=1&b=%20", `{"event":"test"}`]);
    assertEquals(request.headers.get("content-length"), String(BODY.byteLength));
    assertEquals(request.headers.get("content-type"), "application/json");
    assertEquals(request.headers.get("webhook-id"), "evt_1");
    assertEquals(request.headers.get("host"), `127.0.0.1:${receiver.port}`);
  });

  test("reports every status as an answer, with the beginning of its body", async () => {
    await using receiver = startReceiver();
    await using rig = createRig(driver);
    for (const status of [200, 201, 202, 204, 300, 304, 400, 404, 410, 429, 500, 503, 599]) {
      const body = [204, 304].includes(status) ? null : `body of ${status}`;
      receiver.respond(new Response(body, { status }));
      assertEquals(assertStatus(await rig.post(receiver.url), status), body ?? "");
    }
  });

  test("follows no redirect", async () => {
    await using target = startReceiver();
    for (const status of [301, 302, 303, 307, 308]) {
      const redirect = new Response("moved", { status, headers: { location: target.url } });
      await using receiver = startReceiver({ respond: redirect });
      await using rig = createRig(driver);
      assertEquals(assertStatus(await rig.post(receiver.url), status), "moved");
      assertEquals(receiver.requests.length, 1);
    }
    assertEquals(target.requests.length, 0);
  });

  test("reports Retry-After as received", async () => {
    const values = ["120", "Wed, 21 Oct 2026 07:28:00 GMT", "soon"];
    const respond = values.map((value) =>
      new Response(null, { status: 503, headers: { "retry-after": value } })
    );
    await using receiver = startReceiver({ respond: [...respond, 503] });
    await using rig = createRig(driver);
    for (const expected of [...values, null]) {
      const result = await rig.post(receiver.url);
      assertEquals(result.kind === "answer" && result.retry_after, expected);
    }
  });

  test("passes over 103 Early Hints", async () => {
    const hint = "HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n";
    await using receiver = startRawReceiver(
      answering(`${hint}${hint}HTTP/1.1 202 OK\r\ncontent-length: 2\r\n\r\nok`),
    );
    await using rig = createRig(driver);
    assertEquals(assertStatus(await rig.post(receiver.url), 202), "ok");
  });

  test("reads a body that ends with the connection", async () => {
    await using receiver = startRawReceiver(closingAfter("HTTP/1.0 200 OK\r\n\r\nall of it"));
    await using rig = createRig(driver);
    assertEquals(assertStatus(await rig.post(receiver.url), 200), "all of it");
  });

  test("unpacks nothing: what claims to be gzip is kept as it came", async () => {
    const head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 8\r\n\r\n";
    await using receiver = startRawReceiver(answering(`${head}not gzip`));
    await using rig = createRig(driver);
    assertEquals(assertStatus(await rig.post(receiver.url), 200), "not gzip");
  });

  test("sends an empty body", async () => {
    await using receiver = startReceiver();
    await using rig = createRig(driver);
    assertStatus(await rig.post(receiver.url, { body: new Uint8Array(0) }), 200);
    assertEquals(receiver.requests[0]?.headers.get("content-length"), "0");
  });

  test("sends a body of 64 KiB byte for byte, from the middle of a larger buffer", async () => {
    await using receiver = startReceiver();
    await using rig = createRig(driver);
    const large = Uint8Array.from({ length: 66_000 }, (_, index) => index % 251);
    const body = large.subarray(7, 7 + 64 * 1024);
    assertStatus(await rig.post(receiver.url, { body }), 200);
    assertEquals(receiver.requests[0]?.body, body.slice());
  });
}

/**
 * @param test Registers a test.
 * @param driver Under test.
 */
export function testLimits(test: RegisterTest, driver: SenderDriver): void {
  test("keeps the first 1,024 bytes of a body, however it is cut into pieces", async () => {
    const text = "0123456789".repeat(300);
    const chunk = (part: string): string => `${part.length.toString(16)}\r\n${part}\r\n`;
    const chunked = [text.slice(0, 1), text.slice(1, 1000), text.slice(1000, 1030), text.slice(1030)].map(
      chunk,
    ).join("");
    const answers = [
      `HTTP/1.1 200 OK\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${chunked}0\r\n\r\n`,
    ];
    for (const answer of answers) {
      await using receiver = startRawReceiver(answering(answer));
      await using rig = createRig(driver);
      assertEquals(assertStatus(await rig.post(receiver.url), 200), text.slice(0, 1024));
    }
  });

  test("reads bodies around the cap", async () => {
    await using receiver = startReceiver();
    await using rig = createRig(driver);
    for (const bytes of [64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1]) {
      receiver.respond(new Response("x".repeat(bytes), { status: 201 }));
      assertEquals(assertStatus(await rig.post(receiver.url), 201), "x".repeat(1024));
    }
  });

  test("reads little of an endless body, and closes the connection", async () => {
    const piece = new Uint8Array(64 * 1024).fill(120);
    const written: number[] = [];
    const ended: Promise<void>[] = [];
    async function flood(connection: RawConnection, number: number): Promise<void> {
      const { promise, resolve } = Promise.withResolvers<void>();
      ended.push(promise);
      await connection.readRequest();
      await connection.write("HTTP/1.1 200 OK\r\ncontent-length: 104857600\r\n\r\n");
      written[number] = 0;
      try {
        for (let left = 1600; left > 0; left--) {
          await connection.write(piece);
          written[number] += piece.byteLength;
        }
      } finally {
        resolve();
      }
    }
    await using receiver = startRawReceiver(flood);
    await using rig = createRig(driver);
    const results = await Promise.all(Array.from({ length: 10 }, () => rig.post(receiver.url)));
    for (const result of results) assertEquals(assertStatus(result, 200), "x".repeat(1024));
    await Promise.all(ended);
    // What got through is what the kernel buffers on both sides, not the 100 MiB that were offered.
    for (const bytes of written) assert(bytes < 16 * 1024 * 1024, `${bytes} bytes were taken`);
  });

  test("gives up on headers without end", async () => {
    const headers = `x-filler: ${"a".repeat(1000)}\r\n`.repeat(1000);
    await using receiver = startRawReceiver(answering(`HTTP/1.1 200 OK\r\n${headers}`));
    await using rig = createRig(driver);
    assertError(await rig.post(receiver.url + SECRET_PATH), "protocol");
  });
}

/**
 * @param test Registers a test.
 * @param driver Under test.
 */
export function testLife(test: RegisterTest, driver: SenderDriver): void {
  test("keeps a connection for the next send", async () => {
    await using receiver = startRawReceiver(async (connection) => {
      while (await connection.readRequest() !== "") {
        await connection.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
      }
    });
    await using rig = createRig(driver);
    for (let send = 0; send < 10; send++) assertStatus(await rig.post(receiver.url), 200);
    assertEquals(receiver.connections, 1);
  });

  test("sends 100 at a time", async () => {
    const all_there = Promise.withResolvers<void>();
    await using receiver = startReceiver({
      respond: async (request) => {
        if (receiver.requests.length === 100) all_there.resolve();
        await all_there.promise;
        return new Response(request.text);
      },
    });
    await using rig = createRig(driver);
    const sending = Array.from({ length: 100 }, (_, index) => {
      return rig.post(receiver.url, { body: new TextEncoder().encode(String(index)) });
    });
    const results = await Promise.all(sending);
    results.forEach((result, index) => assertEquals(assertStatus(result, 200), String(index)));
  });

  test("finishes what is under way when it is closed, and takes nothing more", async () => {
    const answer = Promise.withResolvers<Response>();
    await using receiver = startReceiver({ respond: () => answer.promise });
    await using rig = createRig(driver);
    const sending = rig.post(receiver.url);
    await receiver.received(1);
    let closed = false;
    const closing = rig.sender.close().then(() => closed = true);
    assertError(await rig.post(receiver.url), "connect");
    await rig.clock.advance(0);
    assertEquals(closed, false, "it waits for the send");
    answer.resolve(new Response("done"));
    assertEquals(assertStatus(await sending, 200), "done");
    await closing;
    assertEquals(receiver.requests.length, 1);
  });
}
