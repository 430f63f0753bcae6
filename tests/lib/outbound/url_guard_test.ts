/**
 * Which URLs may be registered.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseNetworks } from "../../../lib/outbound/address.ts";
import type { OutboundPolicy } from "../../../lib/outbound/policy.ts";
import {
  createUrlGuard,
  judgeAddresses,
  literalAddress,
  urlRefusal,
} from "../../../lib/outbound/url_guard.ts";
import { createManualClock } from "../../helpers/manual_clock.ts";
import { createFakeResolver, type FakeName } from "./fake_resolver.ts";

function policy(networks = "", allow_http = false): OutboundPolicy {
  const parsed = parseNetworks(networks);
  assert(parsed.ok);
  return { allow_networks: parsed.networks, allow_http, own_addresses: new Set(["9.9.9.10"]) };
}

const STRICT = policy();

/** Guard, its resolver and its clock, with a few names. */
function createTestGuard(allowed: OutboundPolicy, names: Record<string, FakeName>): {
  refusal: (url: string) => Promise<string | null>;
  asked: readonly string[];
  clock: ReturnType<typeof createManualClock>;
} {
  const clock = createManualClock();
  const resolver = createFakeResolver(names);
  const guard = createUrlGuard({ policy: allowed, resolver, clock });
  return { refusal: (url) => guard.refusal(new URL(url)), asked: resolver.asked, clock };
}

Deno.test("urlRefusal() accepts ordinary https URLs without a look-up", () => {
  const urls = [
    "https://example.com",
    "https://hooks.example.com:8443/in?team=7&x=%23",
    "https://example.com./trailing-dot",
    "https://a_b.example.com/",
    "https://xn--e1aybc.xn--p1ai/",
    "https://тест.рф/",
    "https://EXAMPLE.com/",
    "https://9.9.9.9/",
    "https://[2606:4700::1111]/",
    "https://[::ffff:9.9.9.9]/",
    "https://single-label/",
    `https://${"a".repeat(63)}.example/`,
    "https://example.com/@user:password",
  ];
  for (const url of urls) assertEquals(urlRefusal(new URL(url), STRICT), null, url);
});

Deno.test("urlRefusal() says what is wrong with the form of a URL", () => {
  const refusals: [string, RegExp][] = [
    ["ftp://example.com/", /must begin with https/],
    ["javascript:alert(1)", /must begin with https/],
    ["file:///etc/passwd", /must begin with https/],
    ["data:text/plain,x", /must begin with https/],
    ["ws://example.com/", /must begin with https/],
    ["blob:https://example.com/1", /must begin with https/],
    ["https://user@example.com/", /user name or a password/],
    ["https://:password@example.com/", /user name or a password/],
    ["https://example.com/#part", /fragment/],
    ["https://example.com/#", /fragment/],
    ["https://example.com:0/", /port 0/],
    ["https://a..b/", /host name/],
    ["https://.example.com/", /host name/],
    ["https://example.com../", /host name/],
    ["https://./", /host name/],
    ["https://a!b.example/", /host name/],
    [`https://${"a".repeat(64)}.example/`, /host name/],
    [`https://${"a.".repeat(127)}example/`, /host name/],
  ];
  for (const [url, words] of refusals) assertMatch(urlRefusal(new URL(url), STRICT) ?? "null", words, url);
});

Deno.test("urlRefusal() judges literals as the URL parser understands them", () => {
  const hosts = [
    ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1", "017700000001", "127.0.0.1."],
    [
      "①②⑦.⓪.⓪.①",
      "%31%32%37.0.0.1",
      "127。0。0。1",
      "0",
      "0.0.0.0",
      "10.0.0.1",
      "169.254.169.254",
      "168.63.129.16",
    ],
    ["[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[fd00::1]", "[fe80::1]"],
    ["[::127.0.0.1]", "[::8.8.8.8]", "[2002:7f00:1::]", "9.9.9.10", "[::ffff:9.9.9.10]"],
  ].flat();
  for (const host of hosts) {
    for (const url of [`https://${host}/`, `http://${host}:8080/`]) {
      const refusal = urlRefusal(new URL(url), policy("", true));
      assertMatch(refusal ?? "null", /public address.*TIDINGS_ALLOW_NETWORKS/, url);
    }
  }
});

Deno.test("urlRefusal() allows literals in the networks the operator named, with plain http too", () => {
  const allowed = policy("127.0.0.0/8, fd00::/8, 9.9.9.10");
  for (const host of ["127.0.0.1", "2130706433", "[::ffff:127.0.0.1]", "[fd00::1]", "9.9.9.10"]) {
    assertEquals(urlRefusal(new URL(`https://${host}/`), allowed), null, host);
    assertEquals(urlRefusal(new URL(`http://${host}/`), allowed), null, host);
  }
  assertMatch(urlRefusal(new URL("http://10.0.0.1/"), allowed) ?? "null", /public address/);
});

Deno.test("urlRefusal() refuses plain http to public addresses unless the operator allows it", () => {
  for (const url of ["http://example.com/", "http://9.9.9.9/", "http://[2606:4700::1111]/"]) {
    assertMatch(urlRefusal(new URL(url), STRICT) ?? "null", /must use https.*TIDINGS_ALLOW_HTTP/, url);
    assertEquals(urlRefusal(new URL(url), policy("", true)), null, url);
  }
  const perhaps = urlRefusal(new URL("http://example.com/"), policy("10.0.0.0/8"));
  assertEquals(perhaps, null, "the name may be in a network the operator named: only a look-up can tell");
});

Deno.test("literalAddress() takes no name for an address", () => {
  assertEquals(literalAddress(new URL("https://[::1]:8080/")), "::1");
  assertEquals(literalAddress(new URL("https://0x7f.1/")), "127.0.0.1");
  for (
    const host of ["example.com", "127.0.0.1.example.com", "localhost", "dead.beef", "1.2.3.4.in-addr.arpa"]
  ) {
    assertEquals(literalAddress(new URL(`https://${host}/`)), null, host);
  }
});

Deno.test("judgeAddresses() refuses a host if any of its addresses is forbidden", () => {
  const url = new URL("https://mixed.example/");
  assertEquals(judgeAddresses(url, ["9.9.9.9", "2606:4700::1111"], STRICT), {
    ok: true,
    addresses: ["9.9.9.9", "2606:4700::1111"],
  });
  const refused = [["9.9.9.9", "10.0.0.1"], ["::1", "9.9.9.9"], ["9.9.9.10"], [], ["nonsense"], [""]];
  for (const addresses of refused) {
    assertEquals(judgeAddresses(url, addresses, STRICT).ok, false, addresses.join());
    assertEquals(judgeAddresses(url, addresses, policy("127.0.0.0/8")).ok, false, addresses.join());
  }
});

Deno.test("judgeAddresses() takes public and allowed addresses together over https only", () => {
  const addresses = ["9.9.9.9", "10.0.0.1"];
  const allowed = policy("10.0.0.0/8");
  assertEquals(judgeAddresses(new URL("https://a.example/"), addresses, allowed).ok, true);
  assertEquals(judgeAddresses(new URL("http://a.example/"), addresses, allowed).ok, false);
  assertEquals(judgeAddresses(new URL("http://a.example/"), ["10.0.0.1"], allowed).ok, true);
  assertEquals(judgeAddresses(new URL("http://a.example/"), addresses, policy("10.0.0.0/8", true)).ok, true);
});

Deno.test("judgeAddresses() dials of a loopback name what the operator named, and of no other name", () => {
  const addresses = ["127.0.0.1", "::1"];
  const allowed = policy("127.0.0.0/8");
  for (const host of ["localhost", "localhost.", "a.localhost", "LOCALHOST"]) {
    const judgement = judgeAddresses(new URL(`http://${host}/`), addresses, allowed);
    assertEquals(judgement, { ok: true, addresses: ["127.0.0.1"] }, host);
    assertEquals(judgeAddresses(new URL(`https://${host}/`), addresses, STRICT).ok, false, host);
  }
  for (const host of ["notlocalhost", "localhost.example", "local"]) {
    assertEquals(judgeAddresses(new URL(`https://${host}/`), addresses, allowed).ok, false, host);
  }
});

Deno.test("refusal() asks for a name once, and for a literal or a refused URL never", async () => {
  const guard = createTestGuard(STRICT, { "a.example": ["9.9.9.9"] });
  assertEquals(await guard.refusal("https://a.example/"), null);
  assertEquals(guard.asked, ["a.example"]);
  await guard.refusal("https://9.9.9.9/");
  await guard.refusal("https://127.0.0.1/");
  await guard.refusal("http://a.example/");
  await guard.refusal("https://a.example/#x");
  assertEquals(guard.asked, ["a.example"]);
  assertEquals(guard.clock.pending, 0, "no timer is left");
});

Deno.test("refusal() refuses names that lead to forbidden addresses, without telling which", async () => {
  const guard = createTestGuard(STRICT, {
    "private.example": ["10.11.12.13"],
    "mixed.example": ["9.9.9.9", "10.11.12.13"],
    "mapped.example": ["::ffff:10.11.12.13"],
    "own.example": ["9.9.9.10"],
    "localhost": ["127.0.0.1", "::1"],
  });
  for (const host of ["private.example", "mixed.example", "mapped.example", "own.example", "localhost"]) {
    const refusal = await guard.refusal(`https://${host}/secret-path?token=secret`);
    assertMatch(refusal ?? "null", /public address.*TIDINGS_ALLOW_NETWORKS/, host);
    assert(refusal !== null && refusal.includes(host), "the owner reads which host is meant");
    assert(!refusal.includes("secret") && !refusal.includes("10.11") && !refusal.includes("9.9.9"), refusal);
  }
});

Deno.test("refusal() accepts a name that does not resolve, or not within 3 s", async () => {
  const guard = createTestGuard(STRICT, { "slow.example": "hangs" });
  assertEquals(await guard.refusal("https://nowhere.example/"), null);
  const waiting = guard.refusal("https://slow.example/");
  await guard.clock.advance(2999);
  assertEquals(guard.clock.pending, 1);
  await guard.clock.advance(1);
  assertEquals(await waiting, null);
});

Deno.test("refusal() accepts plain http to a name only if it is shown to be in an allowed network", async () => {
  const names = {
    "inside.example": ["10.0.0.1"],
    "outside.example": ["9.9.9.9"],
    "localhost": ["127.0.0.1", "::1"],
  };
  const guard = createTestGuard(policy("10.0.0.0/8 127.0.0.1"), names);
  assertEquals(await guard.refusal("http://inside.example/"), null);
  assertEquals(await guard.refusal("http://localhost:3000/"), null);
  assertMatch(await guard.refusal("http://outside.example/") ?? "null", /must use https/);
  assertMatch(await guard.refusal("http://nowhere.example/") ?? "null", /must use https.*does not resolve/);
  const lenient = createTestGuard(policy("", true), names);
  assertEquals(await lenient.refusal("http://outside.example/"), null);
  assertEquals(await lenient.refusal("http://nowhere.example/"), null);
  assertMatch(await lenient.refusal("http://inside.example/") ?? "null", /public address/);
});
