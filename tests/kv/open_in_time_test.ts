/**
 * A start that has to wait for its database: it says so, and it ends.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import type { OpenDatabase } from "../../kv/open.ts";
import { openInTime } from "../../kv/open_in_time.ts";
import type { LogFields } from "../../lib/ports.ts";
import { watch } from "../helpers/commits.ts";
import { FakeKv, lockedError } from "../helpers/fake_kv.ts";
import { createManualClock, type ManualClock } from "../helpers/manual_clock.ts";

const FILE = { kind: "file", path: "/nowhere/tidings.db" } as const;
const SERVER = { kind: "server", url: "https://kv.example.com/" } as const;

interface Waiting {
  readonly clock: ManualClock;
  readonly told: LogFields[];
  readonly late: () => Error;
  readonly log: { warn: (message: string, fields?: LogFields) => void };
}

function waiting(): Waiting {
  const told: LogFields[] = [];
  const warn = (message: string, fields: LogFields = {}): void => void told.push({ message, ...fields });
  return { clock: createManualClock(), told, late: () => new Error("too late"), log: { warn } };
}

function opened(clock: ManualClock): OpenDatabase {
  return { db: new FakeKv({ clock }), has_queue: true, atomic_checks_max: 100 };
}

Deno.test("openInTime() gives a database that can be read, at once and without a word", async () => {
  const ports = waiting();
  const database = opened(ports.clock);
  assertEquals(await openInTime(FILE, { ...ports, open: () => Promise.resolve(database) }), database);
  assertEquals([ports.told, ports.clock.pending], [[], 0]);
});

Deno.test("openInTime() tries a locked file again until it is free, and says every 5 s what it waits for", async () => {
  const ports = waiting();
  const database = opened(ports.clock);
  let free = false;
  const open = (): Promise<OpenDatabase> => free ? Promise.resolve(database) : Promise.reject(lockedError());
  const opening = watch(openInTime(FILE, { ...ports, open }));
  await ports.clock.advance(11_000);
  assertEquals(ports.told.map(({ message, waited_s, because }) => [message, waited_s, because]), [
    ["database.waiting", 5, "another process holds the database"],
    ["database.waiting", 10, "another process holds the database"],
  ]);
  free = true;
  await ports.clock.advance(1000);
  assertEquals([opening.state, ports.clock.pending], ["resolved", 0]);
});

Deno.test("openInTime() ends after 30 s, whether opening is refused or never answered", async () => {
  const never = (): Promise<OpenDatabase> => new Promise(() => {});
  const refused = (): Promise<OpenDatabase> => Promise.reject(new TypeError("connection refused"));
  for (const [target, open] of [[FILE, never], [SERVER, never], [SERVER, refused]] as const) {
    const ports = waiting();
    const opening = watch(openInTime(target, { ...ports, open }));
    await ports.clock.advance(29_999);
    assertEquals([opening.state, ports.told.length], ["pending", 5]);
    await ports.clock.advance(1);
    assertEquals(String(opening.error), "Error: too late");
    await ports.clock.advance(2000);
    assertEquals(ports.clock.pending, 0, "nothing goes on behind it");
  }
});

Deno.test("openInTime() does not wait where waiting can't help", async () => {
  const full = new TypeError("database or disk is full");
  const error = await assertRejects(() =>
    openInTime(FILE, { ...waiting(), open: () => Promise.reject(full) })
  );
  assertEquals(error, full);
});
