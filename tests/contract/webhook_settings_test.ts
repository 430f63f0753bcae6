/**
 * "Sites and webhooks" of the contract: sites, and what a webhook is, field by field, each limit at it and one beyond.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import type { CreatedWebhook, WebhookJson } from "../helpers/api.ts";
import { assertLike, FORM, type Like, NOBODY, pairs, section, type Stage, words } from "./section.ts";

const LEAST = { url: NOBODY, events: ["goal_completion"] };

/** A webhook with nothing but what it needs. */
const DEFAULTS: { readonly [name: string]: Like } = {
  id: FORM.webhook_id,
  site_id: FORM.text,
  name: "127.0.0.1:9",
  url: NOBODY,
  format: "json",
  events: ["goal_completion"],
  filters: {
    goals: [],
    custom_events: [],
    error_types: [],
    visitor_spike: { threshold: 10, percent_over_baseline: null, readings: 1, cooldown_hours: 12 },
    visitor_drop: { threshold: 1, readings: 1, cooldown_hours: 12 },
  },
  headers: {},
  enabled: true,
  status: "active",
  status_reason: null,
  max_retries: 3,
  timeout_ms: 10_000,
  rate_limit_per_minute: null,
  previous_secret_expires_at: null,
  health: {
    consecutive_failures: 0,
    last_success_at: null,
    last_failure_at: null,
    breaker: "closed",
    pending: 0,
  },
  spike: { last_triggered_at: null, silent_until: null },
  drop: { last_triggered_at: null, silent_until: null },
  created_at: FORM.time,
  updated_at: FORM.time,
};

type Fields = Readonly<Record<string, unknown>>;

const urlOf = (chars: number): Fields => ({ url: `${NOBODY}/`.padEnd(chars, "x") });
const spike = (fields: Fields): Fields => ({ filters: { visitor_spike: fields } });
const drop = (fields: Fields): Fields => ({ filters: { visitor_drop: fields } });
const header = (name: string, value: string): Fields => ({ headers: { [name]: value } });
const ofBytes = (bytes: number): Fields => ({ secret: `whsec_${btoa("k".repeat(bytes))}` });
const secret = (text: string): Fields => ({ secret: text });

/** Each limit: what is taken at it, what is refused one beyond, and where. */
const LIMITS: readonly [what: string, taken: Fields[], refused: Fields[], pointer: string][] = [
  ["URL 2,048 characters", [urlOf(2048)], [urlOf(2049)], "/url"],
  ["name 100", [{ name: "n".repeat(100) }], [{ name: "n".repeat(101) }], "/name"],
  ["at least one event", [{ events: ["visitor_drop"] }], [{ events: [] }], "/events"],
  ["goals 100", [{ filters: { goals: words(100) } }], [{ filters: { goals: words(101) } }], "/filters/goals"],
  ["custom_events 100", [{ filters: { custom_events: words(100) } }], [
    { filters: { custom_events: words(101) } },
  ], "/filters/custom_events"],
  [
    "error_types 100",
    [{ filters: { error_types: words(100) } }],
    [{ filters: { error_types: words(101) } }],
    "/filters/error_types",
  ],
  ["10 custom headers", [{ headers: pairs(10, "v") }], [{ headers: pairs(11, "v") }], "/headers"],
  [
    "a header's name 64",
    [header("n".repeat(64), "v")],
    [header("n".repeat(65), "v")],
    `/headers/${"n".repeat(65)}`,
  ],
  ["a header's name is a token", [header("!#$%&'*+-.^_`|~09aZ", "v")], [header("a b", "v")], "/headers/a b"],
  [
    "a header's value 1,024",
    [header("X-A", "v".repeat(1024))],
    [header("X-A", "v".repeat(1025))],
    "/headers/X-A",
  ],
  [
    "a header's value is visible ASCII",
    [header("X-A", "~!")],
    [header("X-A", "é"), header("X-A", "a\nb")],
    "/headers/X-A",
  ],
  [
    "max_retries 0-10",
    [{ max_retries: 0 }, { max_retries: 10 }],
    [{ max_retries: -1 }, { max_retries: 11 }],
    "/max_retries",
  ],
  ["timeout_ms 1,000-30,000", [{ timeout_ms: 1000 }, { timeout_ms: 30_000 }], [{ timeout_ms: 999 }, {
    timeout_ms: 30_001,
  }], "/timeout_ms"],
  [
    "rate_limit_per_minute 1-60,000",
    [
      { rate_limit_per_minute: 1 },
      { rate_limit_per_minute: 60_000 },
      { rate_limit_per_minute: null },
    ],
    [{ rate_limit_per_minute: 0 }, { rate_limit_per_minute: 60_001 }],
    "/rate_limit_per_minute",
  ],
  ["spike cooldown_hours 0-168", [
    spike({ cooldown_hours: 0 }),
    spike({ cooldown_hours: 168 }),
    spike({ cooldown_hours: 0.25 }),
  ], [
    spike({ cooldown_hours: -0.01 }),
    spike({ cooldown_hours: 168.01 }),
  ], "/filters/visitor_spike/cooldown_hours"],
  ["drop cooldown_hours 0-168", [
    drop({ cooldown_hours: 0 }),
    drop({ cooldown_hours: 168 }),
    drop({ cooldown_hours: 0.25 }),
  ], [
    drop({ cooldown_hours: -0.01 }),
    drop({ cooldown_hours: 168.01 }),
  ], "/filters/visitor_drop/cooldown_hours"],
  ["a secret of 24-64 visible ASCII characters", [secret("s".repeat(24)), secret("~".repeat(64))], [
    secret("s".repeat(23)),
    secret("s".repeat(65)),
    secret("s".repeat(24) + " "),
    secret("é".repeat(24)),
  ], "/secret"],
  [
    "a secret of the base64 of 24-64 bytes",
    [ofBytes(24), ofBytes(64)],
    [ofBytes(23), ofBytes(65)],
    "/secret",
  ],
];

const RESERVED = [
  "host",
  "content-type",
  "Content-Length",
  "content-x",
  "webhook-id",
  "webhook-x",
  "X-Webhook-Signature",
  "x-webhook-x",
  "user-agent",
  "accept-encoding",
  "connection",
  "keep-alive",
  "transfer-encoding",
  "te",
  "trailer",
  "upgrade",
  "expect",
  "proxy-authorization",
  "Proxy-X",
];

/** What the URL must not be, as the environment of the tests is. */
const FORBIDDEN_URLS = [
  "nowhere",
  "/in",
  "ftp://example.com/",
  "https://",
  "http://9.9.9.9/",
  "https://10.0.0.1/",
  "https://192.168.1.1/",
  "https://169.254.169.254/latest",
  "https://[::1]/",
  "https://[::ffff:10.0.0.1]/",
  "https://0.0.0.0/",
  "https://0x0a000001/",
];

/** Creates a webhook on a site of its own: fifty of them fit on none. */
async function create({ call, site_id }: Stage, fields: Fields, n: number) {
  return await call<CreatedWebhook>("POST", `/v1/sites/${n}.${site_id}/webhooks`, { ...LEAST, ...fields });
}

section("a webhook, field by field", {
  "url and events are required, and have the defaults beside them": async ({ ask, refused, path }) => {
    const created = await ask<Record<string, unknown>>(201, "POST", path("/webhooks"), LEAST);
    assertLike(created, { ...DEFAULTS, secret: FORM.secret, standard_secret: FORM.secret });
    assertLike(await ask(200, "GET", path(`/webhooks/${created["id"]}`)), DEFAULTS);
    assertLike(await ask(200, "GET", path("/webhooks")), { data: [DEFAULTS] });
    assertEquals(await refused("validation_failed", "POST", path("/webhooks"), {}), ["/url", "/events"]);
  },
  "events is one or several of five": async (stage) => {
    const all = ["goal_completion", "visitor_spike", "visitor_drop", "custom_event", "error_condition"];
    for (const [index, events] of [all, ...all.map((name) => [name])].entries()) {
      assertEquals((await create(stage, { events }, index)).json.events, events);
    }
    for (const name of ["test", "pageview", "*"]) {
      const fields = { ...LEAST, events: [name] };
      assertEquals(await stage.refused("validation_failed", "POST", stage.path("/webhooks"), fields), [
        "/events/0",
      ]);
    }
  },
  "each limit is taken at it and refused one beyond it": async (stage) => {
    let n = 0;
    for (const [what, taken, refused, pointer] of LIMITS) {
      for (const fields of taken) {
        const { status, text } = await create(stage, fields, n++);
        assertEquals(status, 201, `${what}: ${text}`);
      }
      for (const fields of refused) {
        const { status, json, text } = await stage.call("POST", stage.path("/webhooks"), {
          ...LEAST,
          ...fields,
        });
        assertEquals([status, json.code], [422, "validation_failed"], `${what}: ${text}`);
        assertEquals([...new Set(json.errors?.map(({ path }) => path))], [pointer], what);
      }
    }
  },
  "50 webhooks per site": async ({ webhook, ask, refused, path }) => {
    for (let count = 0; count < 50; count++) await webhook();
    await refused("limit_reached", "POST", path("/webhooks"), LEAST);
    assertEquals((await ask<{ data: unknown[] }>(200, "GET", path("/webhooks"))).data.length, 50);
  },
  "the stored record fits 48 KiB, else 422": async (stage) => {
    const goals = (chars: number): Fields => ({ filters: { goals: words(100, chars) } });
    assertEquals((await create(stage, goals(460), 0)).status, 201);
    await stage.refused("validation_failed", "POST", stage.path("/webhooks"), { ...LEAST, ...goals(490) });
  },
  "headers that Tidings or HTTP sets are refused, authorization is allowed": async (stage) => {
    for (const name of RESERVED) {
      const fields = { ...LEAST, ...header(name, "v") };
      const at = await stage.refused("validation_failed", "POST", stage.path("/webhooks"), fields);
      assertEquals(at, [`/headers/${name}`]);
    }
    assertEquals((await create(stage, header("authorization", "Bearer x"), 0)).status, 201);
  },
  "unknown keys are refused": async ({ refused, path }) => {
    const table: [fields: Fields, pointer: string][] = [
      [{ colour: "red" }, "/colour"],
      [{ filters: { colour: [] } }, "/filters/colour"],
      [spike({ colour: 1 }), "/filters/visitor_spike/colour"],
      [drop({ percent_over_baseline: 1 }), "/filters/visitor_drop/percent_over_baseline"],
      [{ headers: JSON.parse('{"__proto__": "v"}') }, "/headers/__proto__"],
      [{ id: "wh_1" }, "/id"],
      [{ status: "active" }, "/status"],
    ];
    for (const [fields, pointer] of table) {
      const at = await refused("validation_failed", "POST", path("/webhooks"), { ...LEAST, ...fields });
      assertEquals(at, [pointer]);
    }
  },
  "a forbidden URL is 422 at /url, a name that doesn't resolve is accepted": async (stage) => {
    for (const url of FORBIDDEN_URLS) {
      const at = await stage.refused("validation_failed", "POST", stage.path("/webhooks"), { ...LEAST, url });
      assertEquals(at, ["/url"], url);
    }
    assertEquals((await create(stage, { url: "https://name.invalid/in" }, 0)).status, 201);
    const { id } = await stage.webhook();
    const patch = { url: "https://10.0.0.1/" };
    assertEquals(await stage.refused("validation_failed", "PATCH", stage.path(`/webhooks/${id}`), patch), [
      "/url",
    ]);
  },
  "an owner's secret is kept as it is, and what begins with whsec_ is treated like a generated one": async (
    stage,
  ) => {
    const own = "my-own-secret-0123456789";
    const first = await create(stage, { secret: own }, 0);
    assertEquals([first.json.secret, first.json.standard_secret], [own, `whsec_${btoa(own)}`]);
    const second = await create(stage, { secret: first.json.standard_secret }, 0);
    assertEquals([second.json.secret, second.json.standard_secret], Array(2).fill(`whsec_${btoa(own)}`));
  },
  "header values are answered as asterisks, and written back the value stays": async (
    { webhook, ask, path },
  ) => {
    const { id, headers } = await webhook(NOBODY, { headers: { "X-Team": "blue", "X-Other": "red" } });
    const masked = { "X-Team": "********", "X-Other": "********" };
    assertEquals(headers, masked);
    const patch = { headers: { "X-Team": "********", "X-Other": "green" } };
    assertEquals((await ask<WebhookJson>(200, "PATCH", path(`/webhooks/${id}`), patch)).headers, masked);
  },
});

section("sites", {
  "a site's id is 1-253 characters, lowered, NFC, percent-encoded in paths": async ({ call, refused }) => {
    const ids = [
      "a",
      "x".repeat(253),
      "Bücher.Example/blog",
      "例え.jp:8080",
      "a_b-c.example",
      "e\u0301.example",
    ];
    for (const given of ids) {
      const path = `/v1/sites/${encodeURIComponent(given)}/webhooks`;
      const { status, json, headers } = await call<CreatedWebhook>("POST", path, LEAST);
      const site_id = given.toLowerCase().normalize("NFC");
      assertEquals([status, json.site_id], [201, site_id]);
      assertEquals(headers.get("Location"), `/v1/sites/${encodeURIComponent(site_id)}/webhooks/${json.id}`);
    }
    for (
      const given of [
        "x".repeat(254),
        "a b",
        "a?b",
        "a@b.example",
        "a/../b",
        "a/./b",
        "10.0.0.1",
        "[::1]",
        "::1",
      ]
    ) {
      const path = `/v1/sites/${encodeURIComponent(given)}/webhooks`;
      assertEquals(await refused("validation_failed", "POST", path, LEAST), ["/site_id"], given);
    }
  },
  "a site exists once something is stored for it, and is deleted with all of it": async (stage) => {
    const { webhook, ask, event, path, refused, site_id } = stage;
    const listed = async () => {
      const { data } = await ask<{ data: { site_id: string }[] }>(200, "GET", "/v1/sites?limit=100");
      return data.find((site) => site.site_id === site_id);
    };
    assertEquals(await listed(), undefined);
    await refused("not_found", "DELETE", `/v1/sites/${site_id}`);
    const { id } = await webhook();
    assertLike(await listed(), { site_id, webhooks: 1, last_event_at: null });
    const posted = await ask<{ id: string }>(202, "POST", "/v1/events", event());
    await stage.delivery(() => true);
    await ask(204, "DELETE", `/v1/sites/${site_id}`);
    assertEquals(await listed(), undefined);
    await refused("not_found", "GET", path(`/webhooks/${id}`));
    await refused("not_found", "GET", path(`/events/${posted.id}`));
    for (const list of ["/events", "/deliveries"]) {
      assertEquals(await ask<unknown>(200, "GET", path(list)), { data: [], next_cursor: null });
    }
  },
  "in logs a URL is its scheme and host": async ({ service, webhook, ask, event, delivery }) => {
    await webhook("http://127.0.0.1:9/services/credential-in-a-path");
    await ask(202, "POST", "/v1/events", event());
    await delivery(({ attempts_total }) => attempts_total > 0);
    const log = service.lines.join("\n");
    assertStringIncludes(log, "delivery.attempted");
    assertEquals(log.includes("credential-in-a-path"), false);
  },
});
