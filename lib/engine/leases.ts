/**
 * Leases that this process holds: checked after a silence, given back at the end, taken over from the dead.
 *
 * Owns the moments in which leases change hands without a send. One more, claiming what is due, is the pump's.
 *
 * @module
 */
import type { Delivery } from "../delivery.ts";
import { interrupted, released } from "../delivery_moves.ts";
import { LANE, LEASE } from "../limits.ts";
import type { Clock, Log } from "../ports.ts";
import { namesOf } from "../group_lease_names.ts";
import type { GroupLease, Marker, Store } from "../store.ts";
import type { Lanes } from "./lanes.ts";

/** What changing hands needs. */
export interface LeasesPorts {
  readonly store: Pick<
    Store,
    "move" | "deliveries" | "markers" | "look" | "groupLeases" | "endGroupLease" | "forgetInstance"
  >;
  readonly clock: Pick<Clock, "now">;
  readonly log: Log;
  readonly instance: string;
  readonly lanes: Lanes;
}

/** Deliveries read and moved side by side. */
const AT_ONCE = 100;
/** Group leases ended side by side: each looks at all of its deliveries once more. */
const ENDED_AT_ONCE = 20;
/** Markers read at a time. */
const MARKERS = 500;
/** Due entries of one lane looked through for a dead process's: as many as a process may hold in memory. */
const TAKE_OVER_ENTRIES = LANE.memory_bytes_max / LANE.delivery_overhead_bytes;

/**
 * Looks at the leases of everything in memory again, and forgets what others took while this process was silent.
 *
 * @param ports What it needs.
 * @param gap_ms How long the process was silent, for the log.
 */
export async function recheckLeases(ports: LeasesPorts, gap_ms: number): Promise<void> {
  const { store, log, instance, lanes } = ports;
  const waiting = lanes.forgetAll();
  const found = await store.deliveries(waiting.map(({ known }) => known.value));
  let kept = 0;
  for (const [index, held] of waiting.entries()) {
    const now = found[index];
    const lane = lanes.get(held.known.value.webhook_id);
    if (lane === undefined || now?.value.lease?.owner !== instance || now.value.due_at === null) continue;
    if (!lanes.reserve(lane, held.bytes)) continue;
    lanes.hand(lane, { ...held, known: now });
    kept++;
  }
  log.warn("engine.was_silent", { gap_ms, waiting: waiting.length, kept });
}

/**
 * Gives the leases of everything that waits in memory back, due now: another process, or the next one, goes on at once.
 *
 * @param ports What it needs.
 */
export async function giveBackLeases(ports: LeasesPorts): Promise<void> {
  const { store, clock, instance, log, lanes } = ports;
  const waiting = lanes.forgetAll();
  const now = clock.now();
  let failed = 0;
  for (let from = 0; from < waiting.length; from += AT_ONCE) {
    const moves = waiting.slice(from, from + AT_ONCE).map(({ known }) =>
      store.move(known, (delivery) => {
        const ours = delivery.lease?.owner === instance;
        return ours ? released(delivery, now) : null;
      })
    );
    failed += (await Promise.allSettled(moves)).filter(({ status }) => status === "rejected").length;
  }
  if (failed > 0) log.warn("engine.leases_kept", { failed });
}

/**
 * Takes over from dead processes, and forgets those that left nothing. Never throws: the next beat tries again.
 *
 * @param ports What it needs.
 * @param owners The dead processes.
 * @returns Whether something became due.
 */
export async function takeOverAll(ports: LeasesPorts, owners: readonly string[]): Promise<boolean> {
  const { store, log } = ports;
  let taken = false;
  try {
    for (const owner of owners) {
      if (await takeOverLeases(ports, owner) > 0) taken = true;
      else await store.forgetInstance(owner);
    }
  } catch (error) {
    log.warn("instance.not_taken_over", { error: String(error) });
  }
  return taken;
}

/**
 * Makes the work of a dead process due, so that its leases need not run out first.
 *
 * @param ports What it needs.
 * @param owner The dead process.
 * @returns How many of its leases were found; 0 means that nothing of it is left.
 */
export async function takeOverLeases(ports: LeasesPorts, owner: string): Promise<number> {
  const { store, clock, log } = ports;
  const now = clock.now();
  const latest = now + LEASE.longest_ms;
  const seen = new Set<string>();
  let after: Marker | null = null;
  let taken = 0;
  // Not those beyond: what can't be read is put off.
  const theirs = (await store.groupLeases(latest)).filter((lease) => lease.owner === owner);
  taken += await dissolve(ports, theirs, (delivery) => interrupted(delivery, now));
  do {
    const markers: Marker[] = await store.markers(latest, MARKERS, after);
    after = markers.length === MARKERS ? markers.at(-1) ?? null : null;
    for (const { webhook_id } of markers) {
      if (seen.has(webhook_id)) continue;
      seen.add(webhook_id);
      const { due } = await store.look(webhook_id, latest, TAKE_OVER_ENTRIES);
      const left = due.filter((entry) => entry.owner === owner);
      taken += left.length;
      await interruptAll(ports, { owner, now }, left);
    }
  } while (after !== null);
  if (taken > 0) log.warn("instance.taken_over", { other: owner, deliveries: taken });
  return taken;
}

/** What is needed to dissolve group leases. */
export interface DissolvePorts {
  readonly store: Pick<Store, "move" | "deliveries" | "endGroupLease">;
  /** Whether this process is still at a delivery: then it stays as it is. */
  readonly holds?: (event_id: string, webhook_id: string) => boolean;
}

/**
 * Gives each delivery of some group leases that has no record one of its own, and a due entry with it. The group leases
 * end, but for those of which this process is still at some.
 *
 * @param ports What it needs.
 * @param leases The group leases: their owners are dead, or they have run out.
 * @param next A delivery as it shall be, taken from such a lease.
 * @returns How many deliveries were moved.
 */
export async function dissolve(
  { store, holds = () => false }: DissolvePorts,
  leases: readonly GroupLease[],
  next: (delivery: Delivery, lease: GroupLease) => Delivery,
): Promise<number> {
  const named = leases.flatMap((lease) => namesOf(lease).map((name) => ({ name, lease })));
  const kept = new Set(
    named.flatMap(({ name, lease }) => holds(name.event_id, name.webhook_id) ? [lease] : []),
  );
  let moved = 0;
  for (let from = 0; from < named.length; from += AT_ONCE) {
    const some = named.slice(from, from + AT_ONCE);
    const found = await store.deliveries(some.map(({ name }) => name));
    await Promise.all(some.map(async ({ name, lease }, index) => {
      const known = found[index] ?? null;
      if (known === null || known.written) return;
      // Taken up again while others were moved.
      if (holds(name.event_id, name.webhook_id)) return void kept.add(lease);
      const after = await store.move(known, (delivery) => {
        const theirs = delivery.attempts_total === 0 && delivery.lease?.owner === lease.owner;
        return theirs ? next(delivery, lease) : null;
      });
      if (after !== null) moved++;
    }));
  }
  const over = leases.filter((lease) => !kept.has(lease));
  for (let from = 0; from < over.length; from += ENDED_AT_ONCE) {
    await Promise.all(over.slice(from, from + ENDED_AT_ONCE).map((lease) => store.endGroupLease(lease)));
  }
  return moved;
}

async function interruptAll(
  { store }: LeasesPorts,
  { owner, now }: { owner: string; now: number },
  entries: readonly { readonly event_id: string; readonly webhook_id: string }[],
): Promise<void> {
  for (let from = 0; from < entries.length; from += AT_ONCE) {
    const found = await store.deliveries(entries.slice(from, from + AT_ONCE));
    await Promise.all(found.map((known) =>
      known === null ? null : store.move(known, (delivery) => {
        const theirs = delivery.lease?.owner === owner;
        return theirs ? interrupted(delivery, now) : null;
      })
    ));
  }
}
