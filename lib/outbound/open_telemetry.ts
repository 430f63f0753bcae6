/**
 * Traces, through the API of OpenTelemetry.
 *
 * Owns the names of spans and of their attributes. A span must never name a secret, a payload, a path of a receiver's URL,
 * or a person. Deno exports them and makes those of requests; this module adds what only Tidings knows.
 *
 * @module
 */
import {
  type Context,
  context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import type { Delivered } from "../deliver.ts";
import { deliveryId, nextTrigger } from "../delivery.ts";
import type { TracedAttempt, TracePlace, Tracing } from "../tracing.ts";

/** See the module. */
export class OpenTelemetry implements Tracing {
  readonly #tracer: Tracer;
  readonly #nameOf: (site_id: string) => string;

  /**
   * @param version Of this release.
   * @param nameOf What a site is called today.
   */
  constructor(version: string, nameOf: (site_id: string) => string) {
    this.#tracer = trace.getTracer("tidings", version);
    this.#nameOf = nameOf;
  }

  place(): TracePlace {
    return context.active() as unknown as TracePlace;
  }

  async attempt(told: TracedAttempt, make: () => Promise<Delivered>): Promise<Delivered> {
    // What is under way here may be another delivery's send, or its record: never the parent of this one.
    const parent = told.place === null ? ROOT_CONTEXT : told.place as unknown as Context;
    const options = {
      kind: SpanKind.CLIENT,
      root: told.place === null,
      attributes: this.#attributesOf(told),
    };
    const span = this.#tracer.startSpan("attempt", options, parent);
    try {
      const delivered = await context.with(trace.setSpan(parent, span), make);
      const { attempt, verdict } = delivered;
      span.setAttribute("tidings.outcome", verdict.outcome);
      if (attempt.status_code !== null) span.setAttribute("http.response.status_code", attempt.status_code);
      if (attempt.error !== null) span.setAttribute("error.type", attempt.error);
      if (verdict.outcome !== "delivered") span.setStatus({ code: SpanStatusCode.ERROR });
      return delivered;
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  }

  async commit<T>(events: number, commit: () => Promise<T>): Promise<T> {
    const span = this.#tracer.startSpan("commit", { attributes: { "tidings.events": events } });
    try {
      return await commit();
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  }

  #attributesOf({ delivery, url_origin }: TracedAttempt): Record<string, string | number> {
    const { event_id, webhook_id, site_id, event, attempts_total } = delivery;
    return {
      "tidings.event_id": event_id,
      "tidings.delivery_id": deliveryId(event_id, webhook_id),
      "tidings.webhook_id": webhook_id,
      "tidings.site_id": this.#nameOf(site_id),
      "tidings.event": event,
      "tidings.attempt": attempts_total + 1,
      "tidings.trigger": nextTrigger(delivery),
      "http.request.method": "POST",
      "server.address": new URL(url_origin).hostname,
      "url.scheme": new URL(url_origin).protocol.slice(0, -1),
    };
  }
}
