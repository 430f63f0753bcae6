/**
 * What stands for the engine outside the service: everything is due at once, and the services are rung.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { createOutsideEngine } from "../../admin/outside_engine.ts";
import { SAMPLE_AT, sampleDelivery, sampleEvent, sampleWebhook } from "../helpers/sample.ts";

Deno.test("createOutsideEngine() keeps nothing, rings once for what was accepted, and survives a ring that fails", async () => {
  let rings = 0;
  const engine = createOutsideEngine({
    store: {
      ring() {
        rings++;
        return Promise.reject(new Error("storage is gone"));
      },
    },
    clock: { now: () => SAMPLE_AT },
  });
  const reservations = await engine.reserve([sampleWebhook(1), sampleWebhook(2)], 100);
  const due = { kept: false, due_at: SAMPLE_AT, marker_at: null } as const;
  assertEquals(reservations, [due, due]);
  engine.hand([], new Uint8Array());
  assertEquals(rings, 0);
  const known = {
    value: sampleDelivery(sampleEvent(), sampleWebhook().id),
    versionstamp: "1",
    written: true,
  };
  engine.hand([{ known, reservation: due }, { known, reservation: due }], new Uint8Array());
  assertEquals(rings, 1);
  engine.unreserve(reservations);
  assertEquals(engine.laneState("wh_1"), null);
});
