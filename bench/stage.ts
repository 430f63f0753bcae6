/**
 * What every scenario needs: the receiver, the callers and the raw loop in their processes, services on files of their
 * own, and the measuring of what is posted and arrives.
 *
 * Owns the processes and the temporary folder. `await using` ends and removes all of it.
 *
 * @module
 */
import { ADMIN_KEY, SECRET, siteName } from "./events.ts";
import { type MeasuredService, startMeasured } from "./service.ts";
import { Worker } from "./worker.ts";

/** How long and how much. */
export interface Sizes {
  /** Of each scenario. */
  readonly rounds: number;
  /** Of one round, about. */
  readonly seconds: number;
  /** What large amounts are divided by: 1 in a full run. */
  readonly divided_by: number;
}

/** What arrived at the receiver. */
export interface Arrived {
  readonly taken: number;
  readonly refused: number;
  readonly first_at: number;
  readonly last_at: number;
  readonly verified: number;
  readonly forged: number;
  readonly connections: number;
}

const PERMISSIONS = {
  receiver: ["--allow-net=127.0.0.1"],
  load: ["--allow-net=127.0.0.1"],
  // Those of the service, whose sender it is.
  raw_loop: ["-P=start"],
} as const;

/** Longer than any round takes: what has not arrived by then never does. */
const ARRIVAL_MS_MAX = 120_000;
const CONNECTING_AT_ONCE = 16;

/** See the module. */
export class Stage implements AsyncDisposable {
  readonly receiver: Worker;
  readonly load: Worker;
  raw: Worker;
  readonly sizes: Sizes;
  /** The origin of the receiver. */
  readonly receiver_url: string;
  /** Says what is being done. */
  readonly say: (text: string) => void;
  /** What arrived in all rounds of throughput, all of it expected; of it, signatures that were verified. */
  readonly delivered = { deliveries: 0, verified: 0 };
  readonly #folder: string;
  readonly #made = new Map<string, Promise<string>>();
  #files = 0;

  private constructor(parts: {
    readonly workers: readonly [receiver: Worker, load: Worker, raw: Worker];
    readonly sizes: Sizes;
    readonly receiver_url: string;
    readonly say: (text: string) => void;
    readonly folder: string;
  }) {
    [this.receiver, this.load, this.raw] = parts.workers;
    this.sizes = parts.sizes;
    this.receiver_url = parts.receiver_url;
    this.say = parts.say;
    this.#folder = parts.folder;
  }

  /**
   * Starts the processes.
   *
   * @param sizes How long and how much.
   * @param say Told what is being done.
   */
  static async open(sizes: Sizes, say: (text: string) => void): Promise<Stage> {
    const receiver = Worker.start("receiver", PERMISSIONS.receiver);
    const load = Worker.start("load", PERMISSIONS.load);
    const raw = Worker.start("raw_loop", PERMISSIONS.raw_loop);
    const receiver_url = await receiver.call<string>("url");
    const folder = await Deno.makeTempDir({ prefix: "tidings-bench-" });
    return new Stage({ workers: [receiver, load, raw], sizes, receiver_url, say, folder });
  }

  /** Another process of the same program. The caller ends it. */
  worker(name: "load"): Worker {
    return Worker.start(name, PERMISSIONS[name]);
  }

  /** Starts the raw loop's process anew, and waits until it can begin. */
  async restartRaw(): Promise<void> {
    await this.raw[Symbol.asyncDispose]();
    this.raw = Worker.start("raw_loop", PERMISSIONS.raw_loop);
    await this.raw.call("ready");
  }

  /**
   * A file that several scenarios need.
   *
   * @param name What is in it.
   * @param make Makes it, once. @returns Its path.
   */
  fileOf(name: string, make: () => Promise<string>): Promise<string> {
    const made = this.#made.get(name) ?? make();
    this.#made.set(name, made);
    return made;
  }

  /** The path of a file that is not there yet. */
  newFile(): string {
    return `${this.#folder}/${++this.#files}/tidings.db`;
  }

  /**
   * Starts a service on a new file, with sites that have webhooks.
   *
   * @param options How many sites, how many webhooks each (1); the file, if not a new one; the environment.
   * @returns The service. `await using` ends it.
   */
  async serviceWith(
    options: {
      readonly sites: number;
      readonly webhooks_each?: number;
      readonly kv?: string;
      readonly env?: Readonly<Record<string, string>>;
    },
  ): Promise<MeasuredService> {
    const { kv = this.newFile(), env = {}, ...webhooks } = options;
    const service = await startMeasured({ kv, env });
    await this.addWebhooks(service, webhooks);
    return service;
  }

  /** Adds sites, from the first or another, with webhooks. */
  async addWebhooks(
    service: Pick<MeasuredService, "url">,
    { sites, first_site = 0, webhooks_each = 1, to = `${this.receiver_url}/ok` }: {
      readonly sites: number;
      readonly first_site?: number;
      readonly webhooks_each?: number;
      readonly to?: string;
    },
  ): Promise<void> {
    let next = 0;
    await Promise.all(Array.from({ length: CONNECTING_AT_ONCE }, async () => {
      while (next < sites * webhooks_each) {
        const index = next++;
        // Sites in turn: two webhooks of one site at a time would be in each other's way.
        const site_id = siteName(first_site + index % sites);
        const fields = {
          url: `${to}/${index}`,
          events: ["goal_completion"],
          secret: SECRET,
          max_retries: 10,
        };
        await call(service.url, "POST", `/v1/sites/${site_id}/webhooks`, fields);
      }
    }));
  }

  /**
   * Waits until so much has arrived.
   *
   * @throws {Error} If it does not: then nothing that was measured counts.
   */
  async arrived(count: number): Promise<Arrived> {
    const arrived = await this.receiver.call<Arrived>("arrived", { count, timeout_ms: ARRIVAL_MS_MAX });
    if (arrived.taken < count) throw new Error(`Of ${count} deliveries only ${arrived.taken} arrived`);
    if (arrived.forged > 0) throw new Error(`${arrived.forged} deliveries had a wrong signature`);
    return arrived;
  }

  /** Removes all files at once: for an interrupted measurement. */
  abandon(): void {
    Deno.removeSync(this.#folder, { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.receiver, this.load, this.raw].map((worker) => worker[Symbol.asyncDispose]()));
    this.abandon();
  }
}

/** Calls the service, which must agree. */
export async function call(url: string, method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(url + path, {
    method,
    headers: { Authorization: `Bearer ${ADMIN_KEY}`, "Content-Type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) {
    throw new Error(`${method} ${path} was answered ${response.status}: ${await response.text()}`);
  }
  return await response.json();
}
