/**
 * The sender contract: deadlines and broken receivers.
 *
 * Owns tests that run over each driver. It must never assume which driver it is.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type RawConnection, startRawReceiver, startReceiver } from "../../helpers/receiver.ts";
import type { FakeName } from "./fake_resolver.ts";
import {
  answering,
  assertError,
  assertStatus,
  closingAfter,
  createRig,
  type RegisterTest,
  SECRET_PATH,
  type SenderDriver,
  TIMEOUT_MS,
} from "./sender_rig.ts";

/**
 * @param test Registers a test.
 * @param driver Under test.
 */
export function testDeadline(test: RegisterTest, driver: SenderDriver): void {
  const stages: Record<string, (connection: RawConnection) => Promise<void>> = {
    "nothing": async (connection) => {
      await connection.readRequest();
    },
    "half a header": async (connection) => {
      await connection.readRequest();
      await connection.write("HTTP/1.1 200 OK\r\nx-slow: ");
    },
    "half a body": async (connection) => {
      await connection.readRequest();
      await connection.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
    },
    "half a chunk": async (connection) => {
      await connection.readRequest();
      await connection.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nhalf");
    },
    "hints only": async (connection) => {
      await connection.readRequest();
      await connection.write("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(5));
    },
  };
  for (const [what, serve] of Object.entries(stages)) {
    test(`ends at the deadline and closes the connection when the receiver sends ${what}`, async () => {
      const served = Promise.withResolvers<void>();
      const closed = Promise.withResolvers<void>();
      await using receiver = startRawReceiver(async (connection) => {
        await serve(connection);
        served.resolve();
        await connection.closed();
        closed.resolve();
      });
      await using rig = createRig(driver);
      const sending = rig.post(receiver.url + SECRET_PATH);
      await served.promise;
      await rig.clock.advance(TIMEOUT_MS - 1);
      assertEquals(rig.clock.pending, 1, "one millisecond before it the deadline still runs");
      await rig.clock.advance(1);
      assertError(await sending, "timeout");
      await closed.promise;
    });
  }

  test("lets no dripping byte renew the deadline", async () => {
    const dripped = Promise.withResolvers<void>();
    await using receiver = startRawReceiver(async (connection) => {
      await connection.readRequest();
      await connection.write("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
      await connection.write("x");
      dripped.resolve();
      for (;;) {
        await rig.clock.advance(TIMEOUT_MS / 4);
        await connection.write("x");
      }
    });
    await using rig = createRig(driver);
    const result = await rig.post(receiver.url);
    await dripped.promise;
    assertError(result, "timeout");
  });

  test("ends at the deadline while a name is looked up", async () => {
    await using rig = createRig(driver, { names: { "slow.test": "hangs" } });
    const sending = rig.post(`https://slow.test${SECRET_PATH}`);
    await rig.clock.advance(TIMEOUT_MS);
    assertError(await sending, "timeout");
    assertEquals(rig.resolver.hanging, 0, "the look-up was abandoned");
  });

  test("ends at the deadline within a TLS handshake, and closes the connection", async () => {
    const closed = Promise.withResolvers<void>();
    await using receiver = startRawReceiver(async (connection) => {
      await connection.closed();
      closed.resolve();
    });
    await using rig = createRig(driver);
    const sending = rig.post(receiver.url.replace("http:", "https:"));
    await receiver.accepted(1);
    await rig.clock.advance(TIMEOUT_MS);
    assertError(await sending, "timeout");
    await closed.promise;
  });

  test("delivers to a good name while 64 others hang", async () => {
    await using receiver = startReceiver();
    const hanging = Array.from(
      { length: 64 },
      (_, index): [string, FakeName] => [`slow-${index}.test`, "hangs"],
    );
    await using rig = createRig(driver, {
      names: { ...Object.fromEntries(hanging), "localhost": ["127.0.0.1"] },
    });
    const sending = hanging.map(([host]) => rig.post(`https://${host}/`));
    assertStatus(await rig.post(`http://localhost:${receiver.port}/`), 200);
    assertEquals(rig.resolver.hanging, 64);
    await rig.clock.advance(TIMEOUT_MS);
    for (const result of await Promise.all(sending)) assertError(result, "timeout");
  });

  test("gives each send its own deadline, also on one origin", async () => {
    await using receiver = startReceiver();
    await using rig = createRig(driver);
    const answers = [1, 2].map(() => Promise.withResolvers<Response>());
    receiver.respond(answers.map(({ promise }) => () => promise));
    const short = rig.post(receiver.url, { timeout_ms: 1000 });
    await receiver.received(1);
    const long = rig.post(receiver.url, { timeout_ms: 5000 });
    await receiver.received(2);
    await rig.clock.advance(1000);
    assertError(await short, "timeout");
    for (const { resolve } of answers) resolve(new Response("still here"));
    assertEquals(assertStatus(await long, 200), "still here");
  });
}

/**
 * @param test Registers a test.
 * @param driver Under test.
 */
export function testBrokenReceivers(test: RegisterTest, driver: SenderDriver): void {
  test("reports as protocol what is not HTTP", async () => {
    const answers = [
      "HELLO WORLD\r\n\r\n",
      "SSH-2.0-OpenSSH_9.6\r\n",
      "HTTP/9.9 200 OK\r\n\r\n",
      "HTTP/1.1 abc OK\r\n\r\n",
      "HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
      "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
      "\0\0\0\0\0\0\0\0\r\n\r\n",
    ];
    for (const answer of answers) {
      await using receiver = startRawReceiver(answering(answer));
      await using rig = createRig(driver);
      assertError(await rig.post(receiver.url + SECRET_PATH), "protocol", JSON.stringify(answer));
    }
  });

  test("reports an upgrade nobody asked for as protocol", async () => {
    const answer = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
    await using receiver = startRawReceiver(closingAfter(answer));
    await using rig = createRig(driver);
    assertError(await rig.post(receiver.url + SECRET_PATH), "protocol");
  });

  test(`reports a broken chunk as ${driver.bad_chunk}`, async () => {
    await using receiver = startRawReceiver(
      answering("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n"),
    );
    await using rig = createRig(driver);
    assertError(await rig.post(receiver.url + SECRET_PATH), driver.bad_chunk);
  });

  test("reports a connection that ends too early as reset", async () => {
    const answers = [
      "",
      "HTTP/1.1 200 OK\r\n",
      "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
      "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 100\r\n\r\nhalf",
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
      "HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ];
    for (const answer of answers) {
      await using receiver = startRawReceiver(closingAfter(answer));
      await using rig = createRig(driver);
      assertError(await rig.post(receiver.url + SECRET_PATH), "reset", JSON.stringify(answer));
      assertEquals(receiver.connections, 1, "a request is never sent again");
    }
  });

  test("comes to a result whatever bytes a receiver answers with", async () => {
    const piece = fc.oneof(
      fc.constantFrom(
        "HTTP/1.1 ",
        "HTTP/1.0 ",
        "200 OK",
        "100 Continue",
        "204 No Content",
        "304 Not Modified",
        "\r\n",
      ),
      fc.constantFrom(
        "\r\n\r\n",
        "\n\n",
        "content-length: 5\r\n",
        "content-length: 0\r\n",
        "connection: close\r\n",
      ),
      fc.constantFrom(
        "transfer-encoding: chunked\r\n",
        "connection: upgrade\r\n",
        "upgrade: h2c\r\n",
        "0\r\n\r\n",
      ),
      fc.constantFrom(
        "5\r\nhello\r\n",
        "ffffffffffffffff\r\n",
        "keep-alive: timeout=-1\r\n",
        "hello",
        "trailer: x\r\n",
      ),
      fc.uint8Array({ maxLength: 8 }).map((bytes) => String.fromCharCode(...bytes)),
    );
    let answer = "";
    await using receiver = startRawReceiver(async (connection) => {
      await connection.readRequest();
      await connection.write(answer);
    });
    await using rig = createRig(driver);
    const answers = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""));
    await fc.assert(
      fc.asyncProperty(answers, async (bytes) => {
        answer = bytes;
        const result = await rig.post(receiver.url);
        if (result.kind === "error") assert(["protocol", "reset"].includes(result.error), result.error);
        else assert(result.status_code >= 200, String(result.status_code));
      }),
      {
        numRuns: 300,
        examples: [["HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhelloHTTP/1.1 500 Oops\r\n\r\n"]],
      },
    );
  });

  test("reports a connection reset before the request is read as reset", async () => {
    // Closed with unread bytes, a socket is reset rather than ended.
    await using receiver = startRawReceiver(async (connection) => {
      await connection.write("");
    });
    await using rig = createRig(driver);
    assertError(await rig.post(receiver.url, { body: new Uint8Array(4 * 1024 * 1024) }), "reset");
  });

  test("reports a port nobody listens on as connect", async () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    await using rig = createRig(driver);
    assertError(await rig.post(`http://127.0.0.1:${port}${SECRET_PATH}`), "connect");
    assertError(await rig.post(`https://127.0.0.1:${port}${SECRET_PATH}`), "connect");
  });

  test("reports a name without addresses as dns", async () => {
    await using rig = createRig(driver);
    assertError(await rig.post(`https://nowhere.test${SECRET_PATH}`), "dns");
    assertEquals(rig.resolver.asked, ["nowhere.test"]);
  });
}
