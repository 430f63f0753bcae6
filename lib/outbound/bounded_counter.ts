/**
 * Counters whose labels are bounded: one label with few values, and, where it is asked for, the site.
 *
 * Owns the bound, and the few nanoseconds that counting takes: series are written down when somebody reads them.
 *
 * @module
 */
import type { Counter as ClientCounter } from "@prometheus-io/client";
import { Counter, type Registry } from "./prometheus_client.ts";

/** Stands for all sites beyond the bound. No site is called so: parentheses are in no site's id. */
export const OTHER_SITES = "(other)";

/** The sites that have a value of their own: the first so many that were seen since the start. */
export class SiteLabels {
  readonly #known = new Set<string>();
  readonly #most: number;
  readonly #nameOf: (site_id: string) => string;

  /**
   * @param most How many.
   * @param nameOf What a site is called today.
   */
  constructor(most: number, nameOf: (site_id: string) => string) {
    this.#most = most;
    this.#nameOf = nameOf;
  }

  /**
   * The value of a site.
   *
   * @param site_id The site.
   * @returns Its name of today, or {@linkcode OTHER_SITES}.
   */
  of(site_id: string): string {
    const name = this.#nameOf(site_id);
    if (this.#known.has(name)) return name;
    if (this.#known.size >= this.#most) return OTHER_SITES;
    this.#known.add(name);
    return name;
  }
}

/** Under which name sites are told apart, in all counters that do. */
const SITE_LABEL = "site_id";

/** What a counter is made of. */
export interface BoundedCounterParts<Value extends string> {
  readonly name: string;
  readonly help: string;
  readonly label: string;
  readonly values: readonly Value[];
  /** Null: sites are not told apart. */
  readonly sites: SiteLabels | null;
  readonly registers: Registry[];
}

/** What was counted of one series since it was last written down: the library takes longer to find a series. */
interface Tally {
  count: number;
  readonly series: ClientCounter.Internal;
}

/** See the module. */
export class BoundedCounter<Value extends string> {
  readonly #parts: BoundedCounterParts<Value>;
  readonly #counter: Counter<string>;
  /** By the site's value; all under one where sites are not told apart. */
  readonly #tallies = new Map<string, ReadonlyMap<Value, Tally>>();

  /** @param parts What it is made of. */
  constructor(parts: BoundedCounterParts<Value>) {
    this.#parts = parts;
    const { name, help, label, sites, registers } = parts;
    const labelNames = sites === null ? [label] : [label, SITE_LABEL];
    this.#counter = new Counter<string>({
      name,
      help,
      labelNames,
      registers,
      collect: () => this.#writeDown(),
    });
    // There from the start, since of a series that begins with one Prometheus sees no increase.
    if (sites === null) { for (const { series } of this.#talliesOf("").values()) series.inc(0); }
  }

  /** Counts one. */
  count(site_id: string, value: Value): void {
    const { sites } = this.#parts;
    const tally = this.#talliesOf(sites === null ? "" : sites.of(site_id)).get(value);
    if (tally !== undefined) tally.count++;
  }

  #writeDown(): void {
    for (const tallies of this.#tallies.values()) {
      for (const tally of tallies.values()) {
        if (tally.count > 0) tally.series.inc(tally.count);
        tally.count = 0;
      }
    }
  }

  #talliesOf(site: string): ReadonlyMap<Value, Tally> {
    const known = this.#tallies.get(site);
    if (known !== undefined) return known;
    const { label, values } = this.#parts;
    const of_site: Record<string, string> = site === "" ? {} : { [SITE_LABEL]: site };
    const made = new Map(values.map((value) => {
      const series = this.#counter.labels({ ...of_site, [label]: value });
      return [value, { count: 0, series }];
    }));
    this.#tallies.set(site, made);
    return made;
  }
}
