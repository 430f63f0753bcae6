/**
 * What one receiver that never answers costs a hundred others: their time from post to arrival with it, against without.
 *
 * Run with `deno run --allow-all bench/hanging.ts [seconds]`. Owns no claim: machines differ, so what counts is the ratio
 * within one run. Callers, receivers and service share the machine.
 *
 * @module
 */
import { countOf, goal, until } from "../tests/helpers/api.ts";
import { startRawReceiver, startReceiver } from "../tests/helpers/receiver.ts";
import { startProcess, temporaryFile } from "../tests/helpers/service.ts";

const SECONDS = Number(Deno.args[0] ?? 15);
const SITES = 100;
/** Far below what is possible: this is about waiting, not about throughput. */
const PER_SECOND = 200;
const HANGING = "hanging.example";
/** Of the hanging receiver, for each of the others: a busy site. */
const HANGING_EACH = 0.5;

await using receiver = startReceiver({ now: () => performance.now() });
await using hanging = startRawReceiver((connection) => connection.closed());
await using file = await temporaryFile();
await using service = await startProcess({ kv: file.path, env: { TIDINGS_LOG: "warn" } });
const sites = Array.from({ length: SITES }, (_, n) => `s${n}.example`);
for (const site_id of sites) await service.webhook(receiver.url, {}, site_id);
await service.webhook(hanging.url, { max_retries: 10 }, HANGING);

/** Milliseconds from post to arrival, sorted. */
async function arrivals(with_hanging: boolean): Promise<number[]> {
  const posted: number[] = [];
  const first = receiver.requests.length;
  const posting: Promise<unknown>[] = [];
  const started = performance.now();
  while (performance.now() - started < SECONDS * 1000) {
    await new Promise((resolve) => void setTimeout(resolve, 1000 / PER_SECOND));
    const n = posted.push(performance.now()) - 1;
    posting.push(service.post(goal(n, { site_id: sites[n % SITES] ?? "" })));
    if (with_hanging && Math.random() < HANGING_EACH) {
      posting.push(service.post(goal(n, { site_id: HANGING })));
    }
  }
  await Promise.all(posting);
  await until(() => receiver.requests.length >= first + posted.length, "all is delivered");
  return receiver.requests.slice(first).map((request) => request.at_ms - (posted[countOf(request)] ?? 0))
    .toSorted((a, b) => a - b);
}

function quantile(sorted: readonly number[], part: number): number {
  return Math.round((sorted[Math.floor(part * (sorted.length - 1))] ?? 0) * 10) / 10;
}

function print(what: string, sorted: readonly number[]): void {
  const [median_ms, p99_ms, longest_ms] = [0.5, 0.99, 1].map((part) => quantile(sorted, part));
  // deno-lint-ignore no-console -- a report on the terminal
  console.log(JSON.stringify({ what, count: sorted.length, median_ms, p99_ms, longest_ms }));
}

await arrivals(false); // Warms up.
const without = await arrivals(false);
print("a hundred receivers", without);
const with_hanging = await arrivals(true);
print("and one that hangs", with_hanging);
const ratio = Math.round(quantile(with_hanging, 0.99) / quantile(without, 0.99) * 100) / 100;
// deno-lint-ignore no-console -- a report on the terminal
console.log(JSON.stringify({ p99_ratio: ratio, hanging_connections: hanging.connections }));
