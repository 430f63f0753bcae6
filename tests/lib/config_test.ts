/**
 * The configuration: every variable as a table, all mistakes at once, and no secret in any message.
 *
 * Owns the tests of `lib/config.ts`. It must never read the environment it runs in.
 *
 * @module
 */
import { assert, assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { type Config, type ConfigMistake, parseConfig, parseSecretKey } from "../../lib/config.ts";
import { ENVIRONMENT } from "../../lib/environment.ts";
import { type Network, parseNetworks } from "../../lib/outbound/address.ts";

type Env = Record<string, string | undefined>;

const HERE = { on_deploy: false, terminal: false };
const ON_DEPLOY = { on_deploy: true, terminal: false };
const KEY = btoa("0123456789abcdef0123456789abcdef");

function configOf(env: Env, platform = HERE): Config<Network> {
  const parsed = parseConfig(env, platform, parseNetworks);
  assert("config" in parsed, JSON.stringify(parsed));
  return parsed.config;
}

function mistakesOf(env: Env, platform = HERE): readonly ConfigMistake[] {
  const parsed = parseConfig(env, platform, parseNetworks);
  assert("mistakes" in parsed, "there are mistakes");
  return parsed.mistakes;
}

/** The message of the only mistake. */
function mistakeOf(env: Env, platform = HERE): string {
  const [first, ...others] = mistakesOf(env, platform);
  assertEquals(others, []);
  return first?.message ?? "";
}

Deno.test("parseConfig() has a default for everything", () => {
  assertEquals(configOf({}), {
    port: 8080,
    host: "127.0.0.1",
    kv: { kind: "file", path: "./data/tidings.db" },
    admin_key: null,
    secret_key: null,
    secret_key_previous: null,
    allow_networks: [],
    allow_http: false,
    retention_days: 30,
    retry_base_ms: 10_000,
    sender: "pinned",
    timeout_ms: 10_000,
    plausible: null,
    metrics_sites: false,
    log_level: "info",
    log_format: "json",
  });
});

Deno.test("parseConfig() uses the defaults that the table of variables names", () => {
  const named = Object.fromEntries(
    ENVIRONMENT.flatMap((known) => known.default === null ? [] : [[known.name, known.default]]),
  );
  assert(Object.keys(named).length > 8);
  assertEquals(configOf(named), configOf({}));
});

Deno.test("parseConfig() takes an empty variable for unset, whichever it is", () => {
  const names = [...ENVIRONMENT.map((known) => known.name), "TIDINGS_TYPO"];
  assertEquals(configOf(Object.fromEntries(names.map((name) => [name, ""]))), configOf({}));
});

Deno.test("parseConfig() ignores what is not its own", () => {
  assertEquals(configOf({ HOME: "/root", PORTAL: "x", DENO_DIR: "y", tidings_log: "z" }), configOf({}));
});

Deno.test("parseConfig() reads every variable", () => {
  const config = configOf({
    PORT: "0",
    TIDINGS_HOST: "::1",
    TIDINGS_KV: "https://kv.example.com/db",
    DENO_KV_ACCESS_TOKEN: "ddp_token",
    TIDINGS_ADMIN_KEY: "k".repeat(32),
    TIDINGS_SECRET_KEY: KEY,
    TIDINGS_SECRET_KEY_PREVIOUS: btoa("f".repeat(32)),
    TIDINGS_ALLOW_NETWORKS: "127.0.0.0/8,10.0.0.0/8",
    TIDINGS_ALLOW_HTTP: "true",
    TIDINGS_RETENTION_DAYS: "7",
    TIDINGS_RETRY_BASE_MS: "1",
    TIDINGS_SENDER: "fetch",
    TIDINGS_TIMEOUT_MS: "30000",
    TIDINGS_PLAUSIBLE_URL: "http://127.0.0.1:8000/stats/",
    TIDINGS_PLAUSIBLE_KEY: "stats-key",
    TIDINGS_PLAUSIBLE_INTERVAL_S: "5",
    TIDINGS_METRICS_SITES: "true",
    TIDINGS_LOG: "debug",
    TIDINGS_LOG_FORMAT: "pretty",
  });
  assertEquals({ ...config, allow_networks: config.allow_networks.map((network) => network.text) }, {
    port: 0,
    host: "::1",
    kv: { kind: "server", url: "https://kv.example.com/db", access_token: "ddp_token" },
    admin_key: "k".repeat(32),
    secret_key: new TextEncoder().encode("0123456789abcdef0123456789abcdef"),
    secret_key_previous: new TextEncoder().encode("f".repeat(32)),
    allow_networks: ["127.0.0.0/8", "10.0.0.0/8"],
    allow_http: true,
    retention_days: 7,
    retry_base_ms: 1,
    sender: "fetch",
    timeout_ms: 30_000,
    plausible: { url: "http://127.0.0.1:8000/stats", api_key: "stats-key", interval_s: 5 },
    metrics_sites: true,
    log_level: "debug",
    log_format: "pretty",
  });
});

const ACCEPTED: Record<string, readonly string[]> = {
  PORT: ["0", "1", "65535"],
  TIDINGS_HOST: ["0.0.0.0", "::", "::1", "fe80::1", "localhost", "my_container", "a", "tidings.internal"],
  TIDINGS_ADMIN_KEY: ["~".repeat(32), "!".repeat(500)],
  TIDINGS_SECRET_KEY: [KEY, KEY.replace("=", "")],
  TIDINGS_SECRET_KEY_PREVIOUS: [KEY],
  TIDINGS_ALLOW_NETWORKS: ["127.0.0.0/8", "::1", "10.0.0.0/8, fd00::/8"],
  TIDINGS_ALLOW_HTTP: ["true", "false", "1", "0"],
  TIDINGS_RETENTION_DAYS: ["7", "365"],
  TIDINGS_RETRY_BASE_MS: ["1", "3600000"],
  TIDINGS_SENDER: ["pinned", "fetch"],
  TIDINGS_TIMEOUT_MS: ["1000", "30000"],
  TIDINGS_PLAUSIBLE_URL: ["https://plausible.io", "http://127.0.0.1:8000/stats/"],
  TIDINGS_PLAUSIBLE_KEY: ["abc-_123"],
  TIDINGS_PLAUSIBLE_INTERVAL_S: ["1", "86400"],
  TIDINGS_METRICS_SITES: ["true", "false", "1", "0"],
  TIDINGS_LOG: ["debug", "info", "warn", "error"],
  TIDINGS_LOG_FORMAT: ["json", "pretty"],
  TIDINGS_KV: [
    "tidings.db",
    "./a b/c.db",
    "/var/lib/tidings/x,y.db",
    "C:\\data\\tidings.db",
    "../x",
    "a@b/c.db",
    "./.hidden",
  ],
};

const REFUSED: Record<string, readonly string[]> = {
  PORT: ["-1", "65536", "8080.5", "0x50", "1e3", " 80", "+80", "080", "http", "٣", "9".repeat(400)],
  TIDINGS_HOST: [
    "http://localhost",
    "localhost:8080",
    "[::1]",
    "a b",
    "-a",
    "a/b",
    ":::",
    "1:2",
    "256.0.0.1",
    "ü.example",
  ],
  TIDINGS_ADMIN_KEY: ["k".repeat(31), `${"k".repeat(31)} `, `${"k".repeat(32)}\n`, "ü".repeat(32)],
  TIDINGS_SECRET_KEY: [
    "short",
    btoa("f".repeat(31)),
    btoa("f".repeat(33)),
    "f".repeat(64),
    `${KEY}=`,
    ` ${KEY}`,
    KEY.replace("Y=", "Z="),
  ],
  TIDINGS_SECRET_KEY_PREVIOUS: ["short"],
  TIDINGS_ALLOW_NETWORKS: ["10.0.0.0/33", "localhost", "10.0.0.0/8,nonsense"],
  TIDINGS_ALLOW_HTTP: ["yes", "TRUE", "2", "on"],
  TIDINGS_RETENTION_DAYS: ["6", "366", "30d", "30.0", "-30"],
  TIDINGS_RETRY_BASE_MS: ["0", "3600001", "10s"],
  TIDINGS_SENDER: ["Pinned", "undici", "toString"],
  TIDINGS_TIMEOUT_MS: ["999", "30001", "10_000"],
  TIDINGS_PLAUSIBLE_URL: [
    "plausible.io",
    "ftp://plausible.io",
    "https://me:pw@plausible.io",
    "https://plausible.io?x=1",
    "https://plausible.io#x",
  ],
  TIDINGS_PLAUSIBLE_KEY: ["a b", "ü"],
  TIDINGS_PLAUSIBLE_INTERVAL_S: ["0", "86401", "60s", "-1"],
  TIDINGS_METRICS_SITES: ["yes", "example.com"],
  TIDINGS_LOG: ["INFO", "trace", "__proto__"],
  TIDINGS_LOG_FORMAT: ["logfmt"],
  TIDINGS_KV: [
    ":memory",
    ":",
    "data/",
    "data\\",
    "..",
    ".",
    "a/..",
    "a/.",
    "~/tidings.db",
    "postgres://localhost/db",
    "file:///tmp/x.db",
    "/var/lib/a,b/x.db",
  ],
};

Deno.test("parseConfig() has an accepted and a refused example of every variable", () => {
  const names = ENVIRONMENT.map((known) => known.name).filter((name) => name !== "DENO_KV_ACCESS_TOKEN")
    .sort();
  assertEquals(Object.keys(ACCEPTED).sort(), names);
  assertEquals(Object.keys(REFUSED).sort(), names);
});

for (const [name, values] of Object.entries(ACCEPTED)) {
  Deno.test(`parseConfig() accepts what ${name} may be`, () => {
    for (const value of values) configOf({ [name]: value });
  });
}

for (const [name, values] of Object.entries(REFUSED)) {
  Deno.test(`parseConfig() refuses what ${name} must not be, and names it`, () => {
    for (const value of values) {
      const mistakes = mistakesOf({ [name]: value });
      assertEquals(mistakes.map((mistake) => mistake.variable), [name], value);
      assertMatch(mistakes[0]?.message ?? "", new RegExp(`^${name} must `));
    }
  });
}

Deno.test("parseConfig() says what a value must be and what it is", () => {
  assertEquals(
    mistakeOf({ TIDINGS_RETENTION_DAYS: "3" }),
    'TIDINGS_RETENTION_DAYS must be a whole number from 7 to 365, current value is "3"',
  );
  assertEquals(
    mistakeOf({ TIDINGS_LOG: "loud\n" }),
    'TIDINGS_LOG must be one of debug, info, warn, error, current value is "loud\\n"',
  );
  assertEquals(
    mistakeOf({ TIDINGS_SENDER: "x".repeat(5000) }),
    `TIDINGS_SENDER must be one of pinned, fetch, current value is "${"x".repeat(80)}…"`,
  );
});

Deno.test("parseConfig() reports all mistakes at once", () => {
  const env = Object.fromEntries(Object.entries(REFUSED).map(([name, values]) => [name, values[0]]));
  const mistakes = mistakesOf({ ...env, TIDINGS_TYPO: "x" });
  const expected = [...Object.keys(REFUSED), "TIDINGS_TYPO"].sort();
  assertEquals(mistakes.map((mistake) => mistake.variable).sort(), expected);
});

Deno.test("parseConfig() keeps records in memory, in a file, on a server or in the linked database", () => {
  const server = { TIDINGS_KV: "http://localhost:4512", DENO_KV_ACCESS_TOKEN: "t", TIDINGS_SECRET_KEY: KEY };
  const kvServer = { kind: "server", url: "http://localhost:4512/", access_token: "t" } as const;
  assertEquals(configOf({ TIDINGS_KV: ":memory:" }).kv, { kind: "memory" });
  assertEquals(configOf({ TIDINGS_KV: "/srv/t.db" }).kv, { kind: "file", path: "/srv/t.db" });
  assertEquals(configOf(server).kv, kvServer);
  assertEquals(configOf(server, ON_DEPLOY).kv, kvServer);
  assertEquals(configOf({ TIDINGS_SECRET_KEY: KEY }, ON_DEPLOY).kv, { kind: "linked" });
});

Deno.test("parseConfig() writes the scheme of a KV server as openKv() knows it", () => {
  const env = { TIDINGS_KV: "HTTPS://KV.example.com", DENO_KV_ACCESS_TOKEN: "t", TIDINGS_SECRET_KEY: KEY };
  assertEquals(configOf(env).kv, { kind: "server", url: "https://kv.example.com/", access_token: "t" });
});

Deno.test("parseConfig() requires token and secret key with a KV server, its URL valid or not", () => {
  for (const [url, mistaken] of [["https://kv.example.com", []], ["https://", ["TIDINGS_KV"]]] as const) {
    const mistakes = mistakesOf({ TIDINGS_KV: url });
    const expected = ["DENO_KV_ACCESS_TOKEN", "TIDINGS_SECRET_KEY", ...mistaken].sort();
    assertEquals(mistakes.map((mistake) => mistake.variable).sort(), expected);
  }
});

Deno.test("parseConfig() says of a malformed secret key only that, also where one is required", () => {
  assertStringIncludes(
    mistakeOf({ TIDINGS_SECRET_KEY: "short" }, ON_DEPLOY),
    "must be the base64 of exactly 32",
  );
});

Deno.test("parseConfig() refuses a token that no header can carry", () => {
  const env = { TIDINGS_KV: "https://kv.example.com", TIDINGS_SECRET_KEY: KEY, DENO_KV_ACCESS_TOKEN: "a\nb" };
  assertMatch(mistakeOf(env), /^DENO_KV_ACCESS_TOKEN must be visible ASCII/);
});

Deno.test("parseConfig() requires a secret key on Deno Deploy, and no file there", () => {
  assertMatch(mistakeOf({}, ON_DEPLOY), /^TIDINGS_SECRET_KEY must be set on Deno Deploy/);
  for (const kv of ["./data/tidings.db", ":memory:"]) {
    assertMatch(
      mistakeOf({ TIDINGS_KV: kv, TIDINGS_SECRET_KEY: KEY }, ON_DEPLOY),
      /^TIDINGS_KV must be unset or/,
    );
  }
});

Deno.test("parseConfig() refuses credentials in the URL of a KV server without repeating them", () => {
  const rest = { DENO_KV_ACCESS_TOKEN: "t", TIDINGS_SECRET_KEY: KEY };
  for (
    const url of [
      "https://me:hunter2@kv.example.com",
      "https://hunter2@kv.example.com",
      "https://a:hunter2@b c/",
    ]
  ) {
    const message = mistakeOf({ ...rest, TIDINGS_KV: url });
    assertMatch(message, /^TIDINGS_KV must be a/);
    assertFalse(message.includes("hunter2"), message);
  }
});

Deno.test("parseConfig() prefers a pretty log on a terminal, unless told otherwise", () => {
  const onTerminal = { on_deploy: false, terminal: true };
  assertEquals(configOf({}, onTerminal).log_format, "pretty");
  assertEquals(configOf({ TIDINGS_LOG_FORMAT: "json" }, onTerminal).log_format, "json");
});

Deno.test("parseConfig() refuses an unknown TIDINGS_ variable and guesses what was meant", () => {
  const guesses: Record<string, string | null> = {
    TIDINGS_RETENTION_DAY: "TIDINGS_RETENTION_DAYS",
    TIDINGS_RETENTION: "TIDINGS_RETENTION_DAYS",
    TIDINGS_TIMEOUT: "TIDINGS_TIMEOUT_MS",
    TIDINGS_LOG_LEVEL: "TIDINGS_LOG",
    TIDINGS_LOGFORMAT: "TIDINGS_LOG_FORMAT",
    TIDINGS_ALLOW_NETWORK: "TIDINGS_ALLOW_NETWORKS",
    TIDINGS_PORT: "PORT",
    TIDINGS_KV_ACCESS_TOKEN: "DENO_KV_ACCESS_TOKEN",
    TIDINGS_SECRET_KEY_OLD: "TIDINGS_SECRET_KEY",
    TIDINGS_COLOUR: null,
    TIDINGS_LG: "TIDINGS_LOG",
    TIDINGS_XY: null,
    TIDINGS_: null,
  };
  for (const [name, guess] of Object.entries(guesses)) {
    const end = guess === null ? "" : `; did you mean ${guess}?`;
    assertEquals(mistakesOf({ [name]: "x" }), [{ variable: name, message: `${name} is not known${end}` }]);
  }
});

Deno.test("parseConfig() reads which Plausible is watched, and asks the hosted one less often", () => {
  const url = "https://stats.example.com/";
  assertEquals(configOf({ TIDINGS_PLAUSIBLE_URL: url, TIDINGS_PLAUSIBLE_KEY: "k" }).plausible, {
    url: "https://stats.example.com",
    api_key: "k",
    interval_s: 60,
  });
  const intervalOf = (env: Record<string, string>) => configOf(env).plausible?.interval_s;
  assertEquals(intervalOf({ TIDINGS_PLAUSIBLE_URL: "https://plausible.io" }), 300);
  assertEquals(
    intervalOf({ TIDINGS_PLAUSIBLE_URL: "https://plausible.io", TIDINGS_PLAUSIBLE_INTERVAL_S: "90" }),
    90,
  );
  assertEquals(configOf({ TIDINGS_PLAUSIBLE_KEY: "k", TIDINGS_PLAUSIBLE_INTERVAL_S: "5" }).plausible, null);
});

Deno.test("parseConfig() never shows a secret, be it malformed or under a misspelt name", () => {
  const names = [
    ...ENVIRONMENT.filter((known) => known.secret).map((known) => known.name),
    "TIDINGS_ADMIN_KY",
    "TIDINGS_TOKEN",
  ];
  assertEquals(names.length, 7);
  // No message has a run of digits this long, so that finding the secret in one can't be chance.
  const secretText = fc.tuple(fc.bigInt({ min: 10n ** 11n, max: 10n ** 45n }), fc.string()).map(([n, s]) =>
    `${n}${s}`
  );
  const env = fc.record(Object.fromEntries(names.map((name) => [name, secretText])), { requiredKeys: [] });
  const kv = fc.constantFrom("", ":memory:", "https://kv.example.com", "https://", ":oops");
  fc.assert(
    fc.property(env, kv, fc.boolean(), (secrets, TIDINGS_KV, on_deploy) => {
      const all = { ...secrets, TIDINGS_KV, TIDINGS_ADMIN_KY: "1234567890123" };
      const messages = JSON.stringify(mistakesOf(all, { on_deploy, terminal: false }));
      for (const value of [...Object.values(secrets), "1234567890123"]) {
        assertFalse(messages.includes((value ?? "").slice(0, 12)), messages);
      }
    }),
  );
});

Deno.test("parseConfig() answers every environment, with a configuration or with mistakes that name their variable", () => {
  const names = [...ENVIRONMENT.map((known) => known.name), "TIDINGS_X"];
  const value = fc.oneof(
    fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
    fc.constantFrom(...Object.values(REFUSED).flat()),
  );
  const env = fc.record(Object.fromEntries(names.map((name) => [name, value])), { requiredKeys: [] });
  fc.assert(
    fc.property(env, fc.boolean(), fc.boolean(), (variables, on_deploy, terminal) => {
      const parsed = parseConfig(variables, { on_deploy, terminal }, parseNetworks);
      if ("config" in parsed) return;
      assert(parsed.mistakes.length > 0);
      for (const { variable, message } of parsed.mistakes) {
        assert(message.startsWith(`${variable} `), message);
      }
    }),
  );
});

Deno.test("parseSecretKey() reads any 32 bytes in every spelling of base64", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
    const expected = new Uint8Array(bytes);
    const base64 = btoa(String.fromCharCode(...bytes));
    const base64url = base64.replaceAll("+", "-").replaceAll("/", "_");
    for (const text of [base64, base64url]) {
      assertEquals(parseSecretKey(text), expected);
      assertEquals(parseSecretKey(text.replace("=", "")), expected);
    }
  }));
});

Deno.test("ENVIRONMENT names every variable once, with a meaning, and gives no secret a default", () => {
  assertEquals(new Set(ENVIRONMENT.map((known) => known.name)).size, ENVIRONMENT.length);
  for (const known of ENVIRONMENT) {
    assert(known.meaning.length > 10, known.name);
    assert(!known.secret || known.default === null, known.name);
  }
  const secrets = ENVIRONMENT.filter((known) => known.secret).map((known) => known.name);
  assertEquals(secrets, [
    "DENO_KV_ACCESS_TOKEN",
    "TIDINGS_ADMIN_KEY",
    "TIDINGS_SECRET_KEY",
    "TIDINGS_SECRET_KEY_PREVIOUS",
    "TIDINGS_PLAUSIBLE_KEY",
  ]);
});
