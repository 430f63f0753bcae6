/**
 * What callers and owners do during the soak: single events, batches, changes of webhooks, redeliveries, recoveries,
 * reading of history.
 *
 * Owns the calls and their counts. Every answer must be one that the contract names for it; anything else is a fault.
 *
 * @module
 */
import type { AcceptedJson, Api, DeliveryJson, PageJson } from "../helpers/api.ts";
import { sitePath } from "../helpers/api.ts";
import { CLOSING, type Receivers, TEMPERS } from "./receivers.ts";

/** One event in so many is told to all receivers. */
const RARE_EVERY = 50;
const SINGLE_PAUSE_MS = 50;
const BATCH_PAUSE_MS = 2000;
const BATCH_EVENTS = 50;
const CHANGE_PAUSE_MS = 1000;
/** How far back recoveries look. */
const RECOVER_MS = 30_000;

/** Whether all receivers are told about an event. */
export function isRare(number: number): boolean {
  return number % RARE_EVERY === 0;
}

function numbered(number: number): Record<string, unknown> {
  return {
    event: "goal_completion",
    site_id: "example.com",
    timestamp: "2026-02-25T12:00:00Z",
    data: { goal_name: isRare(number) ? "Rare" : "Signup", visitor_count: number },
  };
}

/** The load on one service. */
export class Load {
  /** The numbers of the events that were answered with 202. */
  readonly accepted = new Set<number>();
  /** What must not have been, in words. */
  readonly faults: string[] = [];
  /** Redeliveries that were asked for, of the healthy receiver's. */
  redelivered = 0;
  calls = 0;
  readonly #api: Api;
  readonly #receivers: Receivers;
  /** The webhooks by name. */
  readonly #ids = new Map<string, string>();
  #number = 0;

  /**
   * @param api The service.
   * @param receivers Where its webhooks lead.
   */
  constructor(api: Api, receivers: Receivers) {
    this.#api = api;
    this.#receivers = receivers;
  }

  /** Creates all webhooks. */
  async prepare(): Promise<void> {
    for (const { name } of [...TEMPERS, CLOSING]) await this.#create(name);
  }

  /**
   * Goes on until it is told to stop.
   * @param isOver Whether it is.
   */
  async run(isOver: () => boolean): Promise<void> {
    const every = async (pause_ms: number, act: (turn: number) => Promise<void>): Promise<void> => {
      for (let turn = 0; !isOver(); turn++) {
        try {
          await act(turn);
        } catch (error) {
          this.faults.push(`a call broke: ${error}`);
        }
        await new Promise((resolve) => void setTimeout(resolve, pause_ms));
      }
    };
    await Promise.all([
      every(SINGLE_PAUSE_MS, () => this.#postOne()),
      every(SINGLE_PAUSE_MS, () => this.#postOne()),
      every(BATCH_PAUSE_MS, () => this.#postBatch()),
      every(CHANGE_PAUSE_MS, (turn) => this.#change(turn)),
      every(CHANGE_PAUSE_MS, (turn) => this.#read(turn)),
    ]);
  }

  /** Deletes the webhooks whose receivers are without hope, so that what is left can be waited for. */
  async giveUpHope(): Promise<void> {
    const trustworthy = new Set(TEMPERS.filter((temper) => temper.trustworthy).map(({ name }) => name));
    for (const name of this.#ids.keys()) {
      if (!trustworthy.has(name)) await this.#call("DELETE", this.#path(name), undefined, [204]);
    }
  }

  #path(name: string, rest = ""): string {
    return sitePath(`/webhooks/${this.#ids.get(name)}${rest}`);
  }

  async #call<Body>(method: string, path: string, body: unknown, expected: readonly number[]): Promise<Body> {
    this.calls++;
    const { status, json, text } = await this.#api.call<Body>(method, path, body);
    if (!expected.includes(status)) {
      this.faults.push(`${method} ${path} answered ${status}: ${text.slice(0, 200)}`);
    }
    return json;
  }

  async #create(name: string): Promise<void> {
    const temper = [...TEMPERS, CLOSING].find((one) => one.name === name);
    const { id } = await this.#call<{ id: string }>("POST", sitePath("/webhooks"), {
      name,
      url: this.#receivers.url(name),
      events: ["goal_completion"],
      ...(temper?.rare ? { filters: { goals: ["Rare"] } } : {}),
      ...temper?.fields,
    }, [201]);
    this.#ids.set(name, id);
  }

  async #postOne(): Promise<void> {
    const number = ++this.#number;
    await this.#call<AcceptedJson>("POST", "/v1/events", numbered(number), [202]);
    this.accepted.add(number);
  }

  async #postBatch(): Promise<void> {
    const numbers = Array.from({ length: BATCH_EVENTS }, () => ++this.#number);
    const events = numbers.map((number) => ({ ...numbered(number), idempotency_key: `soak-${number}` }));
    const { accepted } = await this.#call<{ accepted: number }>("POST", "/v1/events/batch", { events }, [
      202,
    ]);
    if (accepted !== numbers.length) {
      this.faults.push(`a batch of ${numbers.length} was accepted ${accepted} times`);
    }
    for (const number of numbers) this.accepted.add(number);
  }

  async #change(turn: number): Promise<void> {
    const changes: (() => Promise<unknown>)[] = [
      () => this.#call("PATCH", this.#path("edited"), { headers: { "X-Turn": String(turn) } }, [200]),
      () => this.#call("PATCH", this.#path("changing"), { enabled: false }, [200]),
      () => this.#redeliver(),
      () => this.#call("PATCH", this.#path("changing"), { enabled: true }, [200]),
      () => {
        const since = new Date(Date.now() - RECOVER_MS).toISOString();
        return this.#call("POST", this.#path("changing", "/recover"), { since }, [202]);
      },
      () => this.#call("PATCH", this.#path("gone"), { enabled: true }, [200]),
      async () => {
        await this.#call("DELETE", this.#path("changing"), undefined, [204]);
        await this.#create("changing");
      },
      () => this.#call("POST", this.#path("edited", "/rotate-secret"), { overlap_hours: 0 }, [200]),
    ];
    await changes[turn % changes.length]?.();
  }

  async #redeliver(): Promise<void> {
    const path = sitePath(`/deliveries?limit=1&status=delivered&webhook_id=${this.#ids.get("healthy")}`);
    const { data: [delivery] } = await this.#call<PageJson<DeliveryJson>>("GET", path, undefined, [200]);
    if (delivery === undefined) return;
    await this.#call("POST", sitePath(`/deliveries/${delivery.id}/redeliver`), undefined, [202]);
    this.redelivered++;
  }

  async #read(turn: number): Promise<void> {
    const query =
      ["", "&status=exhausted", "&status=pending", `&webhook_id=${this.#ids.get("slow")}`][turn % 4];
    const page = await this.#call<PageJson<DeliveryJson>>(
      "GET",
      sitePath(`/deliveries?limit=100${query}`),
      undefined,
      [200],
    );
    if (page.next_cursor === null) return;
    const next = sitePath(`/deliveries?limit=100${query}&cursor=${encodeURIComponent(page.next_cursor)}`);
    await this.#call("GET", next, undefined, [200]);
    await this.#call("GET", sitePath("/events?limit=100"), undefined, [200]);
    await this.#call("GET", sitePath("/webhooks"), undefined, [200]);
    await this.#call("GET", "/v1/stats", undefined, [200]);
  }
}
