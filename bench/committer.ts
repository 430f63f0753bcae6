/**
 * Throughput of the committer against raw atomic operations of Deno KV, on a file, within one run.
 *
 * Run with `deno run --allow-all bench/committer.ts [seconds]`. Owns no claim: machines differ, so what counts is the
 * ratio to the raw operations of the same run. Every member is what one accepted event with one webhook writes: a check
 * and seven mutations.
 *
 * @module
 */
import { createCommitter } from "../kv/committer.ts";
import type { Database } from "../kv/database.ts";
import type { Member, Mutation } from "../kv/member.ts";
import type { Clock } from "../lib/ports.ts";

const MUTATIONS_PER_MEMBER = 7;

const clock: Clock = {
  now: Date.now,
  elapsed: () => performance.now(),
  after: (delay_ms, run) => {
    const timer = setTimeout(run, delay_ms);
    return () => clearTimeout(timer);
  },
};

let made = 0;

function nextId(): string {
  made += 1;
  return "01JZZZZZZZ" + made.toString(32).toUpperCase().padStart(16, "0");
}

function makeMember(): Member {
  const [site, webhook, event] = ["example.com", `01JWEBHOOK${made % 50}`.padEnd(26, "0"), nextId()];
  const set = (key: Deno.KvKey, bytes: number): Mutation => ({
    kind: "set",
    key,
    value: new Uint8Array(bytes),
    expire_in_ms: 30 * 86_400_000,
  });
  const idempotency = ["event_key", site, event];
  return {
    checks: [{ key: idempotency, versionstamp: null }],
    mutations: [
      set(idempotency, 100),
      set(["event", event], 600),
      set(["site_event", site, event], 0),
      set(["delivery", event, webhook], 200),
      set(["log", site, webhook, event], 0),
      set(["due", webhook, Date.now(), event], 60),
      { kind: "mark", key: ["agenda", Math.floor(Date.now() / 10_000), webhook] },
    ],
  };
}

type Step = (seconds: number) => Promise<number>;

/** Members per second by raw atomic operations of a fixed number of members, one after the other. */
function raw(kv: Database, members_each: number): Step {
  return async (seconds) => {
    const [start, end] = [performance.now(), performance.now() + seconds * 1000];
    let count = 0;
    for (; performance.now() < end; count += members_each) {
      const atomic = kv.atomic();
      for (let index = 0; index < members_each; index++) {
        const { checks, mutations } = makeMember();
        atomic.check(...checks);
        for (const mutation of mutations) {
          if (mutation.kind === "set") {
            atomic.set(mutation.key, mutation.value, { expireIn: mutation.expire_in_ms ?? 1 });
          } else atomic.set(mutation.key, new Uint8Array(0));
        }
      }
      await atomic.commit();
    }
    return count / (performance.now() - start) * 1000;
  };
}

/** Members per second by callers that each wait for their chunk before they hand in the next. */
function grouped(kv: Pick<Database, "atomic">, callers: number, chunk: number): Step {
  return async (seconds) => {
    const committer = createCommitter({ db: kv, clock, random: Math.random });
    const [start, end] = [performance.now(), performance.now() + seconds * 1000];
    let count = 0;
    await Promise.all(Array.from({ length: callers }, async () => {
      for (; performance.now() < end; count += chunk) {
        await Promise.all(Array.from({ length: chunk }, () => committer.commit(makeMember())));
      }
    }));
    return count / (performance.now() - start) * 1000;
  };
}

/** A database that takes everything and does nothing: what is left is the committer's own cost. */
function nothing(): Pick<Database, "atomic"> {
  const atomic: Deno.AtomicOperation = {
    check: () => atomic,
    mutate: () => atomic,
    sum: () => atomic,
    min: () => atomic,
    max: () => atomic,
    set: () => atomic,
    delete: () => atomic,
    enqueue: () => atomic,
    commit: () => Promise.resolve({ ok: true, versionstamp: "0".repeat(20) }),
  };
  return { atomic: () => atomic };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

async function main(seconds: number): Promise<void> {
  const folder = await Deno.makeTempDir();
  const kv = await Deno.openKv(`${folder}/bench.sqlite3`);
  const steps: Record<string, Step> = {
    "raw, atomics of 301 mutations": raw(kv, 43),
    "raw, atomics of 700 mutations": raw(kv, 100),
    "committer, 1 caller, chunks of 100": grouped(kv, 1, 100),
    "committer, 200 callers, one each": grouped(kv, 200, 1),
    "committer, 1,000 callers, one each": grouped(kv, 1000, 1),
    "committer, 10 callers, chunks of 100": grouped(kv, 10, 100),
    "committer over nothing, 1,000 callers": grouped(nothing(), 1000, 1),
  };
  const results = new Map<string, number[]>();
  for (const name of Object.keys(steps)) results.set(name, []);
  for (let round = 0; round < 3; round++) { // interleaved, so that a slow moment of the machine hits all alike
    for (const [name, step] of Object.entries(steps)) results.get(name)?.push(await step(seconds));
  }
  const base = median(results.get("raw, atomics of 301 mutations") ?? []);
  for (const [name, rates] of results) {
    const rate = median(rates);
    const cells = [name.padEnd(40), Math.round(rate).toString().padStart(8), "members/s"];
    cells.push(Math.round(rate * MUTATIONS_PER_MEMBER).toString().padStart(8), "mutations/s");
    cells.push((rate / base).toFixed(2).padStart(6), "× raw\n");
    await Deno.stdout.write(new TextEncoder().encode(cells.join(" ")));
  }
  kv.close();
  await Deno.remove(folder, { recursive: true });
}

if (import.meta.main) await main(Number(Deno.args[0] ?? 2));
