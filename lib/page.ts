/**
 * What all lists have in common: how much of them is asked for.
 *
 * @module
 */
import { z } from "zod";
import { INPUT } from "./limits.ts";

/** A time in a query or a body, as milliseconds. */
export const dateTime = z.iso.datetime({
  offset: true,
  error: "must be an RFC 3339 date and time with an offset, such as 2026-02-25T12:00:00Z",
}).transform((text) => Date.parse(text));

/** The query parameters of a list, from texts; times become milliseconds. */
export const pageFields = {
  since: dateTime.optional(),
  /** Exclusive. */
  until: dateTime.optional(),
  limit: z.string().regex(/^\d{1,4}$/, "must be a whole number").transform(Number)
    .pipe(z.int().min(1).max(INPUT.page_max)).default(INPUT.page_default),
};
