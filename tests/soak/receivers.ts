/**
 * The receivers of the soak: healthy ones, and every kind that gives trouble.
 *
 * Owns their behaviour and what the trustworthy ones count: how often each event reached them. A trustworthy one takes
 * every event in the end, so that what it lacks was lost.
 *
 * @module
 */
import { startRawReceiver } from "../helpers/receiver.ts";

/** A kind of receiver, and the webhook it gets. */
export interface Temper {
  readonly name: string;
  /** Takes every event in the end; nobody disables it. */
  readonly trustworthy: boolean;
  /** Told about every event, or about the rare ones only: what would pile up before a receiver without hope. */
  readonly rare: boolean;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly answer: (request: number) => Response | Promise<Response>;
}

/** More than is read of an answer. */
const HUGE = new Uint8Array(1024 * 1024);

const PATIENT = { timeout_ms: 5000, max_retries: 10 };
const HOPELESS = { timeout_ms: 1000, max_retries: 1 };

function status(code: number, headers: Record<string, string> = {}): Response {
  return new Response(null, { status: code, headers });
}

/** All that speak HTTP. */
export const TEMPERS: readonly Temper[] = [
  { name: "healthy", trustworthy: true, rare: false, fields: PATIENT, answer: () => status(200) },
  { name: "edited", trustworthy: true, rare: false, fields: PATIENT, answer: () => status(204) },
  {
    name: "busy",
    trustworthy: true,
    rare: false,
    fields: PATIENT,
    answer: (request) => request % 200 === 0 ? status(429, { "Retry-After": "1" }) : status(200),
  },
  {
    name: "slow",
    trustworthy: true,
    rare: true,
    fields: PATIENT,
    answer: () => new Promise((resolve) => void setTimeout(() => resolve(status(200)), 1000)),
  },
  { name: "huge", trustworthy: true, rare: true, fields: PATIENT, answer: () => new Response(HUGE) },
  { name: "failing", trustworthy: false, rare: true, fields: HOPELESS, answer: () => status(500) },
  { name: "gone", trustworthy: false, rare: true, fields: HOPELESS, answer: () => status(410) },
  { name: "hanging", trustworthy: false, rare: true, fields: HOPELESS, answer: () => new Promise(() => {}) },
  // Created, disabled, enabled, recovered and deleted all the time.
  { name: "changing", trustworthy: false, rare: false, fields: PATIENT, answer: () => status(200) },
];

/** The one that closes every connection without an answer. */
export const CLOSING = { name: "closing", rare: true, fields: HOPELESS } as const;

/** Running receivers. */
export interface Receivers extends AsyncDisposable {
  /** The URL of one. */
  url(name: string): string;
  /** How often each event reached a trustworthy one and was taken, by its number. */
  readonly taken: ReadonlyMap<string, ReadonlyMap<number, number>>;
  /** Requests in all. */
  readonly requests: number;
}

/**
 * Starts the receivers.
 *
 * @returns They, listening.
 */
export function startReceivers(): Receivers {
  const taken = new Map<string, Map<number, number>>();
  for (const { name, trustworthy } of TEMPERS) if (trustworthy) taken.set(name, new Map());
  const counts = new Map<string, number>();
  let requests = 0;

  async function handle(request: Request): Promise<Response> {
    const name = new URL(request.url).pathname.slice(1);
    const temper = TEMPERS.find((one) => one.name === name);
    if (temper === undefined) return status(404);
    const { data: { visitor_count: number } } = await request.json();
    requests++;
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    const answer = await temper.answer(count);
    const numbers = taken.get(name);
    if (answer.ok && numbers !== undefined) numbers.set(number, (numbers.get(number) ?? 0) + 1);
    return answer;
  }

  const end = new AbortController();
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    signal: end.signal,
    onListen() {},
    onError: () => status(500),
  }, handle);
  const closing = startRawReceiver(async (connection) => {
    await connection.readRequest();
    requests++;
  });
  return {
    url: (name) => name === CLOSING.name ? closing.url : `http://127.0.0.1:${server.addr.port}/${name}`,
    taken,
    get requests() {
      return requests;
    },
    async [Symbol.asyncDispose]() {
      end.abort();
      await closing[Symbol.asyncDispose]();
      // Those that hang would keep the server from ending.
      void server.finished;
    },
  };
}
