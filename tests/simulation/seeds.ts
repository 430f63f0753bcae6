/**
 * Many seeds on all cores: each run is alone in its world, so that it does not matter which thread plays it.
 *
 * Owns the threads and which of them plays what. The same seeds give the same result, whatever the number of threads.
 *
 * @module
 */
import type { Run } from "./simulate.ts";

/** Seeds that one thread plays before it says what came of them. */
export interface Portion {
  readonly first: number;
  readonly seeds: number;
  readonly steps: number;
}

/** What came of several seeds. */
export interface Played {
  readonly sends: number;
  readonly accepted: number;
  /** The first seed that violated something; null if everything held. */
  readonly failed: { readonly seed: number; readonly run: Run } | null;
}

/** The last seed there is; after it comes 0. */
export const SEED_MAX = 2 ** 32 - 1;

/** So many that handing them out takes no time, and so few that no thread is left with many at the end. */
const PORTION = 20;

/** One thread that plays. */
class Player implements Disposable {
  readonly #worker = new Worker(import.meta.resolve("./seeds_worker.ts"), { type: "module" });

  /** @throws {Error} What a run threw: an assertion of the product, or a fault of the world. */
  play(portion: Portion): Promise<Played> {
    const { promise, resolve, reject } = Promise.withResolvers<Played>();
    this.#worker.onmessage = ({ data }: MessageEvent<Played>) => resolve(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
    this.#worker.postMessage(portion);
    return promise;
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

/**
 * Plays seeds, one after the other on each core, until one violates something.
 *
 * @param all The first seed, how many, and how many steps each.
 * @returns Totals, and the first seed that failed.
 * @throws {Error} What a run threw.
 */
export async function playSeeds({ first, seeds, steps }: Portion): Promise<Played> {
  let handed_out = 0;
  const played: Played[] = [];

  async function playOn(): Promise<void> {
    using player = new Player();
    while (handed_out < seeds && played.every(({ failed }) => failed === null)) {
      const portion = {
        first: (first + handed_out) % (SEED_MAX + 1),
        seeds: Math.min(PORTION, seeds - handed_out),
        steps,
      };
      handed_out += portion.seeds;
      played.push(await player.play(portion));
    }
  }

  const threads = Math.min(navigator.hardwareConcurrency, Math.ceil(seeds / PORTION));
  await Promise.all(Array.from({ length: threads }, playOn));
  const order = (seed: number): number => (seed - first + SEED_MAX + 1) % (SEED_MAX + 1);
  const failures = played.flatMap(({ failed }) => failed ?? [])
    .sort((a, b) => order(a.seed) - order(b.seed));
  return {
    sends: played.reduce((sum, { sends }) => sum + sends, 0),
    accepted: played.reduce((sum, { accepted }) => sum + accepted, 0),
    failed: failures[0] ?? null,
  };
}
