/**
 * Connections kept for the next send: whose they are, how many, how long.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { parseNetworks } from "../../../lib/outbound/address.ts";
import type { Connection } from "../../../lib/outbound/connection.ts";
import { ConnectionPool } from "../../../lib/outbound/connection_pool.ts";
import { Deadlines } from "../../../lib/deadlines.ts";
import { createManualClock, settle } from "../../helpers/manual_clock.ts";
import { type Receiver, startRawReceiver, startReceiver } from "../../helpers/receiver.ts";
import { createFakeResolver } from "./fake_resolver.ts";

function createPool(idle_max: number): ConnectionPool {
  const parsed = parseNetworks("127.0.0.0/8");
  const allow_networks = parsed.ok ? parsed.networks : [];
  const policy = { allow_networks, allow_http: false, own_addresses: new Set<string>() };
  const guard = { policy, resolver: createFakeResolver({}) };
  return new ConnectionPool({ guard, clock: createManualClock(), idle_max, age_ms_max: 60_000 });
}

async function use(pool: ConnectionPool, url: string): Promise<Connection> {
  const { origin, pathname: path } = new URL(url);
  const connection = pool.checkOut(origin);
  const deadline = new Deadlines(createManualClock()).start(1000);
  await connection.send({ url: new URL(url), path }, {
    headers: {},
    body: new Uint8Array(0),
    timeout_ms: 1000,
  }, deadline);
  deadline.cancel();
  return connection;
}

Deno.test("ConnectionPool hands out the youngest idle connection of the origin, each once", async () => {
  await using receiver = startReceiver();
  await using other = startReceiver();
  const pool = createPool(8);
  const first = await use(pool, receiver.url);
  const second = await use(pool, receiver.url);
  const elsewhere = await use(pool, other.url);
  for (const connection of [first, second, elsewhere]) pool.checkIn(connection);
  assertEquals(pool.idle, 3);
  assertEquals(pool.checkOut(receiver.origin) === second, true);
  assertEquals(pool.checkOut(receiver.origin) === first, true);
  assertEquals(pool.idle, 1);
  const made = pool.checkOut(receiver.origin);
  assertEquals([first, second, elsewhere].includes(made), false);
  for (const connection of [first, second]) pool.checkIn(connection);
  pool.checkIn(made);
  assertEquals(pool.idle, 3, "one that was never dialled is of no use");
  await pool.close();
  assertEquals(pool.idle, 0);
});

Deno.test("ConnectionPool bounds idle connections over all origins, and closes the one idle for longest", async () => {
  const receivers: Receiver[] = Array.from({ length: 6 }, () => startReceiver());
  const pool = createPool(4);
  const used: Connection[] = [];
  for (const { url } of receivers) used.push(await use(pool, url));
  for (const connection of used) pool.checkIn(connection);
  assertEquals(pool.idle, 4);
  const kept = receivers.map(({ origin }) => used.includes(pool.checkOut(origin)));
  assertEquals(kept, [false, false, true, true, true, true]);
  for (const connection of used) pool.checkIn(connection);
  await pool.close();
  for (const receiver of receivers) await receiver[Symbol.asyncDispose]();
});

Deno.test("ConnectionPool forgets a connection that the receiver closes while it is idle", async () => {
  const idle = Promise.withResolvers<void>();
  await using receiver = startRawReceiver(async (connection) => {
    await connection.readRequest();
    await connection.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    await idle.promise;
  });
  const pool = createPool(4);
  pool.checkIn(await use(pool, receiver.url));
  assertEquals(pool.idle, 1);
  idle.resolve();
  // It is the event loop that has to come round, not a time that has to pass.
  while (pool.idle > 0) await settle();
  await pool.close();
});
