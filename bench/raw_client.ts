/**
 * An HTTP/1.1 client that costs next to nothing: bytes that were made before are written, the answer is read.
 *
 * Owns connections to the service. It must never do what a measurement does not need: no redirects, no compression, no
 * chunks; an answer must state its length.
 *
 * @module
 */

const ANSWER_BYTES_MAX = 256 * 1024;
const encoder = new TextEncoder();
const decoder = new TextDecoder("latin1");

/** What the service answered. */
export interface RawAnswer {
  readonly status: number;
  readonly text: string;
}

/**
 * A request, ready to be written.
 *
 * @param method In capitals.
 * @param path With the query.
 * @param options The caller's key and the JSON, if there is any.
 */
export function requestBytes(
  method: string,
  path: string,
  { key, body = "" }: { readonly key: string; readonly body?: string },
): Uint8Array<ArrayBuffer> {
  const bytes = encoder.encode(body);
  const head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${key}\r\n` +
    `Content-Type: application/json\r\nContent-Length: ${bytes.byteLength}\r\n\r\n`;
  return encoder.encode(head + body);
}

/** One connection. Requests are made one after the other. */
export class RawClient {
  readonly #connection: Deno.TcpConn;
  #buffer = new Uint8Array(8 * 1024);

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
    connection.setNoDelay();
  }

  /** @param url The origin of the service. */
  static async connect(url: string): Promise<RawClient> {
    const { hostname, port } = new URL(url);
    return new RawClient(await Deno.connect({ hostname, port: Number(port) }));
  }

  /**
   * Makes one request.
   *
   * @param request Made by {@linkcode requestBytes}.
   * @returns The answer, read to its end.
   */
  async call(request: Uint8Array<ArrayBuffer>): Promise<RawAnswer> {
    let rest = request;
    while (rest.byteLength > 0) rest = rest.subarray(await this.#connection.write(rest));
    let end = 0;
    for (;;) {
      if (end === this.#buffer.byteLength) this.#grow();
      const count = await this.#connection.read(this.#buffer.subarray(end));
      if (count === null) throw new Error("The service closed the connection instead of answering");
      end += count;
      const text = decoder.decode(this.#buffer.subarray(0, end));
      const blank = text.indexOf("\r\n\r\n");
      if (blank < 0) continue;
      const length = /^content-length: (\d+)\r$/im.exec(text.slice(0, blank + 2))?.[1];
      if (length === undefined) throw new Error(`An answer without its length: ${text.slice(0, blank)}`);
      if (end >= blank + 4 + Number(length)) {
        return { status: parseInt(text.slice(9, 12), 10), text: text.slice(blank + 4) };
      }
    }
  }

  close(): void {
    this.#connection.close();
  }

  #grow(): void {
    if (this.#buffer.byteLength >= ANSWER_BYTES_MAX) {
      throw new Error("An answer is longer than any should be");
    }
    const grown = new Uint8Array(this.#buffer.byteLength * 2);
    grown.set(this.#buffer);
    this.#buffer = grown;
  }
}
