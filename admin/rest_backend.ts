/**
 * Administration over the API of a running service.
 *
 * Owns the requests and the reading of refusals. It must never follow a redirect (the key would go along) or put the
 * key into a message.
 *
 * @module
 */
import { ERROR_STATUS, type ErrorCode, type FieldError } from "../lib/errors.ts";
import { isJsonObject } from "../lib/merge_patch.ts";
import { encodeSiteId } from "../lib/site_id.ts";
import type { Backend } from "./backend.ts";
import { Failure, ServiceRefusal } from "./failure.ts";

/** Which service, and as whom. */
export interface Connection {
  /** Scheme, host, port and maybe a path, without a slash at the end. */
  readonly url: string;
  readonly key: string;
}

/** The longest that a call may take: a test waits for a receiver for up to 30 s. */
const ANSWER_MS_MAX = 60_000;

const NOT_TIDINGS = "Is this the address of Tidings? Its first page, GET /, says so.";

/** What is used of the platform's `fetch`. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/**
 * Makes the driver. It trusts the service to answer by its contract.
 *
 * @param connection Which service, and as whom.
 * @param fetch How to reach it.
 * @returns The backend.
 */
export function restBackend(connection: Connection, fetch: Fetch): Backend {
  /** One call; an answer without a body is undefined. */
  async function call<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    const { response, text } = await send(connection, fetch, { method, path, body });
    const answer = jsonOf(text);
    if (!response.ok) throw refusalOf(response, answer);
    if (answer === undefined && response.status !== 204) throw notUnderstood(response);
    return answer as Answer;
  }

  const webhooks = (site_id: string): string => `/v1/sites/${encodeSiteId(site_id)}/webhooks`;

  return {
    place: connection.url,
    createKey: (input) => call("POST", "/v1/keys", input),
    listKeys: () => call("GET", "/v1/keys"),
    revokeKey: (id) => call("DELETE", `/v1/keys/${encodeURIComponent(id)}`),
    createWebhook: (site_id, input) => call("POST", webhooks(site_id), input),
    listWebhooks: (site_id) => call("GET", webhooks(site_id)),
    showWebhook: (site_id, id) => call("GET", `${webhooks(site_id)}/${encodeURIComponent(id)}`),
    async [Symbol.asyncDispose]() {},
  };
}

async function send(
  { url, key }: Connection,
  fetch: Fetch,
  { method, path, body }: { method: string; path: string; body: unknown },
): Promise<{ response: Response; text: string }> {
  const headers = { "Authorization": `Bearer ${key}`, "Accept": "application/json" };
  const content = body === undefined
    ? { headers }
    : { headers: { ...headers, "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const signal = AbortSignal.timeout(ANSWER_MS_MAX);
  try {
    const response = await fetch(url + path, { method, redirect: "manual", signal, ...content });
    return { response, text: await response.text() };
  } catch (error) {
    throw unreachable(url, error);
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
