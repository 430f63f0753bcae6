/**
 * The connections of one sender: in use by a send, or idle and waiting for the next.
 *
 * Owns how many idle ones there are and how old they may grow. It must never hand out one connection twice, nor make a
 * send wait for another's connection: how many sends run at a time is the lanes' business, and webhooks of many owners
 * share an origin (hooks.slack.com).
 *
 * @module
 */
import type { Clock } from "../ports.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";

/** How a pool is made. */
export interface ConnectionPoolOptions extends Omit<ConnectionOptions, "onClosed"> {
  readonly clock: Pick<Clock, "elapsed">;
  /** Idle connections over all origins; beyond it the one idle for longest is closed. */
  readonly idle_max: number;
  /** A connection older than this serves no more, so that a change in DNS is followed even if it is never idle. */
  readonly age_ms_max: number;
}

/** The connections of one sender. */
export class ConnectionPool {
  readonly #options: ConnectionPoolOptions;
  /** Latest last: the youngest is used first, so that those not needed at the present pace go cold and close. */
  readonly #idle_by_origin = new Map<string, Connection[]>();
  /** Longest idle first. */
  readonly #idle = new Set<Connection>();
  readonly #closing = new Set<Promise<void>>();

  /** @param options Guard, clock, limits. */
  constructor(options: ConnectionPoolOptions) {
    this.#options = options;
  }

  /** How many wait for a send. */
  get idle(): number {
    return this.#idle.size;
  }

  /**
   * Takes an idle connection, or makes one.
   *
   * @param origin Scheme, host and port.
   * @returns A connection that is the caller's until it is checked in.
   */
  checkOut(origin: string): Connection {
    const idle = this.#idle_by_origin.get(origin)?.at(-1);
    if (idle !== undefined) {
      this.#forget(idle);
      return idle;
    }
    const { guard, ca, clock } = this.#options;
    return new Connection(origin, {
      guard,
      ca,
      made_at_ms: clock.elapsed(),
      onClosed: (connection) => this.#onClosed(connection),
    });
  }

  /**
   * Takes a connection back after a send; closes it if it can't or mustn't serve again.
   *
   * @param connection One that was checked out.
   */
  checkIn(connection: Connection): void {
    const { clock, age_ms_max, idle_max } = this.#options;
    const age_ms = clock.elapsed() - connection.made_at_ms;
    if (!connection.reusable || age_ms > age_ms_max) return this.#discard(connection);
    const same_origin = this.#idle_by_origin.get(connection.origin);
    if (same_origin === undefined) this.#idle_by_origin.set(connection.origin, [connection]);
    else same_origin.push(connection);
    this.#idle.add(connection);
    if (this.#idle.size <= idle_max) return;
    const [longest_idle] = this.#idle;
    if (longest_idle !== undefined) this.#discard(longest_idle);
  }

  /**
   * Closes all idle connections.
   *
   * @returns When they, and those closed before, have let go of their sockets.
   */
  async close(): Promise<void> {
    for (const connection of [...this.#idle]) this.#discard(connection);
    await Promise.all(this.#closing);
  }

  #onClosed(connection: Connection): void {
    if (this.#idle.has(connection)) this.#discard(connection);
  }

  #discard(connection: Connection): void {
    this.#forget(connection);
    const closing = connection.destroy().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  #forget(connection: Connection): void {
    if (!this.#idle.delete(connection)) return;
    const same_origin = this.#idle_by_origin.get(connection.origin) ?? [];
    same_origin.splice(same_origin.lastIndexOf(connection), 1);
    if (same_origin.length === 0) this.#idle_by_origin.delete(connection.origin);
  }
}
