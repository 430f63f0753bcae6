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

  async function send(request: SendRequest): Promise<SendResult> {
    const url = URL.parse(request.url);
    if (url === null) return failed("protocol", "the URL is not valid");
    // Here and not only where it is dialled: a kept connection isn't dialled again.
    const refusal = urlRefusal(url, policy);
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
