/**
 * Callers that speak HTTP badly, slowly, or not at all: the service answers everyone else, and goes on.
 *
 * @module
 */
import { assertEquals, assertLess, assertMatch } from "@std/assert";
import { INPUT } from "../../lib/limits.ts";
import { ADMIN_KEY, type Api, goal, until } from "../helpers/api.ts";
import { callRaw, type RawCaller } from "../helpers/raw_caller.ts";
import {
  type ProcessService,
  residentMiB,
  startProcess,
  startTestService,
  temporaryFile,
} from "../helpers/service.ts";

const HEAD = "POST /v1/events HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n" +
  `Authorization: Bearer ${ADMIN_KEY}\r\n`;
const HEALTH = "GET /healthz HTTP/1.1\r\nHost: h\r\n";
/** Above what the whole service takes with a little work; far below what these callers would make it take. */
const RESIDENT_MIB_MAX = 400;

async function answerTo(url: string, text: string): Promise<string> {
  using caller = await callRaw(url);
  await caller.send(text);
  return await caller.rest();
}

async function assertAnswers(service: Api): Promise<void> {
  assertEquals((await service.call("GET", "/healthz")).status, 200);
  await service.post(goal());
}

/** Lines above `info`: what an operator has to look at. */
function troubles(lines: readonly string[]): string[] {
  return lines.filter((line) => /"level":"(warn|error)"/.test(line));
}

Deno.test("a head that is too large is refused and its connection closed, however it is made large", async () => {
  await using service = await startTestService();
  const long = "a".repeat(INPUT.body_bytes_max);
  const heads = {
    "one header of 64 KiB": `${HEALTH}X-Long: ${long}\r\n\r\n`,
    "a thousand headers": HEALTH + Array.from({ length: 1000 }, (_, n) => `X-${n}: a\r\n`).join("") + "\r\n",
    "a request line of 1 MiB": `GET /${long.repeat(16)} HTTP/1.1\r\nHost: h\r\n\r\n`,
    "a method of 64 KiB": `${long} / HTTP/1.1\r\nHost: h\r\n\r\n`,
    "no end at all": long.repeat(20),
  };
  for (const [what, head] of Object.entries(heads)) {
    // A service that closes while the caller still writes may cut its own answer off.
    assertMatch(await answerTo(service.url, head), /^(HTTP\/1\.1 4\d\d |$)/, what);
  }
  await assertAnswers(service);
  assertEquals(troubles(service.logs), []);
});

Deno.test("a request that is no HTTP is refused, and nothing is told to the operator", async () => {
  await using service = await startTestService();
  const table: [string, RegExp][] = [
    [`${HEAD}Content-Length: -1\r\n\r\n{}`, /^HTTP\/1\.1 400 /],
    [`${HEAD}Content-Length: 99999999999999999999999\r\n\r\n{}`, /^HTTP\/1\.1 400 /],
    [`${HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`, /^HTTP\/1\.1 400 /],
    [
      `${HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
      /^HTTP\/1\.1 400 /,
    ],
    [
      `${HEAD}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n`,
      /^(HTTP\/1\.1 400 |$)/,
    ],
    [
      `${HEAD}Connection: close\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b`,
      /^HTTP\/1\.1 400 /,
    ],
    ["GET /\xff HTTP/1.1\r\nHost: h\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["GET /healthz HTTP/9.9\r\nHost: h\r\n\r\n", /^(HTTP\/1\.1 [45]\d\d |$)/],
    ["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", /^(HTTP\/1\.1 4\d\d |$)/],
    ["\0\0\0\0\r\n\r\n", /^(HTTP\/1\.1 4\d\d |$)/],
  ];
  for (const [text, expected] of table) {
    using caller = await callRaw(service.url);
    await caller.send(text);
    assertMatch(await caller.rest(), expected, text);
  }
  await assertAnswers(service);
  assertEquals(troubles(service.logs), []);
});

Deno.test("a Host header never makes another path of the one that was asked for", async () => {
  await using service = await startTestService();
  for (const host of ["h/healthz", "h/healthz?", "h?", "h/healthz#", "h\\healthz\\", "a@h"]) {
    const answer = await answerTo(
      service.url,
      `GET /v1/unknown HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    );
    assertMatch(answer, /^HTTP\/1\.1 404 [^]*"code":"not_found"/, host);
  }
  for (const host of ["", "h", "h:80", "[::1]:80", "[::", "a b", "\x80", "%zz"]) {
    const answer = await answerTo(
      service.url,
      `GET /healthz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    );
    assertMatch(answer, /^HTTP\/1\.1 [24]\d\d /, host);
  }
  assertEquals(troubles(service.logs), []);
});

Deno.test("a body that ends too early is refused, or nobody is there to be told; the operator is not", async () => {
  await using service = await startTestService();
  for (const framing of ["Content-Length: 1000\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n5\r\n{"]) {
    using half = await callRaw(service.url);
    await half.send(HEAD + framing);
    await half.endSending();
    assertMatch(await half.rest(), /^(HTTP\/1\.1 400 [^]*"code":"invalid_json"|$)/);
    for (let n = 0; n < 20; n++) {
      using gone = await callRaw(service.url);
      await gone.send(HEAD + framing);
    }
  }
  await until(
    () => service.logs.filter((line) => line.includes(`"path":"/v1/events"`)).length >= 42,
    "all of them are over",
  );
  await assertAnswers(service);
  assertEquals(troubles(service.logs), []);
});

Deno.test("requests sent ahead are answered one by one, in order", async () => {
  await using service = await startTestService();
  using caller = await callRaw(service.url);
  const asked = Array.from({ length: 100 }, (_, n) => n % 2 === 0 ? "/healthz" : `/v1/unknown-${n}`);
  await caller.send(asked.map((path) => `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`).join(""));
  await caller.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const statuses = [...(await caller.rest()).matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => status);
  assertEquals(statuses, [...asked.map((path) => path === "/healthz" ? "200" : "404"), "200"]);
});

async function openMany(service: ProcessService, count: number): Promise<RawCaller[]> {
  const callers: RawCaller[] = [];
  for (let n = 0; n < count; n++) callers.push(await callRaw(service.url));
  return callers;
}

Deno.test("thousands of connections that say nothing, or not all of it, keep nobody else from an answer", async () => {
  await using file = await temporaryFile();
  await using service = await startProcess({ kv: file.path });
  const callers = await openMany(service, 2000);
  try {
    const dripped = [
      "",
      "G",
      `${HEALTH}X-Drip: `,
      `${HEAD}Content-Length: 1000\r\n\r\n{`,
      `${HEAD.replace(ADMIN_KEY, "unknown")}Content-Length: 1000\r\n\r\n{`,
    ];
    for (const [n, caller] of callers.entries()) await caller.send(dripped[n % dripped.length] ?? "");
    for (let n = 0; n < 20; n++) {
      await assertAnswers(service);
      for (const caller of callers.slice(n * 100, n * 100 + 100)) await caller.send("a");
    }
    assertLess(await residentMiB(service.pid), RESIDENT_MIB_MAX);
  } finally {
    for (const caller of callers) caller[Symbol.dispose]();
  }
  await assertAnswers(service);
  assertEquals(troubles(service.lines), []);
});
