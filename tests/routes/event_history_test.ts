/**
 * Events as they are listed, shown and explained: why did I (not) get this?
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { goal, type PageJson, SITE } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService } from "../helpers/service.ts";

interface EventJson {
  readonly id: string;
  readonly event: string;
  readonly timestamp: string;
  readonly accepted_at: string;
  readonly queued: number;
  readonly skipped: number;
}
interface Decision {
  readonly webhook_id: string;
  readonly delivery_id?: string;
  readonly reason?: string | null;
  readonly told?: boolean;
  readonly name?: string;
}

const PATH = `/v1/sites/${SITE}/events`;

Deno.test("an event shows its payload and a decision for every webhook the site had", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const told = await service.webhook(receiver.url);
  const filtered = await service.webhook(receiver.url, { filters: { goals: ["Purchase"] } });
  const other = await service.webhook(receiver.url, { events: ["visitor_spike"] });
  const disabled = await service.webhook(receiver.url, { enabled: false });
  const { id } = await service.post(goal(7));
  await service.webhook(receiver.url);
  const { status, json } = await service.call<EventJson & { payload: unknown; decisions: Decision[] }>(
    "GET",
    `${PATH}/${id}`,
  );
  assertEquals([status, json.queued, json.skipped, json.event], [200, 1, 3, "goal_completion"]);
  assertEquals(json.payload, goal(7));
  const delivery_id = `dlv_${id.slice(4)}${told.id.slice(3)}`;
  assertEquals(json.decisions, [
    { webhook_id: told.id, delivery_id },
    { webhook_id: filtered.id, reason: "filtered" },
    { webhook_id: other.id, reason: "not_subscribed" },
    { webhook_id: disabled.id, reason: "disabled" },
  ]);
  assertEquals((await service.call("GET", `/v1/sites/${SITE}/deliveries/${delivery_id}`)).status, 200);
});

Deno.test("events are listed newest first, by kind and time, in pages that neither skip nor repeat", async () => {
  await using service = await startTestService();
  const ids: string[] = [];
  for (let index = 0; index < 25; index++) {
    const event = index % 5 === 0
      ? { ...goal(), event: "custom_event", data: { event_name: "Download", visitor_count: 1 } }
      : goal(index);
    ids.unshift((await service.post(event)).id);
  }
  const list = async (query: string): Promise<PageJson<EventJson>> => {
    const { status, json } = await service.call<PageJson<EventJson>>("GET", PATH + query);
    assertEquals(status, 200);
    return json;
  };
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const page: PageJson<EventJson> = await list(`?limit=7${cursor === null ? "" : `&cursor=${cursor}`}`);
    seen.push(...page.data.map(({ id }) => id));
    // What comes in at the front moves nothing behind it.
    await service.post(goal(99));
    cursor = page.next_cursor;
  } while (cursor !== null);
  assertEquals(seen, ids);

  const custom = await list("?event=custom_event");
  assertEquals(custom.data.map(({ event }) => event), Array(5).fill("custom_event"));
  const [newest] = custom.data;
  assert(newest !== undefined);
  const before = await list(`?event=custom_event&until=${newest.accepted_at}`);
  assert(before.data.every(({ accepted_at }) => accepted_at < newest.accepted_at));
  const since = await list(`?since=${newest.accepted_at}&limit=100`);
  assert(since.data.some(({ id }) => id === newest.id));
  assert(since.data.every(({ accepted_at }) => accepted_at >= newest.accepted_at));
  for (const query of ["?limit=0", "?limit=101", "?cursor=x", "?event=test", "?since=yesterday", "?more=1"]) {
    assertEquals((await service.call("GET", PATH + query)).status, 422, query);
  }
});

Deno.test("an event of another site is not found", async () => {
  await using service = await startTestService();
  const { id } = await service.post(goal(1, { site_id: "other.example" }));
  assertEquals((await service.call("GET", `${PATH}/${id}`)).status, 404);
  assertEquals((await service.call("GET", `${PATH}/evt_nonsense`)).status, 404);
});

Deno.test("explain decides and neither stores nor sends", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver();
  const webhook = await service.webhook(receiver.url, { filters: { goals: ["Purchase"] } });
  const path = `/v1/sites/${SITE}/explain`;
  const explain = async (event: unknown): Promise<Decision[]> => {
    const { status, json } = await service.call<{ decisions: Decision[] }>("POST", path, event);
    assertEquals(status, 200);
    return json.decisions;
  };
  const { site_id: _, ...without_site } = goal();
  assertEquals(await explain(without_site), [
    { webhook_id: webhook.id, name: webhook.name, told: false, reason: "filtered" },
  ]);
  const purchase = goal(1, { data: { goal_name: "Purchase", visitor_count: 1 } });
  assertEquals((await explain(purchase)).map(({ told }) => told), [true]);
  assertEquals((await service.call("POST", path, goal(1, { site_id: "other.example" }))).status, 422);
  assertEquals((await service.call<PageJson<EventJson>>("GET", PATH)).json.data, []);
  assertEquals(receiver.requests.length, 0);
});
