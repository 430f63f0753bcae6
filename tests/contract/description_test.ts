/**
 * "Keys, health, description" of the contract, but for keys: health, the signature debugger, counters, export and import.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import manifest from "../../deno.json" with { type: "json" };
import { type CreatedWebhook, type ProblemJson, until } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { assertLike, FORM, NOBODY, section } from "./section.ts";

interface Verified {
  readonly signatures: readonly {
    readonly header: string;
    readonly valid: boolean;
    readonly reason?: string;
    readonly hint?: string;
  }[];
}

section("health and description", {
  "healthz is 200 while the process lives, readyz when it works": async ({ ask }) => {
    for (const path of ["/healthz", "/readyz"]) await ask(200, "GET", path, undefined, { key: null });
  },
  "/ is name, version and links, all of which lead somewhere": async ({ ask }) => {
    interface Root {
      readonly name: string;
      readonly version: string;
      readonly links: Readonly<Record<string, string>>;
    }
    const { name, version, links } = await ask<Root>(200, "GET", "/", undefined, { key: null });
    assertEquals([name, version], ["Tidings", manifest.version]);
    assert(Object.keys(links).length > 0);
    for (const link of Object.values(links)) await ask(200, "GET", link, undefined, { key: null });
  },
  "openapi.json is OpenAPI 3.1 of all this": async ({ ask }) => {
    type Document = { openapi: string; paths: Record<string, Record<string, unknown>> };
    const { openapi, paths } = await ask<Document>(200, "GET", "/openapi.json", undefined, { key: null });
    assertMatch(openapi, /^3\.1\./);
    const site = "/v1/sites/{site_id}";
    const all = [
      ...[
        "get /",
        "get /healthz",
        "get /readyz",
        "get /openapi.json",
        "get /v1/event-types",
        "post /v1/events",
      ],
      ...[
        "post /v1/events/batch",
        "post /v1/verify-signature",
        "get /v1/stats",
        "get /v1/audit",
        "get /v1/sites",
      ],
      ...["get /v1/keys", "post /v1/keys", "delete /v1/keys/{*}", "get /v1/export", "post /v1/import"],
      ...[`delete ${site}`, `post ${site}/explain`, `get ${site}/events`, `get ${site}/events/{*}`],
      ...[`get ${site}/webhooks`, `post ${site}/webhooks`],
      ...["get", "patch", "delete"].map((method) => `${method} ${site}/webhooks/{*}`),
      ...["rotate-secret", "test", "recover"].map((call) => `post ${site}/webhooks/{*}/${call}`),
      ...[`get ${site}/deliveries`, `get ${site}/deliveries/{*}`, `post ${site}/deliveries/{*}/redeliver`],
    ];
    const described = Object.entries(paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method} ${path.replaceAll(/\{(?!site_id)\w+\}/g, "{*}")}`)
    );
    assertEquals(all.filter((call) => !described.includes(call)), []);
  },
});

section("verify-signature", {
  "it says of each signature whether it is valid, and of one that is not why, with a hint": async (stage) => {
    const { webhook, ask, event, path, service } = stage;
    await using receiver = startReceiver();
    const old = await webhook(receiver.url);
    const { secret } = await ask<CreatedWebhook>(200, "POST", path(`/webhooks/${old.id}/rotate-secret`));
    await ask(202, "POST", "/v1/events", event());
    const { text, headers } = await receiver.received(1);
    const key = await stage.key("ingest");
    const verify = async (given: { secret?: string; body?: string; headers?: Record<string, string> }) => {
      const body = { secret, body: text, headers: Object.fromEntries(headers), ...given };
      const { signatures } = await ask<Verified>(200, "POST", "/v1/verify-signature", body, { key });
      for (const { valid, reason, hint, header: _, ...rest } of signatures) {
        assertEquals([reason === undefined, hint === undefined, rest], [valid, valid, {}]);
      }
      return Object.fromEntries(signatures.map(({ header, reason = "valid" }) => [header, reason]));
    };
    const [plain, previous, standard] = [
      "X-Webhook-Signature",
      "X-Webhook-Signature-Previous",
      "webhook-signature",
    ] as const;
    const wrong = "wrong_secret_or_body";
    const changed = (fields: Record<string, string>) => ({
      headers: { ...Object.fromEntries(headers), ...fields },
    });
    assertEquals(await verify({}), { [plain]: "valid", [previous]: wrong, [standard]: "valid" });
    assertEquals(await verify({ secret: old.secret }), {
      [plain]: wrong,
      [previous]: "valid",
      [standard]: "valid",
    });
    assertEquals(await verify({ body: text + " " }), {
      [plain]: wrong,
      [previous]: wrong,
      [standard]: wrong,
    });
    assertEquals(await verify({ headers: {} }), { [plain]: "missing", [standard]: "missing" });
    const malformed = await verify(changed({ "x-webhook-signature": "sha1=0", "webhook-signature": "v2,x" }));
    assertEquals([malformed[plain], malformed[standard]], ["malformed", "malformed"]);
    const later_s = Math.floor(Date.now() / 1000) - 301;
    const bytes = new TextEncoder().encode(`${headers.get("webhook-id")}.${later_s}.${text}`);
    const hmac = { name: "HMAC", hash: "SHA-256" };
    const raw = Uint8Array.fromBase64(secret.slice("whsec_".length));
    const signing = await crypto.subtle.importKey("raw", raw, hmac, false, ["sign"]);
    const signature = `v1,${new Uint8Array(await crypto.subtle.sign("HMAC", signing, bytes)).toBase64()}`;
    const late = await verify(
      changed({ "webhook-timestamp": String(later_s), "webhook-signature": signature }),
    );
    assertEquals(late[standard], "timestamp_out_of_tolerance");
    const log = service.lines.join("\n");
    for (const nothing of [secret, old.secret, "Signup"]) {
      assertEquals(log.includes(nothing), false, "nothing is logged");
    }
  },
  "what it needs is secret, body and headers": async ({ refused }) => {
    assertEquals(await refused("validation_failed", "POST", "/v1/verify-signature", {}), [
      "/secret",
      "/body",
      "/headers",
    ]);
  },
});

section("stats, export and import", {
  "stats are counters by hour": async ({ webhook, ask, event, site_id, delivery, key, refused }) => {
    await using receiver = startReceiver();
    const { id } = await webhook(receiver.url);
    await ask(202, "POST", "/v1/events", event());
    await delivery(({ status }) => status === "delivered");
    type Stats = { data: Record<string, unknown>[]; next_cursor: string | null };
    const { data } = await until(async () => {
      const found = await ask<Stats>(200, "GET", `/v1/stats?site_id=${site_id}`, undefined, {
        key: await key("read"),
      });
      return found.data.some((row) => row["delivered"] === 1) ? found : null;
    }, "the counters are there");
    const counters = { attempts: 1, delivered: 1, retried: 0, failed: 0, blocked: 0, gone: 0 };
    assertLike(data.find((row) => row["webhook_id"] === id), {
      hour: /^\d{4}-\d\d-\d\dT\d\d:00:00\.000Z$/,
      site_id,
      webhook_id: id,
      accepted: 1,
      ...counters,
      duration_ms_total: (value) => typeof value === "number" && value > 0,
    });
    const later = new Date(Date.now() + 3_600_000).toISOString();
    assertEquals((await ask<Stats>(200, "GET", `/v1/stats?site_id=${site_id}&since=${later}`)).data, []);
    assertEquals(await refused("validation_failed", "GET", "/v1/stats?since=x"), ["/since"]);
  },
  "an export is every webhook without secrets, and imported it changes nothing": async (stage) => {
    const { webhook, ask, path, site_id, refused } = stage;
    const { id, secret } = await webhook(NOBODY, { headers: { "X-A": "hidden" } });
    interface Document {
      readonly sites: readonly {
        readonly site_id: string;
        readonly webhooks: readonly Record<string, unknown>[];
      }[];
    }
    for (const query of ["", "?secrets=sealed"]) {
      const document = await ask<Document>(200, "GET", `/v1/export${query}`);
      const text = JSON.stringify(document);
      assertEquals([secret, secret.slice(6), "hidden"].filter((one) => text.includes(one)), []);
      const own = document.sites.find((site) => site.site_id === site_id)?.webhooks[0] ?? {};
      assertEquals([own["id"], "sealed" in own], [id, query !== ""]);
      const before = await ask<unknown>(200, "GET", path(`/webhooks/${id}`));
      const imported = await ask<Record<string, unknown>>(200, "POST", "/v1/import", document);
      assertEquals([imported["created"], imported["updated"], imported["secrets_made"]], [0, 0, []]);
      assertEquals(await ask<unknown>(200, "GET", path(`/webhooks/${id}`)), before);
    }
    const sealed = await ask<Document>(200, "GET", "/v1/export?secrets=sealed");
    await ask(204, "DELETE", path(`/webhooks/${id}`));
    assertEquals((await ask<Record<string, unknown>>(200, "POST", "/v1/import", sealed))["created"], 1);
    assertEquals((await ask<{ url: string }>(200, "GET", path(`/webhooks/${id}`))).url, NOBODY);
    assertEquals(await refused("validation_failed", "GET", "/v1/export?secrets=plain"), ["/secrets"]);
    assert((await ask<ProblemJson>(422, "POST", "/v1/import", {})).errors?.length);
  },
  "what keys may do stands in no export": async ({ ask, key }) => {
    const text = await key("read");
    const document = await ask<{ version: number; exported_at: string }>(200, "GET", "/v1/export");
    assertEquals(JSON.stringify(document).includes(text), false);
    assertEquals(document.version, 1);
    assertMatch(document.exported_at, FORM.time);
  },
});
