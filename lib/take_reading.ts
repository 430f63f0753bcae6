/**
 * Takes a reading of a site's visitors: tells the webhooks it concerns, and remembers it.
 *
 * Owns the one commit in which both happen, so that two readings at once, two processes or a crash never tell twice what is
 * to be told once, nor swallow it.
 *
 * @module
 */
import { admit, admitInTurns, type AdmitPorts } from "./admit.ts";
import type { AlertKind } from "./alert.ts";
import type { SkipReason } from "./decide.ts";
import type { Directory } from "./directory.ts";
import { encodeBody } from "./event.ts";
import { type DecidedAlert, decideReading, type Reading } from "./reading.ts";
import type { SiteTurns } from "./site_turns.ts";
import type { Store } from "./store.ts";
import type { Origin } from "./tracing.ts";

/** What taking a reading needs. */
export interface TakeReadingPorts extends AdmitPorts {
  readonly store: AdmitPorts["store"] & Pick<Store, "alerts">;
  readonly directory: Pick<Directory, "webhooksOf" | "names">;
  readonly alert_turns: Pick<SiteTurns, "take">;
  /** The request that brought it, if one did. */
  readonly origin?: Origin;
}

/** What came of a reading. */
export interface TakenReading {
  readonly triggered: readonly {
    readonly webhook_id: string;
    readonly event: AlertKind;
    readonly event_id: string;
  }[];
  readonly skipped: readonly {
    readonly webhook_id: string;
    readonly event: AlertKind;
    readonly reason: SkipReason;
  }[];
}

/**
 * Takes a reading.
 *
 * @param site_id Whose.
 * @param reading The reading, parsed.
 * @param ports What it needs.
 * @returns Who was told, and why the others were not; both empty for a reading that is older than the last.
 * @throws {AppError} `rate_limited`, `unavailable`.
 */
export async function takeReading(
  site_id: string,
  reading: Reading,
  ports: TakeReadingPorts,
): Promise<TakenReading> {
  return await ports.alert_turns.take(
    site_id,
    () => admitInTurns("take the reading", () => takeInTurn(site_id, reading, ports)),
  );
}

/** Null if someone else changed meanwhile what was decided by. */
async function takeInTurn(
  site_id: string,
  reading: Reading,
  ports: TakeReadingPorts,
): Promise<TakenReading | null> {
  const webhooks = await ports.directory.webhooksOf(site_id);
  const { value, versionstamp: seen } = await ports.store.alerts(site_id);
  const decided = decideReading(site_id, reading, webhooks, value);
  // A site without webhooks does not begin to exist by being read.
  if (decided === null || webhooks.length === 0) return { triggered: [], skipped: [] };
  const told = decided.alerts.filter(({ decisions }) => decisions.some(({ reason }) => reason === null));
  const today = ports.directory.names.nameOf(site_id);
  const admissions = told.map(({ payload, decisions }) => ({
    payload,
    body: encodeBody({ ...payload, site_id: today }),
    webhooks,
    decisions,
    origin: ports.origin,
  }));
  const admitted = await admit(admissions, { site_id, seen, next: decided.after }, ports);
  if (admitted === null) return null;
  return {
    triggered: told.flatMap(({ payload: { event }, decisions }, index) =>
      decisions.filter(({ reason }) => reason === null)
        .map(({ webhook_id }) => ({ webhook_id, event, event_id: admitted.ids[index] ?? "" }))
    ),
    skipped: decided.alerts.flatMap(skippedOf),
  };
}

function skippedOf({ payload: { event }, decisions }: DecidedAlert): TakenReading["skipped"][number][] {
  return decisions.flatMap(({ webhook_id, reason }) =>
    reason === null ? [] : [{ webhook_id, event, reason }]
  );
}
