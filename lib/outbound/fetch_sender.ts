/**
 * The sender for hosts that allow no raw connections (`TIDINGS_SENDER=fetch`): the platform's `fetch`.
 *
 * Owns the same way from URL to result as `pinned_sender.ts`, with a weaker guard: the URL is judged right before the
 * call, but `fetch` looks the name up once more, so a name that changes its answer between the two can still lead it
 * to a forbidden address. `fetch` also sends headers of its own (`accept`, `accept-language`) and judges a broken
 * answer less finely. It must never throw, follow a redirect, or pass on the text of `fetch`'s errors: it holds the URL.
 *
 * @module
 */
import type { Clock, Sender, SendErrorKind, SendRequest, SendResult } from "../ports.ts";
import { AnswerBody } from "./answer_body.ts";
import { type DialGuard, planDial } from "./dial_plan.ts";
import { failed } from "./send_error.ts";
import type { Deadline } from "../deadlines.ts";
import { createSender, type Target } from "./sender.ts";

/** How a fetch sender is made. */
export interface FetchSenderOptions extends DialGuard {
  readonly clock: Pick<Clock, "after" | "elapsed">;
  /** Options of `fetch` besides the request's own, such as a client that trusts a test's certificate authority. */
  readonly init?: RequestInit & { readonly client?: Deno.HttpClient };
}

/** `fetch` says what went wrong in words only; the first that fits decides. */
const KINDS: readonly (readonly [RegExp, SendErrorKind])[] = [
  [/dns error/i, "dns"],
  [/certificate|handshake|corrupt message|received fatal alert|unexpected eof|tls/i, "tls"],
  [/\(connect\)|connection refused|ports? .* blocked/i, "connect"],
  [/invalid|too large|too many|upgrade|unexpected message/i, "protocol"],
];

/**
 * The kind of an error that `fetch` or the reading of its answer threw.
 *
 * @param error Whatever was thrown.
 * @returns The kind; `reset` for everything that is not recognised.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { fetchErrorKind } from "./fetch_sender.ts";
 * const cause = new Error("client error (Connect): invalid peer certificate: UnknownIssuer");
 * assertEquals(fetchErrorKind(new TypeError("fetch failed", { cause })), "tls");
 * ```
 */
export function fetchErrorKind(error: unknown): SendErrorKind {
  if (!(error instanceof Error)) return "reset";
  // The URL's own text must not decide, whatever its owner put into it.
  const text = `${error.message} ${error.cause instanceof Error ? error.cause.message : ""}`.replace(
    /https?:\/\/\S+/g,
    "",
  );
  return KINDS.find(([pattern]) => pattern.test(text))?.[1] ?? "reset";
}

/** Reads an answer's body up to the cap; what is left is cancelled. */
async function readBody(response: Response): Promise<AnswerBody> {
  const body = new AnswerBody();
  for await (const chunk of response.body ?? []) {
    body.add(chunk);
    if (body.full) break;
  }
  return body;
}

/**
 * Makes a sender on the platform's `fetch`.
 *
 * @param options Policy, resolver, clock.
 * @returns The sender.
 */
export function createFetchSender({ policy, resolver, clock, init }: FetchSenderOptions): Sender {
  async function exchange({ url }: Target, request: SendRequest, deadline: Deadline): Promise<SendResult> {
    const { signal } = deadline;
    const plan = await planDial(url, { policy, resolver }, signal);
    if (!plan.ok) return failed(plan.error, plan.detail);
    const headers = new Headers(request.headers);
    // A client that asks for encodings itself gets the answer as it is: nothing is unpacked, a small bomb stays small.
    headers.set("accept-encoding", "identity");
    const response = await fetch(url, {
      ...init,
      method: "POST",
      headers,
      body: request.body,
      redirect: "manual",
      signal,
    });
    const { snippet } = await readBody(response);
    if (response.status < 200) return failed("protocol", "an informational answer instead of a final one");
    return {
      kind: "answer",
      status_code: response.status,
      retry_after: response.headers.get("retry-after"),
      snippet,
    };
  }

  // The platform keeps its connections to itself: there is nothing to end.
  return createSender({ exchange, errorKind: fetchErrorKind, close: () => Promise.resolve() }, {
    policy,
    clock,
  });
}
