/**
 * A server that goes on listening.
 *
 * Owns the listener. When the process may open no more files, Deno's server stops accepting and never begins again:
 * connections that are there are served, new ones are refused for ever (Deno 2.9.6). It must never leave it at that.
 *
 * @module
 */
import { TIME } from "../lib/limits.ts";
import type { Clock, Log } from "../lib/ports.ts";

/** What serving needs. */
export interface SteadyServerOptions {
  readonly hostname: string;
  /** 0: any free port, kept from then on. */
  readonly port: number;
  readonly handler: (request: Request) => Response | Promise<Response>;
  readonly clock: Pick<Clock, "after">;
  readonly log: Log;
}

/** A running server. */
export interface SteadyServer {
  readonly hostname: string;
  readonly port: number;
  /** Stops accepting; resolves when what is under way has been answered. */
  shutdown(): Promise<void>;
}

/** Between two tries to listen again: descriptors come back when others hang up. */
const PAUSE_MS = TIME.SECOND_MS;

/**
 * Starts to serve.
 *
 * @param options Where, and what.
 * @returns The server, listening.
 * @throws What `Deno.serve` throws if it can't listen there at first.
 */
export function startSteadyServer(options: SteadyServerOptions): SteadyServer {
  const { handler, clock, log } = options;
  let stopping = false;
  let cancel = (): void => {};
  let server: Deno.HttpServer<Deno.NetAddr> | null = listen(options.port);
  const { hostname, port } = server.addr;

  function listen(at: number): Deno.HttpServer<Deno.NetAddr> {
    const started = Deno.serve({ port: at, hostname: options.hostname, onListen() {} }, handler);
    started.finished.catch((error) => {
      server = null;
      if (stopping) return;
      log.error("server.stopped_accepting", { error: String(error) });
      cancel = clock.after(PAUSE_MS, listenAgain);
    });
    return started;
  }

  function listenAgain(): void {
    try {
      server = listen(port);
      log.info("server.listens_again", { port });
    } catch (error) {
      log.warn("server.not_listening", { error: String(error) });
      cancel = clock.after(PAUSE_MS, listenAgain);
    }
  }

  return {
    hostname,
    port,
    async shutdown() {
      stopping = true;
      cancel();
      await server?.shutdown();
    },
  };
}
