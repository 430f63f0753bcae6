/**
 * What the domain takes for granted of storage (`lib/store.ts`): one suite over Deno KV in memory, in a file, and the
 * fake.
 *
 * Owns how a store under test is opened; the promises are held by the parts of the suite. Each test has an empty
 * database, two stores over it (as two processes have them), and a clock that it moves itself.
 *
 * @module
 */
import type { CommitterLimits } from "../../kv/commit_limits.ts";
import { createCommitter } from "../../kv/committer.ts";
import type { Database } from "../../kv/database.ts";
import { createRetention } from "../../kv/retention.ts";
import { createSecretBox, type SecretBox } from "../../kv/secret_box.ts";
import { createStore } from "../../kv/store.ts";
import type { Store } from "../../lib/store.ts";
import type { ManualClock } from "../helpers/manual_clock.ts";
import { sampleUlid, sampleUlidPrefix } from "../helpers/sample.ts";
import { recordingLog } from "../helpers/recording_log.ts";
import { testAlerts } from "./store_contract_alerts.ts";
import { testAudit } from "./store_contract_audit.ts";
import { testAgenda } from "./store_contract_agenda.ts";
import { testEvents } from "./store_contract_events.ts";
import { testHistory } from "./store_contract_history.ts";
import { testKeys } from "./store_contract_keys.ts";
import { testLists } from "./store_contract_lists.ts";
import { testLeases } from "./store_contract_leases.ts";
import { testModel } from "./store_contract_model.ts";
import { testMoves } from "./store_contract_moves.ts";
import { testPages } from "./store_contract_pages.ts";
import { testNames } from "./store_contract_names.ts";
import { testSites } from "./store_contract_sites.ts";
import { testStats } from "./store_contract_stats.ts";
import { testWatches } from "./store_contract_watches.ts";
import { testWebhooks } from "./store_contract_webhooks.ts";

/** A store under test, over an empty database. */
export interface OpenedStore extends AsyncDisposable {
  readonly store: Store;
  /** A second store over the same data, with a committer of its own: another process. */
  readonly other: Store;
  /** To look at what is stored, and to break it. */
  readonly db: Database;
  readonly clock: ManualClock;
}

/** One test of the suite. */
export type ContractTest = (behaviour: string, run: (opened: OpenedStore) => Promise<void>) => void;

let stores = 0;

/** Days that the stores under test keep records. */
export const RETENTION_DAYS = 30;

/** The box of the stores under test. */
export function sampleBox(): Promise<SecretBox> {
  return createSecretBox(new Uint8Array(32).fill(7));
}

/**
 * Makes a store as the service does, with a committer of its own.
 *
 * @param db The database.
 * @param clock The time.
 * @param limits Where they differ from those of a file, as a KV server's do.
 */
export async function storeOver(
  db: Database,
  clock: ManualClock,
  limits: Partial<CommitterLimits> = {},
): Promise<Store> {
  stores++;
  const first = stores * 1_000_000;
  let made = 0;
  return createStore({
    db,
    clock,
    log: recordingLog(),
    committer: createCommitter({ db, clock, limits, random: () => 0.5 }),
    box: await sampleBox(),
    retention: createRetention(RETENTION_DAYS),
    // Two stores over one database must not make the same id.
    newId: (at_ms) => sampleUlid(first + made++, at_ms),
    idPrefixAt: (at_ms) => `evt_${sampleUlidPrefix(at_ms)}`,
  });
}

/**
 * Registers the suite.
 *
 * @param name What is tested.
 * @param makeStore Opens it, empty.
 * @param model_runs How many random sequences the model test plays.
 */
export function testStoreContract(
  name: string,
  makeStore: () => Promise<OpenedStore>,
  model_runs = 30,
): void {
  const test: ContractTest = (behaviour, run) => {
    Deno.test(`${name}: ${behaviour}`, async () => {
      await using opened = await makeStore();
      await run(opened);
    });
  };
  testEvents(test);
  testMoves(test);
  testPages(test);
  testHistory(test);
  testWebhooks(test);
  testAlerts(test);
  testWatches(test);
  testAgenda(test);
  testLists(test);
  testLeases(test);
  testKeys(test);
  testAudit(test);
  testSites(test);
  testNames(test);
  testStats(test);
  testModel(name, makeStore, model_runs);
}
