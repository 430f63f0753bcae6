/**
 * Names of fields that stand for a person, whatever their value.
 *
 * Owns the published list. It must never look at values.
 *
 * @module
 */
import { remembered } from "../remembered.ts";
import { foldCharacters, percentDecodeFully } from "./plain_text.ts";

/** The published list: keys in lower case and without separators (API.md of the contract, "Events"). */
export const PERSONAL_KEYS: readonly string[] = [
  ...["ip", "ipaddress", "remoteip", "remoteaddr", "clientip", "xforwardedfor", "useragent", "ua"],
  ...[
    "user",
    "userid",
    "username",
    "visitorid",
    "sessionid",
    "session",
    "clientid",
    "customerid",
    "accountid",
  ],
  ...["orderid", "invoiceid", "ticketid", "distinctid", "deviceid", "cookie", "fingerprint"],
  ...["email", "mail", "phone", "tel", "firstname", "lastname", "fullname"],
  ...["address", "street", "postcode", "zip"],
  ...["token", "password", "secret", "apikey", "salt", "passport", "iban"],
  ...["gclid", "gbraid", "wbraid", "msclkid", "fbclid", "twclid"],
];

const personal: ReadonlySet<string> = new Set(PERSONAL_KEYS);

/**
 * Whether a key is on the list: decoded, in lower case, and without anything that is neither letter nor digit.
 *
 * @param key The key as written, such as `user_id`, `X-Forwarded-For` or `userId`.
 * @returns Whether it stands for a person.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { isPersonalKey } from "./personal_keys.ts";
 * assert(isPersonalKey("User-ID"));
 * assert(!isPersonalKey("user_count"));
 * ```
 */
export function isPersonalKey(key: string): boolean {
  return judged(key) === "personal";
}

/** Keys come from programs, so that the same few come again and again. */
const REMEMBERED_MAX = 1000;
const KEY_CHARS_MAX = 64;

const judged = remembered(REMEMBERED_MAX, judge, (key) => key.length <= KEY_CHARS_MAX);

function judge(key: string): "personal" | "free" {
  const plain = foldCharacters(percentDecodeFully(foldCharacters(key)));
  return personal.has(plain.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "")) ? "personal" : "free";
}
