/**
 * What keeps the service from working just now, part by part, in words for operators.
 *
 * Owns the answer of `/readyz`. It must never wait for long: whoever asks takes no answer for a failure.
 *
 * @module
 */
import { withinDeadline } from "./deadline.ts";
import type { Engine } from "./engine/engine.ts";
import { AppError } from "./errors.ts";
import { TIME } from "./limits.ts";
import type { Clock } from "./ports.ts";
import type { Store } from "./store.ts";

/** What is looked at. */
export interface ProblemsPorts {
  readonly store: Pick<Store, "version" | "failing_since" | "failing_because">;
  readonly engine: Pick<Engine, "ready" | "storageWorks">;
  readonly clock: Clock;
}

/** Probes ask every few seconds and give up soon: this is shorter than they wait. */
const READ_MS_MAX = TIME.SECOND_MS;

/**
 * Looks at every part that the service can't work without.
 *
 * @param ports What is looked at.
 * @returns A sentence for each part that fails, beginning with its name; none if the service can work.
 */
export async function problemsOf({ store, engine, clock }: ProblemsPorts): Promise<string[]> {
  const problems: string[] = [];
  const { failing_since, failing_because } = store;
  if (!engine.storageWorks && failing_since !== null) {
    const since = new Date(failing_since).toISOString();
    problems.push(`Storage takes no writes since ${since}: ${failing_because}`);
  }
  const late = (): Error => new AppError("unavailable", "it does not answer in time");
  try {
    await withinDeadline(store.version(), { clock, deadline_ms: READ_MS_MAX, late });
  } catch (error) {
    const reason = error instanceof AppError ? error.message.replace(/^Cannot read: /, "") : "it failed";
    problems.push(`Storage can't be read: ${reason}`);
  }
  if (!engine.ready) {
    problems.push(
      "The beats of this process fail: it could not say lately that it lives, so it starts no send",
    );
  }
  return problems;
}
