/**
 * What an owner may set of a webhook: its fields, their limits and defaults, and how a patch changes them.
 *
 * Owns the door through which settings enter. It must never decide about state: that is `webhook.ts`.
 *
 * @module
 */
import { z } from "zod";
import { EVENT_NAMES } from "./event_types.ts";
import { INPUT } from "./limits.ts";
import { isJsonObject, type JsonObject, mergePatch } from "./merge_patch.ts";
import { jsonPointer, validate, validationError } from "./validate.ts";

/** How an event is rendered for the receiver. */
export const FORMATS = ["json", "slack", "discord"] as const;
/** How an event is rendered for the receiver: as it is, or as a message of that service. */
export type Format = typeof FORMATS[number];

/** What a header value is shown as; written back, the stored value stays. */
export const MASKED = "********";

const entries = z.array(z.string().min(1).max(INPUT.string_chars_max)).max(INPUT.filter_entries_max).default(
  [],
);
const threshold = z.number().min(1);
const readings = z.int().min(1).max(INPUT.readings_max).default(1);
const cooldown = z.number().min(0).max(INPUT.cooldown_hours_max).default(12);

const spike = z.strictObject({
  threshold: threshold.default(10),
  percent_over_baseline: z.number().positive().nullable().default(null),
  readings,
  cooldown_hours: cooldown,
});

const drop = z.strictObject({ threshold: threshold.default(1), readings, cooldown_hours: cooldown });

const filters = z.strictObject({
  goals: entries,
  custom_events: entries,
  error_types: entries,
  visitor_spike: spike.prefault({}),
  visitor_drop: drop.prefault({}),
});

/** Headers that Tidings or HTTP itself sets, or that change how the message is framed (RFC 9110, RFC 9112). */
const RESERVED_HEADER =
  /^(?:host|content-.*|webhook-.*|x-webhook-.*|user-agent|accept-encoding|connection|keep-alive|transfer-encoding|te|trailer|upgrade|expect|proxy-.*)$/i;
/** `token` of RFC 9110, section 5.6.2. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Visible ASCII with spaces inside, so that `Bearer x` can be said. */
const HEADER_VALUE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

const HEADER_TWICE = "must name each header once (upper and lower case are the same)";

const headers = z.record(z.string(), z.string()).default({}).superRefine((value, context) => {
  const names = Object.keys(value);
  const refuse = (path: string[], message: string): void =>
    context.addIssue({ code: "custom", path, message });
  if (names.length > INPUT.headers_max) refuse([], `must have at most ${INPUT.headers_max} headers`);
  if (new Set(names.map((name) => name.toLowerCase())).size < names.length) {
    refuse([], HEADER_TWICE);
  }
  for (const [name, text] of Object.entries(value)) {
    if (name.length > INPUT.header_name_chars_max || !HEADER_NAME.test(name)) {
      refuse([name], `must have a name of 1 to ${INPUT.header_name_chars_max} token characters`);
    } else if (RESERVED_HEADER.test(name)) {
      refuse([name], "must not be a header that Tidings or HTTP itself sets");
    }
    if (text.length > INPUT.header_value_chars_max || !HEADER_VALUE.test(text)) {
      refuse([name], `must have a value of 1 to ${INPUT.header_value_chars_max} visible ASCII characters`);
    }
  }
});

const url = z.string().min(1).max(INPUT.url_chars_max).superRefine((text, context) => {
  // `new URL` drops tabs and line breaks and trims: what is shown must be what is dialled.
  const message = "must be an absolute http(s) URL without spaces or control characters";
  // deno-lint-ignore no-control-regex -- control characters are what is looked for
  if (/[\x00-\x20\x7f]/.test(text) || !URL.canParse(text)) context.addIssue({ code: "custom", message });
});

const timeout = z.int().min(INPUT.timeout_ms_min).max(INPUT.timeout_ms_max);

/** What an owner may set, field by field; what `name` and `timeout_ms` are if they are left out is told elsewhere. */
export const settingsFields = z.strictObject({
  name: z.string().min(1).max(INPUT.name_chars_max).optional(),
  url,
  format: z.enum(FORMATS).default("json"),
  events: z.array(z.enum(EVENT_NAMES)).min(1).max(EVENT_NAMES.length)
    .refine((names) => new Set(names).size === names.length, { error: "must name each event once" }),
  filters: filters.prefault({}),
  headers,
  enabled: z.boolean().default(true),
  max_retries: z.int().min(0).max(INPUT.max_retries_max).default(INPUT.max_retries_default),
  timeout_ms: timeout.optional(),
  rate_limit_per_minute: z.int().min(1).max(INPUT.rate_limit_per_minute_max).nullable().default(null),
});

/**
 * What an owner may set, with every default.
 *
 * @param timeout_ms_default The configured deadline of a delivery.
 * @returns The schema of a creation, and of a patched webhook.
 */
function settingsSchema(timeout_ms_default: number) {
  // Not Map.getOrInsertComputed(), which Deno Deploy's release of Deno does not have.
  const made = schemas.get(timeout_ms_default) ?? makeSettingsSchema(timeout_ms_default);
  schemas.set(timeout_ms_default, made);
  return made;
}

/** By their default: making one takes longer than parsing with it a hundred times. */
const schemas = new Map<number, ReturnType<typeof makeSettingsSchema>>();

function makeSettingsSchema(timeout_ms_default: number) {
  return settingsFields.extend({ timeout_ms: timeout.default(timeout_ms_default) })
    .transform((value) => ({ ...value, name: value.name ?? nameOf(value.url) }));
}

/** A host may be longer than a name, and a name that does not fit would stand against every later patch. */
function nameOf(url: string): string {
  return new URL(url).host.slice(0, INPUT.name_chars_max);
}

/** What an owner may set. Header values are in the clear here. */
export type WebhookSettings = z.output<ReturnType<typeof settingsSchema>>;

/** What the environment decides about a webhook's settings. */
export interface SettingsDefaults {
  readonly timeout_ms: number;
}

/**
 * Parses the body of a creation. Null means the default, as in a patch. A masked header value is refused: there is
 * none to keep.
 *
 * @param input A JSON value, without `secret`.
 * @param defaults From the configuration.
 * @returns The settings, complete.
 * @throws {AppError} `validation_failed`.
 */
export function parseSettings(input: unknown, defaults: SettingsDefaults): WebhookSettings {
  if (!isJsonObject(input)) throw validationError([{ path: "", message: "must be an object" }]);
  refuseUnknownNulls(input);
  return validate(settingsSchema(defaults.timeout_ms), mergePatch({}, unmasked(input, {})));
}

/**
 * Applies a merge patch to a webhook's settings: null resets, arrays replace, a masked header value stays.
 *
 * @param before The settings as they are.
 * @param patch A JSON value.
 * @param defaults From the configuration.
 * @returns The settings as they will be.
 * @throws {AppError} `validation_failed`.
 */
export function patchSettings(
  before: WebhookSettings,
  patch: unknown,
  defaults: SettingsDefaults,
): WebhookSettings {
  if (!isJsonObject(patch)) throw validationError([{ path: "", message: "must be an object" }]);
  refuseUnknownNulls(patch);
  const merged = mergePatch(settingsOf(before), unmasked(patch, before.headers));
  return validate(settingsSchema(defaults.timeout_ms), merged);
}

/**
 * A webhook's settings alone, as plain JSON.
 *
 * @param webhook The webhook, or its settings.
 * @returns What an owner may set, and nothing else.
 */
export function settingsOf(webhook: WebhookSettings): WebhookSettings & JsonObject {
  const {
    name,
    url,
    format,
    events,
    filters,
    headers,
    enabled,
    max_retries,
    timeout_ms,
    rate_limit_per_minute,
  } = webhook;
  return {
    name,
    url,
    format,
    events,
    filters,
    headers,
    enabled,
    max_retries,
    timeout_ms,
    rate_limit_per_minute,
  };
}

/** Where keys are known, and which; a header's name is its owner's. */
const KNOWN_KEYS: ReadonlyMap<string, z.ZodObject> = new Map<string, z.ZodObject>([
  ["", settingsFields],
  ["/filters", filters],
  ["/filters/visitor_spike", spike],
  ["/filters/visitor_drop", drop],
]);

/** A null removes what it names, so the schema never sees it: whether its key is known is looked at before. */
function refuseUnknownNulls(patch: JsonObject, path = ""): void {
  const unknown: string[] = [];
  for (const [key, value] of Object.entries(patch)) {
    const inner = path + jsonPointer([key]);
    if (value === null && !Object.hasOwn(KNOWN_KEYS.get(path)?.shape ?? {}, key)) unknown.push(inner);
    else if (isJsonObject(value) && KNOWN_KEYS.has(inner)) refuseUnknownNulls(value, inner);
  }
  if (unknown.length > 0) throw validationError(unknown.map((at) => ({ path: at, message: "Unknown key" })));
}

/** A patch in which every masked header is the stored one again, under the name it is stored by. */
function unmasked(patch: JsonObject, stored: Readonly<Record<string, string>>): JsonObject {
  if (!isJsonObject(patch["headers"])) return patch;
  // A record of zod leaves this name out without a word (4.6).
  if (Object.hasOwn(patch["headers"], "__proto__")) {
    throw validationError([{ path: "/headers/__proto__", message: "must have another name" }]);
  }
  const names = new Map(Object.keys(stored).map((name) => [name.toLowerCase(), name]));
  const headers = Object.entries(patch["headers"]).map(([name, value]): [string, unknown] => {
    const known = names.get(name.toLowerCase());
    if (known === undefined) {
      if (value !== MASKED) return [name, value];
      throw validationError([{
        path: jsonPointer(["headers", name]),
        message: "must be given: there is no stored value to keep",
      }]);
    }
    return [known, value === MASKED ? stored[known] : value];
  });
  const kept = Object.fromEntries(headers);
  if (Object.keys(kept).length < headers.length) {
    throw validationError([{ path: "/headers", message: HEADER_TWICE }]);
  }
  return { ...patch, headers: kept };
}
