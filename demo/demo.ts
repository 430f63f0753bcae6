/**
 * `deno task demo`: the service, three receivers and a stream of sample events, to watch it work.
 *
 * Everything is real: events are posted over HTTP with an API key, deliveries are signed, sent, verified, retried and
 * recorded. Only the database is a temporary one, and the backoff is short.
 *
 * @module
 */
import { openDatabase } from "../kv/open.ts";
import { parseConfig } from "../lib/config.ts";
import { EVENT_EXAMPLES, EVENT_NAMES } from "../lib/event_types.ts";
import { parseNetworks } from "../lib/outbound/address.ts";
import { systemClock } from "../lib/outbound/clock.ts";
import type { Log, LogFields } from "../lib/ports.ts";
import type { TakenReading } from "../lib/take_reading.ts";
import { type Service, startService } from "../service.ts";
import { type Received, type Receiver, startReceiver } from "./receiver.ts";

// deno-lint-ignore no-console -- printing is what this command is for
const print = console.log;

const SITE = "example.com";
const EVENTS = 8;
/** What is posted in turn; spikes come of readings. */
const POSTED = ["goal_completion", "custom_event", "error_condition"] as const;
const SPIKE_THRESHOLD = 100;
const READINGS = [42, 180, 260];
const PAUSE_MS = 1200;
const RETRY_BASE_MS = 500;
/** From the last event until everything is over: two retries of the flaky receiver, three of the one that is down. */
const TAIL_MS = 26_000;

const names = new Map<string, string>();
const secrets = new Map<string, string>();

/** Lines kept back while an event is posted: its first delivery may be over before the caller has read the 202. */
let kept_back: string[] | null = null;

/** One line of the story: what, who, the rest. */
function tell(what: string, who: string, rest: string): void {
  const seconds = (performance.now() / 1000).toFixed(2).padStart(6);
  const line = `${seconds} s  ${what.padEnd(10)} ${who.padEnd(16)} ${rest}`;
  if (kept_back === null) print(line);
  else kept_back.push(line);
}

/** The end of an id: enough to follow an event with the eye. */
function short(id: string): string {
  return `…${id.slice(-6)}`;
}

/** The service's log, told as a story. */
function storyLog(): Log {
  const attempted = (fields: LogFields): void => {
    const { webhook, event, attempt, outcome, status_code, error, duration_ms, next_at } = fields;
    const who = names.get(String(webhook)) ?? String(webhook);
    const answer = status_code === null ? String(error) : `HTTP ${status_code}`;
    const line = `${short(String(event))} attempt ${attempt}: ${answer} in ${duration_ms} ms`;
    if (outcome === "delivered") tell("delivered", who, line);
    else if (outcome === "retry") {
      const wait_s = (Date.parse(String(next_at)) - Date.now()) / 1000;
      tell("retry", who, `${line}, again in ${Math.max(wait_s, 0).toFixed(1)} s`);
    } else tell(outcome === "failed" ? "exhausted" : String(outcome), who, `${line}, no retry left`);
  };
  const loud = (message: string, fields: LogFields = {}): void =>
    tell("log", message, JSON.stringify(fields));
  return {
    debug() {},
    info(message, fields = {}) {
      if (message === "delivery.attempted") attempted(fields);
    },
    warn: loud,
    error: loud,
  };
}

function startDemoReceiver(name: string, fail: number): Receiver {
  return startReceiver({
    fail,
    secret: () => secrets.get(name) ?? null,
    onReceived({ headers, signatures, status }: Received) {
      const valid = signatures.length > 0 && signatures.every((signature) => signature.valid);
      const verdict = valid ? "✓ both signatures verified" : "✗ signature NOT valid";
      tell("received", name, `${short(headers["webhook-id"] ?? "")} ${verdict}, answers ${status}`);
    },
  });
}

/** An address on this machine where nothing listens. */
async function deadUrl(): Promise<string> {
  const receiver = startReceiver({ secret: () => null, onReceived() {} });
  await receiver.stop();
  return receiver.url;
}

/** Calls the service as its callers do. */
function createCaller(
  url: string,
  key: string,
): (method: string, path: string, body?: unknown) => Promise<unknown> {
  return async (method, path, body) => {
    const response = await fetch(url + path, {
      method,
      headers: { "Authorization": `Bearer ${key}`, "Content-Type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const json = await response.json();
    if (!response.ok) {
      throw new Error(`${method} ${path} answered ${response.status}: ${JSON.stringify(json)}`);
    }
    return json;
  };
}

async function startDemoService(admin_key: string): Promise<Service> {
  const parsed = parseConfig(
    {
      PORT: "0",
      TIDINGS_KV: ":memory:",
      TIDINGS_ADMIN_KEY: admin_key,
      TIDINGS_ALLOW_NETWORKS: "127.0.0.0/8",
      TIDINGS_RETRY_BASE_MS: String(RETRY_BASE_MS),
    },
    { on_deploy: false, terminal: false },
    parseNetworks,
  );
  if (!("config" in parsed)) throw new Error(JSON.stringify(parsed.mistakes));
  const log = storyLog();
  return await startService({
    config: parsed.config,
    database: await openDatabase({ kind: "memory" }),
    secret_key: crypto.getRandomValues(new Uint8Array(32)),
    clock: systemClock(),
    log,
  });
}

async function pause(ms: number, stop: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    stop.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}

async function run(stop: AbortSignal): Promise<void> {
  const admin_key = crypto.getRandomValues(new Uint8Array(24)).toHex();
  const service = await startDemoService(admin_key);
  const receivers = { "Sales": startDemoReceiver("Sales", 0), "Flaky": startDemoReceiver("Flaky", 2) };
  const call = createCaller(service.url, admin_key);
  print(`Tidings runs on ${service.url} with a temporary database.\n`);

  const targets = [
    {
      name: "Sales",
      url: receivers.Sales.url,
      events: EVENT_NAMES,
      filters: { visitor_spike: { threshold: SPIKE_THRESHOLD } },
    },
    { name: "Flaky", url: receivers.Flaky.url, events: ["goal_completion"] },
    { name: "Down", url: await deadUrl(), events: ["error_condition"] },
  ];
  for (const target of targets) {
    const webhook = await call("POST", `/v1/sites/${SITE}/webhooks`, target) as {
      id: string;
      secret: string;
    };
    names.set(webhook.id, target.name);
    secrets.set(target.name, webhook.secret);
    tell("webhook", target.name, `${target.events.join(", ")} → ${target.url}`);
  }
  print(
    "\nSales answers at once. Flaky fails twice for each event, then succeeds. Down does not answer at all.\n",
  );

  for (let index = 0; index < EVENTS && !stop.aborted; index++) {
    const event = POSTED[index % POSTED.length] ?? "goal_completion";
    const timestamp = new Date().toISOString();
    const body = { event, site_id: SITE, timestamp, data: EVENT_EXAMPLES[event] };
    kept_back = [];
    const answer = await call("POST", "/v1/events", body) as {
      id: string;
      queued: number;
      skipped: unknown[];
    };
    const lines: string[] = kept_back;
    kept_back = null;
    const skipped = answer.skipped.length === 0 ? "" : `, ${answer.skipped.length} not subscribed`;
    tell("accepted", event, `${short(answer.id)} for ${answer.queued} webhook(s)${skipped}`);
    for (const line of lines) print(line);
    await pause(PAUSE_MS, stop);
  }
  await spike(call, stop);
  await untilOver(call, stop);
  await report(call);
  await service.stop(2000);
  await Promise.all(Object.values(receivers).map((receiver) => receiver.stop()));
}

type Call = ReturnType<typeof createCaller>;

/** Visitors rise: below the threshold nobody is told, at it Sales is, and after that Sales is left in peace. */
async function spike(call: Call, stop: AbortSignal): Promise<void> {
  print(`\nNow visitors rise. Sales wants to know at ${SPIKE_THRESHOLD}, and not again for twelve hours.\n`);
  for (const current_visitors of READINGS) {
    if (stop.aborted) return;
    const reading = { current_visitors, top_pages: [{ page: "/blog/launch", visitors: current_visitors }] };
    kept_back = [];
    const { triggered, skipped } = await call("POST", `/v1/sites/${SITE}/readings`, reading) as TakenReading;
    const lines: string[] = kept_back;
    kept_back = null;
    const told = triggered.map(({ webhook_id }) => names.get(webhook_id) ?? webhook_id);
    const silent = skipped.filter(({ reason }) => reason !== "not_subscribed")
      .map(({ webhook_id, reason }) => `${names.get(webhook_id) ?? webhook_id}: ${reason}`);
    const verdict = told.length > 0 ? `${told.join(", ")} is told` : `nobody is told (${silent.join(", ")})`;
    tell("reading", `${current_visitors} visitors`, verdict);
    for (const line of lines) print(line);
    await pause(PAUSE_MS, stop);
  }
}

interface ShownDeliveries {
  readonly data: readonly {
    readonly webhook_id: string;
    readonly status: string;
    readonly attempts_total: number;
  }[];
}

async function untilOver(call: Call, stop: AbortSignal): Promise<void> {
  const end = performance.now() + TAIL_MS;
  while (!stop.aborted && performance.now() < end) {
    const { data } = await call("GET", `/v1/sites/${SITE}/deliveries?status=pending`) as ShownDeliveries;
    if (data.length === 0) return;
    await pause(500, stop);
  }
}

async function report(call: Call): Promise<void> {
  const { data } = await call("GET", `/v1/sites/${SITE}/deliveries?limit=100`) as ShownDeliveries;
  print("\nWhat the record says (GET /v1/sites/example.com/deliveries):\n");
  for (const [id, name] of names) {
    const own = data.filter(({ webhook_id }) => webhook_id === id);
    const counts = Map.groupBy(own, ({ status }) => status);
    const statuses = [...counts].map(([status, some]) => `${some.length} ${status}`).join(", ");
    const attempts = own.reduce((sum, { attempts_total }) => sum + attempts_total, 0);
    print(`  ${name.padEnd(8)} ${statuses} (${attempts} attempts)`);
  }
  print("");
}

const controller = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => controller.abort());
}
await run(controller.signal);
// Idle connections of the receivers would keep the process for some seconds.
Deno.exit(0);
