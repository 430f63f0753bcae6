/**
 * Renaming a site under load: whatever becomes of the process, the site has one name or the other, and every event arrives.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  type Api,
  countOf,
  goal,
  type PageJson,
  SITE,
  sitePath,
  until,
  type WebhookJson,
  within,
} from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startProcess, temporaryFile } from "../helpers/service.ts";

const NEW = "new.example";
const PENDING = 40;

async function nameOf(service: Api, called: string): Promise<string | undefined> {
  const { json } = await service.call<PageJson<WebhookJson>>("GET", sitePath("/webhooks", called));
  return json.data[0]?.site_id;
}

for (const answered of [false, true]) {
  const when = answered ? "right after the answer" : "while it is under way";
  Deno.test(`a process that is killed ${when} to a rename leaves all of it or nothing, and every event arrives`, async () => {
    await using file = await temporaryFile();
    let up = false;
    await using receiver = startReceiver({ respond: () => new Response(null, { status: up ? 200 : 503 }) });
    {
      await using service = await startProcess({ kv: file.path });
      await service.webhook(receiver.url, { max_retries: 10 });
      for (let count = 1; count <= PENDING; count++) await service.post(goal(count));
      const renamed = service.call("POST", sitePath("/rename"), { to: NEW }).catch(() => null);
      if (answered) assertEquals((await renamed)?.status, 200);
      service.kill("SIGKILL");
      await service.ended;
      await renamed;
    }
    up = true;
    await using service = await startProcess({ kv: file.path });
    const today = await nameOf(service, SITE);
    assert(today === NEW || (!answered && today === SITE), `it is called ${today}`);
    const again = await service.call("POST", sitePath("/rename"), { to: NEW });
    assertEquals(again.status, 200, again.text);
    await service.post(goal(PENDING + 1));
    await until(async () => {
      const deliveries = await service.deliveries("?limit=100", NEW);
      return deliveries.length === PENDING + 1 && deliveries.every(({ status }) => status === "delivered");
    }, "every event is delivered");
    const names = new Set(receiver.requests.map(({ text }) => JSON.parse(text).site_id));
    assertEquals([...names].toSorted(), [SITE, NEW].toSorted());
    const counts = new Set(receiver.requests.map(countOf));
    assertEquals(counts.size, PENDING + 1);
  });
}

Deno.test("a rename by one process holds in another: posting, reading and sending", async () => {
  await using file = await temporaryFile();
  await using receiver = startReceiver();
  await using one = await startProcess({ kv: file.path });
  await using other = await startProcess({ kv: file.path });
  await one.webhook(receiver.url);
  await until(async () => await nameOf(other, SITE) === SITE, "the other process knows the webhook");
  assertEquals((await one.call("POST", sitePath("/rename"), { to: NEW })).status, 200);
  await until(async () => await nameOf(other, NEW) === NEW, "the other process knows the new name");
  for (const [count, site_id] of [[1, SITE], [2, NEW]] as const) {
    assertEquals((await other.post(goal(count, { site_id }))).queued, 1);
    await within(receiver.received(count), `event ${count}`);
  }
  assertEquals(receiver.requests.map(({ text }) => JSON.parse(text).site_id), [NEW, NEW]);
});
