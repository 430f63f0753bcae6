/**
 * Processes of an engine over one database, on one clock, in which nothing happens by itself: time moves when a test says
 * so, and receivers answer what it tells them.
 *
 * Owns the world around the engine. Storage is the real store over the fake KV; what is left out is cryptography, whose
 * promises no manual clock can wait for.
 *
 * @module
 */
import { assert } from "@std/assert";
import { createCommitter } from "../../kv/committer.ts";
import { createQueueAlarm } from "../../kv/alarm.ts";
import { createRetention } from "../../kv/retention.ts";
import { createStore } from "../../kv/store.ts";
import { type Delivery, isUntouched } from "../../lib/delivery.ts";
import { Directory } from "../../lib/directory.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { LANE } from "../../lib/limits.ts";
import type { Clock, Log, SendRequest, SendResult } from "../../lib/ports.ts";
import type { Store, StoredEvent } from "../../lib/store.ts";
import type { Webhook } from "../../lib/webhook.ts";
import { FakeKv } from "../helpers/fake_kv.ts";
import { type Logged, recordingLog } from "../helpers/recording_log.ts";
import { createManualClock, type ManualClock } from "../helpers/manual_clock.ts";
import {
  SAMPLE_AT,
  sampleAcceptance,
  sampleEvent,
  sampleUlid,
  sampleUlidPrefix,
  sampleWebhook,
} from "../helpers/sample.ts";

/** A request to a receiver that a test can answer. */
export interface Sent {
  /** Which process sent it. */
  readonly by: string;
  readonly url: string;
  readonly event_id: string;
  readonly attempt: number;
  readonly at: number;
  /** Answers it, if it was not answered at once. */
  readonly answer: (result: SendResult) => void;
}

/** How receivers answer: at once, or (null) when the test says so. */
export type Respond = (request: SendRequest, sent: Omit<Sent, "answer">) => SendResult | null;

/** One process. */
export interface StageProcess {
  readonly name: string;
  readonly engine: Engine;
  readonly store: Store;
  readonly directory: Directory;
  readonly db: FakeKv;
  readonly logged: Logged[];
  /** Stops its timers, as when a laptop is closed; time goes on for the others. */
  sleep(): void;
  /** Runs the timers that fell due meanwhile, in their order. */
  wake(): void;
  /** Accepts an event for webhooks, as `lib/accept.ts` does. */
  accept(event: StoredEvent, webhooks: readonly Webhook[]): Promise<void>;
}

/** The world. */
export interface Stage {
  readonly clock: ManualClock;
  readonly db: FakeKv;
  /** To look at and to prepare what is stored; belongs to no process. */
  readonly store: Store;
  readonly sent: Sent[];
  respond: Respond;
  process(name: string): Promise<StageProcess>;
  /** Several that start at the same moment. */
  processes(...names: string[]): Promise<StageProcess[]>;
  /** Moves the time, in small steps, so that what one step causes has happened before the next. */
  advance(ms: number): Promise<void>;
  /** Stores an event with its deliveries, due now and held by nobody. */
  put(event: StoredEvent, webhook_ids: readonly string[]): Promise<void>;
  delivery(event: StoredEvent, webhook: Webhook): Promise<Delivery | null>;
}

/** An answer without a body. */
export function answer(status_code: number, retry_after: string | null = null): SendResult {
  return { kind: "answer", status_code, retry_after, snippet: new Uint8Array(0) };
}

/** An active webhook that signs nothing. */
export function stageWebhook(n = 1, given: Partial<Webhook> = {}): Webhook {
  return sampleWebhook(n, { headers: {}, ...given });
}

/** An event accepted now. */
export function stageEvent(stage: Pick<Stage, "clock">, n: number): StoredEvent {
  return sampleEvent(n, { accepted_at: stage.clock.now() });
}

/** A clock whose timers can be put to sleep. */
function sleepingClock(clock: ManualClock): { clock: Clock; sleep: () => void; wake: () => void } {
  let asleep = false;
  let missed: (() => void)[] = [];
  return {
    clock: {
      now: () => clock.now(),
      elapsed: () => clock.elapsed(),
      after(delay_ms, run) {
        let cancelled = false;
        const once = (): void => {
          if (!cancelled) run();
        };
        const cancel = clock.after(delay_ms, () => asleep ? void missed.push(once) : once());
        return () => {
          cancelled = true;
          cancel();
        };
      },
    },
    sleep: () => asleep = true,
    wake() {
      asleep = false;
      const due = missed;
      missed = [];
      for (const run of due) run();
    },
  };
}

/** Ids differ over all stores of a run. */
let ids = 0;

/** Texts as they are: the fake KV is the only reader. */
const PLAIN_BOX = {
  seal: (text: string) => Promise.resolve(text),
  open: (text: string) => Promise.resolve(text),
};

function storeOver(db: FakeKv, clock: Clock, log: Log): Store {
  return createStore({
    db,
    clock,
    log,
    committer: createCommitter({ db, clock, random: () => 0.5 }),
    box: PLAIN_BOX,
    retention: createRetention(30),
    idPrefixAt: (at_ms) => `evt_${sampleUlidPrefix(at_ms)}`,
    newId: (at_ms) => sampleUlid(ids++, at_ms),
  });
}

/** Makes a world with an empty database. */
export function makeStage(): Stage {
  const clock = createManualClock(SAMPLE_AT);
  const db = new FakeKv({ clock });
  const store = storeOver(db.sibling(), clock, recordingLog());
  const sent: Sent[] = [];

  async function advance(ms: number): Promise<void> {
    const step_ms = 50;
    for (let left = ms; left > 0; left -= step_ms) await clock.advance(Math.min(step_ms, left));
    for (let turn = 0; turn < 20; turn++) await clock.advance(0);
  }

  function begin(name: string): { started: Promise<void>; made: StageProcess } {
    const own = sleepingClock(clock);
    const handle = db.sibling();
    const logged: Logged[] = [];
    const log = recordingLog(logged);
    const own_store = storeOver(handle, own.clock, log);
    const directory = new Directory(own_store);
    const engine = new Engine({
      store: own_store,
      clock: own.clock,
      directory,
      log,
      alarm: createQueueAlarm(handle, { clock: own.clock, log }),
      instance: name,
      ids: { ulid: (at_ms) => sampleUlid(ids++, at_ms) },
      random: () => 0.5,
      user_agent: "Tidings/test",
      retry_base_ms: 10_000,
      plausible_url: null,
      stats: { countAttempt() {} },
      sender: {
        post: (request) => {
          const { promise, resolve } = Promise.withResolvers<SendResult>();
          const { headers, url } = request;
          const entry = {
            by: name,
            url,
            event_id: headers["webhook-id"] ?? "",
            attempt: Number(headers["X-Webhook-Attempt"]),
            at: clock.now(),
          };
          sent.push({ ...entry, answer: resolve });
          const result = stage.respond(request, entry);
          if (result !== null) resolve(result);
          return promise;
        },
      },
    });
    const made: StageProcess = {
      name,
      engine,
      store: own_store,
      directory,
      db: handle,
      logged,
      sleep: own.sleep,
      wake: own.wake,
      accept: (event, webhooks) => acceptInto(engine, own_store, name, { event, webhooks }),
    };
    return { started: engine.start(), made };
  }

  async function processes(...names: string[]): Promise<StageProcess[]> {
    const begun = names.map(begin);
    await advance(0);
    await Promise.all(begun.map(({ started }) => started));
    return begun.map(({ made }) => made);
  }

  const stage: Stage = {
    clock,
    db,
    store,
    sent,
    respond: () => answer(200),
    processes,
    async process(name) {
      const [made] = await processes(name);
      assert(made !== undefined);
      return made;
    },
    advance,
    async put(event, webhook_ids) {
      await store.accept(sampleAcceptance(event, webhook_ids));
    },
    async delivery(event, webhook) {
      return (await store.delivery(event.id, webhook.id))?.value ?? null;
    },
  };
  return stage;
}

/** The part of `lib/accept.ts` that the engine sees: reserve, commit, hand in. */
async function acceptInto(
  engine: Engine,
  store: Store,
  owner: string,
  { event, webhooks }: { event: StoredEvent; webhooks: readonly Webhook[] },
): Promise<void> {
  const bytes = LANE.delivery_overhead_bytes + event.body.byteLength;
  const reservations = await engine.reserve(webhooks, bytes);
  const plain = sampleAcceptance(event, webhooks.map(({ id }) => id));
  const deliveries = plain.deliveries.map(({ delivery }, index) => {
    const reservation = reservations[index];
    if (reservation?.kept !== true) return { delivery, marker_at: reservation?.marker_at ?? null };
    return { delivery: { ...delivery, due_at: reservation.lease_until, lease: { owner } }, marker_at: null };
  });
  let versionstamp: string | null = null;
  try {
    versionstamp = await store.accept({ ...plain, deliveries });
  } finally {
    if (versionstamp === null) engine.unreserve(reservations);
  }
  assert(versionstamp !== null, "nobody else uses this event's keys");
  const stamp = versionstamp;
  engine.hand(
    deliveries.flatMap(({ delivery }, index) => {
      const reservation = reservations[index];
      return reservation === undefined
        ? []
        : [{ known: { value: delivery, versionstamp: stamp, written: !isUntouched(delivery) }, reservation }];
    }),
    event.body,
  );
}
