/**
 * The format of the database: a release is started on what an earlier one wrote, and never on what a later one did.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { alertRecord } from "../../kv/alert_store.ts";
import { createCommitter } from "../../kv/committer.ts";
import type { Database } from "../../kv/database.ts";
import { eventRecord } from "../../kv/event_record.ts";
import { type DatabaseFormat, formatRecord } from "../../kv/format.ts";
import { keys } from "../../kv/keys.ts";
import { DATABASE_FORMAT } from "../../kv/migrations.ts";
import { refusalOf } from "../../kv/open.ts";
import { deliveryRecord } from "../../kv/delivery_record.ts";
import * as records from "../../kv/records.ts";
import { createSecretBox, type SecretBox } from "../../kv/secret_box.ts";
import { statRecord } from "../../kv/stat_store.ts";
import { watchBudgetRecord, watchRecord, watchStateRecord } from "../../kv/watch_store.ts";
import { admin } from "../helpers/admin_command.ts";
import { FakeKv } from "../helpers/fake_kv.ts";
import { createManualClock } from "../helpers/manual_clock.ts";
import { runProcess, SECRET_KEY, temporaryFile } from "../helpers/service.ts";
import { allEntries } from "./store_contract_state.ts";

const LATER = { format: DATABASE_FORMAT + 1, release: "9.8.7" };

interface World {
  readonly db: FakeKv;
  refusal(release: string, box: SecretBox): ReturnType<typeof refusalOf>;
}

function world(): World {
  const clock = createManualClock();
  const db = new FakeKv({ clock });
  const committer = createCommitter({ db, clock, random: () => 0 });
  return { db, refusal: (release, box) => refusalOf(db, committer, { box, release }) };
}

async function box(fill = 1): Promise<SecretBox> {
  return await createSecretBox(new Uint8Array(32).fill(fill));
}

async function formatIn(db: Pick<Database, "get">): Promise<DatabaseFormat | null> {
  const { value } = await db.get<Uint8Array>(keys.format());
  return value === null ? null : formatRecord.decode(value);
}

Deno.test("a database says its format and the release that gave it, from the first start on", async () => {
  const { db, refusal } = world();
  assertEquals(await refusal("1.0.0", await box()), null);
  assertEquals(await formatIn(db), { format: DATABASE_FORMAT, release: "1.0.0" });
  const before = await allEntries(db);
  assertEquals(await refusal("1.0.1", await box()), null);
  assertEquals(await allEntries(db), before, "a start that changes nothing writes nothing");
});

Deno.test("a database of an earlier format becomes one of this release", async () => {
  const { db, refusal } = world();
  const value = formatRecord.encode({ format: DATABASE_FORMAT - 1, release: "0.0.9" });
  await db.atomic().set(keys.format(), value).commit();
  assertEquals(await refusal("1.0.0", await box()), null);
  assertEquals(await formatIn(db), { format: DATABASE_FORMAT, release: "1.0.0" });
});

Deno.test("a start with the wrong secret key leaves a database to the release that it was of", async () => {
  const { db, refusal } = world();
  assertEquals(await refusal("1.0.0", await box(1)), null);
  await db.atomic().delete(keys.format()).commit();
  assertMatch((await refusal("1.0.1", await box(2)))?.message ?? "", /TIDINGS_SECRET_KEY/);
  assertEquals(await formatIn(db), null);
});

Deno.test("a database of a later release is refused with both versions and a way out, and not written", async () => {
  const { db, refusal } = world();
  await db.atomic().set(keys.format(), formatRecord.encode(LATER)).commit();
  const before = await allEntries(db);
  const { message, next_step } = await refusal("1.0.0", await box()) ?? {};
  assertEquals(
    message,
    `Cannot open the database: it was written by Tidings 9.8.7 (format ${LATER.format}), and this is Tidings 1.0.0 ` +
      `(format ${DATABASE_FORMAT})`,
  );
  assertEquals(next_step, "Start Tidings 9.8.7 or later, or restore the backup made before the upgrade.");
  assertEquals(await allEntries(db), before);
});

Deno.test("the service and the commands beside it refuse the file of a later release", async () => {
  await using file = await temporaryFile();
  {
    using kv = await Deno.openKv(file.path);
    await kv.set(keys.format(), formatRecord.encode(LATER));
  }
  const { code, stdout, stderr } = await runProcess({ kv: file.path });
  assertEquals([code, stdout], [2, ""]);
  assertMatch(
    stderr,
    /^tidings: Cannot open the database: it was written by Tidings 9\.8\.7 .*this is Tidings /,
  );
  assertMatch(stderr, /Start Tidings 9\.8\.7 or later, or restore the backup/);
  const env = { TIDINGS_SECRET_KEY: SECRET_KEY };
  const listed = await admin(["keys", "list"], { kv: file.path, env });
  assertEquals([listed.code, listed.stdout], [1, ""]);
  assertMatch(listed.stderr, /written by Tidings 9\.8\.7[^]*restore the backup/);
  const examined = await admin(["doctor"], { kv: file.path, env });
  assertEquals(examined.code, 1);
  assertMatch(examined.stdout, /database .*written by Tidings 9\.8\.7[^]*restore the backup/);
});

/** Every kind of record in its version of this format. A later version here is a step that earlier releases don't know. */
const VERSIONS = {
  delivery: [deliveryRecord, 3],
  webhook: [records.webhookRecord, 1],
  event: [eventRecord, 3],
  lane: [records.laneRecord, 2],
  idempotency: [records.idempotencyRecord, 1],
  api_key: [records.apiKeyRecord, 1],
  api_key_id: [records.apiKeyIdRecord, 1],
  audit: [records.auditRecord, 1],
  due: [records.dueRecord, 2],
  group_lease: [records.groupLeaseRecord, 1],
  list_block: [records.listBlockRecord, 1],
  beat: [records.beatRecord, 1],
  guard: [records.guardRecord, 1],
  seal: [records.sealRecord, 1],
  alert: [alertRecord, 1],
  stat: [statRecord, 1],
  watch: [watchRecord, 1],
  watch_state: [watchStateRecord, 1],
  watch_budget: [watchBudgetRecord, 1],
} as const;

Deno.test("whoever changes the form of a record raises the format of the database", () => {
  // Where this fails: add the step to kv/migrations.ts, raise DATABASE_FORMAT, and write both down here.
  assertEquals(DATABASE_FORMAT, 5);
  for (const [kind, [codec, version]] of Object.entries(VERSIONS)) assertEquals(codec.version, version, kind);
  assertEquals(formatRecord.version, 1, "every release must be able to read it, for ever");
});
