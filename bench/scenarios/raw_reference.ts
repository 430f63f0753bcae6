/**
 * The raw loop by itself, at the beginning of every run: what all other figures are a ratio to, unless they bring a raw
 * loop of their own that took turns with them.
 *
 * @module
 */
import { LANE } from "../../lib/limits.ts";
import { type Measured, medianOf, type RawReference } from "../figures.ts";
import { steadyRaw } from "../latency.ts";
import { cpuOf, ratesOf, rawLoop, takeTurns } from "../rounds.ts";
import type { Stage } from "../stage.ts";

const WEBHOOKS = 10;
const PER_SECOND = 200;

/** Measures it. */
export async function rawReference(
  stage: Stage,
): Promise<{ readonly reference: RawReference; readonly measured: readonly Measured[] }> {
  const plan = { webhooks: WEBHOOKS, at_once: WEBHOOKS * LANE.cap_max };
  const [rounds] = await takeTurns(stage, "raw loop", [rawLoop(stage, plan)]);
  stage.say(`raw loop, ${PER_SECOND} a second`);
  const events = Math.ceil(PER_SECOND * stage.sizes.seconds);
  const { median_ms, p99_ms } = await steadyRaw(stage, {
    events,
    webhooks: WEBHOOKS,
    per_second: PER_SECOND,
  });
  const rates = ratesOf(rounds);
  const cpu = cpuOf(rounds);
  const raw = { scenario: "raw" } as const;
  return {
    reference: { per_s: medianOf(rates), median_ms, p99_ms },
    measured: [
      { ...raw, name: "sent by the raw loop", unit: "/s", rounds: rates },
      ...(cpu.length === 0
        ? []
        : [{ ...raw, name: "its CPU, per 1,000 sends", unit: "s", rounds: cpu } as const]),
      { ...raw, name: `at ${PER_SECOND}/s, median`, unit: "ms", rounds: [median_ms] },
      { ...raw, name: `at ${PER_SECOND}/s, 99th`, unit: "ms", rounds: [p99_ms] },
    ],
  };
}
