/**
 * Names to addresses, without the platform's blocking resolver.
 *
 * Owns the look-up of A and AAAA records. It must never call `getaddrinfo` (directly or through a `fetch`, a
 * `connect` by name or `node:dns`'s `lookup`): that runs in a small pool of threads, where a few names whose servers
 * never answer make everybody wait. It judges nothing: see `dial_plan.ts`.
 *
 * @module
 */
import type { Clock } from "../ports.ts";

/** A name has no addresses, as far as could be found out: name servers that fail look like a name that is not. */
export class ResolveError extends Error {
  override readonly name = "ResolveError";
}

/** Looks names up. Tests hand in one that changes its mind. */
export interface Resolver {
  /**
   * @param host A name as `URL.hostname` has it; never an address.
   * @param signal Ends the look-up; the promise then rejects with the signal's reason.
   * @returns At least one address, IPv4 first.
   * @throws {ResolveError} If there is none.
   */
  resolve(host: string, signal: AbortSignal): Promise<readonly string[]>;
}

/** How a resolver is made. */
export interface ResolverOptions {
  readonly clock: Pick<Clock, "after">;
  /** Asked instead of the system's name servers: for tests. */
  readonly name_server?: { readonly ipAddr: string; readonly port: number };
}

/**
 * Once one family has addresses, the other is waited for this long: some name servers never answer AAAA. RFC 8305
 * (section 3) says 50 ms; more is harmless here, because only the first send on a connection pays it.
 */
const OTHER_FAMILY_MS = 250;

/** The addresses of one family; none if there are none or the look-up failed. */
async function lookUp(
  host: string,
  type: "A" | "AAAA",
  options: Deno.ResolveDnsOptions,
): Promise<readonly string[]> {
  try {
    return await Deno.resolveDns(host, type, options);
  } catch {
    // No record, a server that fails, a name no server would take, an abort: the caller can only go on without.
    return [];
  }
}

/** All families, or, once one has answered with addresses, what has come some time after. */
async function allOrInTime(
  lookups: readonly Promise<readonly string[]>[],
  clock: Pick<Clock, "after">,
): Promise<readonly string[]> {
  const families = lookups.map((): readonly string[] => []);
  const all = Promise.all(lookups.map(async (lookup, index) => {
    families[index] = await lookup;
  }));
  await Promise.race(lookups);
  if (families.flat().length === 0) {
    await all;
  } else {
    const { promise: in_time, resolve } = Promise.withResolvers<void>();
    const cancel = clock.after(OTHER_FAMILY_MS, resolve);
    await Promise.race([all, in_time]);
    cancel();
  }
  return families.flat();
}

/**
 * The system's resolver, hosts file included, through `Deno.resolveDns`: A and AAAA at once. `localhost` and the
 * names below it are loopback without a question to anybody (RFC 6761).
 *
 * @param options The clock; for tests another name server.
 * @returns A resolver.
 */
export function createResolver({ clock, name_server }: ResolverOptions): Resolver {
  async function resolve(host: string, signal: AbortSignal): Promise<readonly string[]> {
    signal.throwIfAborted();
    const abandon = new AbortController();
    const options: Deno.ResolveDnsOptions = {
      signal: AbortSignal.any([signal, abandon.signal]),
      ...(name_server === undefined ? {} : { nameServer: name_server }),
    };
    const addresses = await allOrInTime([lookUp(host, "A", options), lookUp(host, "AAAA", options)], clock);
    abandon.abort();
    if (addresses.length > 0) return addresses;
    signal.throwIfAborted();
    throw new ResolveError("the name does not resolve to an address");
  }

  return { resolve };
}
