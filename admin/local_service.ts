/**
 * The application on a database of one's own, without an engine: what administration works on without a running service.
 *
 * Owns how it is put together. It must never send, but for tests.
 *
 * @module
 */
import { ACTOR } from "../lib/audit.ts";
import { Directory } from "../lib/directory.ts";
import { systemIds } from "../lib/outbound/ids.ts";
import { createOutbound } from "../lib/outbound/outbound.ts";
import type { Clock } from "../lib/ports.ts";
import { SiteTurns } from "../lib/site_turns.ts";
import { countingStore, Stats } from "../lib/stats.ts";
import { createApp } from "../routes/app.ts";
import { deliverPorts, type ServiceConfig, type Storage, VERSION } from "../service.ts";
import type { LocalService } from "./backend.ts";
import { createOutsideEngine } from "./outside_engine.ts";
import { createFaultLog, toldFaults } from "./told_faults.ts";

/** What it is put together of. */
export interface LocalParts {
  readonly config: ServiceConfig;
  readonly clock: Clock;
  readonly storage: Storage;
  /** Which database, for messages. */
  readonly place: string;
}

/**
 * The same application that a service serves, without an engine: it answers to an administrator, and sends only tests.
 *
 * @param parts The configuration of the service, its clock, the storage, and what its database is called.
 * @returns The service; closing it closes the database.
 */
export function serveLocally({ config, clock, storage, place }: LocalParts): LocalService {
  const { store } = storage;
  const { log, faultOf } = createFaultLog();
  const ids = systemIds();
  const instance = ids.ulid(clock.now());
  const { sender, guard } = createOutbound(config, clock);
  const directory = new Directory(store, storage.names);
  const engine = createOutsideEngine({ store, clock });
  const stats = new Stats({ store, clock, log, instance });
  const app = createApp({
    accept: {
      store: countingStore(store, stats),
      directory,
      engine,
      clock,
      ids,
      instance,
      turns: new SiteTurns(),
      alert_turns: new SiteTurns(1),
    },
    webhooks: {
      store,
      directory,
      engine,
      guard,
      clock,
      ids,
      defaults: { timeout_ms: config.timeout_ms },
      deliver: deliverPorts(config, { sender, clock, directory }),
    },
    keys: { store, names: storage.names, clock, ids },
    sites: { store, directory, stats, clock },
    stats: { store, stats },
    history: { store, directory },
    // Processes that watch look within seconds.
    watches: { store, clock, plausible: config.plausible, wake: () => {} },
    redeliver: { store, engine: null, clock, instance },
    // Nobody measures what lives for one command.
    metrics: () => Promise.resolve(""),
    tracing: null,
    box: storage.box,
    // Whoever may read the database's file may do everything to it anyway.
    authenticate: () => Promise.resolve({ id: ACTOR.command_line, scope: "admin", sites: ["*"] }),
    problems: () => Promise.resolve([]),
    clock,
    log,
    version: VERSION,
  });
  return {
    place,
    fetch: toldFaults((url, init) => Promise.resolve(app.fetch(new Request(url, init))), faultOf),
    async close() {
      await sender.close();
      await stats.stop();
      await storage.close();
    },
  };
}
