/**
 * What the administration commands call: the API of Tidings, of a running service or of one put together on the
 * database itself.
 *
 * Owns the requests and the reading of refusals. A command never knows which of the two answers. It must never follow a
 * redirect (the key would go along) or put the key into a message.
 *
 * @module
 */
import { ERROR_STATUS, type ErrorCode, type FieldError } from "../lib/errors.ts";
import { isJsonObject } from "../lib/merge_patch.ts";
import { encodeSiteId } from "../lib/site_id.ts";
import { Failure, ServiceRefusal } from "./failure.ts";

/** A list as the API answers it. */
export interface Listed<Item> {
  readonly data: readonly Item[];
}

/** A page of a list. */
export interface Page<Item> extends Listed<Item> {
  /** Where the next page starts; null at the end. */
  readonly next_cursor: string | null;
}

/** What a request carries besides its method and path. */
export interface Content {
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** A status that is an answer and no refusal: 503 of `/readyz`. */
  readonly answered_with?: number;
}

/** The API, ready to be called. Disposing ends it. */
export interface Backend extends AsyncDisposable {
  /** Where it works, for messages: a file, or the address of a service. */
  readonly place: string;
  /**
   * One call. It trusts the service to answer by its contract.
   * @param method `GET`, `POST`, …
   * @param path With its parts encoded; {@linkcode sitePath} does.
   * @param content Query, body, headers.
   * @returns The answer; undefined if it has no body.
   * @throws {ServiceRefusal} With the code that was answered.
   * @throws {Failure} If the answer never came, or is none of Tidings.
   */
  call<Answer>(method: string, path: string, content?: Content): Promise<Answer>;
}

/** Which service, and as whom. */
export interface Connection {
  /** Scheme, host, port and maybe a path, without a slash at the end. */
  readonly url: string;
  readonly key: string;
}

/** What is used of the platform's `fetch`. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** A service on the database itself, in this process. */
export interface LocalService {
  /** Which database, for messages. */
  readonly place: string;
  /**
   * Answers as a running service does, to an administrator.
   * @throws {Failure} Where a running service would answer 500 and log the rest.
   */
  readonly fetch: Fetch;
  /** Writes what waits and closes the database. */
  close(): Promise<void>;
}

/** The longest that a call may take: a test waits for a receiver for up to 30 s. */
const ANSWER_MS_MAX = 60_000;

const NOT_TIDINGS = "Is this the address of Tidings? Its first page, GET /, says so.";

/** Stands where a running service has its address; never looked up. */
const HERE: Connection = { url: "http://local.invalid", key: "local" };

/**
 * The path of a site, or of something of it.
 *
 * @param site_id In its one spelling.
 * @param parts What follows, each one segment.
 * @returns The path, every part encoded.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { sitePath } from "./backend.ts";
 * assertEquals(sitePath("example.com/blog", "webhooks", "wh_1"), "/v1/sites/example.com%2Fblog/webhooks/wh_1");
 * ```
 */
export function sitePath(site_id: string, ...parts: readonly string[]): string {
  return ["/v1/sites", encodeSiteId(site_id), ...parts.map(encodeURIComponent)].join("/");
}

/**
 * Makes the backend of a running service.
 *
 * @param connection Which service, and as whom.
 * @param fetch How to reach it.
 * @returns The backend.
 */
export function restBackend(connection: Connection, fetch: Fetch): Backend {
  return {
    place: connection.url,
    call: (method, path, content = {}) => call(connection, fetch, { method, path, content }),
    async [Symbol.asyncDispose]() {},
  };
}

/**
 * Makes the backend of a database.
 *
 * @param service The service on it. It is closed with the backend.
 * @returns The backend.
 */
export function localBackend({ place, fetch, close }: LocalService): Backend {
  return { ...restBackend(HERE, fetch), place, [Symbol.asyncDispose]: close };
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly content: Content;
}

async function call<Answer>(connection: Connection, fetch: Fetch, asked: Asked): Promise<Answer> {
  const { response, text } = await send(connection, fetch, asked);
  const answer = jsonOf(text);
  const answered = response.ok || (response.status === asked.content.answered_with && isJsonObject(answer));
  if (!answered) throw refusalOf(response, answer);
  if (answer === undefined && response.status !== 204) throw notUnderstood(response);
  return answer as Answer;
}

async function send(
  { url, key }: Connection,
  fetch: Fetch,
  { method, path, content: { query = {}, body, headers: own = {} } }: Asked,
): Promise<{ response: Response; text: string }> {
  const search = new URLSearchParams(query).toString();
  const headers = { "Authorization": `Bearer ${key}`, "Accept": "application/json", ...own };
  const sent = body === undefined
    ? { headers }
    : { headers: { ...headers, "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const signal = AbortSignal.timeout(ANSWER_MS_MAX);
  const target = url + path + (search === "" ? "" : `?${search}`);
  try {
    const response = await fetch(target, { method, redirect: "manual", signal, ...sent });
    return { response, text: await response.text() };
  } catch (error) {
    throw error instanceof Failure ? error : unreachable(url, error);
  }
}

/** No answer. The platform's own message may quote headers, so only the cause of its network errors is shown. */
function unreachable(url: string, error: unknown): Failure {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : "";
  const reason = error instanceof Error && error.name === "TimeoutError"
    ? `it did not answer within ${ANSWER_MS_MAX / 1000} s`
    : /refused/i.test(cause)
    ? "nothing listens there"
    : /dns error|lookup/i.test(cause)
    ? "its name does not resolve"
    : /certificate|tls|handshake/i.test(cause)
    ? "the TLS handshake failed"
    : "the connection failed";
  return new Failure(
    `the service at ${url} can't be reached: ${reason}`,
    "Check --url, and that the service runs (its log line `listening` says where).",
  );
}

/** A body as JSON; undefined if it is none. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function notUnderstood({ status, headers }: Response): Failure {
  const location = headers.get("Location");
  const origin = location !== null && URL.canParse(location) ? new URL(location).origin : null;
  if (status >= 300 && status < 400) {
    return new Failure(
      `HTTP ${status} redirects${origin === null ? "" : ` to ${origin}`}, and redirects are not followed`,
      "Give the address that it redirects to as --url.",
    );
  }
  const type = headers.get("Content-Type") ?? "nothing";
  return new Failure(`the answer is not understood: HTTP ${status} with ${type}`, NOT_TIDINGS);
}

/** The refusal that an answer tells of. */
function refusalOf(response: Response, answer: unknown): Error {
  const code = isJsonObject(answer) ? answer["code"] : undefined;
  if (!isJsonObject(answer) || !isErrorCode(code)) return notUnderstood(response);
  const { detail, title, errors, request_id } = answer;
  const text = [detail, title].find((candidate) => typeof candidate === "string") ?? ERROR_STATUS[code][1];
  const retry_after_s = Number(response.headers.get("Retry-After") ?? NaN);
  return new ServiceRefusal(code, String(text), {
    errors: Array.isArray(errors) ? errors.filter(isFieldError) : [],
    ...(Number.isFinite(retry_after_s) ? { retry_after_s } : {}),
    request_id: typeof request_id === "string" ? request_id : null,
  });
}

function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(ERROR_STATUS, value);
}

function isFieldError(value: unknown): value is FieldError {
  return isJsonObject(value) && typeof value["path"] === "string" && typeof value["message"] === "string";
}
