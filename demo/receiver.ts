/**
 * A receiver of webhooks to try things with: it verifies what it gets and answers as it is told.
 *
 * Owns what `deno task listen` and `deno task demo` have in common. It is no part of the service.
 *
 * @module
 */
import { type VerifiedSignature, verifySignatures } from "../lib/verify.ts";

/** One request as it was received and answered. */
export interface Received {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Empty when no secret is known. */
  readonly signatures: readonly VerifiedSignature[];
  readonly status: number;
  /** How many requests with this `webhook-id` came so far: more than one is a retry, or a duplicate. */
  readonly seen: number;
}

/** How a receiver behaves. */
export interface ReceiverOptions {
  readonly port?: number;
  /** Asked for at each request: a demo learns it after the receiver has started. */
  readonly secret: () => string | null;
  /** Of each event, how many requests are answered 500 first. */
  readonly fail?: number;
  /** The status of the others. */
  readonly status?: number;
  /** Before it answers, in milliseconds. */
  readonly delay_ms?: number;
  readonly onReceived: (received: Received) => void;
}

/** A running receiver. */
export interface Receiver {
  readonly url: string;
  stop(): Promise<void>;
}

/** Events whose requests are counted: enough for a session at a desk. */
const SEEN_MAX = 10_000;

/**
 * Starts a receiver on this machine.
 *
 * @param options How it behaves.
 * @returns The running receiver.
 */
export function startReceiver(options: ReceiverOptions): Receiver {
  const seen = new Map<string, number>();

  async function answer(request: Request): Promise<Response> {
    const body = new Uint8Array(await request.arrayBuffer());
    const headers = Object.fromEntries(request.headers);
    const id = headers["webhook-id"] ?? "";
    const count = (seen.get(id) ?? 0) + 1;
    seen.set(id, count);
    const [oldest] = seen.keys();
    if (seen.size > SEEN_MAX && oldest !== undefined) seen.delete(oldest);
    const secret = options.secret();
    const signatures = secret === null ? [] : verifySignatures({ secret, body, headers, now_ms: Date.now() });
    if (options.delay_ms !== undefined) {
      await new Promise((resolve) => setTimeout(resolve, options.delay_ms));
    }
    const status = count <= (options.fail ?? 0) ? 500 : options.status ?? 200;
    options.onReceived({ headers, body: new TextDecoder().decode(body), signatures, status, seen: count });
    return new Response(status === 204 || status === 304 ? null : `answered ${status}\n`, { status });
  }

  const server = Deno.serve({ port: options.port ?? 0, hostname: "127.0.0.1", onListen() {} }, answer);
  return { url: `http://127.0.0.1:${server.addr.port}/`, stop: () => server.shutdown() };
}
