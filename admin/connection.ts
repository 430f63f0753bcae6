/**
 * Which service a command talks to: the meaning of `--url` and `--key`.
 *
 * Owns the rule where they may stand. It must never put the key, or a password in a URL, into a message.
 *
 * @module
 */
import { WrongUse } from "./failure.ts";
import type { Connection } from "./backend.ts";

/** The flags as given, before the noun or after the verb. */
export interface ConnectionFlags {
  readonly url: string | undefined;
  readonly key: string | undefined;
}

/** What can stand in a header; any key of Tidings is of this. */
const VISIBLE = /^[\x21-\x7e]+$/;

/**
 * Decides which service is meant.
 *
 * @param common The flags before the noun.
 * @param own The flags after the verb; they count more.
 * @param options Whether `--url` after the verb is a field of what the verb writes.
 * @returns The service and the key as given (`-`: to be read); null for the database of the environment.
 * @throws {WrongUse} If one of the two is missing, or the URL can't be one of a service.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { connectionOf } from "./connection.ts";
 * const none = { url: undefined, key: undefined };
 * const given = { url: "http://127.0.0.1:8080/", key: "-" };
 * assertEquals(connectionOf(given, none, { url_is_field: true }), { url: "http://127.0.0.1:8080", key: "-" });
 * assertEquals(connectionOf(none, none, { url_is_field: false }), null);
 * ```
 */
export function connectionOf(
  common: ConnectionFlags,
  own: ConnectionFlags,
  { url_is_field }: { readonly url_is_field: boolean },
): Connection | null {
  const url = own.url ?? common.url;
  const key = own.key ?? common.key;
  if (url === undefined && key === undefined) return null;
  if (key === undefined) {
    throw new WrongUse("understand the command: --url needs --key, an API key of that service");
  }
  if (url === undefined) {
    throw new WrongUse(
      url_is_field
        ? "understand the command: --url after the verb is the webhook's, the service's stands first " +
          "(deno task admin --url http://… --key … webhooks …)"
        : "understand the command: --key needs --url, the address of a service",
    );
  }
  return { url: serviceUrl(url), key };
}

function serviceUrl(text: string): string {
  const url = URL.parse(text);
  const bare = url !== null && /^https?:$/.test(url.protocol) && url.username + url.password === "" &&
    url.search + url.hash === "";
  if (!bare) {
    throw new WrongUse("understand the command", [
      "--url must be an http(s) URL without credentials, query and fragment, such as http://127.0.0.1:8080",
    ]);
  }
  return url.href.replace(/\/+$/, "");
}

/**
 * The key itself.
 *
 * @param given As on the command line.
 * @param readStdin Reads stdin, for `-`: what is on a command line is seen by everybody on the machine.
 * @returns The key.
 * @throws {WrongUse} If it can't be one.
 */
export async function readKey(given: string, readStdin: () => Promise<string>): Promise<string> {
  const key = given === "-" ? (await readStdin()).trim() : given;
  if (VISIBLE.test(key)) return key;
  throw new WrongUse("understand the command", ["--key must be visible ASCII without spaces"]);
}
