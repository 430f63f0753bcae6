/**
 * The conditions of Deno Deploy, laid upon `main.ts` by `--preload`: the linked database without a queue and with ten
 * checks a commit, a cron that rings when the harness says so, as early as it may, and an earlier Deno.
 *
 * Owns the two functions of `Deno` that differ there, and what the platform's release of Deno does not have yet.
 * `PLATFORM_KV` names the file that plays the linked database, `PLATFORM_TICK` starts the cron's handler. Lines on stdout
 * say which crons there are, and when a tick is over.
 *
 * @module
 */
import { createRequire } from "node:module";
import { KV } from "../../lib/limits.ts";

const file = Deno.env.get("PLATFORM_KV");
const is_tick = Deno.env.get("PLATFORM_TICK") === "1";
const openFile = Deno.openKv;

/** An atomic operation that takes no more checks than a KV server does. */
function limited(atomic: Deno.AtomicOperation): Deno.AtomicOperation {
  let checks = 0;
  const wrapped: Deno.AtomicOperation = new Proxy(atomic, {
    get(target, name) {
      const method = Reflect.get(target, name);
      if (typeof method !== "function") return method;
      return (...args: unknown[]) => {
        if (name === "check") checks += args.length;
        if (name === "commit" && checks > KV.atomic_checks_max_on_server) {
          return Promise.reject(new Error("Too many checks included in atomic write."));
        }
        const result = Reflect.apply(method, target, args);
        return result === target ? wrapped : result;
      };
    },
  });
  return wrapped;
}

async function openLinked(path?: string): Promise<Deno.Kv> {
  if (path !== undefined) throw new Error(`Deno Deploy opens the linked database only, not ${path}`);
  const kv = await openFile(file);
  return new Proxy(kv, {
    get(target, name) {
      if (name === "enqueue") {
        return () => Promise.reject(new Error("Enqueue operations are not supported in KV Connect"));
      }
      if (name === "listenQueue") return () => new Promise(() => {});
      if (name === "atomic") return () => limited(target.atomic());
      const member = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

function say(line: Record<string, unknown>): void {
  // At once: the process may end in the same turn.
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
}

async function ring(handler: () => Promise<void> | void): Promise<void> {
  await handler();
  say({ message: "platform.tick_over" });
}

function cron(name: string, schedule: unknown, handler: () => Promise<void> | void): Promise<void> {
  say({ message: "platform.cron", name, schedule });
  if (is_tick) void ring(handler);
  return new Promise(() => {});
}

/** What Deno 2.9.6 has and Deno 2.5.0 has not, as far as a service could come to use it. */
const NEWER: readonly (readonly [owner: object, ...names: string[]])[] = [
  [globalThis, "Temporal", "QuotaExceededError", "PerformanceObserver", "LockManager", "NavigatorUAData"],
  // It has these, but behind a flag.
  [globalThis, "BroadcastChannel"],
  [createRequire(import.meta.url)("node:worker_threads"), "BroadcastChannel"],
  [Deno, "spawn", "spawnAndWait", "spawnAndWaitSync"],
  [Map.prototype, "getOrInsert", "getOrInsertComputed"],
  [WeakMap.prototype, "getOrInsert", "getOrInsertComputed"],
  [Math, "sumPrecise"],
  [Iterator, "concat"],
  [Date.prototype, "toTemporalInstant"],
  [Blob.prototype, "textStream"],
  [Request.prototype, "textStream"],
  [Response.prototype, "textStream"],
  [MessagePort.prototype, "ref", "unref", "hasRef"],
  [createRequire(import.meta.url)("node:worker_threads"), "markAsUncloneable", "locks", "threadName"],
  [createRequire(import.meta.url)("node:sqlite"), "backup"],
  [createRequire(import.meta.url)("node:tls"), "getCACertificates", "setDefaultCACertificates"],
];

for (const [owner, ...names] of NEWER) for (const name of names) Reflect.deleteProperty(owner, name);
Object.defineProperty(Deno, "openKv", { value: openLinked });
Object.defineProperty(Deno, "cron", { value: cron });
