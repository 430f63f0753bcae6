/**
 * How the client calls Tidings: one request, its answer or its error, and when it is repeated.
 *
 * Owns repetition. A call is repeated only if it can't do harm twice: it is no POST, it has an idempotency key, or every
 * item of its batch has one. It depends on nothing but what Deno, Node (20 and later) and workers have built in.
 *
 * @module
 */

/** Where the service is, who calls, and how patiently. */
export interface TidingsOptions {
  /** The origin of the service, such as `http://127.0.0.1:8080`; a path before `/v1` is kept. */
  readonly url: string;
  /** An API key; left out for the calls that need none. */
  readonly key?: string;
  /** How often a call is repeated, 3 unless said otherwise. */
  readonly retries?: number;
  /** Milliseconds that one try may take, 30,000 unless said otherwise. */
  readonly timeout_ms?: number;
  /** The longest wait before a repetition, 60,000 ms unless said otherwise: who is told to wait longer gets the error. */
  readonly wait_ms_max?: number;
  /** What makes the requests; the platform's own unless said otherwise. */
  readonly fetch?: typeof fetch;
}

/** What one call may have besides its arguments. */
export interface CallOptions {
  /** Ends the call, and the wait for its repetition. */
  readonly signal?: AbortSignal;
  /** Gets the headers of the answer, such as `ETag`. */
  readonly on_headers?: (headers: Headers) => void;
}

/** A request, as the methods of the client describe it. */
export interface TidingsRequest {
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
}

/** An error that the service answered with. */
export class TidingsError extends Error {
  override readonly name = "TidingsError";
  /** What went wrong: one of the codes of the API, or `unexpected_answer` when something else answered in its place. */
  readonly code: string;
  /** The HTTP status. */
  readonly status: number;
  /** What happened, for people. */
  readonly detail: string | undefined;
  /** The fields at fault. */
  readonly errors: readonly { readonly path: string; readonly message: string }[];
  /** Names the request in the log of the service. */
  readonly request_id: string | undefined;
  /** After how many seconds it is worth repeating the call. */
  readonly retry_after_s: number | undefined;

  /**
   * @param status The HTTP status.
   * @param headers Those of the answer.
   * @param problem Its body, if it is a problem document.
   */
  constructor(status: number, headers: Headers, problem: Readonly<Record<string, unknown>> | null) {
    const text = (value: unknown): string | undefined => typeof value === "string" ? value : undefined;
    const detail = text(problem?.["detail"]) ?? text(problem?.["title"]);
    super(detail ?? `The answer is no answer of Tidings: its status is ${status}`);
    this.code = text(problem?.["code"]) ?? "unexpected_answer";
    this.status = status;
    this.detail = detail;
    const errors = problem?.["errors"];
    this.errors = Array.isArray(errors) ? errors : [];
    this.request_id = text(problem?.["request_id"]) ?? headers.get("X-Request-Id") ?? undefined;
    const seconds = Number(headers.get("Retry-After") ?? NaN);
    this.retry_after_s = Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined;
  }
}

/** Before the first repetition, if the service says nothing; each further wait is twice as long. */
const FIRST_WAIT_MS = 500;

function hasItemKeys(body: unknown): boolean {
  const items = typeof body === "object" && body !== null && "events" in body ? body.events : null;
  return Array.isArray(items) && items.every((item) => typeof item?.idempotency_key === "string");
}

function isRepeatable({ method, headers = {}, body }: TidingsRequest): boolean {
  return method !== "POST" || headers["Idempotency-Key"] !== undefined || hasItemKeys(body);
}

/** What makes the calls; {@linkcode Tidings} has a method for each. */
export class TidingsCaller {
  readonly #options: TidingsOptions;

  /** @param options Where the service is, who calls, and how patiently. */
  constructor(options: TidingsOptions) {
    this.#options = options;
  }

  /**
   * Makes a call, and repeats it if that is worth it and does no harm.
   *
   * @param request The request.
   * @param options What this call has besides.
   * @returns The body of the answer; undefined if it has none.
   * @throws {TidingsError} What the service answered instead.
   */
  protected async call<Answer>(request: TidingsRequest, options: CallOptions): Promise<Answer> {
    const { retries = 3, wait_ms_max = 60_000 } = this.#options;
    for (let tries = 0;; tries++) {
      options.signal?.throwIfAborted();
      try {
        return await this.#once(request, options) as Answer;
      } catch (error) {
        const later = error instanceof TidingsError
          ? error.code === "rate_limited" || error.code === "unavailable"
          : options.signal?.aborted !== true;
        if (!later || tries >= retries || !isRepeatable(request)) throw error;
        const said_s = error instanceof TidingsError ? error.retry_after_s : undefined;
        const wait_ms = said_s === undefined ? FIRST_WAIT_MS * 2 ** tries : said_s * 1000;
        if (wait_ms > wait_ms_max) throw error;
        // Callers that were refused together do not come back together.
        await this.wait(wait_ms * (1 + Math.random() / 5), options.signal);
      }
    }
  }

  /**
   * Goes through all pages of a list.
   *
   * @param page Gets a page: the first, or the one that the cursor names.
   * @returns Every entry.
   */
  protected async *pages<Entry>(
    page: (
      from: { cursor?: string },
    ) => Promise<{ readonly data: readonly Entry[]; readonly next_cursor: string | null }>,
  ): AsyncGenerator<Entry, void, undefined> {
    for (let from: { cursor?: string } | null = {}; from !== null;) {
      const { data, next_cursor }: { readonly data: readonly Entry[]; readonly next_cursor: string | null } =
        await page(from);
      yield* data;
      from = next_cursor === null ? null : { cursor: next_cursor };
    }
  }

  /**
   * Waits before a repetition.
   *
   * @param ms How long.
   * @param signal Ends it.
   */
  protected wait(ms: number, signal?: AbortSignal): Promise<void> {
    // One that has ended tells nobody any more.
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", end);
        resolve();
      }, ms);
      signal?.addEventListener("abort", end, { once: true });
    });
  }

  async #once({ method, path, query = {}, headers = {}, body }: TidingsRequest, options: CallOptions) {
    const { url, key, timeout_ms = 30_000, fetch: send = fetch } = this.#options;
    const target = new URL(url.replace(/\/+$/, "") + path);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) target.searchParams.set(name, String(value));
    }
    const sent = new Headers();
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) sent.set(name, value);
    if (key !== undefined) sent.set("Authorization", `Bearer ${key}`);
    if (body !== undefined) sent.set("Content-Type", "application/json");
    const timeout = AbortSignal.timeout(timeout_ms);
    const response = await send(target, {
      method,
      headers: sent,
      // A key is for this service: it goes nowhere else.
      redirect: "manual",
      signal: options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const type = response.headers.get("Content-Type") ?? "";
    if (response.ok && (text === "" || type.startsWith("application/json"))) {
      options.on_headers?.(response.headers);
      return text === "" ? undefined : JSON.parse(text);
    }
    const problem = type.startsWith("application/problem+json") ? JSON.parse(text) : null;
    throw new TidingsError(response.status, response.headers, problem);
  }
}
