/**
 * Counters whose labels are bounded: one label with few values, and, where it is asked for, the site.
 *
 * Owns the bound, and that nothing is looked up twice: what counts for a set of labels is kept.
 *
 * @module
 */
import type { Counter } from "@prometheus-io/client";

/** Stands for all sites beyond the bound. No site is called so: parentheses are in no site's id. */
export const OTHER_SITES = "(other)";

/** The sites that have a value of their own: the first so many that were seen since the start. */
export class SiteLabels {
  readonly #known = new Set<string>();
  readonly #most: number;

  /** @param most How many. */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * The value of a site.
   *
   * @param site_id The site.
   * @returns Its id, or {@linkcode OTHER_SITES}.
   */
  of(site_id: string): string {
    if (this.#known.has(site_id)) return site_id;
    if (this.#known.size >= this.#most) return OTHER_SITES;
    this.#known.add(site_id);
    return site_id;
  }
}

/** Under which name sites are told apart, in all counters that do. */
export const SITE_LABEL = "site_id";

/** What a counter is made of. */
export interface BoundedCounterParts<Value extends string> {
  /** With the label, and {@linkcode SITE_LABEL} if sites are told apart. */
  readonly counter: Counter<string>;
  readonly label: string;
  readonly values: readonly Value[];
  /** Null: sites are not told apart. */
  readonly sites: SiteLabels | null;
}

type Children<Value> = ReadonlyMap<Value, Counter.Internal>;

/** See the module. */
export class BoundedCounter<Value extends string> {
  readonly #parts: BoundedCounterParts<Value>;
  /** By the site's value; all under one where sites are not told apart. */
  readonly #children = new Map<string, Children<Value>>();

  /** @param parts What it is made of. */
  constructor(parts: BoundedCounterParts<Value>) {
    this.#parts = parts;
    // There from the start, since of a series that begins with one Prometheus sees no increase.
    if (parts.sites === null) { for (const child of this.#childrenOf("").values()) child.inc(0); }
  }

  /** Counts one. */
  count(site_id: string, value: Value): void {
    const { sites } = this.#parts;
    this.#childrenOf(sites === null ? "" : sites.of(site_id)).get(value)?.inc();
  }

  #childrenOf(site: string): Children<Value> {
    const known = this.#children.get(site);
    if (known !== undefined) return known;
    const { counter, label, values } = this.#parts;
    const of_site: Record<string, string> = site === "" ? {} : { [SITE_LABEL]: site };
    const made = new Map(values.map((value) => [value, counter.labels({ ...of_site, [label]: value })]));
    this.#children.set(site, made);
    return made;
  }
}
