/**
 * Changing only what one has seen: `ETag` and `If-Match` on webhooks.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { type Api, type ApiAnswer, goal, sitePath, until, type WebhookJson } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService } from "../helpers/service.ts";

const URL = "http://127.0.0.1:9/";

function tagOf({ headers }: { headers: Headers }): string {
  const tag = headers.get("ETag") ?? "";
  assertMatch(tag, /^"[0-9a-z]+"$/, "a strong tag");
  return tag;
}

/** Calls about one webhook, maybe with `If-Match`. */
function callsAbout(service: Api, id: string) {
  const path = sitePath(`/webhooks/${id}`);
  const call = (method: string, rest: string, body: unknown, if_match?: string) =>
    service.call<WebhookJson & { code: string }>(method, path + rest, body, {
      headers: if_match === undefined ? {} : { "If-Match": if_match },
    });
  return {
    show: () => call("GET", "", undefined),
    patch: (body: unknown, if_match?: string) => call("PATCH", "", body, if_match),
    rotate: (if_match?: string) => call("POST", "/rotate-secret", {}, if_match),
    remove: (if_match?: string) => call("DELETE", "", undefined, if_match),
  };
}

function assertStale({ status, json }: ApiAnswer<{ code: string }>): void {
  assertEquals([status, json.code], [412, "precondition_failed"]);
}

Deno.test("every answer that shows one webhook names its state, and every change makes another state", async () => {
  await using service = await startTestService();
  const created = await service.call<WebhookJson>("POST", sitePath("/webhooks"), {
    url: URL,
    events: ["goal_completion"],
  });
  const { show, patch, rotate } = callsAbout(service, created.json.id);
  const tags = [tagOf(created)];
  assertEquals(tagOf(await show()), tags[0]);
  // Faster than the clock ticks.
  for (const change of [() => patch({ name: "a" }), () => patch({ name: "b" }), () => rotate()]) {
    const changed = await change();
    assertEquals(changed.status, 200);
    tags.push(tagOf(changed));
    assertEquals(tagOf(await show()), tags.at(-1));
  }
  assertEquals(new Set(tags).size, 4);
  const head = await service.call("HEAD", sitePath(`/webhooks/${created.json.id}`));
  assertEquals(tagOf(head), tags.at(-1));
});

Deno.test("a patch that changes nothing leaves the state, and what was seen of it stays true", async () => {
  await using service = await startTestService();
  const { id, updated_at } = await service.webhook(URL, { name: "same", headers: { "X-Team": "a" } });
  const { show, patch } = callsAbout(service, id);
  const before = tagOf(await show());
  for (const body of [{}, { name: "same" }, { headers: { "x-team": "********" } }, { enabled: true }]) {
    const { status, json, headers } = await patch(body, before);
    assertEquals([status, json.updated_at, headers.get("ETag")], [200, updated_at, before]);
  }
});

Deno.test("a change with a stale If-Match is refused and changes nothing", async () => {
  await using service = await startTestService();
  const { id } = await service.webhook(URL);
  const { show, patch, rotate, remove } = callsAbout(service, id);
  const stale = tagOf(await show());
  assertEquals((await patch({ name: "another's" })).status, 200);
  const before = await show();
  assertStale(await patch({ name: "mine" }, stale));
  assertStale(await patch({ name: 1 }, stale));
  assertStale(await patch({}, stale));
  assertStale(await rotate(stale));
  assertStale(await remove(stale));
  assertEquals((await show()).text, before.text);
});

Deno.test("If-Match is compared strongly: a list, a star, a weak tag, and what is none", async () => {
  await using service = await startTestService();
  const { id } = await service.webhook(URL);
  const { show, patch } = callsAbout(service, id);
  const forms: [form: (tag: string) => string, matches: boolean][] = [
    [(tag) => tag, true],
    [(tag) => `"other", ${tag}`, true],
    [(tag) => `${tag},"other"`, true],
    [(tag) => `  ${tag}  `, true],
    [() => "*", true],
    [(tag) => `W/${tag}`, false],
    [(tag) => `W/"other", W/${tag}`, false],
    [(tag) => tag.replaceAll('"', ""), false],
    [(tag) => tag.replaceAll('"', "'"), false],
    [(tag) => tag.toUpperCase() + "x", false],
    [() => '"other", "another"', false],
    [() => '"*"', false],
    [() => '""', false],
  ];
  for (const [index, [form, matches]] of forms.entries()) {
    const given = form(tagOf(await show()));
    const { status } = await patch({ name: `name ${index}` }, given);
    assertEquals(status, matches ? 200 : 412, given);
  }
});

Deno.test("of many who change what they saw at once exactly one wins", async () => {
  await using service = await startTestService();
  const { id } = await service.webhook(URL);
  const { show, patch, rotate } = callsAbout(service, id);
  const seen = tagOf(await show());
  const answers = await Promise.all([
    ...Array.from({ length: 8 }, (_, n) => patch({ name: `writer ${n}` }, seen)),
    rotate(seen),
  ]);
  const statuses = answers.map(({ status }) => status).toSorted();
  assertEquals(statuses, [200, ...Array.from({ length: 8 }, () => 412)]);
  const winner = answers.find(({ status }) => status === 200);
  assert(winner !== undefined);
  assertEquals(tagOf(await show()), tagOf(winner));
});

Deno.test("a webhook that is not there is not found, whatever If-Match says", async () => {
  await using service = await startTestService();
  const { id } = await service.webhook(URL);
  const { show, patch, rotate, remove } = callsAbout(service, id);
  const seen = tagOf(await show());
  assertEquals((await remove(seen)).status, 204);
  for (const tag of [seen, "*", '"other"']) {
    const answers = [await patch({ name: "x" }, tag), await rotate(tag), await remove(tag)];
    assertEquals(answers.map(({ status }) => status), [404, 404, 404], tag);
  }
});

Deno.test("a pause by Tidings is a change like any other", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver({ respond: 410 });
  const { id } = await service.webhook(receiver.url);
  const { show, patch } = callsAbout(service, id);
  const seen = await show();
  await service.post(goal());
  await until(async () => (await show()).json.status === "paused", "the webhook is paused");
  const paused = await show();
  assertNotEquals(tagOf(paused), tagOf(seen));
  assert(paused.json.updated_at > seen.json.updated_at);
  assertStale(await patch({ enabled: true }, tagOf(seen)));
  assertEquals((await patch({ enabled: true }, tagOf(paused))).json.status, "active");
});
