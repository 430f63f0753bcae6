/**
 * The commands that change a webhook or do something with it.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { CONDITION_AT_FIRST, showWebhook } from "../../lib/shown_webhook.ts";
import { sampleWebhook } from "../helpers/sample.ts";
import { NOW, run, words } from "./fake_world.ts";

const HOOK = "/v1/sites/example.com/webhooks/wh_1";
const WEBHOOK = showWebhook(sampleWebhook(), { ...CONDITION_AT_FIRST, now_ms: 0 }, true);
const AT_SITE = "wh_1 --site example.com";
const HOUR_MS = 3_600_000;

function ago(hours: number): string {
  return new Date(NOW - hours * HOUR_MS).toISOString();
}

Deno.test("webhooks update sends what is given, null for what is reset, and nothing else", async () => {
  const answers = { [`PATCH ${HOOK}`]: WEBHOOK };
  const table: [flags: string[], body: unknown][] = [
    [["--max-retries", "5"], { max_retries: 5 }],
    [["--url", "https://a.example", "--enabled", "false"], { url: "https://a.example", enabled: false }],
    [["--reset", "name", "--reset", "filters.goals"], { name: null, filters: { goals: null } }],
    [
      ["--reset", "headers.X-a.b", "--header", "X-Team: sales"],
      { headers: { "X-Team": "sales", "X-a.b": null } },
    ],
    [
      ["--reset", "filters.visitor_spike.threshold", "--spike-readings", "2"],
      { filters: { visitor_spike: { readings: 2, threshold: null } } },
    ],
    [["--reset", "filters"], { filters: null }],
  ];
  for (const [flags, body] of table) {
    const { code, asked, stdout, stderr } = await run([...words(`webhooks update ${AT_SITE}`), ...flags], {
      answers,
    });
    assertEquals([code, stderr], [0, ""]);
    assertEquals(asked.map(({ line, body }) => [line, body]), [[`PATCH ${HOOK}`, body]]);
    assertMatch(stdout, /^id +wh_/);
  }
});

Deno.test("webhooks update refuses to change nothing, or one field in two ways, and asks nobody", async () => {
  const table: [flags: string, complaint: RegExp][] = [
    ["", /^Cannot update the webhook: give what is to change/],
    ["--goal a --reset filters.goals", /--reset filters\.goals contradicts/],
    ["--goal a --reset filters", /--reset filters contradicts/],
    ["--reset filters --reset filters.goals", /--reset filters\.goals contradicts/],
    ["--reset name --reset name", /--reset name contradicts/],
    ["--reset filters.", /--reset must name a field/],
    ["--body f --reset name", /leave out --reset, or --body/],
  ];
  for (const [flags, complaint] of table) {
    const { code, stderr, asked } = await run(words(`webhooks update ${AT_SITE} ${flags}`));
    assertEquals([code, asked], [2, []], flags);
    assertMatch(stderr, complaint);
  }
});

Deno.test("webhooks update --body sends the patch as it is", async () => {
  const patch = { filters: null, name: "New" };
  const { asked } = await run(words(`webhooks update ${AT_SITE} --body -`), {
    answers: { [`PATCH ${HOOK}`]: WEBHOOK },
    readText: () => Promise.resolve(JSON.stringify(patch)),
  });
  assertEquals(asked[0]?.body, patch);
});

Deno.test("webhooks enable, disable and delete say what the webhook is after it", async () => {
  const enabled = await run(words(`webhooks enable ${AT_SITE}`), { answers: { [`PATCH ${HOOK}`]: WEBHOOK } });
  assertEquals(enabled.asked[0]?.body, { enabled: true });
  assertMatch(enabled.stdout, /^Webhook wh_1 is active\.\n.*webhooks recover wh_1 --site example\.com/);
  const off = { ...WEBHOOK, status: "disabled" };
  const disabled = await run(words(`webhooks disable ${AT_SITE}`), { answers: { [`PATCH ${HOOK}`]: off } });
  assertEquals([disabled.asked[0]?.body, disabled.stdout], [
    { enabled: false },
    "Webhook wh_1 is disabled.\n",
  ]);
  const deleted = await run(words(`webhooks delete ${AT_SITE}`), {
    answers: { [`DELETE ${HOOK}`]: undefined },
  });
  assertEquals([deleted.code, deleted.stdout], [0, "Webhook wh_1 is deleted.\n"]);
});

Deno.test("webhooks list says below the table which format does not fit its URL", async () => {
  const url = "https://hooks.slack.com/services/T0/B0/x";
  const hinted = showWebhook(
    sampleWebhook(2, { url }),
    { ...CONDITION_AT_FIRST, now_ms: 0 },
    true,
  );
  const { stdout } = await run(words("webhooks list --site example.com"), {
    answers: { "GET /v1/sites/example.com/webhooks": { data: [WEBHOOK, hinted] } },
  });
  const [, , , ...below] = stdout.trimEnd().split("\n");
  assertEquals(below, [`${hinted.id}: This is a Slack URL: set format to slack`]);
});

Deno.test("webhooks test exits with 1 and says what to do unless the receiver took it", async () => {
  const attempt = {
    outcome: "delivered",
    status_code: 204,
    error: null,
    duration_ms: 1.5,
    response_body: "",
  };
  const path = `POST ${HOOK}/test`;
  const taken = await run(words(`webhooks test ${AT_SITE} --event visitor_drop`), {
    answers: { [path]: { attempts: [attempt], remedy: null } },
  });
  assertEquals([taken.code, taken.stdout], [0, "Delivered: HTTP 204 after 1.5 ms.\n"]);
  assertEquals(taken.asked[0]?.body, { event: "visitor_drop" });

  const refused = { ...attempt, outcome: "failed", status_code: 500, response_body: "no\x1b[31m" };
  const answer = { attempts: [refused], remedy: "Look at its log." };
  const failed = await run(words(`webhooks test ${AT_SITE}`), { answers: { [path]: answer } });
  assertEquals([failed.code, failed.stderr], [1, ""]);
  assertEquals(
    failed.stdout,
    "Not delivered: HTTP 500 after 1.5 ms.\nThe receiver says: no\\u001b[31m\nLook at its log.\n",
  );
  const json = await run(words(`webhooks test ${AT_SITE} --json`), { answers: { [path]: answer } });
  assertEquals([json.code, JSON.parse(json.stdout)], [1, answer]);
  const silent = { ...refused, status_code: null, error: "timeout", response_body: null };
  const late = await run(words(`webhooks test ${AT_SITE}`), {
    answers: { [path]: { attempts: [silent], remedy: null } },
  });
  assertEquals([late.code, late.stdout], [1, "Not delivered: timeout after 1.5 ms.\n"]);
});

Deno.test("webhooks rotate-secret shows the new secret once", async () => {
  const secret = "whsec_bmV3LXNlY3JldC1uZXctc2VjcmV0LW5ldw==";
  const { stdout, asked } = await run(words(`webhooks rotate-secret ${AT_SITE} --overlap-hours 0.5`), {
    answers: { [`POST ${HOOK}/rotate-secret`]: { ...WEBHOOK, secret, standard_secret: secret } },
  });
  assertEquals(asked[0]?.body, { overlap_hours: 0.5 });
  assertEquals(stdout.split(secret).length, 2);
  assert(stdout.includes("It is shown only now"));
});

Deno.test("webhooks recover goes on until all of the time is recovered, and says how far it is", async () => {
  const path = `POST ${HOOK}/recover`;
  const { stdout, stderr, asked } = await run(words(`webhooks recover ${AT_SITE} --since 24h --until 1h`), {
    answers: { [path]: [{ recovered: 10_000, next_since: ago(12) }, { recovered: 5, next_since: null }] },
  });
  assertEquals(asked.map(({ body }) => body), [
    { since: ago(24), until: ago(1) },
    { since: ago(12), until: ago(1) },
  ]);
  assertEquals(stdout, "10005 deliveries of wh_1 are scheduled again.\n");
  assertEquals(stderr, `10000 so far, up to ${ago(12)}\n`);
  const json = await run(words(`webhooks recover ${AT_SITE} --since 24h --json`), {
    answers: { [path]: { recovered: 1, next_since: null } },
  });
  assertEquals(JSON.parse(json.stdout), { recovered: 1, next_since: null });
  assertEquals((await run(words(`webhooks recover ${AT_SITE}`))).code, 2);
});
