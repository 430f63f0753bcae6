/**
 * Secrets: both forms at their limits, and the key that Standard Webhooks makes of each.
 *
 * @module
 */
import { assert, assertEquals, assertFalse, assertMatch, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { AppError } from "../../lib/errors.ts";
import { generateSecret, parseSecret, standardKey, standardSecret } from "../../lib/secret.ts";

const VISIBLE = Array.from({ length: 0x7e - 0x21 + 1 }, (_, index) => String.fromCharCode(0x21 + index));
const ownSecret = fc.string({ unit: fc.constantFrom(...VISIBLE), minLength: 24, maxLength: 64 })
  .filter((text) => !text.startsWith("whsec_"));
const secretBytes = fc.uint8Array({ minLength: 24, maxLength: 64 });

/** Base64 by another implementation than the one under test. */
function nodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

/** What a caller reads when a secret is refused. */
function refusal(value: string): AppError {
  const error = assertThrows(() => parseSecret(value), AppError);
  assertEquals(error.code, "validation_failed");
  assertEquals(error.errors.map(({ path }) => path), ["/secret"]);
  return error;
}

Deno.test("generateSecret() writes whsec_ and the base64 of 32 bytes of its source", () => {
  const bytes = Uint8Array.from({ length: 32 }, (_, index) => index * 7);
  const asked: number[] = [];
  const secret = generateSecret((length) => {
    asked.push(length);
    return bytes.slice(0, length);
  });
  assertEquals(asked, [32]);
  assertEquals(secret, "whsec_" + nodeBase64(bytes));
  assertMatch(secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
});

Deno.test("generateSecret() writes what parseSecret() takes, whatever the bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
    const secret = generateSecret(() => bytes);
    assertEquals(parseSecret(secret), secret);
    assertEquals(standardKey(secret), new Uint8Array(bytes));
  }));
});

Deno.test("parseSecret() takes an owner's 24 to 64 visible characters, unchanged", () => {
  fc.assert(fc.property(ownSecret, (secret) => assertEquals(parseSecret(secret), secret)));
});

Deno.test("parseSecret() takes an owner's secret at its limits and refuses one beyond", () => {
  for (const length of [24, 64]) assertEquals(parseSecret("x".repeat(length)), "x".repeat(length));
  for (const length of [0, 1, 23, 65, 1000]) {
    assertEquals(
      refusal("x".repeat(length)).errors[0]?.message,
      "it must have 24 to 64 visible ASCII characters",
    );
  }
});

Deno.test("parseSecret() refuses whatever is not visible ASCII", () => {
  const around = (text: string) => "x".repeat(20) + text + "x".repeat(20);
  for (const text of [" ", "\t", "\n", "\0", "\x1f", "\x7f", "\x80", "é", "‮", "😀"]) refusal(around(text));
  refusal("x".repeat(30) + "\n");
  for (const text of ["!", "~", '"', "\\"]) assertEquals(parseSecret(around(text)), around(text));
});

Deno.test("parseSecret() takes whsec_ and the base64 of 24 to 64 bytes", () => {
  fc.assert(fc.property(secretBytes, (bytes) => {
    const secret = "whsec_" + nodeBase64(bytes);
    assertEquals(parseSecret(secret), secret);
  }));
  for (const length of [24, 64]) parseSecret("whsec_" + nodeBase64(new Uint8Array(length)));
});

Deno.test("parseSecret() refuses whsec_ and the base64 of 23 or 65 bytes, though visible characters they are", () => {
  for (const length of [0, 1, 23, 65, 1000]) {
    const { errors } = refusal("whsec_" + nodeBase64(new Uint8Array(length)));
    assertEquals(errors[0]?.message, "after whsec_ it must be the base64 of 24 to 64 bytes");
  }
});

Deno.test("parseSecret() refuses base64 that is not canonical: other libraries may not decode it alike", () => {
  const canonical = nodeBase64(new Uint8Array(25).fill(0xfb));
  assert(canonical.endsWith("=="));
  const last = canonical.length - 3;
  const table = {
    "no padding": canonical.replaceAll("=", ""),
    "half of the padding": canonical.slice(0, -1),
    "too much padding": canonical + "==",
    "bits left over": canonical.slice(0, last) + "/" + canonical.slice(last + 1),
    "the URL alphabet": canonical.replaceAll("+", "-").replaceAll("/", "_"),
    "a space": " " + canonical,
    "a line break at the end": canonical + "\n",
    "no base64 at all": "not-base64-but-of-a-good-length!!",
  };
  parseSecret("whsec_" + canonical);
  for (const [what, text] of Object.entries(table)) {
    assert(text !== canonical, what);
    refusal("whsec_" + text);
  }
});

Deno.test("parseSecret() never repeats a refused secret", () => {
  const refused = fc.oneof(
    fc.string({ minLength: 8, maxLength: 23 }),
    fc.string({ minLength: 65, maxLength: 200 }),
    fc.base64String({ minLength: 8, maxLength: 28 }).map((text) => `whsec_${text}`),
  ).filter((text) =>
    text.trim().length >= 8 && !"it must have 24 to 64 visible ASCII characters".includes(text)
  );
  fc.assert(fc.property(refused, (secret) => {
    const error = refusal(secret);
    const told = [error.message, ...error.errors.map(({ message }) => message)].join("\n");
    assertFalse(told.includes(secret));
    assertFalse(told.includes(secret.replace(/^whsec_/, "")));
  }));
});

Deno.test("standardKey() decodes what follows whsec_", () => {
  fc.assert(fc.property(secretBytes, (bytes) => {
    assertEquals(standardKey("whsec_" + nodeBase64(bytes)), new Uint8Array(bytes));
  }));
});

Deno.test("standardKey() of an owner's secret is its UTF-8 bytes, even where they happen to be base64", () => {
  assertEquals(standardKey("A".repeat(24)), new Uint8Array(24).fill(0x41));
  fc.assert(fc.property(ownSecret, (secret) => {
    assertEquals(standardKey(secret), new Uint8Array(Buffer.from(secret, "utf8")));
  }));
});

Deno.test("standardSecret() leaves a generated secret as it is", () => {
  fc.assert(fc.property(secretBytes, (bytes) => {
    const secret = "whsec_" + nodeBase64(bytes);
    assertEquals(standardSecret(secret), secret);
  }));
});

Deno.test("standardSecret() writes an owner's secret as whsec_ and the base64 of its bytes", () => {
  assertEquals(standardSecret("my-own-secret-of-24-char"), "whsec_bXktb3duLXNlY3JldC1vZi0yNC1jaGFy");
  fc.assert(fc.property(ownSecret, (secret) => {
    const standard = standardSecret(secret);
    assertEquals(standard, "whsec_" + nodeBase64(Buffer.from(secret, "utf8")));
    assertEquals(standardKey(standard), standardKey(secret));
    assertEquals(parseSecret(standard), standard);
  }));
});
