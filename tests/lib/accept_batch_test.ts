/**
 * A batch of which nothing could be taken: its caller must learn whether it is worth another try.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import type { AcceptPorts } from "../../lib/accept.ts";
import { acceptBatch } from "../../lib/accept_batch.ts";
import { AppError, type ErrorCode } from "../../lib/errors.ts";
import { SiteNames } from "../../lib/site_names.ts";
import { goal } from "../helpers/api.ts";
import { SAMPLE_AT } from "../helpers/sample.ts";

/** Refuses what is valid with one code after the other; the last repeats. */
function refusing(codes: readonly ErrorCode[]): AcceptPorts {
  const left = [...codes];
  const never = (): never => {
    throw new Error("nothing is accepted");
  };
  return {
    store: { acceptWith: never, alerts: never, idempotency: never, event: never },
    directory: { names: new SiteNames(), webhooksOf: () => Promise.resolve([]) },
    engine: { reserve: never, unreserve: never, hand: never },
    clock: { now: () => SAMPLE_AT },
    ids: { ulid: never },
    turns: {
      take: () => {
        const code = (left.length > 1 ? left.shift() : left[0]) ?? "internal";
        return Promise.reject(new AppError(code, "not now"));
      },
    },
    alert_turns: { take: never },
    instance: "a",
  };
}

for (
  const [what, codes, answered] of [
    ["its site is too fast for all of it", ["rate_limited"], "rate_limited"],
    ["storage takes nothing of it", ["unavailable"], "unavailable"],
    ["both", ["rate_limited", "unavailable"], "unavailable"],
  ] as const
) {
  Deno.test(`a batch of which nothing is taken is worth another try: ${what}`, async () => {
    const events = [
      goal(-1),
      goal(1, { timestamp: "2026-01-01T00:00:00Z" }),
      goal(2, { timestamp: "2026-01-01T00:00:00Z" }),
    ];
    const refused = acceptBatch({ events }, () => true, refusing(codes));
    const { code, retry_after_s } = await assertRejects(() => refused, AppError);
    assertEquals([code, retry_after_s], [answered, 1]);
  });
}
