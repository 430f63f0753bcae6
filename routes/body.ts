/**
 * Reads JSON bodies and query parameters.
 *
 * Owns the order of refusals: media type and announced size before a byte is read, then the size, then the syntax.
 *
 * @module
 */
import { AppError } from "../lib/errors.ts";
import { INPUT, REQUEST } from "../lib/limits.ts";
import { jsonPointer, validationError } from "../lib/validate.ts";
import type { RouteContext } from "./context.ts";
import type { RequestLoad } from "./load.ts";

/** What is read, and how much of it at most. */
export interface BodyOptions {
  readonly bytes_max?: number;
  /** Whether no body at all means `{}`. */
  readonly optional?: boolean;
  readonly media_types?: readonly string[];
}

const decoder = new TextDecoder("utf-8", { fatal: true });

function tooLarge(bytes_max: number): AppError {
  return new AppError("payload_too_large", `Cannot read the body: it must be at most ${bytes_max} bytes`);
}

function tooLate(): AppError {
  const seconds = REQUEST.body_ms_max / 1000;
  return new AppError("invalid_json", `Cannot read the body: it must arrive within ${seconds} s`);
}

/** Its caller hung up, or sent what is no body in HTTP: nothing that our operator has to look at. */
function brokenOff(cause: unknown): AppError {
  return new AppError("invalid_json", "Cannot read the body: it must arrive as a whole", { cause });
}

/** A body so small that as many as are read at a time may be counted whole before they have arrived. */
const SMALL_BYTES_MAX = Math.floor(REQUEST.body_bytes_max / REQUEST.at_once_max);

/** Reads a body of a few announced bytes in one go, for which Deno makes no stream: that takes half as long. */
async function readSmall(request: Request, bytes: number, load: RequestLoad): Promise<Uint8Array> {
  load.addBytes(bytes);
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const inTime = load.onBodyLate(() => reject(tooLate()));
  request.bytes().then(resolve, (cause) => reject(brokenOff(cause)));
  try {
    return await promise;
  } finally {
    inTime();
  }
}

/** Reads at most `bytes_max` bytes: an announced size may be missing. */
async function readBytes(
  body: ReadableStream<Uint8Array> | null,
  bytes_max: number,
  load: RequestLoad,
): Promise<Uint8Array> {
  if (body === null) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let late = false;
  const reader = body.getReader();
  const inTime = load.onBodyLate(() => {
    late = true;
    // Ends the read that waits.
    reader.cancel().catch(() => {});
  });
  try {
    for (;;) {
      const { done, value: chunk } = await reader.read().catch((cause) => {
        throw brokenOff(cause);
      });
      if (late) throw tooLate();
      if (done) break;
      bytes += chunk.byteLength;
      if (bytes > bytes_max) throw tooLarge(bytes_max);
      load.addBytes(chunk.byteLength);
      chunks.push(chunk);
    }
  } catch (error) {
    // What is still to come is not waited for.
    reader.cancel().catch(() => {});
    throw error;
  } finally {
    inTime();
  }
  const [only] = chunks;
  if (chunks.length === 1 && only !== undefined) return only;
  const joined = new Uint8Array(bytes);
  let offset = 0;
  for (const chunk of chunks) {
    joined.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return joined;
}

/** The size that a request announces; null if it announces none, or nothing that counts (RFC 9112, section 6.3). */
function announcedBytes({ headers }: Request): number | null {
  const announced = headers.get("Content-Length");
  return announced === null || headers.has("Transfer-Encoding") ? null : Number(announced);
}

/**
 * Reads a request's body as JSON.
 *
 * @param context The request.
 * @param options See {@linkcode BodyOptions}.
 * @returns The JSON value.
 * @throws {AppError} `unsupported_media_type`, `payload_too_large`, `invalid_json`, `unavailable`.
 */
export async function readJson(context: RouteContext, options: BodyOptions = {}): Promise<unknown> {
  const { bytes_max = INPUT.body_bytes_max, optional = false, media_types = ["application/json"] } = options;
  const { raw } = context.req;
  const announced = announcedBytes(raw);
  const media_type = (context.req.header("Content-Type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  // Asked only where no size is announced: the answer makes a stream.
  if (announced === 0 || (announced === null && raw.body === null)) {
    if (optional) return {};
    if (media_type !== "" && !media_types.includes(media_type)) throw unsupported(media_types);
    throw new AppError("invalid_json", "Cannot read the body: it must be JSON, and there is none");
  }
  if (!media_types.includes(media_type)) throw unsupported(media_types);
  if (announced !== null && announced > bytes_max) throw tooLarge(bytes_max);
  const load = context.get("load");
  const bytes = announced !== null && announced <= SMALL_BYTES_MAX
    ? await readSmall(raw, announced, load)
    : await readBytes(raw.body, bytes_max, load);
  if (optional && bytes.byteLength === 0) return {};
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    // The parser's own message quotes the body, which may hold anything.
    throw new AppError("invalid_json", "Cannot read the body: it must be JSON in UTF-8");
  }
}

function unsupported(media_types: readonly string[]): AppError {
  const list = media_types.join(" or ");
  return new AppError("unsupported_media_type", `Cannot read the body: its Content-Type must be ${list}`);
}

/** Names and values as they were sent, also under names that are empty or those of an object's own parts. */
function queryOf(context: RouteContext): URLSearchParams {
  const { url } = context.req;
  const begin = url.indexOf("?");
  return new URLSearchParams(begin < 0 ? "" : url.slice(begin + 1));
}

/**
 * Refuses every query parameter: one that is ignored would let a caller believe that it counts.
 *
 * @param context The request.
 * @throws {AppError} `validation_failed`, with each parameter's name.
 */
export function refuseQuery(context: RouteContext): void {
  if (!context.req.url.includes("?")) return;
  const names = new Set(queryOf(context).keys());
  if (names.size === 0) return;
  throw validationError(
    [...names].map((name) => ({ path: jsonPointer([name]), message: "Unknown query parameter" })),
  );
}

/**
 * Reads the query parameters.
 *
 * @param context The request.
 * @returns Each parameter's value.
 * @throws {AppError} `validation_failed` for one that is given twice: either could be meant.
 */
export function readQuery(context: RouteContext): Record<string, string> {
  const entries = [...queryOf(context)];
  const names = entries.map(([name]) => name);
  const twice = new Set(names.filter((name, index) => names.indexOf(name) < index));
  if (twice.size > 0) {
    throw validationError(
      [...twice].map((name) => ({ path: jsonPointer([name]), message: "must be given once" })),
    );
  }
  return Object.fromEntries(entries);
}
