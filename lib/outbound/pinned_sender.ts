/**
 * The sender of choice: connects to exactly the addresses that were judged.
 *
 * Owns which connection a request takes. It must never let two sends wait for one connection, and never connect by
 * name.
 *
 * @module
 */
import { LANE, TIME } from "../limits.ts";
import type { Clock, Sender, SendRequest, SendResult } from "../ports.ts";
import { ConnectionPool } from "./connection_pool.ts";
import type { DialGuard } from "./dial_plan.ts";
import { exchangeErrorKind } from "./exchange_error.ts";
import type { Deadline } from "../deadlines.ts";
import { createSender, type Target } from "./sender.ts";

/** How a pinned sender is made. */
export interface PinnedSenderOptions extends DialGuard {
  readonly clock: Pick<Clock, "after" | "elapsed">;
  /** Certificate authorities trusted instead of the built-in ones, as PEM: for tests. */
  readonly ca?: readonly string[];
}

/** As many as can be in use at a time: each idle one holds a socket of ours and one of a receiver, for 4 s at most. */
const IDLE_MAX = LANE.sends_max;

/** How long a busy connection may outlive the look-up it rests on. */
const AGE_MS_MAX = TIME.MINUTE_MS;

/**
 * Makes a sender on raw connections (HTTP/1.1 with keep-alive, TLS where the URL says https).
 *
 * A connection the receiver closes before it answers is reported as `reset`, even if it was a kept one: whether the
 * request was acted on is unknown, and trying again is the domain's decision.
 *
 * @param options Policy, resolver, clock.
 * @returns The sender.
 */
export function createPinnedSender({ policy, resolver, clock, ca }: PinnedSenderOptions): Sender {
  const pool = new ConnectionPool({
    guard: { policy, resolver },
    ca,
    clock,
    idle_max: IDLE_MAX,
    age_ms_max: AGE_MS_MAX,
  });

  async function exchange(target: Target, request: SendRequest, deadline: Deadline): Promise<SendResult> {
    const connection = pool.checkOut(target.origin);
    const result = await connection.send(target, request, deadline);
    pool.checkIn(connection);
    return result;
  }

  return createSender({ exchange, errorKind: exchangeErrorKind, close: () => pool.close() }, {
    policy,
    clock,
  });
}
