/**
 * Records whose names a caller chooses.
 *
 * Owns the one name that can't be taken. It must never judge the others.
 *
 * @module
 */
import { z } from "zod";
import { isJsonObject } from "./merge_patch.ts";

/**
 * A record whose names its caller chooses. Records and loose objects of zod leave `__proto__` out without a word (4.6),
 * so what was taken would not be what was sent: that name is refused.
 *
 * @param record The record.
 * @returns The schema.
 */
export function withAnyNames<Record extends z.ZodType>(record: Record): z.ZodType<z.output<Record>> {
  return z.preprocess((input, context) => {
    if (isJsonObject(input) && Object.hasOwn(input, "__proto__")) {
      context.addIssue({ code: "custom", path: ["__proto__"], message: "must have another name" });
    }
    return input;
  }, record);
}
