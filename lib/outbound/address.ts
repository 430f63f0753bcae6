/**
 * Which IP addresses a webhook may be sent to.
 *
 * Owns the classes of addresses and the reading of `TIDINGS_ALLOW_NETWORKS`; all of it is pure. It must never be
 * lenient: an address in a spelling that two programs could read differently is forbidden, whatever it may mean.
 *
 * @module
 */
import ip from "ipaddr.js";

type Address = ip.IPv4 | ip.IPv6;

/** A network the operator named. */
export interface Network {
  /** As the operator wrote it. */
  readonly text: string;
  readonly address: Address;
  readonly prefix_bits: number;
}

/** What besides the address itself decides. */
export interface AddressPolicy {
  /** Networks receivers may be on although they are not public. */
  readonly allow_networks: readonly Network[];
  /** Addresses of this machine's own interfaces, in the form of {@linkcode normalAddress}. */
  readonly own_addresses: ReadonlySet<string>;
}

/** `allowed` is named by the operator, which permits plain http as well. */
export type AddressVerdict = "public" | "allowed" | "forbidden";

/** What came of reading a list of networks. */
export type ParsedNetworks =
  | { readonly ok: true; readonly networks: readonly Network[] }
  | { readonly ok: false; readonly message: string };

/** Azure's host agent: unicast by every registry, yet it hands out credentials to whoever asks from inside. */
const AZURE_HOST_AGENT = "168.63.129.16";

/** Global unicast as far as IANA has opened it (RFC 4291, section 2.4). */
const IPV6_GLOBAL = ip.IPv6.parseCIDR("2000::/3");
/** The well-known prefix of NAT64 (RFC 6052): a gateway sends on to the IPv4 address in the last 32 bits. */
const IPV6_NAT64 = ip.IPv6.parseCIDR("64:ff9b::/96");

const DECIMAL = "(?:0|[1-9][0-9]{0,2})";
const IPV4_CANONICAL = new RegExp(`^${DECIMAL}(?:\\.${DECIMAL}){3}$`);
const IPV6_CHARACTERS = /^[0-9a-fA-F:.]{2,45}$/;

/**
 * Reads one address, strictly.
 *
 * IPv4 must be four decimal numbers without leading zeros. IPv6 is read by `URL`, because `ipaddr.js` takes
 * `::1.2.3.4` (IPv4-compatible) for `::ffff:1.2.3.4` (mapped), which the network does not.
 */
function parseAddress(text: string): Address | null {
  if (IPV4_CANONICAL.test(text)) return ip.IPv4.isValid(text) ? ip.IPv4.parse(text) : null;
  if (!IPV6_CHARACTERS.test(text) || !URL.canParse(`http://[${text}]`)) return null;
  return ip.IPv6.parse(new URL(`http://[${text}]`).hostname.slice(1, -1));
}

function isIPv4(address: Address): address is ip.IPv4 {
  return address.kind() === "ipv4";
}

function contains(network: Network, address: Address): boolean {
  return network.address.kind() === address.kind() && address.match(network.address, network.prefix_bits);
}

/** The IPv4 address that a packet to this address ends at, or the address itself. */
function destination(address: Address): Address {
  if (isIPv4(address)) return address;
  if (address.isIPv4MappedAddress()) return address.toIPv4Address();
  if (address.match(IPV6_NAT64)) return new ip.IPv4(address.toByteArray().slice(12));
  return address;
}

function isPublic(address: Address): boolean {
  if (isIPv4(address)) return address.range() === "unicast" && address.toString() !== AZURE_HOST_AGENT;
  return address.range() === "unicast" && address.match(IPV6_GLOBAL);
}

/**
 * One spelling for every address, so that addresses can be compared as text.
 *
 * @param text An address in any accepted spelling.
 * @returns The shortest form; of IPv4-mapped and NAT64 addresses the IPv4 address inside; null if it is not an
 * address or is spelled ambiguously (`010.0.0.1`, `127.1`, `fe80::1%eth0`).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { normalAddress } from "./address.ts";
 * assertEquals(normalAddress("::FFFF:7f00:1"), "127.0.0.1");
 * assertEquals(normalAddress("010.0.0.1"), null);
 * ```
 */
export function normalAddress(text: string): string | null {
  const address = parseAddress(text);
  return address === null ? null : destination(address).toString();
}

/**
 * Whether a webhook may be sent to this address.
 *
 * Public is IPv4 that IANA's registries call unicast, without Azure's host agent, and IPv6 that is unicast and inside
 * 2000::/3. IPv4-mapped and NAT64 addresses are judged by the address inside. Every other form that carries an IPv4
 * address (6to4, Teredo, IPv4-compatible, the local NAT64 prefix) is forbidden, as are this machine's own addresses.
 * What the operator named beats all of it.
 *
 * @param text One address, as the resolver or `URL.hostname` (without brackets) gives it.
 * @param policy What the operator allowed, and this machine's own addresses.
 * @returns The verdict; what is not an address is forbidden.
 * @see https://www.iana.org/assignments/iana-ipv4-special-registry
 * @see https://www.iana.org/assignments/iana-ipv6-special-registry
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { addressVerdict } from "./address.ts";
 * const policy = { allow_networks: [], own_addresses: new Set<string>() };
 * assertEquals(addressVerdict("9.9.9.9", policy), "public");
 * assertEquals(addressVerdict("64:ff9b::a00:1", policy), "forbidden"); // 10.0.0.1 behind NAT64
 * ```
 */
export function addressVerdict(text: string, policy: AddressPolicy): AddressVerdict {
  const address = parseAddress(text);
  if (address === null) return "forbidden";
  const target = destination(address);
  for (const network of policy.allow_networks) {
    if (contains(network, address) || contains(network, target)) return "allowed";
  }
  if (policy.own_addresses.has(target.toString())) return "forbidden";
  return isPublic(target) ? "public" : "forbidden";
}

/** Reads one network; a mapped IPv4 network means the IPv4 network. */
function parseNetwork(text: string): Network | null {
  const [address_text = "", prefix_text, ...rest] = text.split("/");
  const address = parseAddress(address_text);
  if (address === null || rest.length > 0) return null;
  const bits_max = isIPv4(address) ? 32 : 128;
  if (prefix_text !== undefined && !/^(?:0|[1-9][0-9]{0,2})$/.test(prefix_text)) return null;
  const prefix_bits = prefix_text === undefined ? bits_max : Number(prefix_text);
  if (prefix_bits > bits_max) return null;
  if (!isIPv4(address) && address.isIPv4MappedAddress() && prefix_bits >= 96) {
    return { text, address: address.toIPv4Address(), prefix_bits: prefix_bits - 96 };
  }
  return { text, address, prefix_bits };
}

/**
 * Reads a list of networks (`TIDINGS_ALLOW_NETWORKS`).
 *
 * @param text Networks in CIDR notation, separated by commas or white space; a bare address means that one address.
 * @returns The networks, or a message that names the first item that is none.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseNetworks } from "./address.ts";
 * assertEquals(parseNetworks("127.0.0.0/8, ::1").ok, true);
 * assertEquals(parseNetworks("10.0.0.0/33").ok, false);
 * ```
 */
export function parseNetworks(text: string): ParsedNetworks {
  const networks: Network[] = [];
  for (const item of text.split(/[\s,]+/)) {
    if (item === "") continue;
    const network = parseNetwork(item);
    if (network === null) {
      return { ok: false, message: `must be networks such as 10.0.0.0/8 or fd00::/8, but "${item}" is none` };
    }
    networks.push(network);
  }
  return { ok: true, networks };
}
