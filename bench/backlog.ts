/**
 * What a dead receiver's backlog costs the others: throughput with so many deliveries waiting for it, against none.
 *
 * Run with `deno run --allow-all bench/backlog.ts [waiting]`, 100,000 by default. Owns no claim: machines differ, so what
 * counts is the ratio within one run. Callers, receiver and service share the machine.
 *
 * @module
 */
import { goal, until } from "../tests/helpers/api.ts";
import { startReceiver } from "../tests/helpers/receiver.ts";
import { residentMiB, startProcess, temporaryFile } from "../tests/helpers/service.ts";

const WAITING = Number(Deno.args[0] ?? 100_000);
const SITES = 20;
const EVENTS = 4000;
const ROUNDS = 5;
const BATCH = 1000;
const DEAD = "dead.example";

await using receiver = startReceiver();
await using file = await temporaryFile();
await using service = await startProcess({
  kv: file.path,
  // The delays of an ordinary service.
  env: { TIDINGS_LOG: "warn", TIDINGS_RETRY_BASE_MS: "10000" },
});
const sites = Array.from({ length: SITES }, (_, n) => `s${n}.example`);
for (const site_id of sites) await service.webhook(receiver.url, {}, site_id);
// Nothing listens there.
await service.webhook("http://127.0.0.1:1/", { max_retries: 10 }, DEAD);

async function postBatch(siteOf: (n: number) => string, count: number): Promise<void> {
  const events = Array.from({ length: count }, (_, n) => goal(n, { site_id: siteOf(n) }));
  await service.call("POST", "/v1/events/batch", { events });
}

/** Deliveries a second to the healthy receiver, from the first post to the last arrival; the median of some rounds. */
async function throughput(): Promise<number> {
  const rates: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = receiver.requests.length;
    const started = performance.now();
    const posting = Array.from(
      { length: EVENTS / BATCH },
      () => postBatch((n) => sites[n % SITES] ?? "", BATCH),
    );
    await Promise.all(posting);
    await until(() => receiver.requests.length >= before + EVENTS, "all is delivered");
    rates.push(EVENTS / ((performance.now() - started) / 1000));
  }
  return rates.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0;
}

function print(fields: Record<string, unknown>): void {
  // deno-lint-ignore no-console -- a report on the terminal
  console.log(JSON.stringify(fields));
}

await throughput(); // Warms up.
const without = await throughput();
print({
  waiting: 0,
  per_second: Math.round(without),
  resident_mib: Math.round(await residentMiB(service.pid)),
});
for (let posted = 0; posted < WAITING; posted += BATCH) await postBatch(() => DEAD, BATCH);
const with_backlog = await throughput();
print({
  waiting: WAITING,
  per_second: Math.round(with_backlog),
  ratio: Math.round(with_backlog / without * 100) / 100,
  resident_mib: Math.round(await residentMiB(service.pid)),
});
