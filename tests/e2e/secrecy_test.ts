/**
 * What must stay secret: keys, secrets, header values, full URLs and payloads appear in no log line of any level, in no
 * error and in no list. One broad scenario, with a marker in everything that is secret, and one search over everything
 * that was said.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  ADMIN_KEY,
  type Api,
  type ApiAnswer,
  apiAt,
  type CallOptions,
  type CreatedWebhook,
  type DeliveryJson,
  goal,
  SITE,
  sitePath,
  until,
  within,
} from "../helpers/api.ts";
import { startRawReceiver, startReceiver } from "../helpers/receiver.ts";
import {
  SECRET_KEY,
  startProcess,
  startTestService,
  temporaryFile,
  type TestService,
} from "../helpers/service.ts";

/** What is secret, each with a marker that occurs nowhere else. */
const MARKED = {
  own_secret: "own-secret-marker-0123456789",
  rotated_secret: "rotated-secret-marker-0123456789",
  refused_secret: "refused-secret",
  header_value: "header-value-marker",
  url_path: "url-path-marker",
  url_query: "url-query-marker",
  payload: "payload-marker",
  wrong_key: "tdk_wrongkeymarker_0123456789",
  path: "request-path-marker",
  cursor: "cursor-marker",
} as const;

/** Everything an API said, by how it may be searched. */
interface Heard {
  /** Answers that must hold no secret at all. */
  readonly strict: string[];
  /** Every answer: the secrets that one may hold are listed by the caller. */
  readonly all: string[];
}

function textOf(answer: ApiAnswer<unknown>): string {
  return `${answer.status} ${answer.text} ${JSON.stringify([...answer.headers])}`;
}

/** Makes calls and keeps what they were answered. */
function listening(api: Api, heard: Heard) {
  async function ask<Body>(method: string, path: string, body?: unknown, options?: CallOptions) {
    const answer = await api.call<Body>(method, path, body, options);
    const text = textOf(answer);
    heard.all.push(text);
    if (answer.status >= 400) heard.strict.push(text);
    return answer;
  }
  /** A list: no secret belongs into it. */
  async function list(path: string, key?: string): Promise<void> {
    const answer = await ask("GET", path, undefined, key === undefined ? {} : { key });
    assertEquals(answer.status, 200, path);
    heard.strict.push(textOf(answer));
  }
  return { ask, list };
}

/** Refusals of everything that can be refused, each with a marker in what is at fault. */
function refusals(
  webhook_path: string,
): [method: string, path: string, body?: unknown, options?: CallOptions][] {
  const webhooks = sitePath("/webhooks");
  const url = `http://127.0.0.1:9/${MARKED.url_path}?token=${MARKED.url_query}`;
  const create = { url, events: ["goal_completion"] };
  const bad_goal = (data: unknown): unknown => goal(1, { data });
  const key = MARKED.wrong_key;
  return [
    ["GET", webhooks, undefined, { key }],
    ["GET", webhooks, undefined, { key: null, headers: { Authorization: MARKED.wrong_key } }],
    ["POST", "/v1/events", goal(), { key }],
    ["GET", `/v1/${MARKED.path}`],
    ["GET", sitePath(`/webhooks/${MARKED.path}`)],
    ["GET", sitePath(`/deliveries/${MARKED.path}`)],
    ["GET", sitePath(`/webhooks`, `${MARKED.path} x`)],
    ["GET", sitePath(`/deliveries?cursor=${MARKED.cursor}`)],
    ["GET", sitePath(`/deliveries?since=${MARKED.cursor}`)],
    ["GET", sitePath(`/deliveries?status=${MARKED.cursor}`)],
    ["DELETE", `/v1/keys/${MARKED.path}`],
    ["POST", "/v1/events", `{"data": "${MARKED.payload}`],
    ["POST", "/v1/events", bad_goal({ goal_name: [MARKED.payload], visitor_count: MARKED.payload })],
    ["POST", "/v1/events", bad_goal({ goal_name: `${MARKED.payload}@example.org`, visitor_count: 1 })],
    ["POST", "/v1/events", goal(1, { event: MARKED.payload })],
    ["POST", "/v1/events", goal(1, { timestamp: MARKED.payload })],
    ["POST", "/v1/events", goal(1, { site_id: `${MARKED.payload} x` })],
    ["POST", "/v1/events", goal(1), { headers: { "Idempotency-Key": `${MARKED.payload} x` } }],
    ["POST", "/v1/events", `"${MARKED.payload.repeat(5000)}"`],
    ["POST", webhooks, { ...create, url: `ftp://127.0.0.1/${MARKED.url_path}` }],
    ["POST", webhooks, { ...create, url: `http://10.0.0.1/${MARKED.url_path}?${MARKED.url_query}` }],
    ["POST", webhooks, { ...create, url: `https://${MARKED.url_path}:${MARKED.url_query}@127.0.0.1/` }],
    ["POST", webhooks, { ...create, url: `https://[::1]/${MARKED.url_path}` }],
    ["POST", webhooks, { ...create, secret: MARKED.refused_secret }],
    ["POST", webhooks, {
      ...create,
      headers: { "X-A": `${MARKED.header_value}\n`, "Host": MARKED.header_value },
    }],
    ["POST", webhooks, { ...create, max_retries: 99, headers: { "X-A": MARKED.header_value } }],
    ["PATCH", webhook_path, {
      url: `http://10.0.0.1/${MARKED.url_path}`,
      headers: { "X-B": MARKED.header_value },
    }],
    ["PATCH", webhook_path, { headers: { "X-B": [MARKED.header_value] } }],
    ["POST", `${webhook_path}/rotate-secret`, { secret: MARKED.refused_secret }],
    ["POST", `${webhook_path}/rotate-secret`, { secret: MARKED.rotated_secret, overlap_hours: 1000 }],
  ];
}

/** Fails if a text holds one of these. */
function assertWithout(texts: readonly string[], secrets: readonly string[], where: string): void {
  assert(texts.length > 0 && secrets.every((secret) => secret.length > 3));
  for (const text of texts) {
    for (const secret of secrets) assert(!text.includes(secret), `${secret} is in ${where}: ${text}`);
  }
}

/** Receivers that succeed, fail, hang up, hang, and do not exist; a webhook for each, marked all over. */
async function makeWebhooks(
  service: Api,
  urls: readonly string[],
): Promise<readonly CreatedWebhook[]> {
  return await Promise.all(
    urls.map((url, index) =>
      service.webhook(`${url}/${MARKED.url_path}?token=${MARKED.url_query}`, {
        headers: { "Authorization": `Bearer ${MARKED.header_value}` },
        max_retries: 1,
        timeout_ms: 1000,
        ...(index === 0 ? { secret: MARKED.own_secret } : {}),
      })
    ),
  );
}

async function scenario(service: TestService, heard: Heard): Promise<string[]> {
  const { ask, list } = listening(service, heard);
  await using good = startReceiver();
  await using bad = startReceiver({ respond: [500, 503, 404, 302] });
  await using rude = startRawReceiver(async (connection) => void await connection.readRequest());
  await using mute = startRawReceiver((connection) => connection.closed());
  const gone = startReceiver();
  await gone[Symbol.asyncDispose]();
  const origins = [good.origin, bad.origin, new URL(rude.url).origin, new URL(mute.url).origin, gone.origin];
  const webhooks = await makeWebhooks(service, origins);
  const keys = [await service.key("read"), await service.key("manage"), await service.key("ingest")];
  const [read = "", manage = ""] = keys;

  const data = { goal_name: MARKED.payload, visitor_count: 1, path: `/${MARKED.payload}` };
  const posted = await ask("POST", "/v1/events", goal(1, { data }), {
    headers: { "Idempotency-Key": "key-1" },
  });
  assertEquals(posted.status, 202);
  heard.strict.push(textOf(posted));
  await ask("POST", "/v1/events", goal(2, { data: { ...data, visitor_count: 2 } }), {
    headers: { "Idempotency-Key": "key-1" },
  });
  await service.settledAs(({ status }) => status !== "pending", webhooks.length);

  const [first] = webhooks;
  const path = sitePath(`/webhooks/${first?.id}`);
  for (const { id } of webhooks) {
    heard.strict.push(textOf(await ask("POST", `${sitePath(`/webhooks/${id}`)}/test`)));
  }
  for (const [method, where, body, options] of refusals(path)) {
    const { status } = await ask(method, where, body, options);
    assert(status >= 400, `${method} ${where} was not refused`);
  }
  const rotated = await ask<CreatedWebhook>("POST", `${path}/rotate-secret`, {
    secret: MARKED.rotated_secret,
  });
  assertEquals(rotated.json.secret, MARKED.rotated_secret);
  const generated = await ask<CreatedWebhook>("POST", `${path}/rotate-secret`);

  for (const key of keys.slice(0, 1)) await list(sitePath("/webhooks"), key);
  await list(sitePath(`/webhooks/${first?.id}`), read);
  for (const key of [read, manage, ADMIN_KEY]) {
    await list(sitePath("/deliveries?limit=100"), key);
    await list(sitePath("/events"), key);
  }
  await list("/v1/keys");
  await list("/");
  await list("/readyz");
  // Who manages sees whole URLs, and nothing else that is secret.
  const managed = await ask("GET", sitePath("/webhooks"), undefined, { key: manage });
  const generated_secrets = [...webhooks.slice(1), generated.json].map(({ secret }) => secret);
  assertWithout(
    [textOf(managed)],
    [...generated_secrets, MARKED.own_secret, MARKED.rotated_secret, MARKED.header_value, MARKED.payload],
    "the list for who manages",
  );
  assert(managed.text.includes(MARKED.url_path));

  // One delivery shows its payload to who may read it: that is what it is for.
  const [delivery] = await service.deliveries();
  const one = await ask<DeliveryJson>("GET", sitePath(`/deliveries/${delivery?.id}`), undefined, {
    key: read,
  });
  assertWithout([textOf(one)], [MARKED.url_path, MARKED.header_value, MARKED.own_secret], "a delivery");

  await ask("DELETE", path);
  await within(good.received(1), "the receiver had it");
  assert(good.requests[0]?.text.includes(MARKED.payload) && good.requests[0].path.includes(MARKED.url_path));
  return [...keys, ...generated_secrets];
}

Deno.test("keys, secrets, header values, whole URLs and payloads are in no log line, no error and no list", async () => {
  const heard: Heard = { strict: [], all: [] };
  await using service = await startTestService({ env: { TIDINGS_LOG: "debug" } });
  const made = await scenario(service, heard);
  await service.stop();

  const secrets = [...Object.values(MARKED), ...made, ADMIN_KEY, SECRET_KEY, "tdk_", "whsec_"];
  assert(service.logs.length > 50 && heard.strict.length > 40, "there was something to search");
  assert(service.logs.some((line) => line.includes('"debug"')), "at the most talkative level");
  assertWithout(service.logs, secrets, "a log line");
  // Where a request goes wrong, the answer may repeat names of fields, which are the caller's own words.
  assertWithout(heard.strict, secrets, "an answer");
});

Deno.test("a process writes no secret to stdout or stderr either, whatever happens to its storage", async () => {
  await using file = await temporaryFile();
  await using receiver = startReceiver({ respond: 500 });
  await using service = await startProcess({ kv: file.path, env: { TIDINGS_LOG: "debug" } });
  const { secret } = await service.webhook(`${receiver.url}/${MARKED.url_path}`, {
    headers: { "X-Secret": MARKED.header_value },
    max_retries: 1,
  });
  const key = await service.key("read");
  await service.post(goal(1, { data: { goal_name: MARKED.payload, visitor_count: 1 } }));
  await service.settledAs(({ status }) => status === "exhausted", 1);
  for (const [method, path, body, options] of refusals(sitePath("/webhooks/wh_1"))) {
    await apiAt(service.url).call(method, path, body, options);
  }
  service.kill("SIGTERM");
  const { code, stderr } = await within(service.ended, "the end of the process");
  assertEquals(code, 0);
  await until(() => service.lines.some((line) => line.includes("engine.stopped")), "the last line is read");
  const secrets = [...Object.values(MARKED), secret, key, ADMIN_KEY, SECRET_KEY, "tdk_", "whsec_"];
  assert(service.lines.some((line) => line.includes(SITE)));
  assertWithout([...service.lines, stderr], secrets, "the output");
});
