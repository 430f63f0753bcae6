/**
 * What every sender does around its exchange: judge the URL, keep the deadline, never throw, end in order.
 *
 * Owns no connection. It must never send a request a second time by itself: a receiver that gave no answer may have
 * acted on it, so trying again is the domain's decision.
 *
 * @module
 */
import type { Clock, Sender, SendErrorKind, SendRequest, SendResult } from "../ports.ts";
import { startDeadline } from "./deadline.ts";
import { remembered } from "../remembered.ts";
import type { OutboundPolicy } from "./policy.ts";
import { failed } from "./send_error.ts";
import { urlRefusal } from "./url_guard.ts";

/** What one sender does differently from another. */
export interface Driver {
  /**
   * Sends one request and reads its answer.
   *
   * @param url Judged as far as that is possible without a look-up.
   * @param request Headers and body.
   * @param signal The deadline; when it is aborted, the exchange ends and frees what it holds.
   */
  exchange(url: URL, request: SendRequest, signal: AbortSignal): Promise<SendResult>;
  /** The kind of what {@linkcode Driver.exchange} threw before the deadline. */
  errorKind(error: unknown): SendErrorKind;
  /** Ends idle connections. */
  close(): Promise<void>;
}

/** What judges and what times. */
export interface SenderOptions {
  readonly policy: OutboundPolicy;
  readonly clock: Pick<Clock, "after">;
}

/** URLs that need not be read again for the next send. */
const REMEMBERED_MAX = 5000;

/** A URL, and what the policy says of it for as long as this machine has the addresses it has. */
class JudgedUrl {
  readonly url: URL | null;
  #own_addresses: ReadonlySet<string> | null = null;
  #refusal: string | null = null;

  constructor(text: string) {
    this.url = URL.parse(text);
  }

  refusal(policy: OutboundPolicy): string | null {
    const { own_addresses } = policy;
    if (this.url !== null && own_addresses !== this.#own_addresses) {
      this.#refusal = urlRefusal(this.url, policy);
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
  const under_way = new Set<Promise<SendResult>>();
  let closing: Promise<void> | null = null;

  const judged = remembered(REMEMBERED_MAX, (text) => new JudgedUrl(text));

  async function send(request: SendRequest): Promise<SendResult> {
    const target = judged(request.url);
    const { url } = target;
    if (url === null) return failed("protocol", "the URL is not valid");
    // Here and not only where it is dialled: a kept connection isn't dialled again.
    const refusal = target.refusal(policy);
    if (refusal !== null) return failed("blocked_address", `the URL ${refusal}`);
    const deadline = startDeadline(clock, request.timeout_ms);
    try {
      return await driver.exchange(url, request, deadline.signal);
    } catch (error) {
      if (deadline.signal.aborted) {
        return failed("timeout", `no whole answer within ${request.timeout_ms} ms`);
      }
      const kind = driver.errorKind(error);
      return failed(kind, `${error instanceof Error ? error.name : "an error"} that means ${kind}`);
    } finally {
      deadline.cancel();
    }
  }

  function post(request: SendRequest): Promise<SendResult> {
    if (closing !== null) return Promise.resolve(failed("connect", "the sender is closed"));
    const sending = send(request);
    under_way.add(sending);
    return sending.finally(() => under_way.delete(sending));
  }

  async function finish(): Promise<void> {
    await Promise.allSettled(under_way);
    await driver.close();
  }

  return { post, close: () => closing ??= finish() };
}
