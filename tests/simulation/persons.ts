/**
 * What callers and owners do: accept events, change webhooks, ask for redelivery and recovery, by the real use cases.
 *
 * Owns what a person may expect of an answer. Nobody waits for anybody: while one asks, time goes on.
 *
 * @module
 */
import { ACTOR } from "../../lib/audit.ts";
import { accept, type AcceptResult } from "../../lib/accept.ts";
import { type Delivery, deliveryId } from "../../lib/delivery.ts";
import { AppError } from "../../lib/errors.ts";
import { type AcceptableEvent, encodeBody } from "../../lib/event.ts";
import { TIME } from "../../lib/limits.ts";
import { recover } from "../../lib/recover.ts";
import { rotateSecret } from "../../lib/rotate_secret.ts";
import { redeliver } from "../../lib/redeliver.ts";
import type { Webhook } from "../../lib/webhook.ts";
import { createWebhook, deleteWebhook, patchWebhook } from "../../lib/webhooks.ts";
import { nameOf } from "./mirror.ts";
import { MOODS } from "./receivers.ts";
import type { SimProcess } from "./sim_process.ts";
import { urlOf, type World } from "./world.ts";

/** The sites of the world. */
export const SITES = ["a.example.com", "b.example.com"] as const;

/** A request with an idempotency key, which may come again. */
interface Keyed {
  readonly site_id: string;
  readonly key: string;
  readonly made_at: number;
  /** What it was told, once it was. */
  answer: AcceptResult | null;
}

/** Deadlines of receivers. */
const TIMEOUTS_MS = [1000, 2000, 10_000];

/** Requests allowed within a minute. */
const RATES = [null, null, null, 1, 5];

/** How long after it a caller still repeats a request: safely within the life of its key. */
const REPEATED_MS = 20 * TIME.HOUR_MS;

/** An event that tells in its body under which key it is sent, if under one. */
function eventOf(site_id: string, key: string | null, count: number): AcceptableEvent {
  const data = { goal_name: "Signup", visitor_count: count, path: key === null ? "/" : `/once/${key}` };
  const payload = { event: "goal_completion", site_id, timestamp: "2026-01-01T00:00:00Z", data } as const;
  return { payload, body: encodeBody(payload) };
}

/** See the module. */
export class Persons {
  readonly #world: World;
  readonly #keyed: Keyed[] = [];
  #keys = 0;
  #receivers = 0;
  #versions = 0;

  /** @param world Where they live. */
  constructor(world: World) {
    this.#world = world;
  }

  /** Webhooks that are not deleted. */
  get #webhooks(): Webhook[] {
    return [...this.#world.mirror.webhooks.values()].filter(({ deleted_at }) => deleted_at === null);
  }

  /** Someone's request comes to nothing or to a refusal; anything else is a fault. */
  #expectRefusal(what: string, done: Promise<unknown>): void {
    const world = this.#world;
    done.catch((error) => {
      if (error instanceof AppError) world.note(`${what} is refused: ${error.code}`);
      else world.violated("refusals_are_expected", `${what} failed with ${error}`);
    });
  }

  /** Accepts a new event. */
  accept(process: SimProcess): void {
    const { chance, wall } = this.#world;
    const site_id = chance.pick(SITES);
    const key = chance.happens(0.3) ? `k${this.#keys++}` : null;
    if (key === null) return this.#accept(process, eventOf(site_id, null, 1), null);
    const keyed: Keyed = { site_id, key, made_at: wall, answer: null };
    this.#keyed.push(keyed);
    this.#accept(process, eventOf(site_id, key, 1), keyed);
  }

  /** Repeats a request, as a caller does who got no answer, or with other data, as a caller does by mistake. */
  repeat(process: SimProcess): void {
    const { chance, wall } = this.#world;
    const recent = this.#keyed.filter(({ made_at }) => wall - made_at < REPEATED_MS);
    if (recent.length === 0) return this.accept(process);
    const keyed = chance.pick(recent);
    const { site_id, key } = keyed;
    if (chance.happens(0.8)) this.#accept(process, eventOf(site_id, key, 1), keyed);
    else this.#reuse(process, keyed);
  }

  #accept(process: SimProcess, event: AcceptableEvent, keyed: Keyed | null): void {
    const world = this.#world;
    const what = `accept for ${event.payload.site_id} with ${keyed?.key ?? "no key"}`;
    world.note(`${process.name} is asked to ${what}`);
    const done = accept(event, keyed?.key ?? null, process.accepting);
    this.#expectRefusal(
      what,
      done.then((result) => {
        world.note(`${process.name} accepted ${world.short(result.id)}${result.duplicate ? " before" : ""}`);
        world.promise(result.id, result.queued);
        // The clocks may have jumped past the life of the key meanwhile.
        if (keyed === null || world.wall - keyed.made_at >= REPEATED_MS) return;
        if (keyed.answer !== null && keyed.answer.id !== result.id) {
          world.violated("one_event_a_key", `${keyed.key} was answered with two events`);
        }
        keyed.answer ??= result;
      }),
    );
  }

  /** The same key for another event. */
  #reuse(process: SimProcess, { site_id, key, answer, made_at }: Keyed): void {
    const world = this.#world;
    world.note(`${process.name} is asked to accept something else with ${key}`);
    const done = accept(eventOf(site_id, null, 2), key, process.accepting);
    this.#expectRefusal(
      `reuse of ${key}`,
      done.then(({ id, queued }) => {
        world.promise(id, queued);
        const alive = world.wall - made_at < REPEATED_MS;
        if (answer !== null && alive) world.violated("one_event_a_key", `${key} was taken for another event`);
      }),
    );
  }

  /** Creates a webhook with a receiver of its own. */
  create(process: SimProcess): void {
    const { chance } = this.#world;
    const input = {
      url: urlOf(this.#receivers++, 0),
      events: chance.happens(0.5) ? ["goal_completion"] : ["goal_completion", "error_condition"],
      rate_limit_per_minute: chance.pick(RATES),
      max_retries: chance.pick([0, 1, 3, 10]),
      timeout_ms: chance.pick(TIMEOUTS_MS),
    };
    this.#expectRefusal("create", createWebhook(chance.pick(SITES), input, process.managing));
  }

  /** Changes one thing about a webhook. */
  change(process: SimProcess): void {
    const { chance } = this.#world;
    const webhook = this.#some();
    if (webhook === null) return this.create(process);
    const { site_id, id: webhook_id, url, enabled } = webhook;
    const receiver = Number(/r(\d+)/.exec(url)?.[1]);
    const patch = chance.weighted([
      [3, { enabled: !enabled }],
      [1, { url: urlOf(receiver, ++this.#versions) }],
      [0.5, { rate_limit_per_minute: chance.pick(RATES) }],
      [1, { max_retries: chance.pick([0, 1, 3, 10]) }],
      [1, { timeout_ms: chance.pick(TIMEOUTS_MS) }],
    ]);
    this.#world.note(`${process.name} changes ${this.#world.short(webhook_id)}: ${JSON.stringify(patch)}`);
    this.#expectRefusal("change", patchWebhook({ site_id, webhook_id }, patch, process.managing));
  }

  /** Owners lift every limit of a rate. */
  liftRates(process: SimProcess): void {
    for (const { site_id, id: webhook_id, rate_limit_per_minute } of this.#webhooks) {
      if (rate_limit_per_minute === null) continue;
      const patch = { rate_limit_per_minute: null };
      this.#expectRefusal("change", patchWebhook({ site_id, webhook_id }, patch, process.managing));
    }
  }

  /** Rotates a secret. */
  rotate(process: SimProcess): void {
    const webhook = this.#some();
    if (webhook === null) return;
    const { site_id, id: webhook_id } = webhook;
    this.#world.note(`${process.name} rotates the secret of ${this.#world.short(webhook_id)}`);
    const input = { overlap_hours: this.#world.chance.pick([0, 1, 24]) };
    this.#expectRefusal("rotate", rotateSecret({ site_id, webhook_id }, input, process.managing));
  }

  /** Deletes a webhook. */
  remove(process: SimProcess): void {
    const webhook = this.#some();
    if (webhook === null) return;
    const { site_id, id: webhook_id } = webhook;
    this.#world.note(`${process.name} deletes ${this.#world.short(webhook_id)}`);
    this.#expectRefusal("delete", deleteWebhook({ site_id, webhook_id }, process.managing));
  }

  /** Asks for one more attempt, over the API or at the command line. */
  redeliver(process: SimProcess): void {
    const world = this.#world;
    const recent = [...world.mirror.deliveries.values()].slice(-20);
    if (recent.length === 0) return;
    const delivery: Delivery = world.chance.pick(recent);
    const { event_id, webhook_id, site_id } = delivery;
    const name = nameOf(delivery);
    world.wishes.set(name, (world.wishes.get(name) ?? 0) + 1);
    const { store, clock, instance } = process;
    const engine = world.chance.happens(0.7) ? process.engine : null;
    const where = engine === null ? "at the command line" : `with ${process.name}`;
    world.note(`redelivery of ${world.short(event_id)} ${world.short(webhook_id)} ${where}`);
    const done = redeliver(site_id, deliveryId(event_id, webhook_id), {
      store,
      engine,
      clock,
      instance,
      actor: ACTOR.command_line,
    });
    this.#expectRefusal("redeliver", done);
  }

  /** Asks for what a webhook missed. */
  recover(process: SimProcess): void {
    const webhook = this.#some();
    if (webhook === null) return;
    const { chance, wall, recovered, short } = this.#world;
    const { site_id, id: webhook_id } = webhook;
    recovered.add(webhook_id);
    const since = new Date(wall - chance.whole(1, 24) * TIME.HOUR_MS).toISOString();
    this.#world.note(`${process.name} recovers ${short.call(this.#world, webhook_id)}`);
    const { store, clock } = process;
    this.#expectRefusal(
      "recover",
      recover({ site_id, webhook_id }, { since }, { store, clock, actor: ACTOR.command_line }),
    );
  }

  /** A receiver's mood changes. */
  changeMood(): void {
    const { chance, moods } = this.#world;
    const receiver = `r${chance.whole(0, Math.max(this.#receivers - 1, 0))}.example.com`;
    const mood = chance.happens(0.4) ? "well" : chance.pick(MOODS);
    moods.set(receiver, mood);
    this.#world.note(`${receiver} is ${mood}`);
  }

  #some(): Webhook | null {
    const webhooks = this.#webhooks;
    return webhooks.length === 0 ? null : this.#world.chance.pick(webhooks);
  }
}
