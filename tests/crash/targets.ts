/**
 * The webhooks of the crash test, and the server that plays their receivers: quick, slow, unwilling at first, choosy.
 *
 * Owns what each receiver wants and answers, as a function of the event's number, so that a seed plays a run again. It
 * outlives the service, and tells the ledger of every request in the moment it arrives.
 *
 * @module
 */
import type { Api } from "../helpers/api.ts";
import type { Ledger } from "./ledger.ts";

/** A webhook and how its receiver behaves. */
export interface Target {
  readonly name: string;
  readonly site_id: string;
  /** Names of goals; empty: all. */
  readonly goals: readonly string[];
  /** How long it takes to answer, in milliseconds. */
  readonly answer_ms: (number: number) => number;
  /** How many of the first requests with an event it turns away with 503. */
  readonly refusals: (number: number) => number;
}

const SITES = ["one.example", "other.example"] as const;

/** The sites that have webhooks. */
export const TARGET_SITES: readonly string[] = SITES;

const NEVER = (): number => 0;

/** Between 20 and 100 ms, another for each event. */
function slowly(number: number): number {
  return 20 + number * 37 % 80;
}

/** All webhooks there are. */
export const TARGETS: readonly Target[] = [
  { name: "quick", site_id: SITES[0], goals: [], answer_ms: NEVER, refusals: NEVER },
  { name: "slow", site_id: SITES[0], goals: [], answer_ms: slowly, refusals: NEVER },
  {
    name: "unwilling",
    site_id: SITES[0],
    goals: [],
    answer_ms: NEVER,
    refusals: (number) => number % 50 === 0 ? 2 : number % 10 === 0 ? 1 : 0,
  },
  { name: "choosy", site_id: SITES[0], goals: ["Odd"], answer_ms: NEVER, refusals: NEVER },
  { name: "next_door", site_id: SITES[1], goals: [], answer_ms: slowly, refusals: NEVER },
];

/**
 * The event with a number.
 *
 * @param number Its number.
 * @returns The body that a caller posts.
 */
export function numbered(number: number): { site_id: string } & Record<string, unknown> {
  return {
    event: "goal_completion",
    site_id: SITES[number % 4 === 3 ? 1 : 0],
    timestamp: "2026-02-25T12:00:00Z",
    data: { goal_name: goalOf(number), visitor_count: number },
  };
}

function goalOf(number: number): string {
  return number % 2 === 1 ? "Odd" : "Even";
}

/**
 * Who must get an event.
 *
 * @param number Its number.
 * @returns The targets.
 */
export function targetsOf(number: number): readonly Target[] {
  const { site_id } = numbered(number);
  return TARGETS.filter((target) =>
    target.site_id === site_id && (target.goals.length === 0 || target.goals.includes(goalOf(number)))
  );
}

/** Running receivers. */
export interface Targets extends AsyncDisposable {
  /** Creates their webhooks. @returns The name of each by the id of its webhook. */
  register(api: Api): Promise<ReadonlyMap<string, string>>;
}

/**
 * Starts the receivers.
 *
 * @param ledger Who is told.
 * @returns They, listening.
 */
export function startTargets(ledger: Ledger): Targets {
  async function handle(request: Request): Promise<Response> {
    const target = TARGETS.find(({ name }) => new URL(request.url).pathname === `/${name}`);
    const { data: { visitor_count: number } } = await request.json();
    if (target === undefined) return new Response(null, { status: 404 });
    const event_id = request.headers.get("webhook-id") ?? "";
    const seen = ledger.arrivalsOf(target.name, number).length;
    const status = seen < target.refusals(number) ? 503 : 200;
    const answered = ledger.arrived({ target: target.name, number, event_id, status });
    const wait_ms = target.answer_ms(number);
    if (wait_ms > 0) await new Promise((resolve) => void setTimeout(resolve, wait_ms));
    answered();
    return new Response(null, { status });
  }

  const end = new AbortController();
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    signal: end.signal,
    onListen() {},
    // The service is killed in the middle of requests: that is what this is about.
    onError: () => new Response(null, { status: 400 }),
  }, handle);

  return {
    async register(api) {
      const names = new Map<string, string>();
      for (const { name, site_id, goals } of TARGETS) {
        const url = `http://127.0.0.1:${server.addr.port}/${name}`;
        const fields = { name, filters: { goals }, max_retries: 10, timeout_ms: 2000 };
        names.set((await api.webhook(url, fields, site_id)).id, name);
      }
      return names;
    },
    async [Symbol.asyncDispose]() {
      end.abort();
      await server.finished;
    },
  };
}
