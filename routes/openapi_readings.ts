/**
 * Readings of visitors in the OpenAPI document.
 *
 * @module
 */
import { z } from "zod";
import { ALERT_KINDS } from "../lib/alert.ts";
import { SKIP_REASONS } from "../lib/decide.ts";
import { readingSchema } from "../lib/reading.ts";
import type { TakenReading } from "../lib/take_reading.ts";
import { EXAMPLE_IDS, EXAMPLE_SKIPPED } from "./openapi_examples.ts";
import type { Operations } from "./openapi_operation.ts";
import { answerOf, request } from "./openapi_schema.ts";

const newReading = request("NewReading", readingSchema);

const taken = answerOf<TakenReading>()(
  "TakenReading",
  z.strictObject({
    triggered: z.array(z.strictObject({
      webhook_id: z.string(),
      event: z.enum(ALERT_KINDS),
      event_id: z.string(),
    })),
    skipped: z.array(z.strictObject({
      webhook_id: z.string(),
      event: z.enum(ALERT_KINDS),
      reason: z.enum(SKIP_REASONS),
    })),
  }),
);

const TAKEN: TakenReading = {
  triggered: [{
    webhook_id: EXAMPLE_IDS.webhook_id,
    event: "visitor_spike",
    event_id: EXAMPLE_IDS.event_id,
  }],
  skipped: [{ webhook_id: EXAMPLE_SKIPPED.webhook_id, event: "visitor_spike", reason: "below_threshold" }],
};

/** What there is about readings. */
export const READING_OPERATIONS: Operations = {
  "POST /v1/sites/{site_id}/readings": {
    id: "postReading",
    tag: "Events",
    summary: "Post a reading of the site's visitors",
    description:
      "Each webhook's own threshold, baseline, readings in a row and cooldown decide. A spike or a drop " +
      "becomes one event for all webhooks that are told. A reading older than the last decides nothing.",
    access: "ingest",
    body: {
      schema: newReading,
      refused: "missing_visitors",
      examples: {
        spike: {
          current_visitors: 250,
          visitors_12h: 9000,
          at: "2026-02-25T12:00:00Z",
          top_sources: [{ source: "Hacker News", visitors: 180 }],
          top_pages: [{ page: "/blog/launch", visitors: 210 }],
        },
      },
    },
    answers: {
      202: { description: "Who was told, and who was not and why", body: { schema: taken, example: TAKEN } },
    },
    errors: ["personal_page", "rate_limited"],
  },
};
