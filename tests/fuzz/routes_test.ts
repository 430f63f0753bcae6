/**
 * Every route under requests as nobody should send them: each is answered, as documented, and tells nothing it should not.
 *
 * `FUZZ_RUNS` makes it longer, `FUZZ_SEED` repeats one; a failure prints its seed.
 *
 * @module
 */
import { assert, assertEquals, assertLess, fail } from "@std/assert";
import fc from "fast-check";
import { ADMIN_KEY, type ApiAnswer, goal, type ProblemJson, SITE, sitePath, until } from "../helpers/api.ts";
import { ERROR_STATUS } from "../../lib/errors.ts";
import { type Receiver, startReceiver } from "../helpers/receiver.ts";
import { SECRET_KEY, startTestService, type TestService } from "../helpers/service.ts";
import { PERSON } from "./hostile_json.ts";
import {
  type FuzzedOperation,
  type FuzzedRequest,
  fuzzedRequest,
  fuzzedRequestTo,
  OPERATIONS,
  pathOf,
} from "./requests.ts";
import { FUZZ_RUNS, fuzzOptions } from "./runs.ts";

const OTHER = "other.example/blog";
const HEADER_VALUE = "header-value-of-the-fuzz-tests";
const OWN_SECRET = "own-secret-of-the-fuzz-tests-0123456789";
/** Longer than any answer takes on a busy machine: what has not come by then hangs. */
const ANSWER_MS_MAX = 30_000;

/** What exists, and who calls. */
interface World {
  readonly service: TestService;
  readonly receiver: Receiver;
  readonly keys: readonly (string | null)[];
  readonly pools: ReadonlyMap<string, Record<string, string[]>>;
  readonly statuses: Map<string, Set<number>>;
}

/** A watch, and a webhook with an event that was delivered, for both sites. */
async function settle({ service, receiver, pools }: World): Promise<void> {
  for (const site_id of [SITE, OTHER]) {
    const fields = { headers: { "X-Secret": HEADER_VALUE }, secret: OWN_SECRET };
    const webhook = await service.webhook(receiver.url, fields, site_id);
    await service.call("PUT", sitePath("/watch", site_id), {});
    const { id } = await service.post(goal(1, { site_id }));
    const [delivery] = await until(async () => {
      const found = await service.deliveries("", site_id);
      return found.length > 0 ? found : null;
    }, "the delivery is listed");
    const pool = pools.get(site_id);
    pool?.["webhook_id"]?.push(webhook.id);
    pool?.["event_id"]?.push(id);
    pool?.["delivery_id"]?.push(delivery?.id ?? "");
  }
}

async function makeWorld(service: TestService, receiver: Receiver): Promise<World> {
  const keys: (string | null)[] = [ADMIN_KEY];
  for (const scope of ["manage", "read", "ingest", "metrics", "admin"] as const) {
    keys.push(await service.key(scope));
  }
  keys.push(await service.key("manage", ["elsewhere.example"]), await service.key("ingest", ["*"]));
  keys.push("tdk_x_y", "tdk_" + "a".repeat(5000), "__proto__", null);
  const pools = new Map([SITE, OTHER].map((site_id) => [
    site_id,
    { webhook_id: [], event_id: [], delivery_id: [], key_id: [] },
  ]));
  const world = { service, receiver, keys, pools, statuses: new Map() };
  await settle(world);
  return world;
}

/** What the document's examples say, for this world: nothing is sent anywhere but to its receiver. */
function localBody(body: FuzzedRequest["body"], receiver: Receiver): FuzzedRequest["body"] {
  if (typeof body !== "string") return body;
  return body.replaceAll(/https:\/\/(?!a@)[\w.-]+[^"\\]*/g, receiver.url);
}

/** Remembers what was made, so that later requests find it. */
function learn({ pools }: World, path: string, { status, text }: ApiAnswer<unknown>): void {
  if (status !== 201) return;
  const made = JSON.parse(text);
  for (const [site_id, pool] of pools) {
    if (path === "/v1/keys") pool["key_id"]?.push(made.id);
    else if (made.site_id === site_id) pool["webhook_id"]?.push(made.id);
  }
}

async function ask(world: World, request: FuzzedRequest): Promise<void> {
  const { service, receiver, keys, pools } = world;
  const path = pathOf(request, pools);
  const key = keys[request.key % keys.length] ?? null;
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("No answer came")), ANSWER_MS_MAX);
  const body = localBody(request.body, receiver);
  const asked = service.call(request.method, path, body, { key, headers: request.headers });
  const answer = await Promise.race([asked, late]).finally(() => clearTimeout(timer));
  assertLess(answer.status, 500, answer.text);
  assert(answer.headers.has("X-Request-Id"));
  if (answer.status >= 400 && request.method !== "HEAD") assertRefusal(answer);
  const { operation: { method, path: route }, method: used } = request;
  if (used === method) {
    const seen = world.statuses.get(`${method} ${route}`) ?? new Set();
    world.statuses.set(`${method} ${route}`, seen.add(answer.status));
  }
  learn(world, path, answer);
  if (used === "DELETE" && answer.status === 204 && /^\/v1\/sites\/[^/]+$/.test(path)) await settle(world);
}

/** Chance may have refused an operation everything so far. One request in ten or twenty is as it should be. */
async function askUntilItDoes(world: World, operation: FuzzedOperation): Promise<void> {
  const route = `${operation.method} ${operation.path}`;
  const seen = (): number[] => [...world.statuses.get(route) ?? []];
  const done = (): boolean => seen().some((status) => status < 300);
  if (done()) return;
  for (const request of fc.sample(fuzzedRequestTo(operation), { ...fuzzOptions(), numRuns: 500 })) {
    await ask(world, request);
    if (done()) return;
  }
  fail(`${route} answered only ${seen().join(", ")}`);
}

function assertRefusal({ status, headers, json, text }: ApiAnswer<ProblemJson>): void {
  assertEquals(headers.get("Content-Type"), "application/problem+json");
  const [known] = Object.entries(ERROR_STATUS).filter(([code]) => code === json.code);
  assertEquals(known?.[1][0], status, `${json.code} is a code of ${status}`);
  for (const secret of [PERSON, HEADER_VALUE, OWN_SECRET, SECRET_KEY, ADMIN_KEY]) {
    assert(!text.includes(secret), `a refusal tells ${secret}: ${text}`);
  }
}

Deno.test("whatever is sent to any route, it is answered as documented, and the service goes on", async () => {
  await using receiver = startReceiver();
  // A Plausible that never answers: watches can be set, and their rounds fail.
  const env = {
    TIDINGS_PLAUSIBLE_URL: "http://127.0.0.1:9",
    TIDINGS_PLAUSIBLE_KEY: "stats-key-of-the-tests",
  };
  await using service = await startTestService({ env });
  const world = await makeWorld(service, receiver);
  await fc.assert(fc.asyncProperty(fuzzedRequest, (request) => ask(world, request)), {
    ...fuzzOptions(),
    numRuns: FUZZ_RUNS * 10,
  });

  assertEquals((await service.call("GET", "/readyz")).status, 200);
  await settle(world);
  // Each route was reached, and did what it is for as well as refused.
  for (const operation of OPERATIONS) await askUntilItDoes(world, operation);
  const told = service.logs.filter((line) => /"level":"error"|process\.fault/.test(line));
  assertEquals(told, []);
  const logs = service.logs.join("\n");
  for (const secret of [PERSON, HEADER_VALUE, OWN_SECRET, SECRET_KEY, ADMIN_KEY, "tdk_"]) {
    assert(!logs.includes(secret), `the log tells ${secret}`);
  }
  assertEquals((await service.call("GET", sitePath("/webhooks"))).status, 200);
});
