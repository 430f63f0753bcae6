/**
 * The engine under everything at once: processes that sleep, die, stop and start, storage that fails, receivers that fail
 * and hang, webhooks that are disabled and enabled. Whatever happened, when it is over everything accepted is delivered
 * or was cancelled by its owner, and nothing is left in the schedule.
 *
 * A failure names its seed: `CHAOS_SEED=<seed> deno test --allow-all tests/engine/chaos_test.ts` plays it again.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { keys } from "../../kv/keys.ts";
import { LANE_AT_FIRST, quietUntil } from "../../lib/lane_state.ts";
import { LEASE, RETRY, TIME } from "../../lib/limits.ts";
import type { SendResult } from "../../lib/ports.ts";
import type { StoredEvent } from "../../lib/store.ts";
import type { Webhook } from "../../lib/webhook.ts";
import { type CommitFault, diskFullError, lockedError } from "../helpers/fake_kv.ts";
import { seeded } from "../helpers/seeded.ts";
import { indexFaults } from "../kv/store_contract_state.ts";
import { answer, makeStage, type Stage, stageEvent, type StageProcess, stageWebhook } from "./stage.ts";

const ROUNDS = 6;
const STEPS = 100;

/** A world in which anything may happen, one thing a step. */
class Chaos {
  readonly #random: () => number;
  readonly #stage: Stage;
  readonly #webhooks: Webhook[] = [];
  readonly #accepted: { readonly event: StoredEvent; readonly webhook: Webhook }[] = [];
  readonly #disabled = new Set<Webhook>();
  /** When each webhook was last disabled. */
  readonly #disabled_at = new Map<string, number>();
  /** Until when each webhook's lane was ever on hold, in any process. */
  readonly #held_until = new Map<string, number>();
  #awake: StageProcess[] = [];
  #asleep: StageProcess[] = [];
  #started = 0;
  #events = 0;
  #answered = 0;

  constructor(seed: number) {
    this.#random = seeded(seed);
    this.#stage = makeStage();
    this.#stage.respond = () => this.#respond();
  }

  async prepare(): Promise<void> {
    for (let n = 1; n <= 3; n++) {
      const timeout_ms = this.#pick([1000, 10_000, 30_000]);
      const webhook = stageWebhook(n, { timeout_ms, max_retries: 10 });
      this.#webhooks.push(webhook);
      await this.#stage.store.addWebhook(webhook);
    }
    await this.#start();
    await this.#start();
  }

  async step(): Promise<void> {
    const happenings = [
      () => this.#accept(),
      () => this.#accept(),
      () => this.#accept(),
      () => this.#sleep(),
      () => this.#wake(),
      () => this.#die(),
      () => this.#stop(),
      () => this.#failStorage(),
      () => this.#toggleWebhook(),
      () => this.#answerSome(),
      () => this.#answerSome(),
    ];
    await this.#pick(happenings)();
    await this.#stage.advance(Math.floor(this.#random() ** 2 * 20 * TIME.SECOND_MS) + 1);
    for (const { engine } of [...this.#awake, ...this.#asleep]) {
      for (const { id } of this.#webhooks) {
        const hold_until = quietUntil(engine.laneState(id) ?? LANE_AT_FIRST, 0) ?? 0;
        // A hold that ended early ended now at the latest: what is overdue may be led to by a marker of this moment.
        const until = Math.max(hold_until, this.#stage.clock.now());
        this.#held_until.set(id, Math.max(this.#held_until.get(id) ?? 0, until));
      }
    }
    assertEquals(await indexFaults(this.#stage.db, this.#held_until), []);
  }

  /** Everything works again; time goes on until every retry has had its turn. */
  async heal(): Promise<void> {
    const { sent, store } = this.#stage;
    this.#stage.respond = () => answer(200);
    for (const process of [...this.#awake, ...this.#asleep]) process.db.onCommit = null;
    while (this.#asleep.length > 0) this.#wake();
    if (this.#awake.length === 0) await this.#start();
    for (const { site_id, id } of this.#webhooks) {
      const resumed_at = this.#stage.clock.now();
      await store.changeWebhook(
        site_id,
        id,
        (webhook) => webhook.enabled ? null : { ...webhook, enabled: true, resumed_at },
      );
    }
    for (let turn = 0; turn < 30; turn++) {
      for (const { answer: reply } of sent) reply(answer(200));
      await this.#stage.advance(LEASE.silent_dead_ms);
    }
    const end = this.#stage.clock.now() + 3 * RETRY.delay_ms_max;
    while (await this.#due() > 0 && this.#stage.clock.now() < end) {
      await this.#stage.clock.advance(TIME.HOUR_MS / 4);
    }
    await this.#stage.advance(1000);
  }

  async check(): Promise<void> {
    assertEquals(await this.#due(), 0, "something is left in the schedule");
    for (const { event, webhook } of this.#accepted) {
      const delivery = await this.#stage.delivery(event, webhook);
      const { status, attempts } = delivery ?? {};
      const outcomes = attempts?.map(({ error, outcome }) => error ?? outcome).join();
      const what = `${event.id} to ${webhook.id} is ${status} after ${outcomes}`;
      assert(status === "delivered" || status === "cancelled" || status === "exhausted", what);
      // Cancelled is only what was there when its webhook was disabled.
      if (status === "cancelled") {
        assert((this.#disabled_at.get(webhook.id) ?? 0) >= event.accepted_at, what);
      }
      const sends = this.#stage.sent.filter(({ event_id, url }) =>
        event_id === event.id && url === webhook.url
      );
      if (status === "delivered") assert(sends.length > 0, what);
      // Exhausted is only what was really refused eleven times.
      if (status === "exhausted") assert(sends.length > 10, what);
    }
    assert(this.#accepted.length > 20, "something was accepted");
  }

  async #due(): Promise<number> {
    return (await Array.fromAsync(this.#stage.db.list({ prefix: keys.dueAll() }))).length;
  }

  #pick<T>(some: readonly T[]): T {
    const picked = some[Math.floor(this.#random() * some.length)];
    assert(picked !== undefined);
    return picked;
  }

  async #start(): Promise<void> {
    this.#awake.push(await this.#stage.process(`p${this.#started++}`));
  }

  #accept(): void {
    if (this.#awake.length === 0) return;
    const process = this.#pick(this.#awake);
    const count = 1 + Math.floor(this.#random() * 8);
    for (let n = 0; n < count; n++) {
      const event = stageEvent(this.#stage, this.#events++);
      // One that is not accepted was answered with an error: nothing was promised.
      const told = this.#webhooks.filter((webhook) => !this.#disabled.has(webhook));
      process.accept(event, told).then(
        () => this.#accepted.push(...told.map((webhook) => ({ event, webhook }))),
        () => {},
      );
    }
  }

  #sleep(): void {
    if (this.#awake.length < 2) return;
    const process = this.#pick(this.#awake);
    this.#awake = this.#awake.filter((other) => other !== process);
    this.#asleep.push(process);
    process.sleep();
  }

  #wake(): void {
    const process = this.#asleep.shift();
    if (process === undefined) return;
    this.#awake.push(process);
    process.wake();
  }

  async #die(): Promise<void> {
    if (this.#awake.length === 0) return;
    const process = this.#pick(this.#awake);
    this.#awake = this.#awake.filter((other) => other !== process);
    process.db.crash();
    process.sleep();
    if (this.#awake.length === 0) await this.#start();
  }

  async #stop(): Promise<void> {
    if (this.#awake.length === 0) return;
    const process = this.#pick(this.#awake);
    this.#awake = this.#awake.filter((other) => other !== process);
    let over = false;
    const stopped = process.engine.stop(2000).then(() => over = true);
    for (let turn = 0; turn < 60 && !over; turn++) await this.#stage.advance(2000);
    assert(over, "a stop never ends");
    await stopped;
    process.sleep();
    await this.#start();
  }

  #failStorage(): void {
    if (this.#awake.length === 0) return;
    const process = this.#pick(this.#awake);
    const until = this.#stage.clock.now() + this.#random() * 20 * TIME.SECOND_MS;
    const faults: (() => CommitFault)[] = [
      () => ({ kind: "throw", error: lockedError() }),
      () => ({ kind: "throw", error: diskFullError() }),
      () => ({ kind: "commit_then_throw", error: diskFullError() }),
      () => this.#random() < 0.3 ? { kind: "lost" } : {},
      () => ({ delay_ms: this.#random() * 3000 }),
    ];
    const fault = this.#pick(faults);
    process.db.onCommit = () => this.#stage.clock.now() < until ? fault() : undefined;
  }

  async #toggleWebhook(): Promise<void> {
    const picked = this.#pick(this.#webhooks);
    const { site_id, id } = picked;
    const now = this.#stage.clock.now();
    const changed = await this.#stage.store.changeWebhook(
      site_id,
      id,
      (webhook) =>
        webhook.enabled
          ? { ...webhook, enabled: false, cancelled_until: now, updated_at: now }
          : { ...webhook, enabled: true, resumed_at: now, updated_at: now },
    );
    this.#disabled.delete(picked);
    if (changed?.enabled !== false) return;
    this.#disabled.add(picked);
    this.#disabled_at.set(id, now);
  }

  #respond(): SendResult | null {
    const random = this.#random();
    if (random < 0.5) return answer(200);
    if (random < 0.65) return answer(500);
    if (random < 0.7) return answer(503);
    if (random < 0.75) return answer(503, String(Math.floor(this.#random() * 100)));
    return random < 0.8 ? { kind: "error", error: "connect", detail: "" } : null;
  }

  #answerSome(): void {
    const { sent } = this.#stage;
    const timeout: SendResult = { kind: "error", error: "timeout", detail: "" };
    while (this.#answered < sent.length && this.#random() < 0.9) {
      sent[this.#answered++]?.answer(this.#pick([answer(200), answer(200), answer(500), timeout]));
    }
  }
}

const given = Deno.env.get("CHAOS_SEED");
const seeds = given === undefined ? [...crypto.getRandomValues(new Uint32Array(ROUNDS))] : [Number(given)];

Deno.test("whatever happens to processes, storage and receivers, what was accepted is delivered or cancelled", async () => {
  for (const seed of seeds) {
    try {
      const chaos = new Chaos(seed);
      await chaos.prepare();
      for (let step = 0; step < STEPS; step++) await chaos.step();
      await chaos.heal();
      await chaos.check();
    } catch (error) {
      throw new Error(`With CHAOS_SEED=${seed}`, { cause: error });
    }
  }
});
