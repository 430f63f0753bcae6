/**
 * The doctor on `.env` files: which of their lines set nothing, and which files nobody reads. What is claimed of Deno here is
 * tried with Deno.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { envFilesOf } from "../../admin/env_files.ts";
import { type EnvFile, envFileChecks } from "../../admin/examine_env_file.ts";
import { admin } from "../helpers/admin_command.ts";
import { ended } from "../helpers/ended.ts";
import { inheritedEnvironment } from "../helpers/inherited.ts";
import { temporaryFile, temporaryFolder } from "../helpers/service.ts";

const PATH = "/srv/tidings/.env";
const MARK = "\ufeff";

function file(text: string, given: Partial<EnvFile> = {}): EnvFile {
  return {
    path: PATH,
    content: new TextEncoder().encode(text),
    mode: 0o100600,
    unread_because: null,
    ...given,
  };
}

/** What is said of a file beside variables that this process has. */
function said(given: EnvFile, env: Readonly<Record<string, string>> = {}): string[] {
  return envFileChecks(given, env).map(({ status, subject, detail, next_step }) =>
    `${status} ${subject}: ${detail} > ${next_step}`
  );
}

/** What Deno makes of a file, as the tasks read it. */
async function readByDeno(text: string): Promise<Record<string, string>> {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(`${folder.path}/.env`, text);
  const program = "console.log(JSON.stringify(Deno.env.toObject()))";
  await Deno.writeTextFile(`${folder.path}/main.ts`, program);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--allow-env", "--env-file", "main.ts"],
    cwd: folder.path,
    clearEnv: true,
    env: { PATH: Deno.env.get("PATH") ?? "" },
  }).output();
  const { PATH: _path, ...env } = JSON.parse(new TextDecoder().decode(stdout)) as Record<string, string>;
  return env;
}

Deno.test("envFileChecks() finds nothing in a file whose every line counts, however it is written", async () => {
  const text = [
    "# TIDINGS_HOST: a comment",
    "",
    "TIDINGS_KV = /data/tidings.db",
    "export TIDINGS_HOST=0.0.0.0",
    '  TIDINGS_LOG="info" # quietly',
    "TIDINGS_LOG_FORMAT='json'",
    "TIDINGS_ALLOW_NETWORKS=10.0.0.0/8 # ours",
    "PORT=9000\r",
    "OTEL_DENO=true",
    "SECRET_KEY_BASE=of-plausible",
  ].join("\n");
  const env = await readByDeno(text);
  assertEquals([env["TIDINGS_KV"], env["TIDINGS_HOST"], env["PORT"]], [
    "/data/tidings.db",
    "0.0.0.0",
    "9000",
  ]);
  assertEquals(said(file(text), env), []);
});

Deno.test("envFileChecks() tells of each line that sets nothing, by its number and without a value", async () => {
  const text = [
    "TIDINGS_KV: /s3cret",
    "TIDINGS_HOST",
    "TIDING_LOG=s3cret",
    "tidings_port=s3cret",
    "RETENTION_DAYS=s3cret",
    "TIDINGS-SENDER=s3cret",
    "PORT=9000",
    "PORT=9001",
    "TIDINGS_ADMIN_KEY=s3cret",
  ].join("\n");
  const env: Record<string, string> = { ...await readByDeno(text), TIDINGS_ADMIN_KEY: "another" };
  assertEquals([env["PORT"], "TIDINGS_KV" in env, "TIDINGS_HOST" in env], ["9000", false, false]);
  const found = said(file(text), env);
  const expected = [
    /^fail configuration: line 1 of \/srv\/tidings\/\.env does not set TIDINGS_KV > Write TIDINGS_KV=value/,
    /^fail configuration: line 2 of .* does not set TIDINGS_HOST/,
    /^warn configuration: line 3 of .* sets TIDING_LOG, which nothing reads > Did you mean TIDINGS_LOG\?$/,
    /^warn .*line 4 .*tidings_port, .*mean PORT\?/,
    /^warn .*line 5 .*RETENTION_DAYS, .*mean TIDINGS_RETENTION_DAYS/,
    /^warn .*line 6 .*TIDINGS-SENDER, .*mean TIDINGS_SENDER/,
    /^warn .*line 8 of .* sets PORT again, and line 7 counts/,
    /^warn .*line 9 of .* sets TIDINGS_ADMIN_KEY, but the environment of this command .* counts/,
  ];
  assertEquals(found.length, expected.length, found.join("\n"));
  for (const [index, line] of expected.entries()) assertMatch(found[index] ?? "", line);
  assert(!found.join().includes("s3cret"));
});

Deno.test("envFileChecks() tells of a byte order mark, another encoding, and a file that can't be read", async () => {
  const marked = `${MARK}TIDINGS_HOST=a\nPORT=9000\n`;
  const env = await readByDeno(marked);
  assertEquals([env["PORT"], "TIDINGS_HOST" in env], ["9000", false]);
  const [first = "", ...more] = said(file(marked), env);
  assertMatch(
    first,
    /^fail configuration: line 1 of .* does not set TIDINGS_HOST: a byte order mark .* > Save/,
  );
  assertEquals(more, []);

  const wide = new Uint8Array([...new TextEncoder().encode("PORT=1\n")].flatMap((byte) => [byte, 0]));
  assertMatch(said(file("", { content: wide })).join(), /^fail configuration: .* is no text in UTF-8/);
  assertMatch(
    said(file("", { content: { problem: "Permission denied" } })).join(),
    /^fail configuration: \/srv\/tidings\/\.env is there, but can't be read, .*: Permission denied > Make it a file/,
  );
});

Deno.test("envFileChecks() warns of a file that nobody reads only where something in it is not set", () => {
  const unread = file("PORT=9000\nTIDINGS_KV=/data/tidings.db\n", { unread_because: "a binary reads none" });
  assertMatch(
    said(unread, { PORT: "9000" }).join(),
    /^warn configuration: .*\.env is there, but a binary reads none: it does not set TIDINGS_KV > .*EnvironmentFile=/,
  );
  assertEquals(said(unread, { PORT: "9000", TIDINGS_KV: "/data/tidings.db" }), []);
  assertEquals(said(file("PLAUSIBLE_NETWORK=x\n", { unread_because: "a binary reads none" })), []);
});

Deno.test("envFileChecks() warns of keys that every user of the machine may read", () => {
  const text = "TIDINGS_ADMIN_KEY=k\nPORT=1\n";
  const env = { TIDINGS_ADMIN_KEY: "k", PORT: "1" };
  assertMatch(
    said(file(text, { mode: 0o100644 }), env).join(),
    /^warn files: other users .* may read \S+\.env, and it holds TIDINGS_ADMIN_KEY > chmod 600/,
  );
  assertEquals(said(file(text, { mode: 0o100640 }), env), []);
  assertEquals(said(file("PORT=1\n", { mode: 0o100644 }), { PORT: "1" }), []);
});

Deno.test("envFilesOf() looks where somebody could take a file for the service's, and knows which is read", async () => {
  await using folder = await temporaryFolder();
  await using other = await temporaryFolder();
  const called_from = other.path;
  const found = async (...args: Parameters<typeof envFilesOf>) =>
    (await envFilesOf(...args)).map(({ path, unread_because }) => [path, unread_because]);
  const task = { kind: "task", folder: folder.path, called_from } as const;
  assertEquals(await found(task), []);
  for (const { path } of [folder, other]) await Deno.writeTextFile(`${path}/.env`, "PORT=1\n");
  const own = `${folder.path}/.env`;
  assertEquals(await found({ ...task, called_from: null }), [[own, null]]);
  assertEquals(await found({ ...task, called_from: `${folder.path}/` }), [[own, null]]);
  assertEquals(await found(task), [[own, null], [
    `${other.path}/.env`,
    `only the one in ${folder.path} is read`,
  ]]);
  assertEquals(await found({ kind: "binary", folder: folder.path }), [[own, "a binary reads none"]]);
});

/** The project, with a `.env` file of its own. */
async function project(): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await temporaryFolder();
  const here = new URL("../../", import.meta.url).pathname;
  for await (const { name } of Deno.readDir(here)) {
    if (!/^\.(?:env|git)$|^data$/.test(name)) await Deno.symlink(here + name, `${folder.path}/${name}`);
  }
  return folder;
}

/** `deno task admin doctor` in a project, with nothing of Tidings in the environment. */
async function doctor(path: string, from = path): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "--cwd", path, "admin", "doctor"],
    cwd: from,
    clearEnv: true,
    env: inheritedEnvironment(),
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const { stdout, stderr } = await ended(child);
  assertEquals(stderr, "");
  return stdout;
}

Deno.test("doctor as a task reads the project's .env file, wherever it was called from", async () => {
  await using folder = await project();
  await using other = await temporaryFolder();
  await Deno.writeTextFile(`${folder.path}/.env`, "TIDINGS_KV=./own/tidings.db\nPORT=0\nTIDINGS_LOG: info\n");
  const line = /^fail {2}configuration: line 3 of \S+\/\.env does not set TIDINGS_LOG$/m;
  const inside = await doctor(folder.path);
  assertMatch(inside, line);
  assertMatch(inside, /^ok {4}database: \S*own is not there yet/m);
  assertMatch(await doctor(folder.path, other.path), line);
  await Deno.writeTextFile(`${folder.path}/.env`, "TIDINGS_KV=./own/tidings.db\nTIDINGS_RETENTION_DAY=9\n");
  assertMatch(
    await doctor(folder.path),
    /^fail {2}configuration: TIDINGS_RETENTION_DAY is not known; did you mean TIDINGS_RETENTION_DAYS\?$/m,
  );
  await Deno.remove(`${folder.path}/.env`);
  await Deno.mkdir(`${folder.path}/.env`);
  assertMatch(await doctor(folder.path), /^fail {2}configuration: .* can't be read, .*: it is a folder$/m);
});

Deno.test("doctor tells of a .env file in the folder it was called from, which is not the project's", async () => {
  await using kv = await temporaryFile();
  const called_from = kv.path.replace(/\/[^/]*$/, "");
  await Deno.writeTextFile(`${called_from}/.env`, "TIDINGS_RETENTION_DAYS=90\n");
  const { code, stdout, stderr } = await admin(["doctor"], { kv: kv.path, env: { PORT: "0" }, called_from });
  assertEquals([code, stderr], [0, ""], stdout);
  assertMatch(
    stdout,
    /^warn {2}configuration: \S+\/\.env is there, but only the one in \S+ is read: .*RETENTION_DAYS$/m,
  );
});
