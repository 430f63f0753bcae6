/**
 * The errors of the OpenAPI document are those of the service: each example is brought about on each operation that
 * shows it, and compared word for word.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ACCEPT, INPUT, REQUEST } from "../../lib/limits.ts";
import type { Clock } from "../../lib/ports.ts";
import { createApp } from "../../routes/app.ts";
import type { RoutePorts } from "../../routes/context.ts";
import { EXAMPLE_IDS, exampleEvent } from "../../routes/openapi_examples.ts";
import { type RefusalName, REFUSALS } from "../../routes/openapi_refusals.ts";
import { ADMIN_KEY, type CallOptions, goal, type ProblemJson, SITE, sitePath } from "../helpers/api.ts";
import { answersOf, bodyExamples, type Described, OPERATIONS } from "../helpers/described.ts";
import { CommitGate } from "../helpers/gated_database.ts";
import { createManualClock } from "../helpers/manual_clock.ts";
import { recordingLog } from "../helpers/recording_log.ts";
import { SAMPLE_AT } from "../helpers/sample.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const RECEIVER = "http://127.0.0.1:9/";
const OTHER = "01JMZ0000000000000000000BB";
const FULL = "full.example";

interface Shown {
  readonly described: Described;
  readonly name: RefusalName;
  readonly value: ProblemJson;
}

/** Every example of an error, with the operation that shows it. */
const SHOWN: readonly Shown[] = OPERATIONS.flatMap((described) =>
  [...answersOf(described).values()].flat().filter(({ type }) => type === "application/problem+json")
    .map(({ name, value }) => ({ described, name: name as RefusalName, value: value as ProblemJson }))
);

/** What is there to be asked for. */
interface Stage {
  readonly service: TestService;
  readonly gate: CommitGate;
  readonly ids: Readonly<Record<string, string>>;
}

async function setStage(service: TestService, gate: CommitGate): Promise<Stage> {
  const { id: webhook_id } = await service.webhook(RECEIVER);
  const { json: tried } = await service.call<{ id: string }>(
    "POST",
    sitePath(`/webhooks/${webhook_id}/test`),
  );
  const { id: event_id } = await service.post(goal(1));
  const key = { name: "x", scope: "read", sites: [SITE] };
  const { json: made } = await service.call<{ id: string }>("POST", "/v1/keys", key);
  return {
    service,
    gate,
    ids: { site_id: SITE, webhook_id, event_id, delivery_id: tried.id, key_id: made.id },
  };
}

/** How one call differs from the operation's own example. */
interface Twist extends CallOptions {
  readonly body?: unknown;
  readonly ids?: Readonly<Record<string, string>>;
  readonly query?: string;
}

/** Calls an operation: with the ids that there are, and its first example as the body. */
async function call({ service, ids }: Stage, described: Described, twist: Twist = {}): Promise<ProblemJson> {
  const given = { ...ids, ...twist.ids };
  const path = described.path.replaceAll(/\{(\w+)\}/g, (_, name) => encodeURIComponent(given[name] ?? ""));
  const [example] = bodyExamples(described);
  const body = "body" in twist ? twist.body : example?.value;
  const headers = { ...(example === undefined ? {} : { "Content-Type": example.type }), ...twist.headers };
  const options = { headers, ...(twist.key === undefined ? {} : { key: twist.key }) };
  return (await service.call(described.method, path + (twist.query ?? ""), body, options)).json;
}

type Bring = (stage: Stage, described: Described) => Promise<ProblemJson>;

function twisted(twist: Twist): Bring {
  return (stage, described) => call(stage, described, twist);
}

async function conflicting(stage: Stage, described: Described, twist: Twist = {}): Promise<ProblemJson> {
  stage.gate.conflicting = true;
  try {
    return await call(stage, described, twist);
  } finally {
    stage.gate.conflicting = false;
  }
}

/** Of one site so much waits already that the next is too much. */
const tooFast: Bring = async (stage, described) => {
  stage.gate.hold();
  const most = ACCEPT.per_site_at_once + ACCEPT.per_site_waiting_max;
  // One more than are taken on: whichever comes last is refused, so all that have been accepted wait.
  const calls = Array.from({ length: most + 1 }, () => call(stage, described));
  const first = await Promise.race(calls);
  stage.gate.release();
  await Promise.all(calls);
  return first;
};

/** What has an example that goes wrong by its body alone. */
const BODIES: Partial<Record<RefusalName, unknown>> = {
  invalid_json: "{",
  payload_too_large: `"${"x".repeat(INPUT.body_bytes_max)}"`,
  verification_too_large: `"${"x".repeat(7 * INPUT.body_bytes_max)}"`,
  document_too_large: `"${"x".repeat(INPUT.batch_bytes_max)}"`,
  missing_count: { ...exampleEvent("goal_completion"), data: { goal_name: "Signup" } },
  no_events: {},
  missing_visitors: {},
  bad_url: { url: "hooks.example.com/in", events: ["goal_completion"] },
  bad_timeout: { timeout_ms: 10 },
  bad_overlap: { overlap_hours: 200 },
  bad_kind: { event: "goal" },
  missing_to: {},
  missing_since: {},
  missing_name: { scope: "read", sites: ["*"] },
  missing_secret: { body: "{}", headers: {} },
  missing_sites: { version: 1 },
  personal_data: {
    ...exampleEvent("goal_completion"),
    data: { goal_name: "Signup", visitor_count: 1, path: "/users/jane@example.com" },
  },
  personal_page: { current_visitors: 1, top_pages: [{ page: "/users/jane@example.com", visitors: 1 }] },
};

const BRING: Partial<Record<RefusalName, Bring>> = {
  unauthorized: twisted({ key: null }),
  scope_read: async (stage, described) =>
    await call(stage, described, { key: await stage.service.key("read") }),
  scope_ingest: async (stage, described) =>
    await call(stage, described, { key: await stage.service.key("ingest") }),
  foreign_site_event: async (stage, described) =>
    await call(stage, described, { key: await stage.service.key("ingest", ["elsewhere.example"]) }),
  foreign_site: async (stage, described) => {
    const query = described.path.includes("{site_id}") ? "" : `?site_id=${SITE}`;
    return await call(stage, described, {
      key: await stage.service.key("read", ["elsewhere.example"]),
      query,
    });
  },
  no_such_webhook: twisted({ ids: { webhook_id: `wh_${OTHER}` } }),
  no_such_event: twisted({ ids: { event_id: `evt_${OTHER}` } }),
  no_such_delivery: twisted({ ids: { delivery_id: `dlv_${OTHER}${OTHER}` } }),
  no_such_key: twisted({ ids: { key_id: OTHER } }),
  nothing_stored: twisted({ ids: { site_id: "nothing.example" } }),
  not_watched: twisted({}),
  no_plausible: twisted({}),
  unknown_parameter: twisted({ query: "?verbose=1" }),
  unknown_query_key: twisted({ query: "?verbose=1" }),
  unsupported_media_type: twisted({ headers: { "Content-Type": "text/plain" } }),
  unsupported_media_type_of_patch: twisted({ headers: { "Content-Type": "text/plain" } }),
  precondition_failed: twisted({ headers: { "If-Match": '"x"' } }),
  webhook_keeps_changing: async (stage, described) => {
    const webhook = { id: stage.ids["webhook_id"], url: RECEIVER, events: ["visitor_drop"] };
    const bodies: Record<string, unknown> = {
      changeWebhook: { name: "Other" },
      importConfiguration: { version: 1, sites: [{ site_id: SITE, webhooks: [webhook] }] },
    };
    const body = bodies[described.id];
    return await conflicting(stage, described, body === undefined ? {} : { body });
  },
  webhooks_keep_changing: (stage, described) => conflicting(stage, described),
  names_keep_changing: (stage, described) => conflicting(stage, described),
  name_taken: async (stage, described) => {
    await stage.service.webhook(RECEIVER, {}, "new.example");
    return await call(stage, described);
  },
  old_name: async (stage, described) => {
    await stage.service.call("POST", sitePath("/rename"), { to: "new.example" });
    return await call(stage, described);
  },
  key_id_taken: (stage, described) => conflicting(stage, described),
  watch_keeps_changing: (stage, described) => conflicting(stage, described),
  watch_not_removed: async (stage, described) => {
    await stage.service.call("PUT", sitePath("/watch"), {});
    return await conflicting(stage, described);
  },
  limit_reached: async (stage, described) => {
    for (let n = 0; n < INPUT.webhooks_per_site_max; n++) await stage.service.webhook(RECEIVER, {}, FULL);
    return await call(stage, described, { ids: { site_id: FULL } });
  },
  webhook_not_active: async (stage, described) => {
    await stage.service.call("PATCH", sitePath(`/webhooks/${stage.ids["webhook_id"]}`), { enabled: false });
    return await call(stage, described);
  },
  idempotency_key_reused: async (stage, described) => {
    const headers = { "Idempotency-Key": "signup-1" };
    await call(stage, described, { body: goal(7), headers });
    return await call(stage, described, { body: goal(8), headers });
  },
  rate_limited: tooFast,
  batch_rate_limited: tooFast,
  ...Object.fromEntries(Object.entries(BODIES).map(([name, body]) => [name, twisted({ body })])),
};

/** A problem without what differs from time to time. */
function comparable(given: ProblemJson, ids: Readonly<Record<string, string>>): unknown {
  const text = Object.entries(ids).reduce(
    (text, [name, id]) => text.replaceAll(id, EXAMPLE_IDS[name as keyof typeof EXAMPLE_IDS]),
    JSON.stringify(given),
  );
  return { ...JSON.parse(text), request_id: "" };
}

/** Those that no caller can bring about alone; tests below do. */
const OF_THE_PROCESS: readonly RefusalName[] = ["internal", "unavailable"];
/** The import looks for room first, so it meets a full site only when another filled it meanwhile. */
const OF_A_RACE = "importConfiguration limit_reached";

for (const name of Object.keys(REFUSALS) as RefusalName[]) {
  if (OF_THE_PROCESS.includes(name)) continue;
  Deno.test(`the example ${name} is what the service says, on every operation that shows it`, async () => {
    const shown = SHOWN.filter((one) => one.name === name && `${one.described.id} ${name}` !== OF_A_RACE);
    assert(shown.length > 0, "some operation shows it");
    const bring = BRING[name];
    assert(bring !== undefined, "say in BRING how it is brought about");
    for (const { described, value } of shown) {
      const gate = new CommitGate();
      const env: Record<string, string> = name === "no_plausible" ? {} : { TIDINGS_PLAUSIBLE_URL: RECEIVER };
      await using service = await startTestService({ database: gate.database, env });
      const stage = await setStage(service, gate);
      const got = await bring(stage, described);
      assertEquals(comparable(got, stage.ids), { ...value, request_id: "" }, described.route);
    }
  });
}

/** An application in which nobody is ever told who they are. */
function appWith(authenticate: RoutePorts["authenticate"], clock: Clock) {
  const ports = {
    authenticate,
    clock,
    log: recordingLog(),
    version: "0",
    problems: () => Promise.resolve([]),
    history: { directory: { names: null } },
  };
  return createApp(ports as unknown as RoutePorts);
}

function requestTo({ method, path }: Described): Request {
  const headers = { Authorization: `Bearer ${ADMIN_KEY}` };
  return new Request(`http://localhost${path.replaceAll(/\{\w+\}/g, "x")}`, { method, headers });
}

Deno.test("the example unavailable is what every operation says beyond what is taken on at a time", async () => {
  const { promise: never } = Promise.withResolvers<null>();
  const app = appWith(() => never, createManualClock(SAMPLE_AT));
  for (let n = 0; n < REQUEST.at_once_max; n++) {
    void app.fetch(
      new Request("http://localhost/v1/keys", {
        headers: { Authorization: `Bearer ${ADMIN_KEY}` },
      }),
    );
  }
  const shown = SHOWN.filter(({ name }) => name === "unavailable");
  assert(shown.length > 10);
  for (const { described, value } of shown) {
    const answer = await app.fetch(requestTo(described));
    assertEquals({ ...await answer.json(), request_id: "" }, { ...value, request_id: "" }, described.route);
    assertEquals(answer.headers.get("Retry-After"), "1");
  }
});

Deno.test("the example internal is what every operation with a key says when something unforeseen happens", async () => {
  const app = appWith(() => Promise.reject(new Error("planted")), createManualClock(SAMPLE_AT));
  const shown = SHOWN.filter(({ name }) => name === "internal");
  assertEquals(shown.length, OPERATIONS.length);
  for (const { described, value } of shown) {
    if ((described.operation["security"] as unknown[]).length === 0) continue;
    const answer = await app.fetch(requestTo(described));
    assertEquals({ ...await answer.json(), request_id: "" }, { ...value, request_id: "" }, described.route);
  }
});
