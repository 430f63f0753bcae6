/**
 * What a process holds, counted.
 *
 * @module
 */
import { assertEquals, assertGreater } from "@std/assert";
import { BREAKER_CLOSED } from "../../lib/breaker.ts";
import { censusOf, type CountedLane } from "../../lib/engine/census.ts";
import { LANE_AT_FIRST } from "../../lib/lane_state.ts";
import { LANE } from "../../lib/limits.ts";
import { answer, makeStage, stageEvent, stageWebhook } from "./stage.ts";

const NOW = 1_000_000;

function lane(given: Partial<CountedLane>, open_until: number | null = null): CountedLane {
  const breaker = open_until === null ? BREAKER_CLOSED : { failures: 5, openings: 1, open_until };
  return {
    state: { ...LANE_AT_FIRST, breaker },
    waiting: 0,
    in_flight: 0,
    holdUntil: () => null,
    ...given,
  };
}

Deno.test("censusOf() counts each lane in the one state that says most about it", () => {
  const held = { holdUntil: () => NOW + 1 };
  const { lanes, waiting } = censusOf([
    lane({}),
    lane({ waiting: 3 }),
    lane({ in_flight: 1 }),
    lane({ ...held, waiting: 2 }),
    lane({ ...held, waiting: 2 }, NOW + 1),
    lane({ in_flight: 1 }, NOW - 1),
  ], NOW);
  assertEquals(lanes, { idle: 1, busy: 2, held: 1, open: 1, probing: 1 });
  assertEquals(waiting, 7);
});

Deno.test("an engine counts what it sends, what waits for it, and a breaker that opens", async () => {
  const stage = makeStage();
  const webhook = stageWebhook(1);
  await stage.store.addWebhook(webhook);
  const process = await stage.process("one");
  stage.respond = () => null;
  for (let n = 0; n < 6; n++) {
    const accepted = process.accept(stageEvent(stage, n), [webhook]);
    await stage.clock.advance(0);
    await accepted;
  }
  const { lanes, waiting, waiting_bytes, in_flight } = process.engine.census();
  assertEquals([lanes.busy, in_flight, waiting], [1, LANE.cap_start, 6 - LANE.cap_start]);
  assertGreater(waiting_bytes, 6 * LANE.delivery_overhead_bytes);
  stage.respond = () => answer(500);
  for (const { answer: reply } of stage.sent.splice(0)) reply(answer(500));
  await stage.advance(1000);
  const after = process.engine.census();
  assertEquals(after.lanes, { idle: 0, busy: 0, held: 0, open: 1, probing: 0 });
  assertEquals([after.in_flight, after.unrecorded], [0, 0]);
});
