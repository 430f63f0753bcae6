/**
 * What is taken on at a time: beyond it a caller is told so at once.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Hono } from "hono";
import { AppError } from "../../lib/errors.ts";
import { INPUT, REQUEST } from "../../lib/limits.ts";
import { readJson } from "../../routes/body.ts";
import type { Env } from "../../routes/context.ts";
import { limitedLoad, Load } from "../../routes/load.ts";
import { problemResponse } from "../../routes/problem.ts";
import { createManualClock, type ManualClock, settle } from "../helpers/manual_clock.ts";
import { type Logged, recordingLog } from "../helpers/recording_log.ts";
import { SAMPLE_AT } from "../helpers/sample.ts";

interface TestApp {
  readonly app: Hono<Env>;
  readonly load: Load;
  readonly clock: ManualClock;
  readonly logged: readonly Logged[];
}

function makeApp(): TestApp {
  const logged: Logged[] = [];
  const clock = createManualClock(SAMPLE_AT);
  const load = new Load(clock);
  const app = new Hono<Env>();
  app.use(limitedLoad(load));
  app.onError((error, context) => problemResponse(context, error, recordingLog(logged)));
  app.get("/healthz", (context) => context.text("ok"));
  app.post(
    "/in",
    async (context) => context.json(await readJson(context, { bytes_max: INPUT.batch_bytes_max })),
  );
  return { app, load, clock, logged };
}

function post(
  body: BodyInit | ReadableStream<Uint8Array>,
  headers: Readonly<Record<string, string>> = {},
): Request {
  return new Request("http://localhost/in", {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body,
  });
}

Deno.test("beyond the requests taken on at a time a caller gets 503 at once, health is answered all the same", async () => {
  const { app, load } = makeApp();
  const begun = Array.from({ length: REQUEST.at_once_max }, () => load.begin());
  const refused = await app.fetch(post("{}"));
  assertEquals([refused.status, refused.headers.get("Retry-After")], [503, "1"]);
  assertEquals((await refused.json()).code, "unavailable");
  assertEquals((await app.fetch(new Request("http://localhost/healthz"))).status, 200);
  for (const { end } of begun) end();
  assertEquals((await app.fetch(post("{}"))).status, 200);
  assertEquals([load.requests, load.body_bytes], [0, 0]);
});

Deno.test("bodies in memory are bounded over all requests, announced or not, and counted out again", async () => {
  const { app, load } = makeApp();
  const body = JSON.stringify("x".repeat(INPUT.batch_bytes_max - 2));
  const held = load.begin();
  held.addBytes(REQUEST.body_bytes_max - INPUT.batch_bytes_max);
  assertEquals((await app.fetch(post(body))).status, 200);
  held.addBytes(1);
  const refused = await app.fetch(post(body));
  assertEquals([refused.status, (await refused.json()).code], [503, "unavailable"]);
  assertEquals(load.body_bytes, REQUEST.body_bytes_max - INPUT.batch_bytes_max + 1);
  const error = assertThrows(() => held.addBytes(INPUT.batch_bytes_max), AppError);
  assertEquals(error.code, "unavailable");
  held.end();
  assertEquals([load.requests, load.body_bytes], [0, 0]);
});

Deno.test("a body that drips is given up after its time, and what it held is free again", async () => {
  const { app, load, clock } = makeApp();
  let cancelled = false;
  const dripping = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("{")),
    cancel: () => void (cancelled = true),
  });
  const answer = Promise.resolve(app.fetch(post(dripping)));
  await settle();
  await clock.advance(REQUEST.body_ms_max - 1);
  assertEquals([load.requests, load.body_bytes], [1, 1]);
  await clock.advance(1);
  const response = await answer;
  assertEquals(response.status, 400);
  const { code, detail } = await response.json();
  assertEquals(code, "invalid_json");
  assertStringIncludes(detail, "within 30 s");
  assert(cancelled);
  assertEquals([load.requests, load.body_bytes], [0, 0]);
});

Deno.test("a body whose connection breaks is its caller's trouble: nothing is told to the operator, and its bytes are free", async () => {
  const { app, load, logged } = makeApp();
  let breaks: () => void = () => {};
  const broken = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new TextEncoder().encode("{"));
      breaks = () => controller.error(new Deno.errors.BadResource("gone"));
    },
  });
  const answer = Promise.resolve(app.fetch(post(broken)));
  await settle();
  assertEquals(load.body_bytes, 1);
  breaks();
  const response = await answer;
  const { code, detail } = await response.json();
  assertEquals([response.status, code], [400, "invalid_json"]);
  assertStringIncludes(detail, "as a whole");
  assertEquals([load.requests, load.body_bytes, logged], [0, 0, []]);
});

Deno.test("a small body is counted as it was announced, until it has arrived, breaks or is late", async () => {
  const { app, load, clock, logged } = makeApp();
  let breaks: () => void = () => {};
  const waiting = (): ReadableStream<Uint8Array> =>
    new ReadableStream({
      start: (controller) => void (breaks = () => controller.error(new Deno.errors.BadResource("gone"))),
    });
  const announced = { "Content-Length": "100" };
  const broken = Promise.resolve(app.fetch(post(waiting(), announced)));
  await settle();
  assertEquals(load.body_bytes, 100);
  breaks();
  assertStringIncludes((await (await broken).json()).detail, "as a whole");
  const late = Promise.resolve(app.fetch(post(waiting(), announced)));
  await settle();
  assertEquals(load.body_bytes, 100);
  await clock.advance(REQUEST.body_ms_max);
  assertStringIncludes((await (await late).json()).detail, "within 30 s");
  const whole = await app.fetch(post('{"a":1}', { "Content-Length": "7" }));
  assertEquals([whole.status, await whole.json()], [200, { a: 1 }]);
  assertEquals([load.requests, load.body_bytes, logged], [0, 0, []]);
});

Deno.test("an announced size beside a transfer encoding counts for nothing", async () => {
  const { app, load } = makeApp();
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(INPUT.batch_bytes_max / 4)),
  });
  const response = await app.fetch(
    post(endless, { "Content-Length": "2", "Transfer-Encoding": "chunked" }),
  );
  assertEquals(response.status, 413);
  assertEquals([load.requests, load.body_bytes], [0, 0]);
});
