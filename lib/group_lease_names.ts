/**
 * The deliveries that a group lease names, one by one.
 *
 * @module
 */
import type { DeliveryName, GroupLease } from "./store.ts";

/**
 * The names of the deliveries of a group lease.
 *
 * @param lease The group lease.
 * @returns A name for each, in their order.
 */
export function namesOf({ deliveries }: Pick<GroupLease, "deliveries">): DeliveryName[] {
  return deliveries.flatMap(({ event_id, webhook_ids }) =>
    webhook_ids.map((webhook_id) => ({ event_id, webhook_id, leased: true }))
  );
}
