/**
 * What every sender does around its exchange: judge the URL, keep the deadline, never throw, end in order.
 *
 * Owns no connection. It must never send a request a second time by itself: a receiver that gave no answer may have
 * acted on it, so trying again is the domain's decision.
 *
 * @module
 */
import type { Clock, Sender, SendErrorKind, SendRequest, SendResult } from "../ports.ts";
import { type Deadline, Deadlines } from "../deadlines.ts";
import { remembered } from "../remembered.ts";
import type { OutboundPolicy } from "./policy.ts";
import { failed, SENDER_CLOSED } from "./send_error.ts";
import { urlRefusal } from "./url_guard.ts";

/** Where to, with the parts that every send needs. */
export interface Target {
  readonly url: URL;
  /** Scheme, host and port. */
  readonly origin: string;
  /** With the query. */
  readonly path: string;
}

/** What one sender does differently from another. */
export interface Driver {
  /**
   * Sends one request and reads its answer.
   *
   * @param target Judged as far as that is possible without a look-up.
   * @param request Headers and body.
   * @param deadline When it has passed, the exchange ends and frees what it holds.
   */
  exchange(target: Target, request: SendRequest, deadline: Deadline): Promise<SendResult>;
  /** The kind of what {@linkcode Driver.exchange} threw before the deadline. */
  errorKind(error: unknown): SendErrorKind;
  /** Ends idle connections. */
  close(): Promise<void>;
}

/** What judges and what times. */
export interface SenderOptions {
  readonly policy: OutboundPolicy;
  readonly clock: Pick<Clock, "after" | "elapsed">;
}

/** URLs that need not be read again for the next send. */
const REMEMBERED_MAX = 5000;

/** A URL, and what the policy says of it for as long as this machine has the addresses it has. */
class JudgedUrl {
  readonly target: Target | null;
  #own_addresses: ReadonlySet<string> | null = null;
  #refusal: string | null = null;

  constructor(text: string) {
    const url = URL.parse(text);
    this.target = url === null ? null : { url, origin: url.origin, path: url.pathname + url.search };
  }

  refusal(policy: OutboundPolicy): string | null {
    const { own_addresses } = policy;
    if (this.target !== null && own_addresses !== this.#own_addresses) {
      this.#refusal = urlRefusal(this.target.url, policy);
      this.#own_addresses = own_addresses;
    }
    return this.#refusal;
  }
}

/**
 * Makes a sender of a driver.
 *
 * @param driver How to exchange.
 * @param options Policy and clock.
 * @returns The sender. It has no limit on sends at a time: the lanes have.
 */
export function createSender(driver: Driver, { policy, clock }: SenderOptions): Sender {
  const deadlines = new Deadlines(clock);
  const judged = remembered(REMEMBERED_MAX, (text) => new JudgedUrl(text));
  let under_way = 0;
  let onLastEnded: (() => void) | null = null;
  let closing: Promise<void> | null = null;

  async function post(request: SendRequest): Promise<SendResult> {
    if (closing !== null) return SENDER_CLOSED;
    const known = judged(request.url);
    const { target } = known;
    if (target === null) return failed("protocol", "the URL is not valid");
    // Here and not only where it is dialled: a kept connection isn't dialled again.
    const refusal = known.refusal(policy);
    if (refusal !== null) return failed("blocked_address", `the URL ${refusal}`);
    const deadline = deadlines.start(request.timeout_ms);
    under_way++;
    try {
      return await driver.exchange(target, request, deadline);
    } catch (error) {
      if (deadline.passed) return failed("timeout", `no whole answer within ${request.timeout_ms} ms`);
      const kind = driver.errorKind(error);
      return failed(kind, `${error instanceof Error ? error.name : "an error"} that means ${kind}`);
    } finally {
      deadline.cancel();
      under_way--;
      if (under_way === 0) onLastEnded?.();
    }
  }

  async function finish(): Promise<void> {
    if (under_way > 0) await new Promise<void>((resolve) => onLastEnded = resolve);
    await driver.close();
    deadlines.close();
  }

  return { post, close: () => closing ??= finish() };
}
