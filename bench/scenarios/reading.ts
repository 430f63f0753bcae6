/**
 * S8: pages of deliveries where a million are stored, and what reading them does to those who post.
 *
 * @module
 */
import { ADMIN_KEY } from "../events.ts";
import type { Measured } from "../figures.ts";
import type { LatencySummary } from "../histogram.ts";
import { steady } from "../latency.ts";
import { type MeasuredService, startMeasured } from "../service.ts";
import { call, type Stage } from "../stage.ts";
import { STEP_MS, STORED_SITE, storedFile } from "../stored.ts";

const STORED = 1_000_000;
const RUNS = 100;
const RUNS_MIN = 10;
const PAGES_DEEP = 200;
const PER_SECOND = 200;
const SITES = 10;
const HOUR_MS = 3_600_000;

interface Page {
  readonly data: readonly { readonly id: string; readonly webhook_id: string }[];
  readonly next_cursor: string | null;
}

function pathOf(query: string): string {
  return `/v1/sites/${STORED_SITE}/deliveries${query}`;
}

/** What is asked for, and whether a filter makes it look further than what it shows. */
async function cases(
  { url }: MeasuredService,
  stored: number,
): Promise<{ readonly name: string; readonly path: string }[]> {
  const page = async (query: string): Promise<Page> => await call(url, "GET", pathOf(query)) as Page;
  const newest = await page("");
  let cursor = newest.next_cursor;
  for (let n = 2; n < PAGES_DEEP && cursor !== null; n++) {
    cursor = (await page(`?cursor=${encodeURIComponent(cursor)}`)).next_cursor ?? cursor;
  }
  const { id, webhook_id } = newest.data[0] ?? { id: "", webhook_id: "" };
  // There are two events for five deliveries.
  const middle = Date.now() - stored / 5 * STEP_MS;
  const time = (at: number): string => encodeURIComponent(new Date(at).toISOString());
  return [
    { name: "a page of 50, the newest", path: "" },
    { name: `a page of 50, page ${PAGES_DEEP}`, path: `?cursor=${encodeURIComponent(cursor ?? "")}` },
    { name: "a page of 50, of one webhook", path: `?webhook_id=${webhook_id}` },
    {
      name: "a page of 50, of an hour in the middle",
      path: `?since=${time(middle)}&until=${time(middle + HOUR_MS)}`,
    },
    { name: "a filtered page, one in ten matches", path: "?event=custom_event" },
    { name: "a filtered page, one in fifty matches", path: "?status=exhausted" },
    { name: "a filtered page, nothing matches", path: "?status=blocked" },
    { name: "one delivery", path: `/${id}` },
  ];
}

/** S8. */
export async function reading(stage: Stage): Promise<Measured[]> {
  const stored = Math.ceil(STORED / stage.sizes.divided_by);
  await using service = await startMeasured({ kv: await storedFile(stage, stored) });
  await using readers = stage.worker("load");
  const figures: Measured[] = [];
  const asked = await cases(service, stored);
  for (const { name, path } of asked) {
    stage.say(`S8, ${name}`);
    const read = (runs: number): Promise<LatencySummary> =>
      readers.call("read", { url: service.url, paths: [pathOf(path)], key: ADMIN_KEY, runs });
    const runs = Math.max(Math.ceil(RUNS / stage.sizes.divided_by), RUNS_MIN);
    await read(RUNS_MIN);
    const rounds: number[] = [];
    for (let n = 0; n < stage.sizes.rounds; n++) rounds.push((await read(runs)).median_ms);
    figures.push({ scenario: "S8", name, unit: "ms", rounds });
  }
  const paths = asked.map(({ path }) => pathOf(path));
  return [...figures, ...await commitsDuring(stage, { service, readers, paths })];
}

/** What posts wait for their commit, while somebody reads page after page and while nobody does. */
async function commitsDuring(
  stage: Stage,
  { service, readers, paths }: {
    readonly service: MeasuredService;
    readonly readers: ReturnType<Stage["worker"]>;
    readonly paths: readonly string[];
  },
): Promise<Measured[]> {
  const events = Math.ceil(PER_SECOND * stage.sizes.seconds);
  const post = async (): Promise<number> => {
    const plan = { urls: [service.url], events, sites: SITES, per_second: PER_SECOND };
    return (await steady(stage, plan)).acceptance.p99_ms;
  };
  await post();
  const during: number[] = [];
  const times: number[] = [];
  for (let n = 1; n <= stage.sizes.rounds; n++) {
    stage.say(`S8, commits during reads: round ${n} of ${stage.sizes.rounds}`);
    const alone = await post();
    const reads = readers.call("read", { url: service.url, paths, key: ADMIN_KEY, runs: null });
    const among = await post();
    await readers.call("stop");
    await reads;
    during.push(among);
    times.push(among / alone);
  }
  return [
    { scenario: "S8", name: "commits during reads, 99th", unit: "ms", rounds: during },
    { scenario: "S8", name: "commits during reads, 99th, against none", unit: "times", rounds: times },
  ];
}
