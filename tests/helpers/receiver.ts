/**
 * Receivers of webhooks for tests: one that speaks HTTP and answers what it is told, one that speaks bytes.
 *
 * Owns servers on loopback with a free port. It must never wait for time to pass: `received(n)` and `accepted(n)`
 * resolve by what arrives. `await using` ends a receiver and all its connections.
 *
 * @module
 */

/** A request as it arrived. */
export interface RecordedRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
  /** The body as text. */
  readonly text: string;
  /** When the body had arrived: milliseconds by the receiver's `now`. */
  readonly at_ms: number;
}

/** A status without a body, a whole response, or a function that makes one. */
export type Answer = number | Response | ((request: RecordedRequest) => Response | Promise<Response>);

/** How a receiver behaves. */
export interface ReceiverOptions {
  /** One answer after the other; the last repeats. 200 if there is none. */
  readonly respond?: Answer | readonly Answer[];
  /** Where it listens: `127.0.0.1` by default. */
  readonly hostname?: string;
  /** Serves https with these. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Its clock, in milliseconds. */
  readonly now?: () => number;
}

/** A running receiver. */
export interface Receiver extends AsyncDisposable {
  /** Scheme, host and port, without a slash at the end. */
  readonly origin: string;
  readonly port: number;
  /** A URL on it. */
  readonly url: string;
  /** Every request so far, in order of arrival. */
  readonly requests: readonly RecordedRequest[];
  /** The answers from now on, as in {@linkcode ReceiverOptions.respond}. */
  respond(answers: Answer | readonly Answer[]): void;
  /** Resolves when that many requests have arrived in all, with the latest of them. */
  received(count: number): Promise<RecordedRequest>;
}

/** Something that is counted, and waited for. */
class Arrivals<T> {
  readonly items: T[] = [];
  #waiting: { readonly count: number; readonly resolve: (item: T) => void }[] = [];

  add(item: T): void {
    this.items.push(item);
    for (const { count, resolve } of this.#waiting) if (this.items.length === count) resolve(item);
    this.#waiting = this.#waiting.filter(({ count }) => count > this.items.length);
  }

  reached(count: number): Promise<T> {
    const item = this.items[count - 1];
    if (item !== undefined) return Promise.resolve(item);
    const { promise, resolve } = Promise.withResolvers<T>();
    this.#waiting.push({ count, resolve });
    return promise;
  }
}

async function record(request: Request, now: () => number): Promise<RecordedRequest> {
  const { pathname, search } = new URL(request.url);
  const body = await request.bytes();
  return {
    method: request.method,
    path: pathname + search,
    headers: request.headers,
    body,
    text: new TextDecoder().decode(body),
    at_ms: now(),
  };
}

function listOf(respond: Answer | readonly Answer[]): Answer[] {
  const answers = Array.isArray(respond) ? [...respond] : [respond];
  return answers.length === 0 ? [200] : answers;
}

/**
 * Starts a receiver.
 *
 * @param options What it answers and where it listens.
 * @returns It, listening already.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { startReceiver } from "./receiver.ts";
 * await using receiver = startReceiver({ respond: [500, 200] });
 * const response = await fetch(receiver.url, { method: "POST", body: "{}" });
 * assertEquals([response.status, receiver.requests[0]?.text], [500, "{}"]);
 * ```
 */
export function startReceiver(options: ReceiverOptions = {}): Receiver {
  const { hostname = "127.0.0.1", now = Date.now, tls } = options;
  const arrivals = new Arrivals<RecordedRequest>();
  const end = new AbortController();
  let answers = listOf(options.respond ?? 200);

  async function handle(raw: Request): Promise<Response> {
    const request = await record(raw, now);
    const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? 200;
    arrivals.add(request);
    if (typeof answer === "function") return await answer(request);
    return typeof answer === "number" ? new Response(null, { status: answer }) : answer.clone();
  }

  const server = Deno.serve({
    hostname,
    port: 0,
    signal: end.signal,
    onListen: () => {},
    // A sender that gives up in the middle of a request is what some tests are about.
    onError: () => new Response(null, { status: 500 }),
    ...tls,
  }, handle);
  const { port } = server.addr;
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  const origin = `${tls === undefined ? "http" : "https"}://${host}:${port}`;
  return {
    origin,
    port,
    url: `${origin}/hook`,
    requests: arrivals.items,
    respond(next): void {
      answers = listOf(next);
    },
    received: (count) => arrivals.reached(count),
    async [Symbol.asyncDispose](): Promise<void> {
      end.abort();
      await server.finished;
    },
  };
}

/** One connection to a {@linkcode RawReceiver}. */
export interface RawConnection {
  /** Reads one request with its body, as text (Latin-1); "" if the sender closes before. */
  readRequest(): Promise<string>;
  /** Reads what has arrived, as text (Latin-1); waits until there is something. */
  readBytes(): Promise<string>;
  /** Writes text (Latin-1) or bytes; rejects once the sender has closed. */
  write(data: string | Uint8Array): Promise<void>;
  /** Resolves when the sender has closed; whatever it sends until then is thrown away. */
  closed(): Promise<void>;
  close(): void;
}

/** A running receiver of bytes. */
export interface RawReceiver extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** How many connections there have been. */
  readonly connections: number;
  /** Resolves when that many connections have been accepted in all. */
  accepted(count: number): Promise<RawConnection>;
}

function latin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function rawConnection(conn: Deno.Conn): RawConnection {
  const buffer = new Uint8Array(64 * 1024);
  let unread = "";

  /** More bytes into `unread`; false at the end. */
  async function readMore(): Promise<boolean> {
    const count = await conn.read(buffer).catch(() => null);
    if (count === null) return false;
    for (const byte of buffer.subarray(0, count)) unread += String.fromCharCode(byte);
    return true;
  }

  async function readRequest(): Promise<string> {
    for (;;) {
      const head_end = unread.indexOf("\r\n\r\n");
      const body_bytes = Number(/\r\ncontent-length: *(\d+)/i.exec(unread.slice(0, head_end))?.[1] ?? 0);
      const end = head_end + 4 + body_bytes;
      if (head_end >= 0 && unread.length >= end) {
        const request = unread.slice(0, end);
        unread = unread.slice(end);
        return request;
      }
      if (!await readMore()) return "";
    }
  }

  async function readBytes(): Promise<string> {
    if (unread === "") await readMore();
    const bytes = unread;
    unread = "";
    return bytes;
  }

  async function write(data: string | Uint8Array): Promise<void> {
    let bytes = typeof data === "string" ? latin1(data) : data;
    while (bytes.byteLength > 0) bytes = bytes.subarray(await conn.write(bytes));
  }

  async function closed(): Promise<void> {
    while (await readMore()) unread = "";
  }

  function close(): void {
    try {
      conn.close();
    } catch {
      // Closed before: by the test, or by the end of the receiver.
    }
  }

  return { readRequest, readBytes, write, closed, close };
}

/**
 * Starts a receiver that does with each connection what it is told, byte by byte.
 *
 * @param serve Called for each connection with its number, from 0. The connection is closed when it ends, also by an
 * exception: a sender that closes early makes reads and writes fail.
 * @param hostname Where it listens.
 * @returns It, listening already.
 */
export function startRawReceiver(
  serve: (connection: RawConnection, number: number) => Promise<void>,
  hostname = "127.0.0.1",
): RawReceiver {
  const listener = Deno.listen({ hostname, port: 0 });
  const arrivals = new Arrivals<RawConnection>();
  const serving: Promise<void>[] = [];

  async function acceptAll(): Promise<void> {
    for await (const conn of listener) {
      const connection = rawConnection(conn);
      const number = arrivals.items.length;
      arrivals.add(connection);
      serving.push(serve(connection, number).catch(() => {}).finally(() => connection.close()));
    }
  }

  const accepting = acceptAll();
  const { port } = listener.addr;
  return {
    port,
    url: `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}/hook`,
    get connections(): number {
      return arrivals.items.length;
    },
    accepted: (count) => arrivals.reached(count),
    async [Symbol.asyncDispose](): Promise<void> {
      listener.close();
      await accepting.catch(() => {});
      for (const connection of arrivals.items) connection.close();
      await Promise.all(serving);
    },
  };
}
