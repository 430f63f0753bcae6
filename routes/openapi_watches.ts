/**
 * The watch of a site in the OpenAPI document.
 *
 * @module
 */
import { z } from "zod";
import { type ShownWatch, watchInput } from "../lib/watch.ts";
import { EXAMPLE_WATCH } from "./openapi_examples.ts";
import type { Operations } from "./openapi_operation.ts";
import { answerOf, request, time, timeOrNull } from "./openapi_schema.ts";

const newWatch = request("NewWatch", watchInput);

const watch = answerOf<ShownWatch>()(
  "Watch",
  z.strictObject({
    site_id: z.string(),
    visitors: z.boolean(),
    goals: z.boolean(),
    custom_events: z.boolean(),
    errors: z.boolean(),
    has_api_key: z.boolean().meta({
      description: "Whether the site has a key of its own; it is never shown",
    }),
    interval_s: z.int().nullable().meta({ description: "Null if there is no Plausible to watch any more" }),
    last_round_at: timeOrNull,
    last_error: z.string().nullable(),
    next_round_at: time,
  }),
);

const PATH = "/v1/sites/{site_id}/watch";

/** What there is about watches. */
export const WATCH_OPERATIONS: Operations = {
  [`GET ${PATH}`]: {
    id: "getWatch",
    tag: "Events",
    summary: "How the site is watched in Plausible",
    access: "read",
    answers: { 200: { description: "The watch", body: { schema: watch, example: EXAMPLE_WATCH } } },
    errors: ["not_watched"],
  },
  [`PUT ${PATH}`]: {
    id: "setWatch",
    tag: "Events",
    summary: "Watch the site in Plausible",
    description:
      "Replaces the watch; an `api_key` that is left out stays, null removes it. What happened before the first round is " +
      "never told. Refused while the service has no TIDINGS_PLAUSIBLE_URL.",
    access: "manage",
    body: {
      schema: newWatch,
      refused: "no_plausible",
      examples: {
        watch: { visitors: true, goals: true, custom_events: false, errors: true, interval_s: 60 },
      },
    },
    answers: { 200: { description: "The watch", body: { schema: watch, example: EXAMPLE_WATCH } } },
    errors: ["watch_keeps_changing"],
  },
  [`DELETE ${PATH}`]: {
    id: "removeWatch",
    tag: "Events",
    summary: "Watch the site no longer",
    access: "manage",
    answers: { 204: { description: "It is not watched any more" } },
    errors: ["not_watched", "watch_not_removed"],
  },
};
