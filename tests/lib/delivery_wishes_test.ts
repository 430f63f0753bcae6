/**
 * Attempts that a person asks for: they come besides the schedule and never instead of it.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  type Delivery,
  DELIVERY_STATUSES,
  type DeliveryStatus,
  newDelivery,
  nextTrigger,
} from "../../lib/delivery.ts";
import { ended, interrupted, leased, revived, wished, withAttempt } from "../../lib/delivery_moves.ts";

const WAITING: Delivery = {
  ...newDelivery({
    event_id: "evt_01JMZ0000000000000000000AA",
    webhook_id: "wh_01JMZ0000000000000000000BB",
    site_id: "example.com",
    event: "goal_completion",
    trigger: "automatic",
    created_at: 1000,
    queued_at: 1000,
  }),
  due_at: 60_000,
  failures: 2,
};
const MANUAL = {
  trigger: "manual",
  at: 5000,
  duration_ms: 3,
  status_code: 500,
  error: null,
  response_body: "",
} as const;
const AUTOMATIC = { ...MANUAL, trigger: "automatic" } as const;
const BY = { owner: "p1", now_ms: 5003 };
const LEASE = { owner: "p1", until_ms: 45_000 };

function over(status: DeliveryStatus): Delivery {
  return { ...WAITING, status, due_at: null };
}

Deno.test("wished() makes a waiting delivery due now and remembers its schedule", () => {
  const wanted = wished(WAITING, 5000);
  assertEquals(wanted, { ...WAITING, wishes: 1, due_at: 5000, scheduled_at: 60_000 });
  assertEquals(nextTrigger(wanted), "manual");
  assertEquals(wished(wanted, 6000), { ...wanted, wishes: 2, due_at: 6000 });
});

Deno.test("wished() leaves the state of a delivery that is over, and gives it something to do", () => {
  for (const status of DELIVERY_STATUSES.filter((status) => status !== "pending")) {
    assertEquals(wished(over(status), 5000), {
      ...over(status),
      wishes: 1,
      due_at: 5000,
      scheduled_at: null,
    });
  }
});

Deno.test("a failed redelivery of a pending delivery uses up no retry and returns it to its schedule", () => {
  const held = leased(wished(WAITING, 5000), LEASE);
  const after = withAttempt(held, MANUAL, { outcome: "retry", due_at: 99_000 }, BY);
  assertEquals(
    { ...after, attempts: [], attempts_total: 0 },
    { ...WAITING, attempts: [], attempts_total: 0 },
  );
  assertEquals(after.attempts_total, 1);
});

Deno.test("a failed redelivery of a delivery that is over leaves it as it was", () => {
  for (const status of DELIVERY_STATUSES.filter((status) => status !== "pending")) {
    const after = withAttempt(leased(wished(over(status), 5000), LEASE), MANUAL, { outcome: "failed" }, BY);
    assertEquals([after.status, after.due_at, after.lease, after.wishes], [status, null, null, 0]);
    assertEquals(after.attempts[0]?.outcome, "failed");
  }
});

Deno.test("a successful redelivery delivers, whatever the delivery was", () => {
  for (const delivery of [WAITING, ...DELIVERY_STATUSES.map(over)]) {
    const after = withAttempt(leased(wished(delivery, 5000), LEASE), MANUAL, { outcome: "delivered" }, BY);
    assertEquals([after.status, after.due_at, after.wishes], ["delivered", null, 0]);
  }
});

Deno.test("a wish noted while a send is under way comes after it, and the schedule after both", () => {
  const held = leased(WAITING, LEASE);
  const wanted = wished(held, 5001);
  assertEquals(wanted, { ...held, wishes: 1 });
  const sent = withAttempt(wanted, AUTOMATIC, { outcome: "retry", due_at: 70_000 }, BY);
  assertEquals([sent.due_at, sent.scheduled_at, sent.wishes, sent.failures], [5003, 70_000, 1, 3]);
  const again = withAttempt(leased(sent, LEASE), MANUAL, { outcome: "retry", due_at: 99_000 }, BY);
  assertEquals([again.due_at, again.scheduled_at, again.wishes, again.failures], [70_000, null, 0, 3]);
});

Deno.test("each of several wishes is one attempt", () => {
  let delivery = leased(wished(wished(over("delivered"), 5000), 5000), LEASE);
  delivery = withAttempt(delivery, MANUAL, { outcome: "failed" }, BY);
  assertEquals([delivery.wishes, delivery.due_at], [1, 5003]);
  delivery = withAttempt(leased(delivery, LEASE), MANUAL, { outcome: "failed" }, BY);
  assertEquals([delivery.wishes, delivery.due_at, delivery.status], [0, null, "delivered"]);
});

Deno.test("interrupted() keeps the wish that was cut short", () => {
  const cut = interrupted(leased(wished(over("delivered"), 5000), LEASE), 60_000);
  assertEquals([cut.wishes, cut.due_at, cut.lease, cut.attempts[0]?.trigger], [1, 60_000, null, "manual"]);
});

Deno.test("ended() drops wishes, and what is over stays what it is", () => {
  const after = ended(wished(over("delivered"), 5000), "cancelled");
  assertEquals([after.status, after.wishes, after.due_at, after.scheduled_at], ["delivered", 0, null, null]);
});

Deno.test("revived() gives a fresh retry budget, after an attempt that is under way if there is one", () => {
  const fresh = revived(over("exhausted"), 9000);
  assertEquals([fresh.status, fresh.trigger, fresh.queued_at, fresh.failures, fresh.due_at], [
    "pending",
    "recover",
    9000,
    0,
    9000,
  ]);
  const busy = revived(leased(wished(over("exhausted"), 5000), LEASE), 9000);
  assertEquals([busy.status, busy.due_at, busy.scheduled_at, busy.lease?.owner], [
    "pending",
    45_000,
    9000,
    "p1",
  ]);
  const after = withAttempt(busy, MANUAL, { outcome: "retry", due_at: 99_000 }, BY);
  assertEquals([after.status, after.due_at, after.failures], ["pending", 9000, 0]);
});

Deno.test("a wish noted during a send that a crash cut short does not take the schedule's place", () => {
  const cut = interrupted(wished(leased(WAITING, LEASE), 5001), 60_000);
  const after = withAttempt(leased(cut, LEASE), MANUAL, { outcome: "retry", due_at: 99_000 }, {
    owner: "p1",
    now_ms: 60_003,
  });
  assertEquals([after.status, after.due_at, after.wishes], ["pending", 60_003, 0]);
  assertEquals(nextTrigger(after), "automatic");
});
