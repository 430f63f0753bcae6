/**
 * Every parser of text from outside, under any text: a value or a refusal of its own kind, and nothing else.
 *
 * What each takes and refuses is tested beside it; here it is only that none breaks, and that none takes for ever over a
 * text made to make it look back again and again.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { count, headers, json, list, moment, momentBefore, number, resets } from "../../admin/field_flags.ts";
import { parseBody } from "../../admin/json_body.ts";
import { parseAlarm } from "../../kv/alarm.ts";
import { eventRecord } from "../../kv/event_record.ts";
import * as records from "../../kv/records.ts";
import { parseConfig } from "../../lib/config.ts";
import { ENVIRONMENT } from "../../lib/environment.ts";
import { AppError, BrokenRecord } from "../../lib/errors.ts";
import { SiteNames } from "../../lib/site_names.ts";
import { assertMatch } from "../../lib/etag.ts";
import { parseEvent } from "../../lib/event.ts";
import { parseIdempotencyKey } from "../../lib/idempotency_key.ts";
import { documentSchema } from "../../lib/import_document.ts";
import { isKvServer, kvFile, kvFileProblem } from "../../lib/kv_target.ts";
import { INPUT } from "../../lib/limits.ts";
import { isJsonObject, mergePatch } from "../../lib/merge_patch.ts";
import { addressVerdict, parseNetworks } from "../../lib/outbound/address.ts";
import { urlRefusal } from "../../lib/outbound/url_guard.ts";
import { dateTime } from "../../lib/page.ts";
import { parseRetryAfter } from "../../lib/retry.ts";
import { parseSecret } from "../../lib/secret.ts";
import { parseSiteId } from "../../lib/site_id.ts";
import { listStats } from "../../lib/stat_page.ts";
import { verifySignatures } from "../../lib/verify.ts";
import { parseSettings } from "../../lib/webhook_settings.ts";
import { querySchema as deliveryQuery } from "../../lib/history.ts";
import { querySchema as eventQuery } from "../../lib/event_history.ts";
import { auditQuery } from "../../lib/audit.ts";
import { SAMPLE_AT } from "../helpers/sample.ts";
import { HOSTILE_TEXTS, hostileJson } from "./hostile_json.ts";
import { fuzzOptions } from "./runs.ts";

/** Valid texts of every kind: what is near them reaches farther than what is near nothing. */
const SEEDS = [
  "example.com/blog",
  "tdk_01JMZ0000000000000000000AA_0123456789abcdef",
  "2026-02-25T12:00:00.123+01:00",
  "Wed, 25 Feb 2026 12:00:00 GMT",
  "Wednesday, 25-Feb-26 12:00:00 GMT",
  "10.0.0.0/8, fe80::/10 ::ffff:127.0.0.1",
  "https://user:pass@hooks.example.com:8443/in?a=b#c",
  "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
  "sha256=0123456789abcdef",
  '"a", W/"b", *',
  "evt_01JMZ0000000000000000000AA",
  "dlv_01JMZ0000000000000000000AA01JMZ0000000000000000000AA",
  "https://kv.example/connect",
  "./data/tidings.db",
  "12h",
  '{"a":[1,null,{"b":"c"}]}',
];

/** Parts that make a careless pattern look back: repeated, and spoilt at the end. */
const PARTS = [
  "a",
  "1",
  "0",
  " ",
  ".",
  "-",
  "/",
  ":",
  ",",
  "%",
  "%25",
  "=",
  "(",
  "[",
  "{",
  '"',
  "\\",
  "a.",
  "1,",
  "€",
  "\u0000",
];

const near: fc.Arbitrary<string> = fc.tuple(
  fc.constantFrom(...SEEDS),
  fc.nat(),
  fc.nat(4),
  fc.string({ unit: "binary" }),
)
  .map(([seed, at, cut, put]) => {
    const place = at % (seed.length + 1);
    return seed.slice(0, place) + put + seed.slice(place + cut);
  });
const repeated: fc.Arbitrary<string> = fc.tuple(
  fc.constantFrom(...PARTS),
  fc.constantFrom(10, 1000, 30_000),
  fc.string(),
)
  .map(([part, times, end]) => part.repeat(times) + end);
const anyText: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: near },
  { weight: 3, arbitrary: fc.string({ unit: "binary" }) },
  { weight: 1, arbitrary: repeated },
  { weight: 1, arbitrary: fc.constantFrom(...HOSTILE_TEXTS) },
);

const policy = { allow_networks: [], own_addresses: new Set<string>(), allow_http: false };

const noStats = {
  names: new SiteNames(),
  store: { statPage: () => Promise.resolve({ rows: [], next: null }) },
  clock: { now: () => SAMPLE_AT },
};

/** Parsers that answer any text with a value, or refuse it with an `AppError`. */
const PARSERS: Readonly<Record<string, (text: string) => unknown>> = {
  parseSiteId,
  parseNetworks,
  isKvServer,
  kvFile,
  kvFileProblem,
  "addressVerdict()": (text) => addressVerdict(text, policy),
  "parseRetryAfter()": (text) => {
    const wait_ms = parseRetryAfter(text, SAMPLE_AT);
    assert(wait_ms === null || (wait_ms >= 0 && Number.isFinite(wait_ms)));
  },
  "parseIdempotencyKey()": (text) => parseIdempotencyKey(text, "/k"),
  "assertMatch()": (text) => assertMatch(text, { updated_at: SAMPLE_AT }),
  parseSecret,
  "dates": (text) => {
    const parsed = dateTime.safeParse(text);
    if (parsed.success) assert(Number.isFinite(new Date(text).getTime()), "what is taken is a time");
  },
  "the query of deliveries": (text) =>
    deliveryQuery.safeParse({ cursor: text, since: text, webhook_id: text, limit: text }),
  "the query of events": (text) =>
    eventQuery.safeParse({ cursor: text, until: text, event: text, limit: text }),
  "the query of the audit": (text) => auditQuery.safeParse({ cursor: text, since: text, limit: text }),
  "the query of stats": (text) => listStats({ cursor: text }, noStats),
  "parseSettings() with a URL": (text) =>
    parseSettings({ url: text, events: ["goal_completion"] }, { timeout_ms: INPUT.timeout_ms_min }),
  "verifySignatures()": (text) => {
    const headers = Object.fromEntries(
      ["X-Webhook-Signature", "webhook-signature", "webhook-id", "webhook-timestamp"].map((
        name,
      ) => [name, text]),
    );
    for (const secret of [text || "s", "whsec_" + text]) {
      const signatures = verifySignatures({
        secret,
        body: new TextEncoder().encode(text),
        headers,
        now_ms: SAMPLE_AT,
      });
      assert(signatures.every(({ valid }) => !valid));
    }
  },
};

for (const [name, parse] of Object.entries(PARSERS)) {
  Deno.test(`${name} answers or refuses any text`, async () => {
    await fc.assert(
      fc.asyncProperty(anyText, async (text) => {
        try {
          await parse(text);
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
          assert(error.code === "validation_failed" || error.code === "precondition_failed", error.code);
        }
      }),
      fuzzOptions(),
    );
  });
}

/** Parsers of JSON values. */
const JSON_PARSERS: Readonly<Record<string, (value: unknown) => unknown>> = {
  "parseEvent()": (value) => parseEvent(value, SAMPLE_AT),
  "parseSettings()": (value) => parseSettings(value, { timeout_ms: INPUT.timeout_ms_min }),
  "mergePatch()": (value) => isJsonObject(value) ? mergePatch({ a: { b: 1 } }, value) : null,
  "the import document": (value) => documentSchema.safeParse(value),
  "parseAlarm()": (value) => {
    const at = parseAlarm(value);
    assert(at === null || Number.isFinite(at));
  },
};

for (const [name, parse] of Object.entries(JSON_PARSERS)) {
  Deno.test(`${name} answers or refuses any JSON`, () => {
    fc.assert(
      fc.property(hostileJson, (text) => {
        let value: unknown;
        try {
          value = JSON.parse(text);
        } catch {
          return;
        }
        try {
          parse(value);
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
          assert(["validation_failed", "personal_data"].includes(error.code), error.code);
        }
      }),
      fuzzOptions(),
    );
  });
}

Deno.test("a queue may deliver anything: what is no alarm is none", () => {
  fc.assert(
    fc.property(
      fc.anything({ withBigInt: true, withDate: true, withMap: true, withTypedArray: true }),
      (raw) => {
        const at = parseAlarm(raw);
        assert(at === null || Number.isFinite(at));
      },
    ),
    fuzzOptions(),
  );
});

Deno.test("parseConfig() reads any environment, or names each variable that is wrong", () => {
  const names = ENVIRONMENT.map(({ name }) => name);
  // Its operator's own words: none of them is made to take long.
  const text = fc.oneof(near, fc.string({ unit: "binary" }));
  const environment = fc.dictionary(fc.constantFrom(...names, "TIDINGS_", "TIDINGS_X", "PORT"), text);
  fc.assert(
    fc.property(environment, fc.boolean(), (env, on_deploy) => {
      const parsed = parseConfig(env, { on_deploy, terminal: false }, parseNetworks);
      if ("config" in parsed) return;
      assert(parsed.mistakes.length > 0);
      assertEquals(parsed.mistakes.every(({ message }) => typeof message === "string"), true);
    }),
    fuzzOptions(),
  );
});

Deno.test("a record of any bytes is read, or is a broken record that tells nothing of what it holds", () => {
  const codecs = Object.entries({ ...records, eventRecord }).flatMap(([name, value]) =>
    typeof value === "object" && "decode" in value ? [[name, value] as const] : []
  );
  assert(codecs.length >= 10);
  const marker = "marker-of-a-secret";
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    hostileJson.map((text) => new TextEncoder().encode(`{"v":1,"name":"${marker}","secrets":${text}}\n`)),
    fc.anything(),
  );
  fc.assert(
    fc.property(fc.constantFrom(...codecs), bytes, ([, codec], stored) => {
      try {
        codec.decode(stored);
      } catch (error) {
        assert(error instanceof BrokenRecord, String(error));
        assert(!error.message.includes(marker));
      }
    }),
    fuzzOptions(),
  );
});

Deno.test("flags of the command line are read, or told why not", () => {
  const readers = { list, number, count, json, resets, headers, moment, momentBefore };
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.values(readers)),
      fc.array(anyText, { minLength: 1, maxLength: 3 }),
      (read, texts) => {
        const answer = read(texts, SAMPLE_AT);
        assert("value" in answer || "problem" in answer || "nulls" in answer);
      },
    ),
    fuzzOptions(),
  );
  fc.assert(
    fc.property(anyText, (text) => {
      try {
        parseBody(text, "--body");
      } catch (error) {
        assert(error instanceof Error && error.name === "WrongUse", String(error));
      }
    }),
    fuzzOptions(),
  );
});

Deno.test("urlRefusal() judges every URL that there is", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      for (const candidate of [text, `http://${text}/`, `https://${text}`]) {
        if (!URL.canParse(candidate)) continue;
        const said = urlRefusal(new URL(candidate), policy);
        assert(said === null || said.length > 0);
      }
    }),
    fuzzOptions(),
  );
});
