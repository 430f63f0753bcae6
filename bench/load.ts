/**
 * The callers of a measurement: a process that posts events.
 *
 * Owns when each is posted: as fast as answers come (closed loop, for throughput), or at a steady rate whatever the answers
 * do (open loop, for latency: no post waits for another's answer, so that nothing slow goes uncounted). It makes all bytes
 * beforehand.
 *
 * @module
 */
import { ADMIN_KEY, eventText, siteName } from "./events.ts";
import { Histogram, type LatencySummary } from "./histogram.ts";
import { RawClient, requestBytes } from "./raw_client.ts";
import { type WallClock, wallClock } from "./wall_clock.ts";
import { obey } from "./worker.ts";

/** What is posted. */
export interface LoadPlan {
  /** The origins of services: requests are dealt out among them. */
  readonly urls: readonly string[];
  /** Events are numbered from `first` and go to sites in turn, from `first_site`. */
  readonly events: number;
  readonly first?: number;
  readonly sites: number;
  readonly first_site?: number;
  /** Events of one post; 1: `POST /v1/events`. */
  readonly batch: number;
}

/** What came of it. */
export interface LoadResult {
  readonly started_at: number;
  readonly ended_at: number;
  /** Events answered as accepted. */
  readonly accepted: number;
  /** Posts by the status of an answer that was not 202. */
  readonly others: Readonly<Record<string, number>>;
  /** From when it was posted to its answer. */
  readonly acceptance: LatencySummary;
  /** How much later than due it was posted: this process's own lateness, which nothing of the service is in. */
  readonly lateness: LatencySummary;
}

function requestsOf(
  { events, first = 0, sites, first_site = 0, batch }: LoadPlan,
): Uint8Array<ArrayBuffer>[] {
  const requests: Uint8Array<ArrayBuffer>[] = [];
  for (let from = 0; from < events; from += batch) {
    const texts: string[] = [];
    for (let n = from; n < Math.min(from + batch, events); n++) {
      texts.push(eventText(first + n, siteName(first_site + n % sites)));
    }
    const [path, body] = batch === 1
      ? ["/v1/events", texts[0] ?? ""]
      : ["/v1/events/batch", `{"events":[${texts.join(",")}]}`];
    requests.push(requestBytes("POST", path, { key: ADMIN_KEY, body }));
  }
  return requests;
}

/** Posts and counts. */
class Tally {
  readonly now: WallClock = wallClock();
  readonly acceptance = new Histogram();
  readonly lateness = new Histogram();
  readonly others: Record<string, number> = {};
  readonly #started_at = this.now();
  #accepted = 0;

  /** @param at When it was to be posted: also if a connection had to be made first. */
  async post(client: RawClient, request: Uint8Array<ArrayBuffer>, at: number): Promise<void> {
    const { status, text } = await client.call(request);
    this.acceptance.add(this.now() - at);
    if (status === 202) this.#accepted += Number(/^\{"accepted":(\d+)/.exec(text)?.[1] ?? 1);
    else this.others[status] = (this.others[status] ?? 0) + 1;
  }

  result(): LoadResult {
    return {
      started_at: this.#started_at,
      ended_at: this.now(),
      accepted: this.#accepted,
      others: this.others,
      acceptance: this.acceptance.summary(),
      lateness: this.lateness.summary(),
    };
  }
}

let urls: readonly string[] = [];
let requests: Uint8Array<ArrayBuffer>[] = [];
/** When each was posted, at a steady rate. */
let posted_at = new Float64Array(0);
/** Whether what goes on until it is stopped was. */
let stopped = false;

function connect(index: number): Promise<RawClient> {
  return RawClient.connect(urls[index % urls.length] ?? "");
}

/** As fast as answers come, over so many connections. */
async function closed({ connections }: { readonly connections: number }): Promise<LoadResult> {
  const clients = await Promise.all(Array.from({ length: connections }, (_, index) => connect(index)));
  const tally = new Tally();
  let next = 0;
  await Promise.all(clients.map(async (client) => {
    while (next < requests.length) {
      const request = requests[next++];
      if (request !== undefined) await tally.post(client, request, tally.now());
    }
  }));
  for (const client of clients) client.close();
  return tally.result();
}

/** So many posts a second, whatever the answers do. */
async function open({ per_second }: { readonly per_second: number }): Promise<LoadResult> {
  const idle = await Promise.all(Array.from({ length: 16 }, (_, index) => connect(index)));
  const tally = new Tally();
  const begin = tally.now() + 10;
  posted_at = new Float64Array(requests.length);
  const posts: Promise<void>[] = [];
  async function post(request: Uint8Array<ArrayBuffer>, at: number, index: number): Promise<void> {
    const client = idle.pop() ?? await connect(index);
    await tally.post(client, request, at);
    idle.push(client);
  }
  let next = 0;
  stopped = false;
  while (next < requests.length && !stopped) {
    const due_at = begin + next * 1000 / per_second;
    const wait_ms = due_at - tally.now();
    if (wait_ms > 0) {
      await new Promise((resolve) => void setTimeout(resolve, wait_ms));
      continue;
    }
    const request = requests[next];
    tally.lateness.add(-wait_ms);
    posted_at[next] = due_at - wait_ms;
    if (request !== undefined) posts.push(post(request, due_at - wait_ms, next));
    next++;
  }
  await Promise.all(posts);
  for (const client of idle) client.close();
  posted_at = posted_at.slice(0, next);
  return tally.result();
}

/** Reads one path after the other, so often or until it is stopped. @returns How long each took. */
async function read(
  plan: {
    readonly url: string;
    readonly paths: readonly string[];
    readonly key: string;
    readonly runs: number | null;
  },
): Promise<LatencySummary> {
  const { url, paths, key, runs } = plan;
  const client = await RawClient.connect(url);
  const reads = paths.map((path) => ({ path, bytes: requestBytes("GET", path, { key }) }));
  const histogram = new Histogram();
  stopped = false;
  for (let n = 0; runs === null ? !stopped : n < runs; n++) {
    const { path, bytes } = reads[n % reads.length] ?? { path: "", bytes: new Uint8Array(0) };
    const started = performance.now();
    const { status } = await client.call(bytes);
    histogram.add(performance.now() - started);
    if (status !== 200) throw new Error(`GET ${path} was answered ${status}`);
  }
  client.close();
  return histogram.summary();
}

if (import.meta.main) {
  await obey({
    prepare(plan: LoadPlan): void {
      urls = plan.urls;
      requests = requestsOf(plan);
    },
    closed,
    open,
    read,
    stop(): void {
      stopped = true;
    },
    /** When each was posted, as the base64 of 64-bit floats. */
    posted: () => new Uint8Array(posted_at.buffer).toBase64(),
  });
}
