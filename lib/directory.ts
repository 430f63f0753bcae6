/**
 * The current webhooks of every site, cached.
 *
 * Owns freshness: a change made by this process shows at once, one made by another within a poll of the version (a
 * second). Whoever sends or decides asks here each time and never keeps a copy.
 *
 * @module
 */
import type { Secret } from "./secret.ts";
import { SiteNames } from "./site_names.ts";
import { SigningKey } from "./sign.ts";
import type { WebhookStore } from "./store.ts";
import type { Webhook } from "./webhook.ts";

/** Sites whose webhooks are kept in memory; beyond it the one asked for longest ago is dropped. */
const SITES_MAX = 20_000;

/** The webhooks of a site, as they are asked for. */
interface Listed {
  /** Those that are not deleted, oldest first. */
  readonly current: readonly Webhook[];
  readonly by_id: ReadonlyMap<string, Webhook>;
}

/** See the module. */
export class Directory {
  readonly #store: Pick<WebhookStore, "webhooksOf" | "webhook" | "version">;
  readonly #sites = new Map<string, Promise<Listed>>();
  readonly #signing = new WeakMap<Secret, SigningKey>();
  #version: bigint | null = null;

  /** What the sites are called. */
  readonly names: SiteNames;

  /**
   * @param store Where webhooks are.
   * @param names The names of sites, which are read again with every change; without them none was ever renamed.
   */
  constructor(
    store: Pick<WebhookStore, "webhooksOf" | "webhook" | "version">,
    names: SiteNames = new SiteNames(),
  ) {
    this.#store = store;
    this.names = names;
  }

  /**
   * All webhooks of a site that are not deleted, oldest first.
   * @throws {AppError} `unavailable`.
   */
  async webhooksOf(site_id: string): Promise<readonly Webhook[]> {
    return (await this.#listed(site_id)).current;
  }

  /**
   * One webhook, a deleted one too: its pending work and its history still ask for it.
   * @throws {BrokenRecord} If it is there and can't be read.
   */
  async webhook(site_id: string, webhook_id: string): Promise<Webhook | null> {
    const found = (await this.#listed(site_id)).by_id.get(webhook_id);
    // Missing, or left out because it can't be read: what waits for such a one must not be taken for cancelled.
    return found ?? await this.#store.webhook(site_id, webhook_id);
  }

  /**
   * The keys to sign with now, newest secret first.
   * @param webhook The webhook.
   * @param now_ms The time: a secret that a rotation ended by then is left out.
   */
  signingKeys(webhook: Webhook, now_ms: number): SigningKey[] {
    const valid = webhook.secrets.filter(({ expires_at }) => expires_at === null || expires_at > now_ms);
    return valid.map((secret) => this.#signingKey(secret));
  }

  /** Forgets everything, what is being read as well: something was changed. */
  invalidate(): void {
    this.#sites.clear();
  }

  /** Looks whether another process changed something. */
  async poll(): Promise<void> {
    const version = await this.#store.version();
    if (version !== this.#version) {
      this.invalidate();
      await this.names.read();
    }
    this.#version = version;
  }

  #listed(site_id: string): Promise<Listed> {
    const cached = this.#sites.get(site_id);
    if (cached !== undefined && this.#sites.size < SITES_MAX) return cached;
    // Asked for just now: behind all others in the order in which they are dropped.
    this.#sites.delete(site_id);
    // Kept before it is read: a change during the read takes it out again.
    const webhooks = cached ?? this.#read(site_id);
    this.#sites.set(site_id, webhooks);
    if (cached !== undefined) return cached;
    webhooks.catch(() => {
      if (this.#sites.get(site_id) === webhooks) this.#sites.delete(site_id);
    });
    const [oldest] = this.#sites.keys();
    if (this.#sites.size > SITES_MAX && oldest !== undefined) this.#sites.delete(oldest);
    return webhooks;
  }

  async #read(site_id: string): Promise<Listed> {
    const all = await this.#store.webhooksOf(site_id);
    return {
      current: all.filter(({ deleted_at }) => deleted_at === null),
      by_id: new Map(all.map((webhook) => [webhook.id, webhook])),
    };
  }

  #signingKey(secret: Secret): SigningKey {
    const cached = this.#signing.get(secret);
    if (cached !== undefined) return cached;
    const key = new SigningKey(secret.value);
    this.#signing.set(secret, key);
    return key;
  }
}
