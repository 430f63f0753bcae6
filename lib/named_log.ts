/**
 * A log whose lines call sites by their names of today: what the engine and the watcher know is what they are stored under.
 *
 * @module
 */
import type { Log, LogFields } from "./ports.ts";
import type { SiteNames } from "./site_names.ts";

/**
 * Makes the log.
 *
 * @param log Where the lines go.
 * @param names What the sites are called.
 * @returns A log that names the site of each line.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { namedLog } from "./named_log.ts";
 * const sites: unknown[] = [];
 * const line = (_: string, fields = {}) => void sites.push(fields);
 * const log = { debug: line, info: line, warn: line, error: line };
 * namedLog(log, { any: true, nameOf: () => "new.example" }).info("delivery.attempted", { site: "old.example" });
 * assertEquals(sites, [{ site: "new.example" }]);
 * ```
 */
export function namedLog(log: Log, names: Pick<SiteNames, "any" | "nameOf">): Log {
  const named = (fields?: LogFields): LogFields | undefined => {
    const site = fields?.["site"];
    return names.any && typeof site === "string" ? { ...fields, site: names.nameOf(site) } : fields;
  };
  return {
    debug: (message, fields) => log.debug(message, named(fields)),
    info: (message, fields) => log.info(message, named(fields)),
    warn: (message, fields) => log.warn(message, named(fields)),
    error: (message, fields) => log.error(message, named(fields)),
  };
}
