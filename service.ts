/**
 * The service put together: database, engine, routes, server, and the order in which they stop.
 *
 * Owns the wiring. `main.ts`, the demo and the tests start the same service; nothing here reads the environment.
 *
 * @module
 */
import manifest from "./deno.json" with { type: "json" };
import { createQueueAlarm, createTimerAlarm } from "./kv/alarm.ts";
import { createCommitter } from "./kv/committer.ts";
import { type OpenDatabase, refusalOf, StartError } from "./kv/open.ts";
import { withReadDeadline } from "./kv/read_deadline.ts";
import { createRetention } from "./kv/retention.ts";
import { createSecretBox, type SecretBox } from "./kv/secret_box.ts";
import { createStore } from "./kv/store.ts";
import type { Config } from "./lib/config.ts";
import { LEASE } from "./lib/limits.ts";
import { namedLog } from "./lib/named_log.ts";
import type { Network } from "./lib/outbound/address.ts";
import type { DeliverPorts } from "./lib/deliver.ts";
import { Directory } from "./lib/directory.ts";
import { Engine } from "./lib/engine/engine.ts";
import { stayWhileDue } from "./lib/engine/stay.ts";
import { gaugesNow } from "./lib/gauges.ts";
import { createAuthenticator } from "./lib/keys.ts";
import { countingBoth, type Meter } from "./lib/metrics.ts";
import { systemIds } from "./lib/outbound/ids.ts";
import { createPrometheus } from "./lib/outbound/prometheus.ts";
import { createTracing } from "./lib/outbound/tracing.ts";
import { createOutbound } from "./lib/outbound/outbound.ts";
import { createWatcher } from "./lib/plausible/create_watcher.ts";
import { PendingCount } from "./lib/pending_count.ts";
import type { Clock, Log } from "./lib/ports.ts";
import { problemsOf } from "./lib/problems.ts";
import { SiteNames } from "./lib/site_names.ts";
import { SiteTurns } from "./lib/site_turns.ts";
import { countingStore, Stats } from "./lib/stats.ts";
import type { Store } from "./lib/store.ts";
import { tracedStore } from "./lib/tracing.ts";
import type { AcceptPorts } from "./lib/accept.ts";
import { createApp } from "./routes/app.ts";
import { startSteadyServer } from "./routes/steady_server.ts";

/** The version of this release, as receivers and callers read it. */
export const VERSION = manifest.version;

/** The configuration with its networks read. */
export type ServiceConfig = Config<Network>;

/** What storage is made of. */
export interface StorageParts {
  readonly database: OpenDatabase;
  readonly secret_key: Uint8Array<ArrayBuffer>;
  readonly clock: Clock;
  readonly log: Log;
  readonly config: Pick<ServiceConfig, "secret_key_previous" | "retention_days">;
  /** Who measures commits. */
  readonly meter?: Pick<Meter, "countCommit">;
}

/** Storage, ready. */
export interface Storage {
  readonly store: Store;
  /** What its secrets are sealed with. */
  readonly box: SecretBox;
  /** What its sites are called, read once. */
  readonly names: SiteNames;
  /** Writes what waits and closes the database. */
  close(): Promise<void>;
}

/**
 * Opens the store on an open database: for the service and for administration beside it.
 *
 * @param parts What it is made of.
 * @returns The store.
 * @throws {StartError} If the secret key is not the one the database was written with, or a later release wrote it.
 */
export async function openStorage(
  { database, secret_key, clock, log, config, meter }: StorageParts,
): Promise<Storage> {
  const { atomic_checks_max } = database;
  const db = withReadDeadline(database.db, clock);
  const committer = createCommitter({
    db,
    clock,
    random: Math.random,
    limits: { checks_max: atomic_checks_max },
    ...(meter === undefined ? {} : { onGroup: meter.countCommit }),
  });
  const box = await createSecretBox(secret_key, config.secret_key_previous);
  const refusal = await refusalOf(db, committer, { box, release: VERSION });
  if (refusal !== null) {
    db.close();
    throw new StartError(refusal.message, refusal.next_step);
  }
  const ids = systemIds();
  const store = createStore({
    db,
    committer,
    box,
    clock,
    log,
    retention: createRetention(config.retention_days),
    newId: ids.ulid,
    idPrefixAt: (at_ms) => `evt_${ids.ulidPrefix(at_ms)}`,
  });
  const names = new SiteNames(store, clock);
  await names.read();
  return {
    store,
    box,
    names,
    async close() {
      await committer.idle();
      db.close();
    },
  };
}

/** What a service is started with. */
export interface ServiceParts {
  readonly config: ServiceConfig;
  readonly database: OpenDatabase;
  readonly secret_key: Uint8Array<ArrayBuffer>;
  readonly clock: Clock;
  readonly log: Log;
}

/** A running service. */
export interface Service {
  readonly url: string;
  /** Looks for what is overdue: the cron's way in. */
  sweep(): Promise<void>;
  /** Looks for what is overdue and stays while something is due: the cron's way in where it alone keeps the process. */
  sweepAndStay(): Promise<void>;
  /**
   * Stops accepting, hands waiting work back, and finishes what is under way.
   * @param grace_ms How long sends under way may take.
   */
  stop(grace_ms: number): Promise<void>;
}

/**
 * What attempts are made with: by the service, and by administration beside it.
 *
 * @param config The configuration.
 * @param parts The sender, the clock, and where webhooks are found.
 * @returns The ports of delivering.
 */
export function deliverPorts(
  config: Pick<ServiceConfig, "retry_base_ms" | "plausible">,
  parts: Pick<DeliverPorts, "sender" | "directory"> & { readonly clock: Clock },
): DeliverPorts & { readonly clock: Clock } {
  return {
    ...parts,
    random: Math.random,
    user_agent: `Tidings/${VERSION}`,
    retry_base_ms: config.retry_base_ms,
    plausible_url: config.plausible?.url ?? null,
  };
}

/** How long answers under way may take when the service stops. */
const REQUESTS_GRACE_MS = 2000;

/**
 * Starts the service.
 *
 * @param parts What it is started with.
 * @returns The running service, ready.
 * @throws {StartError}
 */
export async function startService(parts: ServiceParts): Promise<Service> {
  const { config, database, clock } = parts;
  const nameOf = (site_id: string): string => storage.names.nameOf(site_id);
  const metrics = createPrometheus({ version: VERSION, sites: config.metrics_sites, nameOf });
  const tracing = await createTracing(VERSION, nameOf);
  const storage = await openStorage({ ...parts, meter: metrics });
  const { store, names } = storage;
  const log = namedLog(parts.log, names);
  // Deno makes a span of every fetch, and puts the whole URL into it.
  if (tracing !== null && config.sender === "fetch") log.warn("tracing.names_urls", { sender: "fetch" });
  const ids = systemIds();
  const instance = ids.ulid(clock.now());
  const { sender, guard, load } = createOutbound(config, clock);
  const directory = new Directory(store, names);
  const deliver = deliverPorts(config, { sender, clock, directory });
  const alarm = database.has_queue
    ? createQueueAlarm(database.db, { clock, log })
    : createTimerAlarm({ clock, log });
  const stats = new Stats({ store, clock, log, instance });
  const counters = countingBoth(stats, metrics);
  const engine = new Engine({
    ...deliver,
    store,
    clock,
    directory,
    alarm,
    ids,
    log,
    instance,
    stats: counters,
    tracing,
  });
  await engine.start();
  stats.start();

  const counting = countingStore(store, counters);
  const accept: AcceptPorts = {
    store: tracing === null ? counting : tracedStore(counting, tracing),
    directory,
    engine,
    clock,
    ids,
    instance,
    turns: new SiteTurns(),
    alert_turns: new SiteTurns(1),
  };
  const watcher = createWatcher(accept, { config, store, clock, log, instance });
  watcher?.start();
  const pending = new PendingCount({ store, clock });
  const problems = (): Promise<string[]> => problemsOf({ store, engine, clock });
  const app = createApp({
    accept,
    webhooks: {
      store,
      directory,
      engine,
      guard,
      clock,
      ids,
      defaults: { timeout_ms: config.timeout_ms },
      deliver,
    },
    keys: { store, names, clock, ids },
    sites: { store, directory, stats, clock },
    stats: { store, stats },
    history: { store, directory },
    redeliver: { store, engine, clock, instance },
    watches: { store, clock, plausible: config.plausible, wake: () => watcher?.wake() },
    box: storage.box,
    authenticate: createAuthenticator({ store, clock, admin_key: config.admin_key }),
    problems,
    metrics: async () => await metrics.text(await gaugesNow({ store, engine, pending, problems, clock })),
    tracing,
    clock,
    log,
    version: VERSION,
  });
  const server = startSteadyServer({
    port: config.port,
    hostname: config.host,
    handler: app.fetch,
    clock,
    log,
  });
  // Not with the first send: a process that is out of descriptors by then could never load it.
  load();
  const { hostname, port } = server;
  const url = `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;

  return {
    url,
    async sweep() {
      await Promise.all([engine.sweep(), watcher?.sweep()]);
    },
    async sweepAndStay() {
      const started = clock.elapsed();
      await Promise.all([engine.sweep(), watcher?.sweep()]);
      // What the rounds brought is sent while the tick stays.
      const left_ms = Math.max(LEASE.tick_ms_max - (clock.elapsed() - started), 0);
      await stayWhileDue({ engine, store, clock }, left_ms);
    },
    async stop(grace_ms) {
      const started = clock.elapsed();
      const left_ms = (): number => Math.max(grace_ms - (clock.elapsed() - started), 0);
      await inTime(server.shutdown(), Math.min(REQUESTS_GRACE_MS, grace_ms), clock);
      // Before the engine: what its rounds bring is still sent, or handed back.
      if (watcher !== null) await inTime(watcher.stop(), left_ms(), clock);
      await engine.stop(left_ms());
      // What is under way even now is cut short; its lease tells the next process.
      await inTime(sender.close(), left_ms(), clock);
      await stats.stop();
      await storage.close();
    },
  };
}

/** Waits for something, but no longer than that. */
async function inTime(done: Promise<void>, most_ms: number, clock: Pick<Clock, "after">): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const cancel = clock.after(most_ms, resolve);
  await Promise.race([done, late]);
  cancel();
}
