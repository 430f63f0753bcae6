/**
 * Where work comes from: the request that brought it, in the log and in a trace.
 *
 * Owns the port to a tracer. Nothing here may cost anything where nobody traces: there is no tracer then, and whoever could
 * use one asks for it once.
 *
 * @module
 */
import type { Delivered } from "./deliver.ts";
import type { Delivery } from "./delivery.ts";
import type { AcceptPorts } from "./accept.ts";

/** A place in a trace. What it is only the tracer knows. */
export type TracePlace = { readonly brand: "place in a trace" };

/** The request that something came with. */
export interface Origin {
  readonly request_id: string;
  /** Null where nobody traces. */
  readonly place: TracePlace | null;
}

/** What is told of an attempt. */
export interface TracedAttempt {
  readonly delivery: Delivery;
  /** Scheme and host of the receiver: the rest of a URL may be a credential. */
  readonly url_origin: string;
  /** Where the attempt belongs: to the request that brought its event, or (null) to none that is known here. */
  readonly place: TracePlace | null;
}

/** Tells of work as spans of traces. */
export interface Tracing {
  /** Where the work under way belongs. */
  place(): TracePlace;
  /** Makes an attempt as a span. */
  attempt(told: TracedAttempt, make: () => Promise<Delivered>): Promise<Delivered>;
  /** Commits events as a span of the work under way. */
  commit<T>(events: number, commit: () => Promise<T>): Promise<T>;
}

/**
 * A store whose commits of accepted events are spans.
 *
 * @param store The store.
 * @param tracing Who tells.
 * @returns The part of it that accepting needs.
 */
export function tracedStore(store: AcceptPorts["store"], tracing: Tracing): AcceptPorts["store"] {
  return {
    ...store,
    acceptWith: (change, acceptances) =>
      tracing.commit(acceptances.length, () => store.acceptWith(change, acceptances)),
  };
}
