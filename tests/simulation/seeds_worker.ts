/**
 * The thread behind `seeds.ts`: plays portions of seeds.
 *
 * Owns nothing but the loop. It must never decide which seeds.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { type Played, type Portion, SEED_MAX } from "./seeds.ts";
import { simulate } from "./simulate.ts";

async function play({ first, seeds, steps }: Portion): Promise<Played> {
  let [sends, accepted] = [0, 0];
  for (let index = 0; index < seeds; index++) {
    const seed = (first + index) % (SEED_MAX + 1);
    const run = await simulate(seed, steps).catch((cause: unknown) => {
      throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.stack : cause}`);
    });
    sends += run.sends;
    accepted += run.accepted;
    if (run.violation !== null) return { sends, accepted, failed: { seed, run } };
  }
  return { sends, accepted, failed: null };
}

self.onmessage = async ({ data }: MessageEvent<Portion>) => self.postMessage(await play(data));
