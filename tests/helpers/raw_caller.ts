/**
 * A caller that speaks bytes: what no HTTP client would send.
 *
 * Owns connections to a service. It must never repair what a test sends. `using` closes a connection.
 *
 * @module
 */
import { within } from "./api.ts";

/** One connection. */
export interface RawCaller extends Disposable {
  /** Writes text (Latin-1); nothing is said of a service that closed before. */
  send(text: string): Promise<void>;
  /** Says that nothing more will be sent. */
  endSending(): Promise<void>;
  /** What arrives until the service closes, as text (Latin-1). */
  rest(): Promise<string>;
  /** What arrives until it holds `text`, or the service closes. */
  readUntil(text: string): Promise<string>;
}

/**
 * Connects to a service.
 *
 * @param url Its origin.
 */
export async function callRaw(url: string): Promise<RawCaller> {
  const { hostname, port } = new URL(url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  let arrived = "";

  async function readUntil(text: string | null): Promise<string> {
    const buffer = new Uint8Array(64 * 1024);
    while (text === null || !arrived.includes(text)) {
      const count = await connection.read(buffer).catch(() => null);
      if (count === null) break;
      arrived += String.fromCharCode(...buffer.subarray(0, count));
    }
    return arrived;
  }

  return {
    async send(text) {
      let bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
      try {
        while (bytes.byteLength > 0) bytes = bytes.subarray(await connection.write(bytes));
      } catch {
        // It has answered and closed: what it said is what the test looks at.
      }
    },
    endSending: () => connection.closeWrite(),
    rest: () => within(readUntil(null), "the end of a connection"),
    readUntil: (text) => within(readUntil(text), `an answer with ${text}`),
    [Symbol.dispose]() {
      try {
        connection.close();
      } catch {
        // Closed by the other side.
      }
    },
  };
}
