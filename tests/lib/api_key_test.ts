/**
 * API keys: which scope may do what, for which sites, and what a key looks like.
 *
 * @module
 */
import { assert, assertEquals, assertFalse, assertMatch } from "@std/assert";
import fc from "fast-check";
import {
  coversSite,
  grants,
  keyText,
  looksLikeKey,
  newKeySchema,
  type Permission,
  SCOPES,
} from "../../lib/api_key.ts";
import type { JsonObject } from "../../lib/merge_patch.ts";

const PERMISSIONS: Permission[] = ["read", "manage", "ingest", "metrics", "admin"];
const ID = "01JMZ0000000000000000000AA";

/** Where the fields at fault are; none if the body is fine. */
function faults(body: unknown): string[] {
  const parsed = newKeySchema.safeParse(body);
  return parsed.success ? [] : parsed.error.issues.map(({ path }) => path.join("/"));
}

function keyWith(fields: JsonObject): JsonObject {
  return { name: "shop", scope: "ingest", sites: ["example.com"], ...fields };
}

Deno.test("grants() is the table of the contract", () => {
  const table: Record<typeof SCOPES[number], Permission[]> = {
    read: ["read"],
    ingest: ["ingest"],
    manage: ["read", "manage"],
    metrics: ["metrics"],
    admin: PERMISSIONS,
  };
  for (const scope of SCOPES) {
    assertEquals(PERMISSIONS.filter((permission) => grants(scope, permission)), table[scope], scope);
  }
});

Deno.test("coversSite() knows a key's own sites and no other, whatever its scope", () => {
  for (const scope of SCOPES.filter((name) => name !== "admin")) {
    const key = { scope, sites: ["example.com", "example.com/blog"] };
    assert(coversSite(key, "example.com"));
    assert(coversSite(key, "example.com/blog"));
    for (const site_id of ["example.org", "blog.example.com", "example.com/", "example.co", "", "*"]) {
      assertFalse(coversSite(key, site_id), `${scope}, ${site_id}`);
    }
    assertFalse(coversSite({ scope, sites: [] }, "example.com"));
  }
});

Deno.test("coversSite() takes * for every site, and an admin key as well", () => {
  assert(coversSite({ scope: "read", sites: ["*"] }, "example.com"));
  for (const sites of [[], ["example.org"], ["*"]]) {
    assert(coversSite({ scope: "admin", sites }, "example.com"));
  }
});

Deno.test("newKeySchema needs name and scope and fills in the rest", () => {
  assertEquals(newKeySchema.parse({ name: "ops", scope: "admin" }), {
    name: "ops",
    scope: "admin",
    sites: [],
    expires_at: null,
  });
  assertEquals(faults({}).sort(), ["name", "scope"]);
  for (const body of [null, [], "x"]) assertEquals(faults(body), [""]);
});

Deno.test("newKeySchema asks the scopes that belong to sites for at least one, or for all", () => {
  for (const scope of SCOPES) {
    const bySite = scope === "read" || scope === "ingest" || scope === "manage";
    assertEquals(faults({ name: "x", scope }), bySite ? ["sites"] : [], scope);
    assertEquals(faults({ name: "x", scope, sites: [] }), bySite ? ["sites"] : [], scope);
    for (const sites of [["*"], ["example.com"]]) assertEquals(faults({ name: "x", scope, sites }), []);
  }
});

Deno.test("newKeySchema brings sites into their one spelling, so that a key covers what it says", () => {
  const { sites, scope } = newKeySchema.parse(keyWith({ sites: ["Example.COM", "*"] }));
  assertEquals(sites, ["example.com", "*"]);
  assert(coversSite({ scope, sites }, "example.com"));
  for (const site of ["", "**", "*.example.com", "10.0.0.1", "a b", 1]) {
    assertEquals(faults(keyWith({ sites: [site] })), ["sites/0"], String(site));
  }
});

Deno.test("newKeySchema holds its limits and refuses one beyond", () => {
  const sites = (count: number): string[] =>
    Array.from({ length: count }, (_, index) => `site${index}.example`);
  for (const fields of [{ name: "x" }, { name: "x".repeat(100) }, { sites: sites(1000) }]) {
    assertEquals(faults(keyWith(fields)), []);
  }
  assertEquals(faults(keyWith({ name: "" })), ["name"]);
  assertEquals(faults(keyWith({ name: "x".repeat(101) })), ["name"]);
  assertEquals(faults(keyWith({ sites: sites(1001) })), ["sites"]);
});

Deno.test("newKeySchema takes a scope of the contract, an expiry with an offset, and no other key", () => {
  for (const scope of ["write", "Admin", "", null]) assertEquals(faults(keyWith({ scope })), ["scope"]);
  for (const expires_at of [null, "2027-01-01T00:00:00Z", "2027-01-01T00:00:00+02:00"]) {
    assertEquals(faults(keyWith({ expires_at })), []);
  }
  for (const expires_at of ["2027-01-01", "never", "2027-01-01T00:00:00", 1]) {
    assertEquals(faults(keyWith({ expires_at })), ["expires_at"]);
  }
  assertEquals(faults(keyWith({ key: "tdk_mine" })), [""]);
});

Deno.test("keyText() writes tdk_, the id and the secret, of letters and digits only", () => {
  assertEquals(keyText(ID, Uint8Array.of(0, 1, 254, 255)), `tdk_${ID}_0001feff`);
  fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 64 }), (bytes) => {
    const text = keyText(ID, bytes);
    assertMatch(text, /^tdk_[A-Za-z0-9]+_[A-Za-z0-9]+$/);
    assert(looksLikeKey(text));
  }));
});

Deno.test("keyText() keeps every bit of the secret", () => {
  const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(fc.property(bytes, bytes, (one, other) => {
    assertEquals(keyText(ID, one) === keyText(ID, other), one.every((byte, index) => byte === other[index]));
  }));
});

Deno.test("looksLikeKey() takes tdk_<id>_<secret> and nothing else", () => {
  for (const text of ["tdk_a_b", "tdk_0_Z", `tdk_${"i".repeat(64)}_${"s".repeat(128)}`]) {
    assert(looksLikeKey(text), text);
  }
  const others = [
    "",
    "tdk_",
    "tdk_a",
    "tdk_a_",
    "tdk__b",
    "tdk_a_b_c",
    "TDK_a_b",
    " tdk_a_b",
    "tdk_a_b ",
    "tdk_a_b\n",
    "tdk_a-1_b",
    "tdk_a_é",
    "Bearer tdk_a_b",
    `tdk_${"i".repeat(65)}_s`,
    `tdk_i_${"s".repeat(129)}`,
  ];
  for (const text of others) assertFalse(looksLikeKey(text), text);
});
