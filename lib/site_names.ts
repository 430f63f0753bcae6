/**
 * The names of sites: which site a name leads to, and what a site is called today.
 *
 * Owns the difference between the two, which there is only once a site was renamed (docs/decisions/0011-renamed-sites.md):
 * inside, a site is called by what it is stored under; at the door, by its name. It must never be asked twice on the way
 * of a request: a name that comes in is turned once.
 *
 * @module
 */
import { z } from "zod";
import { decodeBody } from "./event.ts";
import type { JsonObject } from "./merge_patch.ts";
import type { Clock } from "./ports.ts";
import { siteIdSchema } from "./site_id.ts";

/** Where a name leads. */
export interface SiteName {
  readonly name: string;
  /** What the site is stored under that it leads to now. */
  readonly site: string;
  /** Until when it leads there: it is an old name. Null: it is the name of today. */
  readonly until: number | null;
  /** Where it leads afterwards. */
  readonly next: string | null;
}

/** All that is known of names. */
export interface SiteNameRecords {
  readonly names: readonly SiteName[];
  /** Sites without anything whose names were given to others: what names them means those. */
  readonly joined: readonly { readonly site: string; readonly into: string }[];
}

const NONE: SiteNameRecords = { names: [], joined: [] };

/** Between a name and the id of who has it next; part of no name. */
const NEXT = "~";

/**
 * What the next site of a name is stored under.
 *
 * @param name The name.
 * @param id A new id.
 */
export function nextSiteOf(name: string, id: string): string {
  return `${name}${NEXT}${id}`;
}

/** What a site may be stored under, where it is read from a cursor. */
export const storedSiteSchema: z.ZodType<string, string> = z.string().refine((text) => {
  const [name = "", id, ...more] = text.split(NEXT);
  return more.length === 0 && (id === undefined || /^[0-9A-Z]{26}$/.test(id)) &&
    siteIdSchema.safeParse(name).data === name;
});

/** Today's names, by site. */
function todayOf(names: readonly SiteName[]): Map<string, string> {
  return new Map([
    ...names.flatMap(({ name, next }) => next === null ? [] : [[next, name] as const]),
    ...names.flatMap(({ name, site, until }) => until === null ? [[site, name] as const] : []),
  ]);
}

/** A rename that is wanted. */
export interface WantedName {
  readonly site: string;
  /** The name it was asked for under: an old one, or today's. */
  readonly called: string;
  readonly to: string;
  /** Until when the old name is accepted. */
  readonly until: number;
  readonly now: number;
  /** A new id, for who has the old name next. */
  readonly id: string;
}

/** What a rename writes. */
export interface Renaming extends SiteNameRecords {
  /** The site that the new name led to: nothing must be stored for it. Null: it leads to this site already. */
  readonly emptied: string | null;
}

/**
 * Decides what a rename writes. For a site that has the name already, under an old name, it is until when that is accepted.
 *
 * @param records All that is known of names.
 * @param wanted The rename.
 * @returns What is written; null if the name is one of several of another site.
 */
export function renaming(records: SiteNameRecords, wanted: WantedName): Renaming | null {
  const { site, called, to, until, now, id } = wanted;
  const by_name = new Map(records.names.map((each) => [each.name, each]));
  const from = todayOf(records.names).get(site) ?? site;
  if (from === to) {
    const old = by_name.get(called);
    // A name that this site got when another's time with it was over stays this site's.
    const names = old?.site !== site || old.until === null ? [] : [{ ...old, until }];
    return { names, joined: [], emptied: null };
  }
  const names = [
    { name: from, site, until, next: nextSiteOf(from, id) },
    { name: to, site, until: null, next: null },
  ];
  const led_to = siteAt(by_name.get(to), now) ?? to;
  if (led_to === site) return { names, joined: [], emptied: null };
  if (records.names.some((each) => each.name !== to && siteAt(each, now) === led_to)) return null;
  const joined = records.joined.filter(({ into }) => into === led_to).map(({ site }) => site);
  return { names, joined: [led_to, ...joined].map((each) => ({ site: each, into: site })), emptied: led_to };
}

/**
 * Decides where the names of a site lead that is deleted: each to a site that has nothing yet.
 *
 * @param records All that is known of names.
 * @param site The site.
 * @param given The time, and a new id.
 * @returns The names as they are written.
 */
export function freed(
  { names }: SiteNameRecords,
  site: string,
  { now, id }: { readonly now: number; readonly id: string },
): SiteName[] {
  return names.flatMap((each): SiteName[] => {
    const { name, next } = each;
    if (next === site) return [{ ...each, next: nextSiteOf(name, id) }];
    if (each.site !== site) return [];
    const over = siteAt(each, now) !== site;
    return [{ name, site: over && next !== null ? next : nextSiteOf(name, id), until: null, next: null }];
  });
}

/** See the module. */
export class SiteNames {
  readonly #store: { siteNames(): Promise<SiteNameRecords> } | null;
  readonly #clock: Pick<Clock, "now">;
  #by_name = new Map<string, SiteName>();
  #today = new Map<string, string>();
  #joined = new Map<string, string>();

  /**
   * @param store Where the names are; without it no site was ever renamed.
   * @param clock The time, by which an old name ends.
   */
  constructor(
    store: { siteNames(): Promise<SiteNameRecords> } | null = null,
    clock: Pick<Clock, "now"> = { now: () => 0 },
  ) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Reads all names again.
   * @throws {AppError} `unavailable`: then they are as they were.
   */
  async read(): Promise<void> {
    const { names, joined } = await this.#store?.siteNames() ?? NONE;
    this.#by_name = new Map(names.map((each) => [each.name, each]));
    this.#today = todayOf(names);
    this.#joined = new Map(joined.map(({ site, into }) => [site, into]));
  }

  /** Whether any site was ever renamed. */
  get any(): boolean {
    return this.#by_name.size > 0;
  }

  /** What is stored under, of a name that comes in. */
  siteOf(name: string): string {
    return siteAt(this.#by_name.get(name), this.#clock.now()) ?? name;
  }

  /** What a site is called today. */
  nameOf(site: string): string {
    return this.#today.get(site) ?? site;
  }

  /** Whether a site has, or had, another name than what it is stored under. */
  isRenamed(site: string): boolean {
    return this.#today.has(site);
  }

  /** The old names of a site that are still accepted, and until when. */
  oldNamesOf(site: string): { readonly name: string; readonly until: number }[] {
    const now = this.#clock.now();
    return [...this.#by_name.values()].flatMap(({ name, site: of, until }) =>
      of === site && until !== null && now < until ? [{ name, until }] : []
    );
  }

  /** The site that a name led to until its time was over; null if it never led elsewhere, or still does. */
  formerSiteOf(name: string): string | null {
    const found = this.#by_name.get(name);
    return found === undefined || siteAt(found, this.#clock.now()) === found.site ? null : found.site;
  }

  /** The sites that a list of sites means today. */
  meant(sites: readonly string[]): readonly string[] {
    if (this.#joined.size === 0) return sites;
    return [...new Set(sites.map((site) => this.#joined.get(site) ?? site))];
  }

  /** The name that an event was accepted under: what its receivers are told, also when it is sent after a rename. */
  toldAs(site: string, body: Uint8Array): string {
    return this.isRenamed(site) ? decodeBody(body).site_id : site;
  }

  /**
   * An answer with sites called by their names: `site_id` at any depth, and what stands for the same, but for what receivers
   * were told.
   */
  shown<Answer>(answer: Answer): Answer {
    return this.any ? this.#shown(answer) as Answer : answer;
  }

  #shown(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((each) => this.#shown(each));
    if (typeof value !== "object" || value === null) return value;
    const { site_id } = value as JsonObject;
    return Object.fromEntries(
      Object.entries(value).map(([field, inner]) => {
        if (field === "payload") return [field, inner];
        if (field === "sites" && isTexts(inner)) return [field, this.#names(inner)];
        // What was done to a site as a whole has the site as its subject.
        const names = field === "site_id" || (field === "subject" && inner === site_id);
        return [field, names && typeof inner === "string" ? this.nameOf(inner) : this.#shown(inner)];
      }),
    );
  }

  #names(sites: readonly string[]): string[] {
    return [...new Set(this.meant(sites).map((site) => this.nameOf(site)))];
  }
}

function siteAt(entry: SiteName | undefined, now_ms: number): string | null {
  if (entry === undefined) return null;
  return entry.until === null || now_ms < entry.until ? entry.site : entry.next;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}
