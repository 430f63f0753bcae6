/**
 * The parts of undici that are used.
 *
 * Owns which of its files are loaded. It must never load undici's index: that brings a `fetch`, caches and web sockets
 * of its own, which nothing here uses and which need what Deno has had since 2.8 only. Deno Deploy runs an earlier one.
 *
 * @module
 */
import type * as undici from "undici";
import errorClasses from "undici/lib/core/errors.js";
import ClientClass from "undici/lib/dispatcher/client.js";

/** One connection: the parser and the socket. */
export const Client: typeof undici.Client = ClientClass;
/** One connection: the parser and the socket. */
export type Client = undici.Client;

/** What it reports. */
export const errors: typeof undici.errors = errorClasses;
