/**
 * The receiver of a measurement: a process that reads requests, notes when which event arrived, and answers.
 *
 * Owns the leanest HTTP/1.1 that the service speaks to: it reads a head, finds the length and the event's number, and
 * writes a fixed answer. That costs 10 µs a request, where `Deno.serve` takes 15 and `node:net` 20: the machine is shared, so
 * every microsecond here is taken from the service. It verifies the signature of one request in a thousand, not of all.
 *
 * @module
 */
import { signatureHeaders, SigningKey } from "../lib/sign.ts";
import { eventNumber, SECRET } from "./events.ts";
import { type WallClock, wallClock } from "./wall_clock.ts";
import { obey } from "./worker.ts";

const SAMPLE = 1000;
/** More than any head and body of a measurement. */
const REQUEST_BYTES_MAX = 16 * 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder("latin1");
const ANSWERS = {
  /** Takes it. */
  ok: encoder.encode("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
  /** Refuses it, in a way that no breaker minds. */
  no: encoder.encode("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
  /** Never answers. */
  hang: null,
};

let now: WallClock = wallClock();
/** By the event's number: when it arrived last, and how often. */
let arrived_at = new Float64Array(0);
let times = new Uint8Array(0);
let first_at = 0;
let last_at = 0;
/** Requests that were answered with 200, and with anything else. */
let taken = 0;
let refused = 0;
let verified = 0;
let forged = 0;
let connections = 0;
let waiting: { readonly count: number; readonly resolve: () => void } | null = null;
const key = new SigningKey(SECRET);

function verify(head: string, body: Uint8Array<ArrayBuffer>): void {
  const header = (name: string): string => new RegExp(`^${name}: (.*)\r$`, "im").exec(head)?.[1] ?? "";
  const expected = signatureHeaders([key], {
    webhook_id: header("webhook-id"),
    timestamp_s: Number(header("webhook-timestamp")),
    body,
  });
  const good = Object.entries(expected).every(([name, value]) => header(name) === value);
  if (good) verified++;
  else forged++;
}

/** Notes an arrival. @returns What it is answered with. */
function onRequest(head: string, body: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | null {
  // "POST /ok/7 …"
  const answer = ANSWERS[head.slice(6, head.indexOf("/", 6)) as keyof typeof ANSWERS];
  if (answer !== ANSWERS.ok) {
    refused++;
    return answer;
  }
  const number = eventNumber(decoder.decode(body));
  last_at = now();
  if (taken === 0) first_at = last_at;
  taken++;
  if (number < times.length) {
    arrived_at[number] = last_at;
    times[number] = (times[number] ?? 0) + 1;
  }
  if (taken % SAMPLE === 1) verify(head, body);
  if (taken === waiting?.count) waiting.resolve();
  return answer;
}

async function serve(connection: Deno.TcpConn): Promise<void> {
  connections++;
  connection.setNoDelay();
  const buffer = new Uint8Array(REQUEST_BYTES_MAX);
  let end = 0;
  let head = "";
  /** Where the head of the request ends, and the whole of it; 0: not known yet. */
  let body_at = 0;
  let whole = 0;
  try {
    for (;;) {
      const count = await connection.read(buffer.subarray(end));
      if (count === null) return;
      end += count;
      if (whole === 0) {
        head = decoder.decode(buffer.subarray(0, end));
        const blank = head.indexOf("\r\n\r\n");
        if (blank < 0) continue;
        body_at = blank + 4;
        const length = head.indexOf("content-length: ");
        whole = body_at + parseInt(head.slice(length + 16, length + 26), 10);
      }
      if (end < whole) continue;
      const answer = onRequest(head, buffer.subarray(body_at, whole));
      end = body_at = whole = 0;
      if (answer !== null) await connection.write(answer);
    }
  } catch {
    // The sender hung up.
  } finally {
    connections--;
    connection.close();
  }
}

async function accept(listener: Deno.TcpListener): Promise<void> {
  for await (const connection of listener) void serve(connection);
}

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
void accept(listener);

/** What arrived so far. */
function counts(): Record<string, number> {
  return { taken, refused, first_at, last_at, verified, forged, connections };
}

await obey({
  url: () => `http://127.0.0.1:${listener.addr.port}`,
  /** Begins to count anew, events from 0 to `events`. */
  begin({ events }: { readonly events: number }): void {
    now = wallClock();
    arrived_at = new Float64Array(events);
    times = new Uint8Array(events);
    taken =
      refused =
      verified =
      forged =
      first_at =
      last_at =
        0;
  },
  counts,
  /** Answers when so many have arrived in all, or the time is up. */
  async arrived({ count, timeout_ms }: { readonly count: number; readonly timeout_ms: number }) {
    if (taken < count) {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting = { count, resolve };
      const timer = setTimeout(resolve, timeout_ms);
      await promise;
      clearTimeout(timer);
      waiting = null;
    }
    return counts();
  },
  /** How often each event arrived at least and at most. */
  spread() {
    let [least, most] = [Infinity, 0];
    for (const count of times) [least, most] = [Math.min(least, count), Math.max(most, count)];
    return { least, most };
  },
  /** When each event arrived last, as the base64 of 64-bit floats. */
  times: () => new Uint8Array(arrived_at.buffer).toBase64(),
});
