/**
 * What the doctor looks at in the database: keys, webhooks and watches that do not do what they were made for.
 *
 * Owns what of it is worth telling. It asks the API, so that it finds the same on the machine and over REST, and must never
 * change anything.
 *
 * @module
 */
import type { ShownKey } from "../lib/keys.ts";
import type { ShownWebhook } from "../lib/shown_webhook.ts";
import type { ShownSite } from "../lib/sites.ts";
import type { ShownWatch } from "../lib/watch.ts";
import { AppError } from "../lib/errors.ts";
import { type Backend, type Listed, type Page, sitePath } from "./backend.ts";
import { type Check, fail, ok, warn } from "./checks.ts";

/** A doctor does not read a whole database: so many sites, and so many findings of one kind. */
const SITES_MAX = 500;
const FINDINGS_MAX = 10;
/** A key that ends sooner is told of. */
const SOON_MS = 14 * 24 * 3_600_000;
const PAGE = 100;

/** What was found, and how much there is to send. */
export interface Contents {
  readonly checks: readonly Check[];
  /** The webhooks that were looked at. */
  readonly webhooks: readonly ShownWebhook[];
}

/**
 * Looks at what is stored.
 *
 * @param backend The API, as an administrator.
 * @param now_ms The time.
 * @returns One check of each kind, or one for each that is in trouble.
 */
export async function examineContents(backend: Backend, now_ms: number): Promise<Contents> {
  const { data: keys } = await backend.call<Listed<ShownKey>>("GET", "/v1/keys");
  const { sites, are_all } = await sitesOf(backend);
  const webhooks: ShownWebhook[] = [];
  const watches: ShownWatch[] = [];
  for (const { site_id } of sites) {
    webhooks.push(...(await backend.call<Listed<ShownWebhook>>("GET", sitePath(site_id, "webhooks"))).data);
    watches.push(...await watchOf(backend, site_id));
  }
  const seen = are_all ? "" : ` of the first ${sites.length} sites`;
  return {
    checks: [
      ...told("keys", keyTroubles(keys, now_ms), keysText(keys.length)),
      ...told("webhooks", webhooks.flatMap(webhookTroubles), `${webhooks.length}${seen}, none in trouble`),
      ...(watches.length === 0
        ? []
        : told("watches", watches.flatMap(watchTroubles), `${watches.length}${seen}, none in trouble`)),
    ],
    webhooks,
  };
}

async function sitesOf(backend: Backend): Promise<{ sites: ShownSite[]; are_all: boolean }> {
  const sites: ShownSite[] = [];
  let cursor: string | null = null;
  do {
    const query: Record<string, string> = {
      limit: String(PAGE),
      ...(cursor === null ? {} : { cursor }),
    };
    const page: Page<ShownSite> = await backend.call<Page<ShownSite>>("GET", "/v1/sites", { query });
    sites.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor !== null && sites.length < SITES_MAX);
  return { sites, are_all: cursor === null };
}

/** The watch of a site, if it is watched. */
async function watchOf(backend: Backend, site_id: string): Promise<ShownWatch[]> {
  try {
    return [await backend.call<ShownWatch>("GET", sitePath(site_id, "watch"))];
  } catch (error) {
    if (error instanceof AppError && error.code === "not_found") return [];
    throw error;
  }
}

/** Something that is not as it should be. */
export interface Trouble {
  /** A warning, if left out. */
  readonly status?: "fail";
  readonly detail: string;
  readonly next_step: string;
}

/**
 * Troubles as checks.
 *
 * @param subject What was looked at.
 * @param troubles What was found.
 * @param fine What to say if there is none.
 * @returns A bounded number of them, what fails first, or that all is well.
 */
export function told(subject: string, troubles: readonly Trouble[], fine: string): Check[] {
  if (troubles.length === 0) return [ok(subject, fine)];
  const more = troubles.length - FINDINGS_MAX;
  return [
    ...troubles.toSorted((one, other) => rank(one) - rank(other)).slice(0, FINDINGS_MAX).map((
      { status, detail, next_step },
    ) => (status === "fail" ? fail : warn)(subject, detail, next_step)),
    ...(more <= 0 ? [] : [warn(subject, `and ${more} more`, "Mend these first, and look again.")]),
  ];
}

function rank({ status }: Trouble): number {
  return status === "fail" ? 0 : 1;
}

/** Without one a watched site works, and so does this command; but nobody can post an event. */
function keysText(count: number): string {
  return count === 0
    ? "none; events are posted with one: deno task admin keys create --help"
    : `${count}, none over`;
}

function keyTroubles(keys: readonly ShownKey[], now_ms: number): Trouble[] {
  return keys.flatMap(({ id, name, expires_at }) => {
    if (expires_at === null) return [];
    const left_ms = Date.parse(expires_at) - now_ms;
    if (left_ms > SOON_MS) return [];
    return left_ms <= 0
      ? [{
        detail: `${id} (${name}) is over since ${expires_at}, and whoever uses it gets 401`,
        next_step: `If nobody does: deno task admin keys revoke ${id}`,
      }]
      : [{
        detail: `${id} (${name}) ends at ${expires_at}`,
        next_step: "Before that, make another and give it to who uses it: deno task admin keys create --help",
      }];
  });
}

function webhookTroubles(
  { id, site_id, name, status, status_reason, hint, health }: ShownWebhook,
): Trouble[] {
  const at = `${id} --site ${site_id}`;
  const which = `${id} (${name}) of ${site_id}`;
  if (status === "paused") {
    return [{
      detail: `${which} was paused: ${status_reason ?? "its receiver failed"}. It is told nothing`,
      next_step:
        `Once its receiver works: deno task admin webhooks enable ${at}, then webhooks recover ${at} --since 7d`,
    }];
  }
  if (status === "disabled") return [];
  const failing = health.breaker !== "closed" || health.consecutive_failures > 1;
  return [
    ...(failing
      ? [{
        detail: `${which} failed ${health.consecutive_failures} times in a row` +
          `${health.breaker === "closed" ? "" : `, so it is tried rarely (breaker ${health.breaker})`}; ` +
          `${health.pending} deliveries wait, its last success was ${health.last_success_at ?? "never"}`,
        next_step: `What its receiver answers: deno task admin webhooks test ${at}`,
      }]
      : []),
    ...(hint === undefined
      ? []
      : [{ detail: `${which}: ${hint}`, next_step: `deno task admin webhooks update ${at} --format …` }]),
  ];
}

function watchTroubles({ site_id, last_error }: ShownWatch): Trouble[] {
  if (last_error === null) return [];
  return [{
    detail: `the last look at ${site_id} in Plausible failed: ${last_error}`,
    next_step:
      `Check TIDINGS_PLAUSIBLE_URL and that the key may read this site, then: deno task admin watch set --site ${site_id}`,
  }];
}
