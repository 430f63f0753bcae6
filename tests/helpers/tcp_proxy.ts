/**
 * A network between two programs that a test can break: it passes everything on, falls silent, or cuts.
 *
 * Owns sockets on loopback. It must never look at what it passes on.
 *
 * @module
 */

/**
 * - `pass`: everything goes through.
 * - `stall`: nothing goes through, and no end is told: what arrives is passed on when it passes again.
 * - `cut`: every connection is ended, and new ones at once.
 */
export type ProxyMode = "pass" | "stall" | "cut";

/** A running proxy. */
export interface TcpProxy extends AsyncDisposable {
  readonly url: string;
  set(mode: ProxyMode): void;
}

/** Two sockets, one to each side. */
type Pair = readonly [Deno.Conn, Deno.Conn];

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // It is closed.
  }
}

/**
 * Starts a proxy.
 *
 * @param port Where everything goes, on 127.0.0.1.
 * @returns It, passing. `await using` ends it and all its connections.
 */
export function startTcpProxy(port: number): TcpProxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const pairs = new Set<Pair>();
  let mode: ProxyMode = "pass";
  let { promise: flowing, resolve: flow } = Promise.withResolvers<void>();
  flow();

  function cut(pair: Pair): void {
    pairs.delete(pair);
    pair.forEach(close);
  }

  async function pump(pair: Pair, from: Deno.Conn, to: Deno.Conn): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
        await flowing;
        for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
      }
    } catch {
      // One side is gone, and so is the other.
    }
    cut(pair);
  }

  async function accept(): Promise<void> {
    for await (const from of listener) {
      if (mode === "cut") {
        close(from);
        continue;
      }
      const to = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => null);
      if (to === null) {
        close(from);
        continue;
      }
      const pair: Pair = [from, to];
      pairs.add(pair);
      void pump(pair, from, to);
      void pump(pair, to, from);
    }
  }

  const accepting = accept().catch(() => {});
  return {
    url: `http://127.0.0.1:${listener.addr.port}`,
    set(next) {
      mode = next;
      if (next === "stall") {
        ({ promise: flowing, resolve: flow } = Promise.withResolvers<void>());
      } else flow();
      if (next === "cut") { for (const pair of pairs) cut(pair); }
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      flow();
      for (const pair of pairs) cut(pair);
      await accepting;
    },
  };
}
