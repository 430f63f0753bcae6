/**
 * Administration on the database itself, beside a running service or without one.
 *
 * Owns nothing: it calls the use cases that the routes call, with the rights of an administrator. A running service
 * notices by the version that every change bumps. It must never open a database: the store is handed in.
 *
 * @module
 */
import { createKey, type KeyPorts, listKeys, revokeKey } from "../lib/keys.ts";
import { createWebhook, findWebhook, presentWebhook, type WebhookPorts } from "../lib/webhooks.ts";
import type { Backend } from "./backend.ts";

/** What it works on. */
export interface LocalParts {
  /** Which database, for messages. */
  readonly place: string;
  readonly keys: KeyPorts;
  /** Lanes are the service's: a webhook's health is read as it was last written, at most a second ago. */
  readonly webhooks: WebhookPorts;
  /** Writes what waits and closes the database. */
  close(): Promise<void>;
}

/**
 * Makes the driver.
 *
 * @param parts The use cases' ports. They are closed with it.
 * @returns The backend.
 */
export function localBackend({ place, keys, webhooks, close }: LocalParts): Backend {
  return {
    place,
    createKey: (input) => createKey(input, keys),
    listKeys: async () => ({ data: await listKeys(keys) }),
    revokeKey: (id) => revokeKey(id, keys),
    createWebhook: (site_id, input) => createWebhook(site_id, input, webhooks),
    async listWebhooks(site_id) {
      const all = await webhooks.directory.webhooksOf(site_id);
      return { data: await Promise.all(all.map((webhook) => presentWebhook(webhook, true, webhooks))) };
    },
    async showWebhook(site_id, webhook_id) {
      const webhook = await findWebhook(site_id, webhook_id, webhooks.store);
      return await presentWebhook(webhook, true, webhooks);
    },
    [Symbol.asyncDispose]: close,
  };
}
