/**
 * What wakes a retry: a message of KV's queue, enqueued with the delay; the sweep is only the net below it.
 *
 * @module
 */
import { assert, assertEquals, assertGreater, assertGreaterOrEqual } from "@std/assert";
import {
  type Api,
  countOf,
  type DeliveryJson,
  goal,
  sitePath,
  until,
  type WebhookJson,
  within,
} from "../helpers/api.ts";
import { holdAlarm } from "../helpers/held_alarm.ts";
import { type Receiver, startReceiver } from "../helpers/receiver.ts";
import { startTestService, temporaryFile } from "../helpers/service.ts";

/** Long enough that recording a failure is over before its retry is due, also on a busy disk. */
const RETRY_BASE = { TIDINGS_RETRY_BASE_MS: "1000" };

interface LogLine {
  readonly message: string;
  readonly driver?: string;
  readonly attempt?: number;
  readonly event?: string;
}

function linesOf(logs: readonly string[]): LogLine[] {
  return logs.map((line) => JSON.parse(line));
}

/** Posts an event that fails, and waits until its retry is due, by the clock the service goes by. */
async function failAndBecomeDue(service: Api, receiver: Receiver): Promise<DeliveryJson> {
  const { id } = await service.post(goal(1));
  await within(receiver.received(1), "the first attempt");
  const failed = await until(async () => {
    const [delivery] = await service.deliveries();
    return delivery?.attempts_total === 1 ? delivery : null;
  }, "the failure is recorded");
  assertEquals([failed.event_id, failed.status], [id, "pending"]);
  const due_at = Date.parse(failed.next_attempt_at ?? "");
  await until(() => Date.now() > due_at, "the retry is due");
  return failed;
}

Deno.test("a retry on a file is woken by the queue: the ring comes first, and no sweep runs meanwhile", async () => {
  await using file = await temporaryFile();
  // Only the sweep is kept back; the queue is as it is.
  const alarm = holdAlarm();
  await using service = await startTestService({ kv: file.path, env: RETRY_BASE, clock: alarm.clock });
  await using receiver = startReceiver({ respond: [500, 200] });
  await service.webhook(receiver.url);
  const { id } = await service.post(goal(1));
  const [delivery] = await service.settled("delivered", 1);

  assertEquals(delivery?.attempts_total, 2);
  const lines = linesOf(service.logs);
  const attempts = lines.flatMap(({ message, event }, index) =>
    message === "delivery.attempted" && event === id ? [index] : []
  );
  const rings = lines.flatMap(({ message, driver }, index) =>
    message === "alarm.rang" && driver === "queue" ? [index] : []
  );
  const [first = -1, second = -1] = attempts;
  assert(
    rings.some((ring) => first < ring && ring < second),
    `attempts at lines ${attempts}, rings at lines ${rings}`,
  );
  // And it was not early.
  const due_at = Date.parse(delivery?.attempts[1]?.at ?? "");
  assertGreaterOrEqual(due_at - Date.parse(delivery?.attempts[0]?.at ?? ""), 800);
});

Deno.test("without the queue's message a retry that is due is not sent before the sweep", async () => {
  await using file = await temporaryFile();
  const alarm = holdAlarm();
  const { database, clock } = alarm;
  await using service = await startTestService({ kv: file.path, env: RETRY_BASE, database, clock });
  await using receiver = startReceiver({ respond: [500, 200] });
  const { id: webhook_id } = await service.webhook(receiver.url);
  const failed = await failAndBecomeDue(service, receiver);
  assertGreater(alarm.armed, 0, "the retry had an alarm");
  // Meanwhile the service is busy, through the same lane too: none of it takes the retry along.
  for (const count of [2, 3, 4, 5]) await service.post(goal(count));
  await within(receiver.received(5), "the events after it");

  // What was received a moment ago may not be on record yet, and is pending then too.
  const pending = await service.deliveries(`?webhook_id=${webhook_id}&status=pending`);
  const due = pending.find(({ event_id }) => event_id === failed.event_id);
  assertEquals(due?.attempts_total, 1);
  // Two sends are under way at a time, so the order among neighbours is theirs.
  assertEquals(receiver.requests.map(countOf).toSorted(), [1, 2, 3, 4, 5]);
  alarm.sweep();
  await service.settled("delivered", 5);
  assertEquals(countOf(await within(receiver.received(6), "the retry")), 1);
  assertEquals(linesOf(service.logs).filter(({ message }) => message === "alarm.rang"), []);
});

Deno.test("a message that comes late does no harm: the retry is sent when it rings", async () => {
  await using file = await temporaryFile();
  const alarm = holdAlarm();
  const { database, clock } = alarm;
  await using service = await startTestService({ kv: file.path, env: RETRY_BASE, database, clock });
  await using receiver = startReceiver({ respond: [500, 200] });
  await service.webhook(receiver.url);
  await failAndBecomeDue(service, receiver);
  await alarm.release();
  const [delivery] = await service.settled("delivered", 1);
  assertEquals([delivery?.attempts_total, receiver.requests.length], [2, 2]);
  assert(linesOf(service.logs).some(({ message, driver }) => message === "alarm.rang" && driver === "queue"));
});

Deno.test("alarms are one for a moment, not one for a delivery", async () => {
  const alarm = holdAlarm();
  const { database, clock } = alarm;
  // Retries in 50 to 75 seconds: within the two minutes for which alarms are set.
  const env = { TIDINGS_RETRY_BASE_MS: "62500" };
  await using service = await startTestService({ env, database, clock });
  await using receiver = startReceiver({ respond: 500 });
  for (let index = 0; index < 50; index++) await service.webhook(receiver.url);
  for (let count = 0; count < 4; count++) await service.post(goal(count));
  await within(receiver.received(200), "all first attempts");
  await until(async () => {
    const { json } = await service.call<{ data: WebhookJson[] }>("GET", sitePath("/webhooks"));
    return json.data.every(({ health }) => health.pending === 4 && health.consecutive_failures === 4);
  }, "all failures are known");
  // 0.8 to 1.2 of the base is 25 s, an alarm for each second of it, and what the events took to send comes on top.
  assertGreater(alarm.armed, 5);
  assert(alarm.armed < 60, `${alarm.armed} alarms for 200 deliveries`);
});
