/**
 * The secret box: what it opens, what it must refuse, and how a database tells whether its key is the right one.
 *
 * @module
 */
import { assert, assertEquals, AssertionError, assertNotEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { createCommitter } from "../../kv/committer.ts";
import { secretKeyFits } from "../../kv/open.ts";
import { createSecretBox, SealError } from "../../kv/secret_box.ts";
import { FakeKv } from "../helpers/fake_kv.ts";
import { createManualClock } from "../helpers/manual_clock.ts";
import { allEntries, rawText } from "./store_contract_state.ts";

const PLACE = ["example.com", "wh_1", "secret"];

/** A key of 32 bytes that are all the same. */
function key(fill: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(32).fill(fill);
}

Deno.test("SecretBox opens what it sealed, whatever the text and the place", async () => {
  const box = await createSecretBox(key(1));
  const text = fc.string({ unit: "grapheme", maxLength: 2000 });
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.string(), { maxLength: 4 }), async (text, place) => {
      const sealed = await box.seal(text, place);
      assertEquals(await box.open(sealed, place), text);
    }),
  );
});

Deno.test("SecretBox.seal() gives another form each time, and none that shows the text", async () => {
  const box = await createSecretBox(key(1));
  const sealed = await Promise.all(Array.from({ length: 100 }, () => box.seal("a secret of mine", PLACE)));
  assertEquals(new Set(sealed).size, 100);
  const nonces = sealed.map((each) => Uint8Array.fromBase64(each.slice(2)).slice(0, 12).toHex());
  assertEquals(new Set(nonces).size, 100);
  for (const each of sealed) {
    const bytes = new TextDecoder("latin1").decode(Uint8Array.fromBase64(each.slice(2)));
    assertEquals([each.includes("secret"), bytes.includes("secret")], [false, false]);
  }
});

Deno.test("SecretBox.open() refuses a value of another key", async () => {
  const sealed = await (await createSecretBox(key(1))).seal("text", PLACE);
  await assertRejects(async () => (await createSecretBox(key(2))).open(sealed, PLACE), SealError);
});

Deno.test("SecretBox.open() refuses a value in any other place", async () => {
  const box = await createSecretBox(key(1));
  const sealed = await box.seal("text", PLACE);
  const others = [
    ["other.example", "wh_1", "secret"],
    ["example.com", "wh_2", "secret"],
    ["example.com", "wh_1", "header Authorization"],
    ["example.com", "wh_1"],
    ["example.comwh_1", "secret"],
    [],
  ];
  for (const place of others) await assertRejects(() => box.open(sealed, place), SealError);
});

Deno.test("SecretBox.open() refuses a value in which any single bit was altered", async () => {
  const box = await createSecretBox(key(1));
  const bytes = Uint8Array.fromBase64((await box.seal("text", PLACE)).slice(2));
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const altered = bytes.slice();
    altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    await assertRejects(() => box.open("1." + altered.toBase64(), PLACE), SealError);
  }
});

Deno.test("SecretBox.open() refuses what has not its form, and quotes nothing of it", async () => {
  const box = await createSecretBox(key(1));
  const sealed = await box.seal("text", PLACE);
  const texts = [
    "",
    "1.",
    "2." + sealed.slice(2),
    sealed.slice(2),
    "1.not base64!",
    "1.AAAA",
    sealed.slice(0, 30),
  ];
  for (const text of [...texts, "a secret in the clear"]) {
    const error = await assertRejects(() => box.open(text, PLACE), SealError);
    assertEquals(error.cause, undefined);
    assert(text.length < 5 || !error.message.includes(text));
  }
});

Deno.test("SecretBox with the key before opens what either sealed, and seals with the new one", async () => {
  const [before, after] = [await createSecretBox(key(1)), await createSecretBox(key(2))];
  const between = await createSecretBox(key(2), key(1));
  assertEquals(await between.open(await before.seal("old", PLACE), PLACE), "old");
  assertEquals(await between.open(await after.seal("new", PLACE), PLACE), "new");
  assertEquals(await after.open(await between.seal("newer", PLACE), PLACE), "newer");
  const third = await createSecretBox(key(3));
  await assertRejects(async () => between.open(await third.seal("text", PLACE), PLACE), SealError);
  await assertRejects(async () => between.open(await before.seal("old", PLACE), []), SealError);
});

Deno.test("createSecretBox() takes keys of 32 bytes only, though AES knows shorter ones", async () => {
  for (const length of [0, 16, 24, 31, 33]) {
    await assertRejects(() => createSecretBox(new Uint8Array(length)), AssertionError);
    await assertRejects(() => createSecretBox(key(1), new Uint8Array(length)), AssertionError);
  }
});

Deno.test("secretKeyFits() ties a database to the first key it is opened with", async () => {
  const clock = createManualClock();
  const db = new FakeKv({ clock });
  const committer = createCommitter({ db, clock, random: () => 0 });
  const [one, two] = [await createSecretBox(key(1)), await createSecretBox(key(2))];
  assertEquals(await secretKeyFits(db, committer, one), true);
  const before = await allEntries(db);
  assertEquals(await secretKeyFits(db, committer, one), true);
  assertEquals(await secretKeyFits(db, committer, two), false);
  assertEquals(await secretKeyFits(db, committer, await createSecretBox(key(2), key(1))), true);
  assertEquals(await allEntries(db), before, "looking writes nothing");
  assertEquals((await rawText(db)).includes("tidings"), false);
});

Deno.test("secretKeyFits() lets one of two keys win when two processes open an empty database at once", async () => {
  const clock = createManualClock();
  const db = new FakeKv({ clock });
  const fits = await Promise.all([1, 2].map(async (fill) => {
    const handle = db.sibling();
    const committer = createCommitter({ db: handle, clock, random: () => 0 });
    return await secretKeyFits(handle, committer, await createSecretBox(key(fill)));
  }));
  assertEquals(fits.toSorted(), [false, true]);
});

Deno.test("secretKeyFits() says no, and does not fail, if what it finds was altered", async () => {
  const clock = createManualClock();
  const db = new FakeKv({ clock });
  const committer = createCommitter({ db, clock, random: () => 0 });
  const box = await createSecretBox(key(1));
  assertEquals(await secretKeyFits(db, committer, box), true);
  const [entry] = await allEntries(db);
  assert(entry?.value instanceof Uint8Array);
  const text = new TextDecoder().decode(entry.value);
  const altered = new TextEncoder().encode(text.replace('"1.', '"1.!'));
  assertNotEquals(new TextDecoder().decode(altered), text);
  await db.atomic().set(entry.key, altered).commit();
  assertEquals(await secretKeyFits(db, committer, box), false);
});
