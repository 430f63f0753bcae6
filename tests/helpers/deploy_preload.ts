/**
 * The conditions of Deno Deploy, laid upon `main.ts` by `--preload`: the linked database without a queue and with ten
 * checks a commit, and a cron that rings when the harness says so, as early as it may.
 *
 * Owns the two functions of `Deno` that differ there. `PLATFORM_KV` names the file that plays the linked database,
 * `PLATFORM_TICK` starts the cron's handler; when that is over, a line on stdout says so.
 *
 * @module
 */
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

async function ring(handler: () => Promise<void> | void): Promise<void> {
  await handler();
  await Deno.stdout.write(new TextEncoder().encode('{"message":"platform.tick_over"}\n'));
}

function cron(_name: string, _schedule: unknown, handler: () => Promise<void> | void): Promise<void> {
  if (is_tick) void ring(handler);
  return new Promise(() => {});
}

Object.defineProperty(Deno, "openKv", { value: openLinked });
Object.defineProperty(Deno, "cron", { value: cron });
