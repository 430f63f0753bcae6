/**
 * One HTTP/1.1 connection to one origin, in the hands of one send at a time.
 *
 * Owns an undici `Client`, which is the parser and the socket of exactly one connection. undici's pools are not used:
 * they share a connection attempt between requests, so that the deadline of one would end the attempt of another or
 * leave it hanging. Here a send has its connection for itself, and when its time is up, that connection is closed,
 * whatever it was doing. It must never dial without asking `planDial`.
 *
 * @module
 */
import type { Socket } from "node:net";
import type { buildConnector, Client as UndiciClient } from "undici";
import type { SendRequest, SendResult } from "../ports.ts";
import type { Deadline } from "../deadlines.ts";
import { dial } from "./dial.ts";
import { type DialGuard, planDial } from "./dial_plan.ts";
import { Exchange } from "./exchange.ts";
import { DialError } from "./send_error.ts";
import type { Target } from "./sender.ts";
import { Client } from "./undici.ts";

/** What every connection of a sender is made with. */
export interface ConnectionOptions {
  readonly guard: DialGuard;
  /** Called each time either side has closed the socket, idle or not. */
  readonly onClosed: (connection: Connection) => void;
  /** Certificate authorities trusted instead of the built-in ones, as PEM: for tests. */
  readonly ca?: readonly string[] | undefined;
}

const OPTIONS = {
  pipelining: 1,
  // One deadline rules, and it is ours.
  headersTimeout: 0,
  bodyTimeout: 0,
  maxHeaderSize: 16 * 1024,
  /**
   * Shorter than the idle timeout of common servers (Node 5 s, Apache 5 s, nginx 75 s): a request written while the
   * receiver closes is lost, and it can't be repeated here, because the receiver may have acted on it.
   */
  keepAliveTimeout: 4000,
  /** What a receiver's `Keep-Alive: timeout=` may stretch it to: not at all. It may shorten it. */
  keepAliveMaxTimeout: 4000,
} as const satisfies UndiciClient.Options;

/** A connection. The first send dials it. */
export class Connection {
  /** Scheme, host and port. */
  readonly origin: string;
  /** By the clock of whoever made it. */
  readonly made_at_ms: number;
  readonly #options: ConnectionOptions;
  readonly #client: Client;
  #socket: Socket | null = null;
  #exchange: Exchange | null = null;
  #dialled = false;
  #answer_complete = false;

  /**
   * @param origin Scheme, host and port, as `URL.origin`.
   * @param options The guard, whom to tell, and when it is made.
   */
  constructor(origin: string, options: ConnectionOptions & { readonly made_at_ms: number }) {
    this.origin = origin;
    this.made_at_ms = options.made_at_ms;
    this.#options = options;
    this.#client = new Client(origin, {
      ...OPTIONS,
      connect: (_options, callback) => void this.#dial(callback),
    });
    this.#client.on("disconnect", () => options.onClosed(this));
  }

  /** Whether the last send left it open, with its answer read to the end. */
  get reusable(): boolean {
    return this.#answer_complete && this.#socket !== null && !this.#socket.destroyed;
  }

  /**
   * Posts, and waits for the answer or the deadline. If the connection is not {@linkcode Connection.reusable}
   * afterwards, the caller destroys it.
   *
   * @param target Where to; its origin is the connection's.
   * @param request Headers and body.
   * @param deadline When it must be over.
   * @returns What came of it. Never rejects.
   */
  async send(
    { url, path }: Pick<Target, "url" | "path">,
    { headers, body, timeout_ms }: Pick<SendRequest, "headers" | "body" | "timeout_ms">,
    deadline: Deadline,
  ): Promise<SendResult> {
    const exchange = new Exchange(url, timeout_ms, deadline);
    this.#exchange = exchange;
    this.#dialled = false;
    this.#client.dispatch({ path, method: "POST", headers, body }, exchange);
    const result = await exchange.result;
    this.#exchange = null;
    this.#answer_complete = exchange.complete;
    return result;
  }

  /**
   * Closes it at once, whatever it is doing.
   *
   * @returns When the socket is closed.
   */
  async destroy(): Promise<void> {
    await this.#client.destroy();
  }

  /** undici's connector: called when a send needs a socket, the first or, if a kept one has closed, another. */
  async #dial(callback: buildConnector.Callback): Promise<void> {
    let socket: Socket;
    try {
      socket = await this.#connect();
    } catch (error) {
      return callback(
        error instanceof Error ? error : new DialError("connect", "the connection failed"),
        null,
      );
    }
    this.#socket = socket;
    callback(null, socket);
  }

  async #connect(): Promise<Socket> {
    const exchange = this.#exchange;
    // undici asks again when a new connection ends before the request is written: that would go on for ever.
    if (exchange === null || this.#dialled) {
      throw new DialError("reset", "the new connection was closed at once");
    }
    this.#dialled = true;
    const { url, deadline: { signal } } = exchange;
    const plan = await planDial(url, this.#options.guard, signal);
    if (!plan.ok) throw new DialError(plan.error, plan.detail);
    return await dial(url, { addresses: plan.addresses, signal, ca: this.#options.ca });
  }
}
