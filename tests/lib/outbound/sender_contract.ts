/**
 * What every {@linkcode Sender} must do, run over each driver.
 *
 * Owns the contract between the domain and the network. It must never wait for time to pass: deadlines are the manual
 * clock's, and everything else ends by what the receiver does.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { parseNetworks } from "../../../lib/outbound/address.ts";
import type { OutboundPolicy } from "../../../lib/outbound/policy.ts";
import type { Resolver } from "../../../lib/outbound/resolver.ts";
import type { Clock, Sender, SendErrorKind, SendRequest, SendResult } from "../../../lib/ports.ts";
import { createManualClock, type ManualClock } from "../../helpers/manual_clock.ts";
import { type RawConnection, startRawReceiver, startReceiver } from "../../helpers/receiver.ts";
import { AUTHORITY, EXPIRED, SELF_SIGNED, TRUSTED } from "./certificates.ts";
import { createFakeResolver, type FakeName, type FakeResolver } from "./fake_resolver.ts";

/** What a driver is made of in a test. */
export interface SenderParts {
  readonly policy: OutboundPolicy;
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly ca: readonly string[];
}

/** A driver under test. */
export interface SenderDriver {
  /** Ends with what the driver holds, too. */
  make(parts: SenderParts): Sender;
  /** What it calls an answer that breaks off within a chunk's frame: not every driver can tell. */
  readonly bad_chunk: SendErrorKind;
}

/** A sender with everything around it that a test moves. */
export interface SenderRig extends AsyncDisposable {
  readonly sender: Sender;
  readonly clock: ManualClock;
  readonly resolver: FakeResolver;
  post(url: string, change?: Partial<SendRequest>): Promise<SendResult>;
}

/** What the operator allows and what names there are. */
export interface RigOptions {
  readonly networks?: string;
  readonly allow_http?: boolean;
  readonly own?: readonly string[];
  readonly names?: Readonly<Record<string, FakeName>>;
}

const BODY = new TextEncoder().encode(`{"event":"test"}`);
export const TIMEOUT_MS = 10_000;

/** Everything after the host: it must never show up in what a sender reports. */
const SECRET_PATH = "/services/T0-secret?token=secret";

/**
 * A sender whose policy allows 127.0.0.0/8, unless told otherwise.
 *
 * @param driver How the sender is made.
 * @param options Policy and names.
 * @returns The rig; at its end no timer may be left.
 */
export function createRig(driver: SenderDriver, options: RigOptions = {}): SenderRig {
  const { networks = "127.0.0.0/8", allow_http = false, own = [], names = {} } = options;
  const parsed = parseNetworks(networks);
  assert(parsed.ok);
  const policy = { allow_networks: parsed.networks, allow_http, own_addresses: new Set(own) };
  const clock = createManualClock();
  const resolver = createFakeResolver(names);
  const sender = driver.make({ policy, resolver, clock, ca: [AUTHORITY] });
  return {
    sender,
    clock,
    resolver,
    post: (url, change) => sender.post({ url, headers: {}, body: BODY, timeout_ms: TIMEOUT_MS, ...change }),
    async [Symbol.asyncDispose](): Promise<void> {
      await sender.close();
      assertEquals(clock.pending, 0, "a timer outlived its send");
    },
  };
}

/** Reads a request, answers with bytes, and keeps the connection until the sender closes it. */
function answering(bytes: string): (connection: RawConnection) => Promise<void> {
  return async (connection) => {
    await connection.readRequest();
    await connection.write(bytes);
    await connection.closed();
  };
}

/** Reads a request, answers with bytes, and closes. */
function closingAfter(bytes: string): (connection: RawConnection) => Promise<void> {
  return async (connection) => {
    await connection.readRequest();
    await connection.write(bytes);
  };
}

function assertError(result: SendResult, error: SendErrorKind, message?: string): void {
  assert(result.kind === "error", `${message ?? ""}: ${JSON.stringify(result)} is no error`);
  assertEquals(result.error, error, `${message ?? ""}: ${result.detail}`);
  assert(!result.detail.includes("secret"), `the detail tells a secret: ${result.detail}`);
  assert(result.detail.length > 0, "the detail says something");
}

function assertStatus(result: SendResult, status_code: number, message?: string): string {
  assert(result.kind === "answer", `${message ?? ""}: ${JSON.stringify(result)} is no answer`);
  assertEquals(result.status_code, status_code, message);
  return new TextDecoder().decode(result.snippet);
}

/**
 * Registers the contract's tests for one driver.
 *
 * @param name Of the driver, for the names of the tests.
 * @param driver How it is made.
 */
export function testSenderContract(name: string, driver: SenderDriver): void {
  function test(behaviour: string, run: () => Promise<void>): void {
    Deno.test(`${name} sender ${behaviour}`, run);
  }
  testAnswers(test, driver);
  testLimits(test, driver);
  testDeadline(test, driver);
  testBrokenReceivers(test, driver);
  testTls(test, driver);
  testGuard(test, driver);
  testLife(test, driver);
}

type Test = (behaviour: string, run: () => Promise<void>) => void;

function testAnswers(test: Test, driver: SenderDriver): void {
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

function testLimits(test: Test, driver: SenderDriver): void {
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

function testDeadline(test: Test, driver: SenderDriver): void {
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

function testBrokenReceivers(test: Test, driver: SenderDriver): void {
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

function testTls(test: Test, driver: SenderDriver): void {
  test("delivers over TLS", async () => {
    await using receiver = startReceiver({ tls: TRUSTED, respond: new Response("safe") });
    await using rig = createRig(driver, { names: { "localhost": ["127.0.0.1"] } });
    assertEquals(assertStatus(await rig.post(`https://127.0.0.1:${receiver.port}/`), 200), "safe");
    assertEquals(assertStatus(await rig.post(`https://localhost:${receiver.port}/`), 200), "safe");
  });

  test("sends nothing over TLS without a valid certificate", async () => {
    for (const [what, tls] of Object.entries({ SELF_SIGNED, EXPIRED })) {
      await using receiver = startReceiver({ tls });
      await using rig = createRig(driver);
      assertError(await rig.post(`https://127.0.0.1:${receiver.port}${SECRET_PATH}`), "tls", what);
      assertEquals(receiver.requests.length, 0);
    }
  });

  test("sends nothing over TLS to a certificate for another address", async () => {
    await using receiver = startReceiver({ tls: TRUSTED, hostname: "127.0.0.2" });
    await using rig = createRig(driver);
    assertError(await rig.post(`https://127.0.0.2:${receiver.port}${SECRET_PATH}`), "tls");
    assertEquals(receiver.requests.length, 0);
  });

  test("reports a receiver that speaks no TLS as tls", async () => {
    await using receiver = startReceiver();
    await using rig = createRig(driver);
    assertError(await rig.post(`https://127.0.0.1:${receiver.port}${SECRET_PATH}`), "tls");
    assertEquals(receiver.requests.length, 0);
  });

  test("reports a connection closed within the handshake as tls", async () => {
    await using receiver = startRawReceiver(() => Promise.resolve());
    await using rig = createRig(driver);
    assertError(await rig.post(receiver.url.replace("http:", "https:")), "tls");
  });
}

function testGuard(test: Test, driver: SenderDriver): void {
  test("connects to no forbidden address, however it is spelled", async () => {
    await using receiver = startRawReceiver(() => Promise.resolve());
    await using rig = createRig(driver, { networks: "", allow_http: true });
    const hosts = [
      [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
      ],
      [
        "①②⑦.⓪.⓪.①",
        "%31%32%37.0.0.1",
        "0",
        "0.0.0.0",
        "127.255.255.254",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
      ],
      [
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:7f00:0001]",
        "[64:ff9b::127.0.0.1]",
        "[::127.0.0.1]",
        "[2002:7f00:1::]",
      ],
    ].flat();
    for (const host of hosts) {
      for (const scheme of ["http", "https"]) {
        const url = `${scheme}://${host}:${receiver.port}${SECRET_PATH}`;
        assertError(await rig.post(url), "blocked_address", url);
      }
    }
    assertEquals(receiver.connections, 0);
    assertEquals(rig.resolver.asked, [], "a literal is nothing to look up");
  });

  test("connects to no name with any forbidden address", async () => {
    await using receiver = startRawReceiver(() => Promise.resolve());
    const names = {
      "private.test": ["10.0.0.1"],
      "loopback.test": ["127.0.0.1"],
      "mixed.test": ["9.9.9.9", "127.0.0.1"],
      "mixed6.test": ["2606:4700::1111", "::ffff:127.0.0.1"],
      "own.test": ["9.9.9.10"],
      "localhost": ["127.0.0.1", "::1"],
      "a.localhost": ["127.0.0.1"],
      "localhost.": ["127.0.0.1"],
    };
    await using rig = createRig(driver, { networks: "", allow_http: true, own: ["9.9.9.10"], names });
    for (const host of Object.keys(names)) {
      for (const scheme of ["http", "https"]) {
        const url = `${scheme}://${host}:${receiver.port}${SECRET_PATH}`;
        assertError(await rig.post(url), "blocked_address", url);
      }
    }
    assertEquals(receiver.connections, 0);
  });

  test("judges a name anew each time: public when written, private when dialled", async () => {
    await using receiver = startRawReceiver(() => Promise.resolve());
    await using rig = createRig(driver, {
      networks: "",
      names: { "rebind.test": [["9.9.9.9"], ["127.0.0.1"]] },
    });
    const written = await rig.resolver.resolve("rebind.test", new AbortController().signal);
    assertEquals(written, ["9.9.9.9"]);
    assertError(await rig.post(`https://rebind.test:${receiver.port}${SECRET_PATH}`), "blocked_address");
    assertEquals(receiver.connections, 0);
  });

  test("sends plain http only where the operator allows it", async () => {
    await using rig = createRig(driver, {
      names: { "public.test": ["9.9.9.9"], "both.test": ["127.0.0.1", "9.9.9.9"] },
    });
    for (const host of ["9.9.9.9", "public.test", "both.test", "[2606:4700::1111]"]) {
      assertError(await rig.post(`http://${host}${SECRET_PATH}`), "blocked_address", host);
    }
  });

  test("sends to an IPv6 address in an allowed network", async () => {
    await using receiver = startReceiver({ hostname: "::1" });
    await using rig = createRig(driver, { networks: "::1" });
    assertStatus(await rig.post(receiver.url), 200);
    assertEquals(receiver.requests[0]?.headers.get("host"), `[::1]:${receiver.port}`);
  });

  test("refuses what is no URL of the web", async () => {
    await using rig = createRig(driver, { networks: "0.0.0.0/0", allow_http: true });
    const refused: [string, SendErrorKind][] = [
      ["", "protocol"],
      ["/hook?secret", "protocol"],
      ["http://", "protocol"],
      ["http://[::1/secret", "protocol"],
      ["ftp://127.0.0.1/secret", "blocked_address"],
      ["file:///etc/secret", "blocked_address"],
      ["data:text/plain,secret", "blocked_address"],
      ["http://secret:secret@127.0.0.1/", "blocked_address"],
      ["http://127.0.0.1/#secret", "blocked_address"],
      ["http://127.0.0.1:0/secret", "blocked_address"],
      ["http://a..b/secret", "blocked_address"],
    ];
    for (const [url, error] of refused) assertError(await rig.post(url), error, url);
  });
}

function testLife(test: Test, driver: SenderDriver): void {
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
