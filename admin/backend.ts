/**
 * What the administration commands call: the operations of the API, in terms of its answers.
 *
 * Owns the port and nothing else. Its drivers, `local_backend.ts` (the store itself) and `rest_backend.ts` (a running
 * service), pass one contract suite, so a command never knows which one it talks to.
 *
 * @module
 */
import type { ShownKey } from "../lib/keys.ts";
import type { ShownWebhook } from "../lib/shown_webhook.ts";
import type { ShownSecret } from "../lib/webhooks.ts";

/** A list as the API answers it. */
export interface Listed<Item> {
  readonly data: readonly Item[];
}

/**
 * One method for each call of the API. Sites are in their one spelling (`parseSiteId`). Every method may throw an
 * `AppError` with the code that the API answers with, or a `Failure` if the answer never came.
 */
export interface Backend extends AsyncDisposable {
  /** Where it works, for messages: a file, or the address of a service. */
  readonly place: string;

  /** `POST /v1/keys` */
  createKey(input: unknown): Promise<ShownKey & { readonly key: string }>;
  /** `GET /v1/keys` */
  listKeys(): Promise<Listed<ShownKey>>;
  /** `DELETE /v1/keys/{id}` */
  revokeKey(id: string): Promise<void>;

  /** `POST /v1/sites/{site_id}/webhooks` */
  createWebhook(site_id: string, input: unknown): Promise<ShownWebhook & ShownSecret>;
  /** `GET /v1/sites/{site_id}/webhooks` */
  listWebhooks(site_id: string): Promise<Listed<ShownWebhook>>;
  /** `GET /v1/sites/{site_id}/webhooks/{id}` */
  showWebhook(site_id: string, webhook_id: string): Promise<ShownWebhook>;
}
