/**
 * A resolver that answers what a test says, and may change its mind.
 *
 * Owns a fake of {@linkcode Resolver}. It must never ask a name server.
 *
 * @module
 */
import { ResolveError, type Resolver } from "../../../lib/outbound/resolver.ts";

/** Addresses; several lists are answered one after the other, the last one repeats; or no answer ever. */
export type FakeName = readonly string[] | readonly (readonly string[])[] | "hangs";

/** A {@linkcode Resolver} under a test's control. */
export interface FakeResolver extends Resolver {
  /** Every name asked for so far. */
  readonly asked: string[];
  /** How many look-ups have neither answered nor been abandoned. */
  readonly hanging: number;
}

/**
 * Makes a resolver.
 *
 * @param names What it knows; every other name does not exist.
 * @returns It.
 */
export function createFakeResolver(names: Readonly<Record<string, FakeName>>): FakeResolver {
  const asked: string[] = [];
  let hanging = 0;

  function hang(signal: AbortSignal): Promise<never> {
    hanging++;
    return new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => {
        hanging--;
        reject(signal.reason);
      }, { once: true });
    });
  }

  function answer(
    host: string,
    known: readonly string[] | readonly (readonly string[])[],
  ): readonly string[] {
    const times = asked.filter((name) => name === host).length;
    const [first = []] = known;
    if (typeof first === "string") return known.filter((address) => typeof address === "string");
    const list = known[Math.min(times, known.length) - 1];
    return Array.isArray(list) ? list : [];
  }

  // deno-lint-ignore require-await -- what a fake throws must reject
  async function resolve(host: string, signal: AbortSignal): Promise<readonly string[]> {
    asked.push(host);
    const known = names[host];
    if (known === undefined) throw new ResolveError("the name does not resolve to an address");
    return known === "hangs" ? hang(signal) : answer(host, known);
  }

  return {
    resolve,
    asked,
    get hanging(): number {
      return hanging;
    },
  };
}
