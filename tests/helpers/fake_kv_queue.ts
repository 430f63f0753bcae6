/**
 * The queue of the fake KV, as one process sees it: messages fall due by the clock and go to the listeners in turn.
 *
 * Owns delivery and redelivery. Unlike the real one it delivers at once what falls due (without the jitter of up to
 * 100 ms), and doesn't deliver a second time what a handler takes longer than 5 s for.
 *
 * @module
 */
import type { Clock } from "../../lib/ports.ts";
import type { FakeMessage, FakeStore } from "./fake_kv_store.ts";

type Handler = (message: unknown) => Promise<void> | void;

/** When Deno gives a message to somebody else whose process died. */
const DEAD_AFTER_MS = 5000;

/** How often a process looks for what others enqueued. */
const POLL_MS = 60_000;

/** One process's part in the queue of a store. */
export class FakeQueue {
  readonly #store: FakeStore;
  readonly #clock: Clock;
  readonly #listeners: Handler[] = [];
  readonly #running = new Set<FakeMessage>();
  readonly #ended = Promise.withResolvers<void>();
  #turn = 0;
  #over = false;
  #cancel: () => void = () => {};

  /**
   * @param store Where the messages are.
   * @param clock When they fall due.
   */
  constructor(store: FakeStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Hands messages to this handler, among others. Resolves when the handle is closed. */
  listen(handler: Handler): Promise<void> {
    this.#listeners.push(handler);
    this.wake();
    return this.#ended.promise;
  }

  /** Looks again at what is due next: this process enqueued something, or listens. Of others it learns by polling. */
  wake(): void {
    this.#cancel();
    if (this.#over || this.#listeners.length === 0) return;
    const now_ms = this.#clock.now();
    let delay_ms = POLL_MS;
    for (const message of this.#store.queue) delay_ms = Math.min(delay_ms, message.deliver_at - now_ms);
    this.#cancel = this.#clock.after(Math.max(0, delay_ms), () => this.#deliver());
  }

  /** No more deliveries; listeners return. */
  close(): void {
    this.#over = true;
    this.#cancel();
    this.#ended.resolve();
  }

  /** No more deliveries, listeners never return, and what they handle goes back. */
  crash(): void {
    this.#over = true;
    this.#cancel();
    this.handBackTo(this.#store);
    this.#running.clear();
  }

  /** Puts what is being handled here back into a store's queue, as Deno does 5 s after a process died. */
  handBackTo(store: FakeStore): void {
    const deliver_at = this.#clock.now() + DEAD_AFTER_MS;
    for (const message of this.#running) store.queue.push({ ...message, deliver_at });
  }

  #deliver(): void {
    const now_ms = this.#clock.now();
    const { queue } = this.#store;
    const due = queue.filter((message) => message.deliver_at <= now_ms);
    due.sort((a, b) => a.deliver_at - b.deliver_at);
    for (const message of due) {
      queue.splice(queue.indexOf(message), 1);
      const handler = this.#listeners[this.#turn++ % this.#listeners.length];
      if (handler !== undefined) void this.#handle(handler, message);
    }
    this.wake();
  }

  async #handle(handler: Handler, message: FakeMessage): Promise<void> {
    this.#running.add(message);
    let handled = true;
    try {
      await handler(structuredClone(message.message));
    } catch {
      handled = false; // Deno logs it and tries again
    }
    if (!this.#running.delete(message) || handled) return;
    this.#retry(message);
  }

  #retry(message: FakeMessage): void {
    const now_ms = this.#clock.now();
    const [delay_ms, ...backoff_ms] = message.backoff_ms;
    if (delay_ms !== undefined) {
      this.#store.queue.push({ ...message, backoff_ms, deliver_at: now_ms + delay_ms });
      this.wake();
      return;
    }
    const value = { kind: "v8", value: message.message } as const;
    const mutations = message.keys_if_undelivered.map((key) =>
      ({ type: "set", key, value, expire_in_ms: undefined }) as const
    );
    if (mutations.length > 0) this.#store.apply({ checks: [], mutations, enqueues: [] }, now_ms);
  }
}
