/**
 * Opens a socket to exactly the addresses it is told.
 *
 * Owns TCP and TLS as undici's connector needs them. It must never resolve a name: the address behind it has been
 * judged, and a second look-up could answer something else.
 *
 * @module
 */
import { connect as connectTcp, isIPv6, type LookupFunction, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { literalAddress } from "./url_guard.ts";
import { codeOf, DialError } from "./send_error.ts";

/** Where to, besides the URL. */
export interface DialOptions {
  /** Judged addresses, tried in this order. */
  readonly addresses: readonly string[];
  /** Ends the attempt and frees its socket. */
  readonly signal: AbortSignal;
  /** Certificate authorities trusted instead of the built-in ones, as PEM: for tests. */
  readonly ca: readonly string[] | undefined;
}

/** A name may resolve to hundreds of addresses, all of them dead: the attacker's choice. */
const ADDRESSES_TRIED_MAX = 8;

/** An address that does not answer is given up for the next after this long; the last one has until the deadline. */
const ATTEMPT_MS = 500;

/** Answers every question with the judged addresses, whatever the name. */
function pinnedLookup(addresses: readonly string[]): LookupFunction {
  const answers = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
  return (_hostname, options, callback): void => {
    if (options.all === true) callback(null, answers);
    else callback(null, answers[0]?.address ?? "", answers[0]?.family);
  };
}

function startSocket(url: URL, { addresses, ca }: DialOptions): Socket {
  const tls = url.protocol === "https:";
  const to = {
    // Also what the certificate is checked against; SNI is made of it unless it is an address (RFC 6066, section 3).
    host: literalAddress(url) ?? url.hostname,
    port: Number(url.port || (tls ? 443 : 80)),
    lookup: pinnedLookup(addresses.slice(0, ADDRESSES_TRIED_MAX)),
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ATTEMPT_MS,
    noDelay: true,
  };
  if (!tls) return connectTcp(to);
  return connectTls({
    ...to,
    ALPNProtocols: ["http/1.1"],
    rejectUnauthorized: true, // said aloud, so that NODE_TLS_REJECT_UNAUTHORIZED=0 changes nothing
    ...(ca === undefined ? {} : { ca: [...ca] }),
  });
}

/**
 * Connects, with TLS for https.
 *
 * @param url Its scheme, host and port; the host is for SNI and the certificate only.
 * @param options Addresses, deadline.
 * @returns A connected socket, of which the caller is the owner.
 * @throws {DialError} `connect` before TCP is up, `tls` after that.
 * @throws The signal's reason.
 */
export function dial(url: URL, options: DialOptions): Promise<Socket> {
  const { signal } = options;
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = startSocket(url, options);
  let tcp_is_up = false;
  function onAbort(): void {
    reject(signal.reason);
    socket.destroy();
  }
  signal.addEventListener("abort", onAbort, { once: true });
  socket.once("connect", () => tcp_is_up = true);
  socket.once(url.protocol === "https:" ? "secureConnect" : "connect", () => resolve(socket));
  // Stays for the socket's life: an error that nobody listens to would end the process.
  socket.on("error", (error: Error) => {
    const detail = tcp_is_up ? "the TLS handshake failed" : "no connection";
    reject(new DialError(tcp_is_up ? "tls" : "connect", `${detail}: ${codeOf(error)}`));
  });
  socket.once("close", () => reject(new DialError("connect", "the socket was closed")));
  return promise.finally(() => signal.removeEventListener("abort", onAbort));
}
