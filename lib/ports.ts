/**
 * How the domain reaches the world: time, timers, ids, randomness, logs, receivers, storage, alarms.
 *
 * Owns interfaces only; the drivers are in `lib/outbound/` and `kv/`. A use case takes the narrowest part it needs
 * (`Pick<Store, "accept">`). Nothing here may name a driver.
 *
 * @module
 */

/** Time. All of the domain reads the clock through this. */
export interface Clock {
  /** Whole milliseconds since the Unix epoch: wall time at start plus monotonic time, so it never runs backward. */
  now(): number;
  /** Milliseconds of a monotonic clock with sub-millisecond precision: for durations. */
  elapsed(): number;
  /**
   * Calls `run` once after `delay_ms`.
   * @returns A function that cancels it.
   */
  after(delay_ms: number, run: () => void): () => void;
}

/** Randomness in [0, 1), for jitter only; secrets come from {@linkcode Ids}. */
export type Random = () => number;

/** Ids that sort by time, and secrets. */
export interface Ids {
  /** A ULID: 26 characters, the first ten of them the time, larger than every one made before by this process. */
  ulid(at_ms: number): string;
  /** The first ten characters of every ULID made at that time. */
  ulidPrefix(at_ms: number): string;
  /** Cryptographically strong bytes. */
  secretBytes(length: number): Uint8Array<ArrayBuffer>;
}

/** Levels of a log line, least first. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Fields of a log line. Never a secret, a payload, a full URL of a webhook, or a person's data. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** One line per thing that happened. `message` is a dotted name such as `delivery.attempted`. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** Why a request got no answer. */
export type SendErrorKind = "timeout" | "dns" | "connect" | "tls" | "reset" | "blocked_address" | "protocol";

/** What came of one request: an answer of any status, or none. */
export type SendResult =
  | {
    readonly kind: "answer";
    readonly status_code: number;
    /** The `Retry-After` header as received. */
    readonly retry_after: string | null;
    /** The first {@linkcode ANSWER.snippet_bytes_max} bytes of the body. */
    readonly snippet: Uint8Array;
  }
  | {
    readonly kind: "error";
    readonly error: SendErrorKind;
    /** For the log: what failed, without the URL's path or query. */
    readonly detail: string;
  };

/** One HTTP POST. */
export interface SendRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
  /** One deadline over look-up, connect, headers and body. */
  readonly timeout_ms: number;
}

/** Sends to a URL that an attacker may have chosen: guarded, never follows a redirect, never throws. */
export interface Sender {
  post(request: SendRequest): Promise<SendResult>;
  /** Ends idle connections. Sends under way are finished first. */
  close(): Promise<void>;
}

/** Whether a webhook may be registered with this URL, judged when it is written. */
export interface UrlGuard {
  /**
   * One look-up by the system's resolver (hosts file included); a name that does not resolve is accepted.
   * @param url Already parsed; the text is never judged.
   * @returns null, or why it is refused, in words for the owner.
   */
  refusal(url: URL): Promise<string | null>;
}

/** Rings when something comes due. A ring carries no work: a lost, late or doubled one does no harm. */
export interface Alarm {
  /** How often to look for what is overdue although nothing rang, in milliseconds. */
  readonly sweep_ms: number;
  /** Begins to ring. Called once. */
  start(ring: () => void): void;
  /** Asks for a ring at or shortly after a time at most two minutes ahead. */
  arm(at_ms: number): void;
  stop(): void;
}
