/**
 * S12: two processes of the service on one file, against one.
 *
 * @module
 */
import { LANE } from "../../lib/limits.ts";
import { type Measured, medianOf } from "../figures.ts";
import { type Contestant, ratesOf, rawLoop, serviceRound, sharesOf, takeTurns } from "../rounds.ts";
import { startMeasured } from "../service.ts";
import type { Stage } from "../stage.ts";
import { batchPlan, contestant } from "./throughput.ts";

const SITES = 10;
/** How soon a process learns what another changed. */
const LEARNS_MS = 2000;

/** S12. */
export async function twoProcesses(stage: Stage): Promise<Measured[]> {
  const kv = stage.newFile();
  await using one = await stage.serviceWith({ sites: SITES });
  await using first = await stage.serviceWith({ sites: SITES, kv });
  await using second = await startMeasured({ kv });
  await new Promise((resolve) => void setTimeout(resolve, LEARNS_MS));
  const plan = { ...batchPlan(first), services: [first, second] } as const;
  const both: Contestant = {
    name: "two processes",
    guess: plan.guess,
    run: (events) => serviceRound(stage, plan, events),
  };
  const [raw, alone, together] = await takeTurns(stage, "S12, two processes on one file", [
    rawLoop(stage, { webhooks: SITES, at_once: SITES * LANE.cap_max }),
    contestant(stage, "one process", batchPlan(one)),
    both,
  ]);
  return [
    {
      scenario: "S12",
      name: "accepted and delivered by two",
      unit: "/s",
      rounds: ratesOf(together),
      raw: medianOf(ratesOf(raw)),
    },
    { scenario: "S12", name: "as a share of one", unit: "share", rounds: sharesOf(together, alone) },
    {
      scenario: "S12",
      name: "events that were refused",
      unit: "count",
      rounds: (together ?? []).map(({ refused }) => refused),
    },
  ];
}
