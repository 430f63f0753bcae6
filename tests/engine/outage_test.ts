/**
 * Storage that takes no writes for longer than a lease lasts: what was sent is recorded later, and not sent again.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { type CommitFault, diskFullError } from "../helpers/fake_kv.ts";
import { answer, makeStage, stageEvent, stageWebhook } from "./stage.ts";

const FULL: CommitFault = { kind: "throw", error: diskFullError() };

/** One delivery is answered when the disk is full already: its attempts on record in the end, and its requests. */
async function afterOutage(status: number, outage_ms: number): Promise<{ recorded: unknown; sent: number }> {
  const stage = makeStage();
  const webhook = stageWebhook(1);
  await stage.store.addWebhook(webhook);
  const one = await stage.process("one");
  stage.respond = () => stage.sent.length === 1 ? null : answer(200);
  const event = stageEvent(stage, 1);
  await one.accept(event, [webhook]);
  await stage.advance(1000);
  one.db.onCommit = () => FULL;
  stage.sent[0]?.answer(answer(status));
  await stage.advance(outage_ms);
  assertEquals(stage.sent.length, 1, "nothing is sent while nothing can be recorded");
  one.db.onCommit = null;
  await stage.advance(60_000);
  const delivery = await stage.delivery(event, webhook);
  return {
    recorded: delivery?.attempts.map(({ status_code, error }) => [status_code, error]),
    sent: stage.sent.length,
  };
}

for (const status of [200, 500]) {
  Deno.test(`an attempt answered with ${status} during an outage longer than its lease is recorded afterwards, and not made again`, async () => {
    const recorded = status === 200 ? [[200, null]] : [[500, null], [200, null]];
    // Whether the record or the sweep comes first afterwards is a matter of when it ends.
    for (let outage_ms = 69_000; outage_ms < 75_000; outage_ms += 300) {
      const after = await afterOutage(status, outage_ms);
      assertEquals(after, { recorded, sent: recorded.length }, `after ${outage_ms} ms`);
    }
  });
}
