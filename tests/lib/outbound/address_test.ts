/**
 * Which addresses a receiver may be on, in every spelling, and how a list of networks is read.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import ip from "ipaddr.js";
import {
  type AddressPolicy,
  addressVerdict,
  normalAddress,
  parseNetworks,
} from "../../../lib/outbound/address.ts";

function policy(networks = "", own: readonly string[] = []): AddressPolicy {
  const parsed = parseNetworks(networks);
  assert(parsed.ok);
  return { allow_networks: parsed.networks, own_addresses: new Set(own) };
}

const STRICT = policy();

/** Every special range of IANA's registries, and what else must never be reached: first, something inside, last. */
const FORBIDDEN: Record<string, readonly string[]> = {
  "this network 0.0.0.0/8": ["0.0.0.0", "0.1.2.3", "0.255.255.255"],
  "private 10/8": ["10.0.0.0", "10.1.2.3", "10.255.255.255"],
  "shared 100.64/10": ["100.64.0.0", "100.100.100.200", "100.127.255.255"],
  "loopback 127/8": ["127.0.0.0", "127.0.0.1", "127.255.255.255"],
  "link local 169.254/16": ["169.254.0.0", "169.254.169.254", "169.254.255.255"],
  "private 172.16/12": ["172.16.0.0", "172.20.1.1", "172.31.255.255"],
  "protocol assignments 192.0.0.0/24": ["192.0.0.0", "192.0.0.170", "192.0.0.255"],
  "documentation 192.0.2.0/24": ["192.0.2.0", "192.0.2.1", "192.0.2.255"],
  "AS112 192.31.196.0/24": ["192.31.196.0", "192.31.196.255"],
  "AMT 192.52.193.0/24": ["192.52.193.0", "192.52.193.255"],
  "6to4 relays 192.88.99.0/24": ["192.88.99.0", "192.88.99.1", "192.88.99.255"],
  "private 192.168/16": ["192.168.0.0", "192.168.1.1", "192.168.255.255"],
  "AS112 192.175.48.0/24": ["192.175.48.0", "192.175.48.255"],
  "benchmarks 198.18/15": ["198.18.0.0", "198.19.1.1", "198.19.255.255"],
  "documentation 198.51.100.0/24": ["198.51.100.0", "198.51.100.255"],
  "documentation 203.0.113.0/24": ["203.0.113.0", "203.0.113.255"],
  "multicast 224/4": ["224.0.0.0", "224.0.0.251", "239.255.255.255"],
  "reserved 240/4": ["240.0.0.0", "250.1.2.3", "255.255.255.254"],
  "broadcast": ["255.255.255.255"],
  "Azure's host agent": ["168.63.129.16"],
  "unspecified ::": ["::", "0:0:0:0:0:0:0:0"],
  "loopback ::1": ["::1", "0000:0000:0000:0000:0000:0000:0000:0001"],
  "IPv4-compatible ::/96": ["::127.0.0.1", "::8.8.8.8", "::808:808", "::2"],
  "IPv4-translated ::ffff:0:0:0/96": ["::ffff:0:8.8.8.8", "::ffff:0:7f00:1"],
  "local NAT64 64:ff9b:1::/48": ["64:ff9b:1::", "64:ff9b:1::808:808", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"],
  "next to NAT64": ["64:ff9b::1:0:0", "64:ff9b:0:1::808:808"],
  "discard 100::/64": ["100::", "100::ffff:ffff:ffff:ffff", "100:0:0:1::1"],
  "protocol assignments 2001::/23": ["2001::", "2001:1::1", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"],
  "Teredo 2001::/32": ["2001:0:4136:e378:8000:63bf:3fff:fdd2"],
  "benchmarks 2001:2::/48": ["2001:2::", "2001:2:0:ffff::1"],
  "ORCHID 2001:10::/28, 2001:20::/28": ["2001:10::1", "2001:20::1"],
  "documentation 2001:db8::/32": ["2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"],
  "6to4 2002::/16": [
    "2002::",
    "2002:7f00:1::1",
    "2002:808:808::1",
    "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
  ],
  "AS112 2620:4f:8000::/48": ["2620:4f:8000::", "2620:4f:8000:ffff::1"],
  "documentation 3fff::/20": ["3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"],
  "not global 4000::/2": ["4000::", "5f00::1", "7fff::1"],
  "not global 8000::/1": ["8000::1", "dfff::1", "e000::1"],
  "unique local fc00::/7": ["fc00::", "fd00:ec2::254", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  "link local fe80::/10": ["fe80::", "fe80::1", "febf::1"],
  "site local fec0::/10": ["fec0::", "feff::1"],
  "multicast ff00::/8": ["ff00::", "ff02::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
};

Deno.test("addressVerdict() forbids every special range, from its first address to its last", () => {
  for (const [range, addresses] of Object.entries(FORBIDDEN)) {
    for (const address of addresses) {
      assertEquals(addressVerdict(address, STRICT), "forbidden", `${range}: ${address}`);
    }
  }
});

Deno.test("addressVerdict() finds the neighbours of special ranges public", () => {
  const neighbours = [
    ["1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0"],
    ["168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0"],
    ["191.255.255.255", "192.0.1.0", "192.0.3.0", "192.88.98.255", "192.167.255.255", "192.169.0.0"],
    ["198.17.255.255", "198.20.0.0", "198.51.99.255", "203.0.112.255", "203.0.114.0", "223.255.255.255"],
    ["2000::", "2001:200::", "2001:db7:ffff::1", "2001:db9::", "2003::", "2606:4700::1111", "3ffe::1"],
    ["2001:4860:4860::8888", "3fff:1000::"],
  ].flat();
  for (const address of neighbours) assertEquals(addressVerdict(address, STRICT), "public", address);
});

Deno.test("addressVerdict() judges mapped and NAT64 addresses by the address inside", () => {
  for (const prefix of ["::ffff:", "64:ff9b::"]) {
    assertEquals(addressVerdict(`${prefix}8.8.8.8`, STRICT), "public", prefix);
    assertEquals(addressVerdict(`${prefix}808:808`, STRICT), "public", prefix);
    for (const inside of ["127.0.0.1", "7f00:1", "10.0.0.1", "169.254.169.254", "168.63.129.16", "0.0.0.0"]) {
      assertEquals(addressVerdict(prefix + inside, STRICT), "forbidden", prefix + inside);
    }
    assertEquals(addressVerdict(`${prefix}10.0.0.1`, policy("10.0.0.0/8")), "allowed", prefix);
  }
});

Deno.test("addressVerdict() forbids this machine's own addresses in every form", () => {
  const own = policy("", ["8.8.4.4", "2606:4700::1"]);
  const spellings = [
    "8.8.4.4",
    "::ffff:8.8.4.4",
    "::ffff:808:404",
    "64:ff9b::808:404",
    "2606:4700:0::1",
    "2606:4700::0001",
  ];
  for (const address of spellings) assertEquals(addressVerdict(address, own), "forbidden", address);
  assertEquals(addressVerdict("8.8.4.5", own), "public");
});

Deno.test("addressVerdict() lets what the operator named beat every prohibition", () => {
  const generous = policy("127.0.0.0/8, ::1, 10.1.2.3, fd00::/8, 168.63.129.16/32, 8.8.4.0/24", [
    "8.8.4.4",
    "127.0.0.1",
  ]);
  for (
    const address of [
      "127.0.0.1",
      "::1",
      "10.1.2.3",
      "fd12::1",
      "168.63.129.16",
      "8.8.4.4",
      "::ffff:127.0.0.1",
    ]
  ) {
    assertEquals(addressVerdict(address, generous), "allowed", address);
  }
  for (const address of ["10.1.2.4", "fc00::1", "::2", "192.168.0.1", "169.254.169.254"]) {
    assertEquals(addressVerdict(address, generous), "forbidden", address);
  }
  assertEquals(addressVerdict("8.8.5.5", generous), "public");
});

Deno.test("addressVerdict() forbids what is spelled ambiguously or is no address, even if the operator named the network", () => {
  const all = policy("0.0.0.0/0 ::/0");
  const texts = [
    [
      "",
      " ",
      "127.1",
      "0x7f.1",
      "0x08.8.8.8",
      "2130706433",
      "010.0.0.1",
      "01.2.3.4",
      "8.8.8.08",
      "8.8.8.256",
    ],
    [
      "8.8.8.8.",
      "8.8.8.8 ",
      " 8.8.8.8",
      "8.8.8",
      "8.8.8.8.8",
      "8.8.8.8/32",
      "[::1]",
      "::1]",
      "fe80::1%eth0",
      "fe80::1%25eth0",
    ],
    [
      ":::",
      "1::2::3",
      "2606:4700::1]/[",
      "::ffff:127.1",
      "::ffff:010.0.0.1",
      "g::1",
      "localhost",
      "１.1.1.1",
      "8。8。8。8",
    ],
  ].flat();
  for (const text of texts) assertEquals(addressVerdict(text, all), "forbidden", JSON.stringify(text));
});

Deno.test("addressVerdict() forbids every address of private ranges in every spelling", () => {
  const ranges = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
  ]
    .concat("192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4");
  fc.assert(fc.property(fc.constantFrom(...ranges), fc.nat(0xffffffff), (range, random) => {
    const [network, bits] = ip.IPv4.parseCIDR(range);
    const host_mask = 2 ** (32 - bits) - 1;
    const base = network.toByteArray().reduce((sum, octet) => sum * 256 + octet, 0);
    const number = base + (random % (host_mask + 1));
    const octets = [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256);
    const high = (octets[0] ?? 0) * 256 + (octets[1] ?? 0), low = (octets[2] ?? 0) * 256 + (octets[3] ?? 0);
    const dotted = octets.join("."), hex = `${high.toString(16)}:${low.toString(16)}`;
    const spellings = [
      "",
      "::",
      "::ffff:",
      "::FFFF:",
      "0:0:0:0:0:ffff:",
      "64:ff9b::",
      "64:ff9b:1::",
      "::ffff:0:",
    ]
      .flatMap((prefix) => prefix === "" ? [dotted, String(number)] : [prefix + dotted, prefix + hex])
      .concat(`2002:${hex}::1`, octets.map((octet) => `0${octet.toString(8)}`).join("."))
      .concat(octets.map((octet) => `0x${octet.toString(16)}`).join("."));
    for (const spelling of spellings) assertEquals(addressVerdict(spelling, STRICT), "forbidden", spelling);
    // What `URL` makes of a spelling it understands is forbidden too.
    for (const spelling of spellings.filter((text) => !text.includes(":"))) {
      assertEquals(addressVerdict(new URL(`http://${spelling}`).hostname, STRICT), "forbidden", spelling);
    }
  }));
});

Deno.test("addressVerdict() never throws, whatever the text", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.ipV4Extended(), fc.ipV6(), fc.stringMatching(/^[0-9a-f:.]*$/)),
      (text) => {
        assert(["public", "allowed", "forbidden"].includes(addressVerdict(text, STRICT)));
      },
    ),
  );
});

Deno.test("normalAddress() gives one text for all spellings of an address", () => {
  fc.assert(fc.property(fc.ipV6(), (text) => {
    const normal = normalAddress(text);
    assert(normal !== null, text);
    assertEquals(normalAddress(normal), normal);
    assertEquals(normalAddress(text.toUpperCase()), normal);
  }));
  assertEquals(normalAddress("2606:4700:0:0::0001"), "2606:4700::1");
  assertEquals(normalAddress("::ffff:7f00:1"), "127.0.0.1");
  assertEquals(normalAddress("::127.0.0.1"), "::7f00:1");
});

Deno.test("parseNetworks() reads networks, bare addresses, and any separation", () => {
  const parsed = parseNetworks(" 10.0.0.0/8,,fd00::/8  192.168.1.7\n::1, ::ffff:172.16.0.0/108 ");
  assert(parsed.ok);
  assertEquals(parsed.networks.map(({ address, prefix_bits }) => `${address}/${prefix_bits}`), [
    "10.0.0.0/8",
    "fd00::/8",
    "192.168.1.7/32",
    "::1/128",
    "172.16.0.0/12",
  ]);
  for (const nothing of ["", " ", ","]) assertEquals(parseNetworks(nothing), { ok: true, networks: [] });
});

Deno.test("parseNetworks() names the item that is no network", () => {
  const items = [
    [
      "localhost",
      "10.0.0.0/33",
      "10.0.0.0/",
      "10.0.0.0/-1",
      "10.0.0.0/08",
      "10.0.0.0/8/8",
      "10.0.0/8",
      "/8",
      "::/129",
    ],
    ["010.0.0.0/8", "10.0.0.0/255.0.0.0", "fe80::1%eth0", "[::1]", "::1/1e1", "10.0.0.0-10.0.0.9"],
  ].flat();
  for (const item of items) {
    const parsed = parseNetworks(`127.0.0.0/8, ${item}`);
    assert(!parsed.ok, item);
    assert(parsed.message.includes(`"${item}"`), parsed.message);
  }
});

Deno.test("parseNetworks() takes the bits beyond the prefix as any: 10.1.2.3/8 is 10.0.0.0/8", () => {
  assertEquals(addressVerdict("10.200.0.1", policy("10.1.2.3/8")), "allowed");
});
