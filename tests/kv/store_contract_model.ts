/**
 * Part of the store's contract: the invariant of the due index under random sequences of everything the engine does,
 * several at once, by two processes.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Delivery, nextTrigger } from "../../lib/delivery.ts";
import {
  ended,
  interrupted,
  leased,
  released,
  revived,
  wished,
  withAttempt,
} from "../../lib/delivery_moves.ts";
import { LEASE } from "../../lib/limits.ts";
import type { KnownDelivery, Store } from "../../lib/store.ts";
import { sampleAcceptance, sampleAttempt, sampleEvent, sampleWebhookId } from "../helpers/sample.ts";
import type { OpenedStore } from "./store_contract.ts";
import { indexFaults } from "./store_contract_state.ts";

const WEBHOOKS = [1, 2, 3].map(sampleWebhookId);
const OWNERS = ["one", "two"];
/** What may be recovered. */
const REVIVABLE = new Set(["exhausted", "cancelled", "blocked"]);

/** One step: who does what, to which of the deliveries so far, and how far ahead in time it reaches. */
const step = fc.record({
  what: fc.constantFrom(
    "accept",
    "accept on hold",
    "claim",
    "retry",
    "delivered",
    "failed",
    "release",
    "interrupted",
    "cancel",
    "late failure",
    "wish",
    "revive",
    "retire markers",
    "hold markers",
    "drop entries",
  ),
  process: fc.nat(1),
  pick: fc.nat(99),
  ahead_ms: fc.constantFrom(0, 1, 4000, 10_000, 35_000, 120_000),
});
type Step = typeof step extends fc.Arbitrary<infer Made> ? Made : never;

/** Steps that run at once, and how much time passes after them. */
const round = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 4 }),
  pass_ms: fc.constantFrom(0, 1000, 10_000, 45_000),
});

class Model {
  /** Deliveries as this test last saw them: often stale, as an engine's are. */
  readonly #known: KnownDelivery[] = [];
  /** Until when each lane was on hold. */
  readonly held_until = new Map<string, number>();
  #events = 0;
  readonly #opened: OpenedStore;

  constructor(opened: OpenedStore) {
    this.#opened = opened;
  }

  async run({ what, process, pick, ahead_ms }: Step): Promise<void> {
    const store = process === 0 ? this.#opened.store : this.#opened.other;
    const at = this.#opened.clock.now() + ahead_ms;
    switch (what) {
      case "accept":
        return await this.#accept(store, { pick, at, process });
      case "accept on hold":
        return await this.#acceptOnHold(store, { pick, at });
      case "retire markers":
      case "hold markers":
        return await this.#visit(store, what === "hold markers" ? at : null);
      case "drop entries":
        return await this.#dropAll(store);
      default:
        return await this.#move(
          store,
          pick,
          (delivery, sent) => this.#next(what, delivery, { process, at, sent }),
        );
    }
  }

  #next(
    what: string,
    delivery: Delivery,
    { process, at, sent }: { process: number; at: number; sent: Delivery },
  ): Delivery | null {
    const by = { owner: OWNERS[process] ?? "", now_ms: this.#opened.clock.now() };
    // Why it is sent is decided by what the sender knew.
    const attempt = sampleAttempt(at, { trigger: nextTrigger(sent) });
    if (what === "wish") return wished(delivery, by.now_ms);
    // Recorded by a process that lost its lease long ago.
    if (what === "late failure") return withAttempt(delivery, sampleAttempt(at), { outcome: "failed" }, by);
    if (what === "revive") return REVIVABLE.has(delivery.status) ? revived(delivery, at) : null;
    if (delivery.due_at === null) return null;
    switch (what) {
      case "claim":
        return leased(delivery, { owner: by.owner, until_ms: at });
      case "retry":
        return withAttempt(delivery, attempt, { outcome: "retry", due_at: at }, by);
      case "delivered":
      case "failed":
        return withAttempt(delivery, attempt, { outcome: what }, by);
      case "release":
        return released(delivery, at);
      case "interrupted":
        return interrupted(delivery, at);
      case "cancel":
        return ended(delivery, "cancelled");
      default:
        throw new Error(`unknown step ${what}`);
    }
  }

  async #accept(store: Store, given: { pick: number; at: number; process: number }): Promise<void> {
    const webhook_ids = WEBHOOKS.filter((_, index) => ((given.pick + 1) >> index) % 2 === 1);
    const event = sampleEvent(this.#events++, { accepted_at: this.#opened.clock.now() });
    const owner = OWNERS[given.process] ?? "";
    const acceptance = sampleAcceptance(
      event,
      webhook_ids,
      given.pick % 3 === 0 ? undefined : { owner, until_ms: given.at },
    );
    const versionstamp = await store.accept(acceptance);
    if (versionstamp === null) throw new Error("nothing stood against it");
    for (const { delivery } of acceptance.deliveries) {
      this.#known.push({ value: delivery, versionstamp, written: false });
    }
  }

  async #acceptOnHold(store: Store, { pick, at }: { pick: number; at: number }): Promise<void> {
    const webhook_id = WEBHOOKS[pick % WEBHOOKS.length] ?? "";
    const event = sampleEvent(this.#events++, { accepted_at: this.#opened.clock.now() });
    const acceptance = sampleAcceptance(event, [webhook_id]);
    this.#hold(webhook_id, at);
    const deliveries = acceptance.deliveries.map(({ delivery }) => ({ delivery, marker_at: at }));
    await store.accept({ ...acceptance, deliveries });
  }

  async #move(
    store: Store,
    pick: number,
    next: (delivery: Delivery, known: Delivery) => Delivery | null,
  ): Promise<void> {
    const index = pick % Math.max(this.#known.length, 1);
    const known = this.#known[index];
    if (known === undefined) return;
    const after = await store.move(known, (delivery) => next(delivery, known.value));
    // Every second time only: the rest stay stale.
    if (after !== null && pick % 2 === 0) this.#known[index] = after;
  }

  /** As the pump does it: the marker is read first and the lane second. */
  async #visit(store: Store, hold_until: number | null): Promise<void> {
    const now = this.#opened.clock.now();
    for (const marker of await store.markers(now, 100, null)) {
      const slot_end = (marker.slot + 1) * LEASE.slot_ms;
      if (hold_until !== null) {
        if (hold_until < slot_end) continue;
        this.#hold(marker.webhook_id, hold_until);
        await store.moveMarker(marker, hold_until);
        continue;
      }
      const { due, next } = await store.look(marker.webhook_id, now, 5);
      const over = due.length === 0 && now >= slot_end && (next === null || next.at >= slot_end);
      if (over) await store.retireMarker(marker);
    }
  }

  async #dropAll(store: Store): Promise<void> {
    for (const webhook_id of WEBHOOKS) {
      const { due } = await store.look(webhook_id, Number.MAX_SAFE_INTEGER, 100);
      await Promise.all(due.map((entry) => store.dropEntry(entry)));
    }
  }

  #hold(webhook_id: string, until: number): void {
    this.held_until.set(webhook_id, Math.max(until, this.held_until.get(webhook_id) ?? 0));
  }
}

/** Registers this part. */
export function testModel(name: string, makeStore: () => Promise<OpenedStore>, runs: number): void {
  const behaviour =
    "what is to be done has exactly one due entry and a marker in time, whatever happens at once";
  Deno.test(`${name}: ${behaviour}`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(round, { minLength: 1, maxLength: 25, size: "max" }), async (rounds) => {
        await using opened = await makeStore();
        const model = new Model(opened);
        for (const { steps, pass_ms } of rounds) {
          await Promise.all(steps.map((each) => model.run(each)));
          assertEquals(await indexFaults(opened.db, model.held_until), []);
          await opened.clock.advance(pass_ms);
        }
      }),
      { numRuns: runs },
    );
  });
}
