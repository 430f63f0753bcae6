/**
 * What is secret in a document: opened by the service's own key, at the place it was sealed for.
 *
 * Owns opening and putting header values back. It must never put an opened value into a message.
 *
 * @module
 */
import type { FieldError } from "./errors.ts";
import { type SealedParts, type Sealing, validSecrets } from "./export.ts";
import { isJsonObject, type JsonObject } from "./merge_patch.ts";
import { headerPlace, parseSecret, type Secret, secretPlace } from "./secret.ts";
import { jsonPointer } from "./validate.ts";
import { MASKED } from "./webhook_settings.ts";

/** Whose they are, the time, and what opens. */
export interface OpenOptions {
  readonly site_id: string;
  readonly webhook_id: string;
  readonly now_ms: number;
  readonly box: Pick<Sealing, "open">;
}

/** What was sealed, in the clear. */
export interface OpenedParts {
  /** Those that are still valid; null if the document brings none. */
  readonly secrets: readonly Secret[] | null;
  readonly headers: Readonly<Record<string, string>>;
}

const UNOPENED = "must have been sealed for this site and webhook with this TIDINGS_SECRET_KEY";

/**
 * Opens what is sealed of a webhook.
 *
 * @param sealed What the document has; null for nothing.
 * @param options Whose it is, the time, and what opens.
 * @returns The parts in the clear, or a fault for each that does not open, with pointers from `sealed` on.
 */
export async function openSealed(
  sealed: SealedParts | null,
  { site_id, webhook_id, now_ms, box }: OpenOptions,
): Promise<OpenedParts | { readonly errors: FieldError[] }> {
  if (sealed === null) return { secrets: null, headers: {} };
  const errors: FieldError[] = [];
  const open = async (value: string, place: readonly string[], path: string): Promise<string> => {
    try {
      return await box.open(value, place);
    } catch {
      errors.push({ path, message: UNOPENED });
      return "";
    }
  };
  const secrets: Secret[] = [];
  for (const [index, { value, expires_at }] of sealed.secrets.entries()) {
    const path = jsonPointer(["secrets", index, "value"]);
    const opened = await open(value, secretPlace(site_id, webhook_id), path);
    secrets.push({ value: opened, expires_at: expires_at === null ? null : Date.parse(expires_at) });
  }
  const headers: [string, string][] = [];
  for (const [name, value] of Object.entries(sealed.headers)) {
    const path = jsonPointer(["headers", name]);
    headers.push([name, await open(value, headerPlace(site_id, webhook_id, name), path)]);
  }
  if (errors.length > 0) return { errors };
  // It was valid when it was sealed, and nobody without the key can have changed it: this fails for no honest document.
  for (const { value } of secrets) parseSecret(value);
  return { secrets: validSecrets(secrets, now_ms), headers: Object.fromEntries(headers) };
}

/**
 * Puts values in the place of masks: the sealed one, else the one that is stored, under the name it is stored by. A mask
 * without either stays, and is refused where settings are read.
 *
 * @param settings Settings as in the document, valid or not.
 * @param stored The headers that the webhook has now.
 * @param opened The headers that were sealed.
 * @returns The settings.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { headersGiven } from "./import_sealed.ts";
 * const settings = { headers: { "X-Team": "********", "X-New": "n" } };
 * const expected = { headers: { "x-team": "sealed", "X-New": "n" } };
 * assertEquals(headersGiven(settings, { "x-team": "stored" }, { "X-Team": "sealed" }), expected);
 * ```
 */
export function headersGiven(
  settings: JsonObject,
  stored: Readonly<Record<string, string>>,
  opened: Readonly<Record<string, string>>,
): JsonObject {
  const given = settings["headers"];
  if (!isJsonObject(given)) return settings;
  const names = new Map(Object.keys(stored).map((name) => [name.toLowerCase(), name]));
  const values = new Map(
    [...Object.entries(stored), ...Object.entries(opened)].map((
      [name, value],
    ) => [name.toLowerCase(), value]),
  );
  const entries = Object.entries(given).map(([name, value]): [string, unknown] => {
    const lower = name.toLowerCase();
    return [names.get(lower) ?? name, value === MASKED ? values.get(lower) ?? MASKED : value];
  });
  const headers = Object.fromEntries(entries);
  // Two spellings of one name would become one here; as they are, they are refused.
  return Object.keys(headers).length < entries.length ? settings : { ...settings, headers };
}
