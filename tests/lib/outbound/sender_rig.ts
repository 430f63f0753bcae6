/**
 * A sender with everything around it that a test moves, and what its results are compared with.
 *
 * Owns the parts of the contract suite that are not tests. It must never wait for time to pass: deadlines are the
 * manual clock's, and everything else ends by what the receiver does.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { parseNetworks } from "../../../lib/outbound/address.ts";
import type { OutboundPolicy } from "../../../lib/outbound/policy.ts";
import type { Resolver } from "../../../lib/outbound/resolver.ts";
import type { Clock, Sender, SendErrorKind, SendRequest, SendResult } from "../../../lib/ports.ts";
import { createManualClock, type ManualClock } from "../../helpers/manual_clock.ts";
import type { RawConnection } from "../../helpers/receiver.ts";
import { AUTHORITY } from "./certificates.ts";
import { createFakeResolver, type FakeName, type FakeResolver } from "./fake_resolver.ts";

/** What a driver is made of in a test. */
export interface SenderParts {
  readonly policy: OutboundPolicy;
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly ca: readonly string[];
}

/** Registers one test; the driver's name is put in front of the behaviour. */
export type RegisterTest = (behaviour: string, run: () => Promise<void>) => void;

/** A driver under test. */
export interface SenderDriver {
  /** Ends with what the driver holds, too. */
  make(parts: SenderParts): Sender;
  /** What it calls an answer that breaks off within a chunk's frame: not every driver can tell. */
  readonly bad_chunk: SendErrorKind;
}

/** A sender with everything around it that a test moves. */
export interface SenderRig extends AsyncDisposable {
  readonly sender: Sender;
  readonly clock: ManualClock;
  readonly resolver: FakeResolver;
  post(url: string, change?: Partial<SendRequest>): Promise<SendResult>;
}

/** What the operator allows and what names there are. */
export interface RigOptions {
  readonly networks?: string;
  readonly allow_http?: boolean;
  readonly own?: readonly string[];
  readonly names?: Readonly<Record<string, FakeName>>;
}

/** The body of every request, unless told otherwise. */
export const BODY = new TextEncoder().encode(`{"event":"test"}`);

/** The deadline of every send, unless told otherwise. */
export const TIMEOUT_MS = 10_000;

/** Everything after the host: it must never show up in what a sender reports. */
export const SECRET_PATH = "/services/T0-secret?token=secret";

/**
 * A sender whose policy allows 127.0.0.0/8, unless told otherwise.
 *
 * @param driver How the sender is made.
 * @param options Policy and names.
 * @returns The rig; at its end no timer may be left.
 */
export function createRig(driver: SenderDriver, options: RigOptions = {}): SenderRig {
  const { networks = "127.0.0.0/8", allow_http = false, own = [], names = {} } = options;
  const parsed = parseNetworks(networks);
  assert(parsed.ok);
  const policy = { allow_networks: parsed.networks, allow_http, own_addresses: new Set(own) };
  const clock = createManualClock();
  const resolver = createFakeResolver(names);
  const sender = driver.make({ policy, resolver, clock, ca: [AUTHORITY] });
  return {
    sender,
    clock,
    resolver,
    post: (url, change) => sender.post({ url, headers: {}, body: BODY, timeout_ms: TIMEOUT_MS, ...change }),
    async [Symbol.asyncDispose](): Promise<void> {
      await sender.close();
      assertEquals(clock.pending, 0, "a timer outlived its sender");
    },
  };
}

/**
 * What a raw receiver does with a connection.
 *
 * @param bytes Its answer to the first request.
 * @returns Reads a request, answers, and keeps the connection until the sender closes it.
 */
export function answering(bytes: string): (connection: RawConnection) => Promise<void> {
  return async (connection) => {
    await connection.readRequest();
    await connection.write(bytes);
    await connection.closed();
  };
}

/**
 * What a raw receiver does with a connection.
 *
 * @param bytes Its answer to the first request.
 * @returns Reads a request, answers, and closes.
 */
export function closingAfter(bytes: string): (connection: RawConnection) => Promise<void> {
  return async (connection) => {
    await connection.readRequest();
    await connection.write(bytes);
  };
}

/**
 * Asserts that there was no answer, and that the words for it tell nothing of the URL's path.
 *
 * @param result What the sender reports.
 * @param error The kind expected.
 * @param message What was tried.
 */
export function assertError(result: SendResult, error: SendErrorKind, message?: string): void {
  assert(result.kind === "error", `${message ?? ""}: ${JSON.stringify(result)} is no error`);
  assertEquals(result.error, error, `${message ?? ""}: ${result.detail}`);
  assert(!result.detail.includes("secret"), `the detail tells a secret: ${result.detail}`);
  assert(result.detail.length > 0, "the detail says something");
}

/**
 * Asserts that there was an answer.
 *
 * @param result What the sender reports.
 * @param status_code The status expected.
 * @param message What was tried.
 * @returns The snippet as text.
 */
export function assertStatus(result: SendResult, status_code: number, message?: string): string {
  assert(result.kind === "answer", `${message ?? ""}: ${JSON.stringify(result)} is no answer`);
  assertEquals(result.status_code, status_code, message);
  return new TextDecoder().decode(result.snippet);
}
