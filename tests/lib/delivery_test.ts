/**
 * The state machine of a delivery: each step as a table, and any sequence of steps as a property.
 *
 * @module
 */
import { assert, assertEquals, assertFalse, AssertionError, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  type Attempt,
  type Delivery,
  DELIVERY_STATUSES,
  deliveryId,
  type DeliveryStatus,
  effectiveStatus,
  isTooOld,
  type ObservedAttempt,
  OUTCOMES,
  parseDeliveryId,
  TRIGGERS,
  type Verdict,
} from "../../lib/delivery.ts";
import { ended, hasAttempt, interrupted, leased, released, withAttempt } from "../../lib/delivery_moves.ts";
import { TIME } from "../../lib/limits.ts";

const EVENT_ID = "evt_01JMZ0000000000000000000AA";
const WEBHOOK_ID = "wh_01JMZ0000000000000000000BB";

/** A delivery just accepted: this process holds it. */
/** Who made an attempt, long before anything is due. */
function by(owner: string | null): { owner: string | null; now_ms: number } {
  return { owner, now_ms: 5000 };
}

const FRESH: Delivery = {
  event_id: EVENT_ID,
  webhook_id: WEBHOOK_ID,
  site_id: "example.com",
  event: "goal_completion",
  status: "pending",
  trigger: "automatic",
  created_at: 1000,
  queued_at: 1000,
  due_at: 41_000,
  lease: { owner: "p1" },
  wishes: 0,
  scheduled_at: null,
  failures: 0,
  attempts_total: 0,
  attempts: [],
};

const SENT: ObservedAttempt = {
  trigger: "automatic",
  at: 2000,
  duration_ms: 12.4,
  status_code: 503,
  error: null,
  response_body: "busy",
};

const RETRY: Verdict = { outcome: "retry", due_at: 12_000 };
const ENDINGS = ["delivered", "gone", "blocked", "failed"] as const;
const TERMINAL = DELIVERY_STATUSES.filter((status) => status !== "pending");

/** A delivery that is over. */
function over(status: DeliveryStatus): Delivery {
  return { ...FRESH, status, due_at: null, lease: null };
}

Deno.test("statuses, triggers and outcomes are those of the contract", () => {
  assertEquals(DELIVERY_STATUSES, ["pending", "delivered", "exhausted", "cancelled", "blocked"]);
  assertEquals(TRIGGERS, ["automatic", "manual", "recover", "test"]);
  assertEquals(OUTCOMES, ["delivered", "retry", "gone", "blocked", "failed"]);
});

Deno.test("deliveryId() and parseDeliveryId() are each other's inverse", () => {
  const ulid = fc.string({
    unit: fc.constantFrom(..."0123456789ABCDEFGHJKMNPQRSTVWXYZ"),
    minLength: 26,
    maxLength: 26,
  });
  fc.assert(fc.property(ulid, ulid, (event, webhook) => {
    const ids = { event_id: `evt_${event}`, webhook_id: `wh_${webhook}` };
    const id = deliveryId(ids.event_id, ids.webhook_id);
    assertEquals(id, `dlv_${event}${webhook}`);
    assertEquals(parseDeliveryId(id), ids);
  }));
});

Deno.test("parseDeliveryId() answers null to whatever is no delivery's id", () => {
  const id = deliveryId(EVENT_ID, WEBHOOK_ID);
  const others = [
    "",
    "dlv_",
    EVENT_ID,
    id.slice(0, -1),
    id + "A",
    id.toLowerCase(),
    `x${id}`,
    `${id}\n`,
    ` ${id}`,
  ];
  for (const other of [...others, id.replace("dlv_", "evt_"), id.slice(0, -1) + "é"]) {
    assertEquals(parseDeliveryId(other), null, other);
  }
});

Deno.test("withAttempt() ends a pending delivery as its outcome says", () => {
  const table = [
    ["delivered", "delivered", 0],
    ["gone", "exhausted", 1],
    ["failed", "exhausted", 1],
    ["blocked", "blocked", 1],
  ] as const;
  for (const [outcome, status, failures] of table) {
    assertEquals(withAttempt(FRESH, SENT, { outcome }, by("p1")), {
      ...FRESH,
      status,
      due_at: null,
      lease: null,
      failures,
      attempts_total: 1,
      attempts: [{ ...SENT, number: 1, outcome }],
    });
  }
});

Deno.test("withAttempt() puts a retry on the schedule, counts the failure and gives the lease back", () => {
  assertEquals(withAttempt(FRESH, SENT, RETRY, by("p1")), {
    ...FRESH,
    due_at: 12_000,
    lease: null,
    failures: 1,
    attempts_total: 1,
    attempts: [{ ...SENT, number: 1, outcome: "retry" }],
  });
});

Deno.test("withAttempt() makes the retries after a recovering attempt automatic again", () => {
  const trigger = "recover";
  const after = withAttempt({ ...FRESH, trigger }, { ...SENT, trigger }, RETRY, by("p1"));
  assertEquals(after.trigger, "automatic");
  assertEquals(after.attempts[0]?.trigger, trigger);
});

Deno.test("withAttempt() keeps the schedule of another process that took the lease meanwhile", () => {
  const taken = leased(FRESH, { owner: "p2", until_ms: 99_000 });
  for (const owner of ["p1", null]) {
    const after = withAttempt(taken, SENT, RETRY, by(owner));
    assertEquals(after, {
      ...taken,
      attempts_total: 1,
      attempts: [{ ...SENT, number: 1, outcome: "retry" }],
    });
  }
});

Deno.test("withAttempt() keeps the schedule of a delivery that nobody holds, when one process sent it", () => {
  const waiting = released(FRESH, 5000);
  const after = withAttempt(waiting, SENT, RETRY, by("p1"));
  assertEquals([after.due_at, after.failures, after.attempts_total], [5000, 0, 1]);
});

Deno.test("withAttempt() ends a delivery even under another process's lease", () => {
  const taken = leased(FRESH, { owner: "p2", until_ms: 99_000 });
  for (const outcome of ENDINGS) {
    const after = withAttempt(taken, SENT, { outcome }, by("p1"));
    assert(after.status !== "pending" && after.due_at === null && after.lease === null, outcome);
  }
});

Deno.test("withAttempt() leaves a delivery that is over what it is, unless the attempt succeeded", () => {
  for (const status of TERMINAL) {
    for (const verdict of [RETRY, ...ENDINGS.map((outcome) => ({ outcome }))]) {
      const after = withAttempt(over(status), SENT, verdict, by("p1"));
      assertEquals(after, {
        ...over(status),
        status: verdict.outcome === "delivered" ? "delivered" : status,
        attempts_total: 1,
        attempts: [{ ...SENT, number: 1, outcome: verdict.outcome }],
      }, `${status}, ${verdict.outcome}`);
    }
  }
});

Deno.test("withAttempt() keeps the first attempt and the last nineteen, and counts them all", () => {
  let delivery = FRESH;
  for (let number = 1; number <= 25; number++) {
    delivery = withAttempt(leased(delivery, { owner: "p1", until_ms: 99_000 }), SENT, RETRY, by("p1"));
    const expected = number <= 20
      ? Array.from({ length: number }, (_, index) => index + 1)
      : [1, ...Array.from({ length: 19 }, (_, index) => number - 18 + index)];
    assertEquals(delivery.attempts.map((attempt) => attempt.number), expected);
    assertEquals(delivery.attempts_total, number);
  }
});

Deno.test("hasAttempt() finds an attempt by its time, duration and trigger", () => {
  const delivery = withAttempt(FRESH, SENT, RETRY, by("p1"));
  assert(hasAttempt(delivery, { ...SENT }, 0));
  assertFalse(hasAttempt(FRESH, SENT, 0));
  for (
    const other of [{ at: 2001 }, { duration_ms: 12.5 }, { duration_ms: null }, {
      trigger: "manual",
    }] as const
  ) {
    assertFalse(hasAttempt(delivery, { ...SENT, ...other }, 0));
  }
});

Deno.test("hasAttempt() takes no attempt that was on record before for its twin of the same millisecond", () => {
  const delivery = withAttempt(FRESH, SENT, RETRY, by("p1"));
  assertFalse(hasAttempt(delivery, SENT, delivery.attempts_total));
});

Deno.test("leased() makes a delivery due when the lease ends and names the owner", () => {
  const held = leased(released(FRESH, 5000), { owner: "p2", until_ms: 45_000 });
  assertEquals(held, { ...FRESH, due_at: 45_000, lease: { owner: "p2" } });
});

Deno.test("released() makes a delivery due now, for anyone", () => {
  assertEquals(released(FRESH, 5000), { ...FRESH, due_at: 5000, lease: null });
});

Deno.test("ended() ends a pending delivery without an attempt", () => {
  for (const status of ["cancelled", "exhausted"] as const) {
    assertEquals(ended(FRESH, status), { ...FRESH, status, due_at: null, lease: null });
  }
});

Deno.test("leased(), released() and ended() refuse a delivery that is over", () => {
  for (const status of TERMINAL) {
    assertThrows(() => leased(over(status), { owner: "p1", until_ms: 1 }), AssertionError);
    assertThrows(() => released(over(status), 1), AssertionError);
    assertThrows(() => ended(over(status), "cancelled"), AssertionError);
  }
});

Deno.test("interrupted() notes the attempt nobody knows about, makes the delivery due now, and uses up no retry", () => {
  for (const trigger of ["automatic", "manual", "recover"] as const) {
    const held = { ...FRESH, trigger, failures: 2 };
    assertEquals(interrupted(held, 60_000), {
      ...held,
      due_at: 60_000,
      lease: null,
      attempts_total: 1,
      attempts: [{
        number: 1,
        trigger,
        at: 60_000,
        duration_ms: null,
        status_code: null,
        outcome: "retry",
        error: "interrupted",
        response_body: null,
      }],
    });
  }
});

Deno.test("effectiveStatus() reads pending work of a webhook that is not active any more as cancelled", () => {
  const { queued_at } = FRESH;
  const table: [cancelled_until: number | null, status: DeliveryStatus][] = [
    [null, "pending"],
    [queued_at - 1, "pending"],
    [queued_at, "cancelled"],
    [queued_at + 1, "cancelled"],
  ];
  for (const [cancelled_until, status] of table) {
    assertEquals(effectiveStatus(FRESH, { cancelled_until }), status, String(cancelled_until));
  }
  assertEquals(effectiveStatus(FRESH, null), "cancelled");
});

Deno.test("effectiveStatus() looks at when a delivery was last queued, not when it was created", () => {
  const revived = { ...FRESH, queued_at: 9000 };
  assertEquals(effectiveStatus(revived, { cancelled_until: 5000 }), "pending");
});

Deno.test("effectiveStatus() of a delivery that is over is its own", () => {
  for (const status of TERMINAL) {
    for (const webhook of [null, { cancelled_until: null }, { cancelled_until: Number.MAX_SAFE_INTEGER }]) {
      assertEquals(effectiveStatus(over(status), webhook), status);
    }
  }
});

Deno.test("isTooOld() lets a delivery wait for 14 days since it was last queued, and no longer", () => {
  const revived = { ...FRESH, queued_at: 50_000 };
  const limit_ms = 50_000 + 14 * TIME.DAY_MS;
  assertFalse(isTooOld(revived, limit_ms));
  assert(isTooOld(revived, limit_ms + 1));
});

/** One step of a delivery's life. */
type Step =
  | { readonly kind: "lease"; readonly owner: string; readonly until_ms: number }
  | { readonly kind: "release"; readonly now_ms: number }
  | { readonly kind: "attempt"; readonly verdict: Verdict; readonly owner: string | null }
  | { readonly kind: "interrupt"; readonly now_ms: number }
  | { readonly kind: "end"; readonly status: "cancelled" | "exhausted" };

const time = fc.nat(1_000_000);
const owner = fc.constantFrom("p1", "p2");
const retry = fc.record({ outcome: fc.constant("retry" as const), due_at: time });
const ending = fc.record({ outcome: fc.constantFrom(...ENDINGS) });
/** Mostly retries, so that a sequence lives long enough to lose attempts from its middle. */
const steps = fc.array(
  fc.oneof(
    { weight: 10, arbitrary: fc.record({ kind: fc.constant("lease" as const), owner, until_ms: time }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("release" as const), now_ms: time }) },
    {
      weight: 20,
      arbitrary: fc.record({
        kind: fc.constant("attempt" as const),
        verdict: fc.oneof({ weight: 30, arbitrary: retry }, { weight: 1, arbitrary: ending }),
        owner: fc.oneof(owner, fc.constant(null)),
      }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("interrupt" as const), now_ms: time }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("end" as const),
        status: fc.constantFrom("cancelled" as const, "exhausted" as const),
      }),
    },
  ) satisfies fc.Arbitrary<Step>,
  { maxLength: 80, size: "max" },
);

function take(delivery: Delivery, step: Step): Delivery {
  switch (step.kind) {
    case "lease":
      return leased(delivery, step);
    case "release":
      return released(delivery, step.now_ms);
    case "attempt":
      return withAttempt(delivery, SENT, step.verdict, by(step.owner));
    case "interrupt":
      return interrupted(delivery, step.now_ms);
    case "end":
      return ended(delivery, step.status);
  }
}

/** Freezes at every depth, so that a step that writes into what it was given throws. */
function frozen<Value>(value: Value): Value {
  if (typeof value === "object" && value !== null) Object.values(value).forEach(frozen);
  return Object.freeze(value);
}

/** The steps a delivery can take; a lease, a release, an interruption and an end need a pending one. */
function possible(delivery: Delivery, step: Step): boolean {
  return delivery.status === "pending" || step.kind === "attempt";
}

/** Calls `check` for every step of a random life. */
function forEveryStep(check: (before: Delivery, step: Step, after: Delivery) => void): void {
  fc.assert(
    fc.property(steps, (life) => {
      let delivery = frozen(FRESH);
      for (const step of life) {
        if (!possible(delivery, step)) continue;
        const after = frozen(take(delivery, step));
        check(delivery, step, after);
        delivery = after;
      }
    }),
    { numRuns: 300 },
  );
}

Deno.test("a delivery is due exactly while it is pending, and nobody holds one that is over", () => {
  forEveryStep((_, __, after) => {
    assertEquals(after.due_at !== null, after.status === "pending");
    if (after.status !== "pending") assertEquals(after.lease, null);
  });
});

Deno.test("a delivery that is over stays what it is; only a success still changes it, to delivered", () => {
  forEveryStep((before, step, after) => {
    if (before.status === "pending") return;
    const success = step.kind === "attempt" && step.verdict.outcome === "delivered";
    assertEquals(after.status, success ? "delivered" : before.status);
    assertEquals(after.failures, before.failures);
  });
});

Deno.test("a delivery counts every attempt, numbers them in order, and keeps the first and the last nineteen", () => {
  fc.assert(fc.property(steps, (life) => {
    let delivery = FRESH;
    const all: Attempt[] = [];
    for (const step of life) {
      if (!possible(delivery, step)) continue;
      delivery = take(delivery, step);
      const newest = delivery.attempts.at(-1);
      if ((step.kind === "attempt" || step.kind === "interrupt") && newest !== undefined) all.push(newest);
    }
    assertEquals(delivery.attempts_total, all.length);
    assertEquals(all.map(({ number }) => number), all.map((_, index) => index + 1));
    assertEquals(delivery.attempts, all.length <= 20 ? all : [...all.slice(0, 1), ...all.slice(-19)]);
  }));
});

Deno.test("a failed attempt uses up one retry, everything else none", () => {
  forEveryStep((before, step, after) => {
    const used = after.failures - before.failures;
    if (step.kind !== "attempt" || before.status !== "pending") return assertEquals(used, 0);
    const scheduled = (before.lease?.owner ?? null) === step.owner;
    if (step.verdict.outcome === "retry") return assertEquals(used, scheduled ? 1 : 0);
    assertEquals(used, step.verdict.outcome === "delivered" ? 0 : 1);
  });
});

Deno.test("a delivery's identity and the time it was queued never change by a step", () => {
  forEveryStep((before, _, after) => {
    const { event_id, webhook_id, site_id, event, created_at, queued_at } = before;
    assertEquals({ ...after, event_id, webhook_id, site_id, event, created_at, queued_at }, after);
  });
});
