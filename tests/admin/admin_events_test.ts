/**
 * The commands about events, deliveries, sites, counters and changes, and the way through pages.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { AppError } from "../../lib/errors.ts";
import { NOW, PLACE, run, words } from "./fake_world.ts";

const SITE = "/v1/sites/example.com";
const AT = new Date(NOW).toISOString();
const DATA = '{"goal_name": "Sign up"}';
const ACCEPTED = { id: "evt_1", queued: 1, skipped: [{ webhook_id: "wh_2", reason: "filtered" }] };

Deno.test("events send posts the event of the flags, now unless said otherwise, with its key", async () => {
  const answers = { "POST /v1/events": ACCEPTED };
  const base = [...words("events send --site Example.com --event goal_completion --data"), DATA];
  const { code, asked, stdout } = await run([...base, "--idempotency-key", "k 1"], { answers });
  assertEquals(code, 0);
  const body = {
    site_id: "example.com",
    timestamp: AT,
    event: "goal_completion",
    data: { goal_name: "Sign up" },
  };
  assertEquals(asked.map(({ body }) => body), [body]);
  assertEquals(asked[0]?.headers.get("Idempotency-Key"), "k 1");
  assertEquals(
    stdout,
    "Event evt_1 is accepted: 1 of 2 webhooks of example.com are told.\n\nNOT TOLD  WHY\nwh_2      filtered\n",
  );
  const dated = await run([...base, "--timestamp", "2026-02-25"], { answers });
  assertEquals(dated.asked[0]?.body, { ...body, timestamp: "2026-02-25T00:00:00Z" });
  assertEquals(dated.asked[0]?.headers.has("Idempotency-Key"), false);
  const again = await run(base, { answers: { "POST /v1/events": { ...ACCEPTED, duplicate: true } } });
  assertMatch(again.stdout, /^Event evt_1 was sent before under this key: /);
});

Deno.test("events send --body fills in site and time, and refuses another site", async () => {
  const answers = { "POST /v1/events": ACCEPTED };
  const line = words("events send --site example.com --body event.json --idempotency-key k");
  const withBody = (body: unknown) =>
    run(line, { answers, readText: () => Promise.resolve(JSON.stringify(body)) });
  const event = { event: "goal_completion", data: {} };
  assertEquals((await withBody(event)).asked[0]?.body, { site_id: "example.com", timestamp: AT, ...event });
  const whole = { ...event, site_id: "EXAMPLE.com", timestamp: "2026-02-25T12:00:00Z" };
  assertEquals((await withBody(whole)).asked[0]?.body, whole);
  for (const [body, complaint] of [[{ site_id: "other.example" }, /--site must be/], [[], /JSON object/]]) {
    const { code, stderr, asked } = await withBody(body);
    assertEquals([code, asked], [2, []]);
    assertMatch(stderr, complaint as RegExp);
  }
});

Deno.test("events send says which part of the data is refused, and quotes none of it", async () => {
  const errors = [{ path: "/data/goal_name", message: "must be a string" }, {
    path: "/Idempotency-Key",
    message: "must be used once",
  }];
  const refusal = new AppError("validation_failed", "Cannot", { errors });
  const line = [...words("events send --site example.com --event goal_completion --data"), DATA];
  const { code, stderr } = await run(line, { answers: { "POST /v1/events": refusal } });
  assertEquals([code, stderr], [
    1,
    "Cannot send the event: a value is not valid.\n  --data at /goal_name: must be a string\n" +
    "  --idempotency-key: must be used once\n",
  ]);
  const table: [args: string[], complaint: RegExp][] = [
    [[...line.slice(0, -1), "{secret"], /--data must be JSON, in single quotes/],
    [[...line, "--idempotency-key", "é"], /--idempotency-key must be visible ASCII/],
    [line.slice(0, 4), /--event must be given.*\n.*--data must be given/],
  ];
  for (const [args, complaint] of table) {
    const { code, stderr } = await run(args);
    assertEquals(code, 2);
    assertMatch(stderr, complaint);
    assert(!stderr.includes("secret"));
  }
});

Deno.test("events explain and show tell what is decided for each webhook", async () => {
  const decisions = [{ webhook_id: "wh_1", name: "A", told: false, reason: "paused" }];
  const explained = await run(
    [...words("events explain --site example.com --event goal_completion --data"), DATA],
    { answers: { [`POST ${SITE}/explain`]: { decisions } } },
  );
  assertMatch(explained.stdout, /^WEBHOOK +NAME +TOLD +WHY NOT\nwh_1 +A +no +paused$/m);
  const shown = await run(words("events show evt_1 --site example.com"), {
    answers: {
      [`GET ${SITE}/events/evt_1`]: {
        id: "evt_1",
        payload: { event: "visitor_drop" },
        decisions: [{ webhook_id: "wh_1", delivery_id: "dlv_1" }, { webhook_id: "wh_2", reason: "filtered" }],
      },
    },
  });
  assertMatch(shown.stdout, /^payload\.event +visitor_drop$/m);
  assertMatch(shown.stdout, /^wh_1 +dlv_1\nwh_2 +filtered$/m);
});

const DELIVERY = {
  id: "dlv_1",
  created_at: AT,
  event: "visitor_drop",
  status: "exhausted",
  attempts_total: 1,
  attempts: [{ number: 1, at: AT, status_code: 500, error: null, outcome: "failed", response_body: "no" }],
  next_attempt_at: null,
};

function page(count: number, next_cursor: string | null): unknown {
  return { data: Array(count).fill(DELIVERY), next_cursor };
}

Deno.test("deliveries list asks with every filter, and shows the last answer", async () => {
  const line = "deliveries list --site example.com --webhook wh_1 --event test --status exhausted " +
    "--since 24h --until 2026-01-01 --limit 7 --cursor c";
  const { code, asked, stdout } = await run(words(line), {
    answers: { [`GET ${SITE}/deliveries`]: page(1, null) },
  });
  assertEquals(code, 0);
  const since = encodeURIComponent(new Date(NOW - 24 * 3_600_000).toISOString());
  assertEquals(asked.map(({ line }) => line), [
    `GET ${SITE}/deliveries?webhook_id=wh_1&event=test&status=exhausted&since=${since}` +
    "&until=2026-01-01T00%3A00%3A00Z&limit=7&cursor=c",
  ]);
  assertMatch(
    stdout,
    /^ID +CREATED +EVENT +STATUS +TRIED +ANSWER +NEXT\ndlv_1 .* visitor_drop +exhausted +1 +500 +-\n$/,
  );
});

Deno.test("a list reads pages, short and empty ones too, until there is as much as was asked for", async () => {
  const path = `GET ${SITE}/deliveries`;
  const pages = [page(100, "a"), page(0, "b"), page(50, "c"), page(3, null)];
  const limits = (asked: readonly { line: string }[]): (string | null)[][] =>
    asked.map(({ line }) => {
      const query = new URLSearchParams(line.split("?")[1]);
      return [query.get("limit"), query.get("cursor")];
    });
  const some = await run(words("deliveries list --site example.com --limit 150 --json"), {
    answers: { [path]: pages },
  });
  assertEquals(limits(some.asked), [["100", null], ["50", "a"], ["50", "b"]]);
  const answer = JSON.parse(some.stdout);
  assertEquals([answer.data.length, answer.next_cursor], [150, "c"]);

  const all = await run(words("deliveries list --site example.com --all"), { answers: { [path]: pages } });
  assertEquals(limits(all.asked), [["100", null], ["100", "a"], ["100", "b"], ["100", "c"]]);
  assertEquals(all.stdout.trimEnd().split("\n").length, 1 + 153);

  const few = await run(words("deliveries list --site example.com"), { answers: { [path]: page(50, "n") } });
  assertEquals(limits(few.asked), [["50", null]]);
  assertMatch(few.stdout, /\n\nThere are more: --all, or go on with --cursor n\n$/);
  const none = await run(words("deliveries list --site example.com"), { answers: { [path]: page(0, null) } });
  assertEquals(none.stdout, `example.com has no such delivery in ${PLACE}.\n`);
});

Deno.test("a list that finds nothing for long says that it is still looking, on stderr", async () => {
  const pages = [...Array(40).fill(page(0, "x")), page(0, null)];
  const { stderr } = await run(words("deliveries list --site example.com"), {
    answers: { [`GET ${SITE}/deliveries`]: pages },
  });
  assertEquals(stderr, "Still looking: 0 found so far.\n".repeat(2));
});

Deno.test("deliveries show and redeliver tell of one delivery", async () => {
  const shown = await run(words("deliveries show dlv_1 --site example.com"), {
    answers: { [`GET ${SITE}/deliveries/dlv_1`]: DELIVERY },
  });
  assertMatch(shown.stdout, /^status +exhausted$/m);
  assertMatch(shown.stdout, /^1 .* 500 +failed +- +no$/m);
  const again = await run(words("deliveries redeliver dlv_1 --site example.com"), {
    answers: { [`POST ${SITE}/deliveries/dlv_1/redeliver`]: DELIVERY },
  });
  assertEquals(again.code, 0);
  assertMatch(again.stdout, /^Another attempt of dlv_1 is asked for/);
});

Deno.test("sites delete needs --yes or the name typed at a terminal", async () => {
  const line = words("sites delete --site Example.com");
  const answers = { [`DELETE ${SITE}`]: undefined };
  const table: [typed: string | null, code: number, complaint: RegExp][] = [
    [null, 2, /give --yes/],
    ["y", 2, /what was typed is not its name, so nothing was done/],
    ["", 2, /nothing was done/],
    [" example.com ", 0, /^$/],
  ];
  for (const [typed, code, complaint] of table) {
    const questions: string[] = [];
    const ask = (question: string): string | null => {
      questions.push(question);
      return typed;
    };
    const outcome = await run(line, { answers, ask });
    assertEquals([outcome.code, outcome.asked.length], [code, code === 0 ? 1 : 0]);
    assertMatch(outcome.stderr, complaint);
    assertMatch(questions.join(), /of example\.com in \.\/data\/tidings\.db will be removed for good/);
  }
  const sure = await run([...line, "--yes"], { answers, ask: () => "never asked" });
  assertEquals([sure.code, sure.stdout], [
    0,
    "example.com is deleted: nothing is stored for it any more.\n",
  ]);
});

Deno.test("sites list, audit and stats show what there is", async () => {
  const sites = { data: [{ site_id: "a.b", webhooks: 2, last_event_at: null }], next_cursor: null };
  assertMatch(
    (await run(["sites", "list"], { answers: { "GET /v1/sites": sites } })).stdout,
    /^a\.b +2 +-$/m,
  );
  const entry = {
    at: AT,
    actor: "cli",
    action: "webhook.changed",
    site_id: null,
    subject: "wh_1",
    changes: ["a"],
  };
  const audit = await run(words("audit --since 7d"), {
    answers: { "GET /v1/audit": { data: [entry], next_cursor: null } },
  });
  assertMatch(audit.stdout, /^\S+ +cli +webhook\.changed +- +wh_1 +a$/m);
  const counts = { accepted: 3, attempts: 4, delivered: 1, retried: 1, failed: 1, gone: 1, blocked: 0 };
  const row = { hour: AT, site_id: "a.b", webhook_id: null, ...counts, duration_ms_total: 10 };
  const stats = await run(words("stats --site a.b --since 24h"), {
    answers: { "GET /v1/stats": { data: [row], next_cursor: null } },
  });
  assertMatch(stats.asked[0]?.line ?? "", /\?site_id=a\.b&since=[^&]+&limit=50$/);
  assertMatch(stats.stdout, / a\.b +all +3 +4 +1 +1 +2 +0 +3$/m);
});
