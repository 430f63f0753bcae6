/**
 * What is given to operators, read by the tools that it is for, where these are installed. Nothing of it is started.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { goal } from "./helpers/api.ts";
import { ended } from "./helpers/ended.ts";
import { startReceiver } from "./helpers/receiver.ts";
import { startTestService, temporaryFolder } from "./helpers/service.ts";

const FOLDER = new URL("../docs/operations/", import.meta.url).pathname;

interface Told {
  readonly code: number;
  readonly text: string;
}

/** Runs a tool to its end; null where it is not installed. */
async function run(tool: string, args: readonly string[], given: {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
} = {}): Promise<Told | null> {
  const { env = {}, stdin } = given;
  try {
    const child = new Deno.Command(tool, {
      args: [...args],
      env,
      stdin: stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const { code, stdout, stderr } = await ended(child, stdin);
    return { code, text: stdout + stderr };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** A test of what tools find, ignored where one of them is not installed. */
async function withTools(tools: readonly string[], name: string, fn: () => Promise<void>): Promise<void> {
  const found = await Promise.all(tools.map((tool) => run(tool, ["--help"])));
  const missing = tools.filter((_, index) => found[index] === null).join(" and ");
  Deno.test({ name: missing === "" ? name : `${name} (needs ${missing})`, ignore: missing !== "", fn });
}

/** Of a tool that is there. */
function ok(told: Told | null): string {
  assert(told !== null);
  assertEquals(told.code, 0, told.text);
  return told.text;
}

await withTools(
  ["promtool"],
  "Prometheus takes its configuration, the rules, and what /metrics answers",
  async () => {
    ok(await run("promtool", ["check", "rules", `${FOLDER}alerts.yml`]));
    await using folder = await temporaryFolder();
    const key = `${folder.path}/tidings.key`;
    await Deno.writeTextFile(key, "a-key");
    await Deno.copyFile(`${FOLDER}alerts.yml`, `${folder.path}/alerts.yml`);
    const given = await Deno.readTextFile(`${FOLDER}prometheus.yml`);
    const config = given.replace("/etc/prometheus/tidings.key", key);
    assert(config !== given);
    await Deno.writeTextFile(`${folder.path}/prometheus.yml`, config);
    ok(await run("promtool", ["check", "config", `${folder.path}/prometheus.yml`]));

    await using service = await startTestService();
    await using receiver = startReceiver();
    await service.webhook(receiver.url);
    await service.post(goal(1));
    await service.settled("delivered", 1);
    const { text: stdin } = await service.call("GET", "/metrics");
    assertEquals(ok(await run("promtool", ["check", "metrics"], { stdin })), "");
  },
);

await withTools(["systemd-analyze"], "systemd takes the unit, and finds it well enclosed", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/tidings.service`;
  const given = await Deno.readTextFile(`${FOLDER}tidings.service`);
  // The program need not be installed where the unit expects it.
  await Deno.writeTextFile(path, given.replace("/usr/local/bin/deno", Deno.execPath()));
  // It may also complain of other units of this machine.
  const verified = await run("systemd-analyze", ["verify", path]);
  assertEquals(verified?.text.split("\n").filter((line) => line.includes("tidings.service")), []);
  const security = await run("systemd-analyze", ["security", "--offline=true", "--threshold=20", path]);
  // Before systemd 250 it looks at nothing but what is loaded.
  if (security?.text.includes("unrecognized option") !== true) ok(security);
});

await withTools(["nginx", "openssl"], "nginx takes the server before Tidings", async () => {
  await using folder = await temporaryFolder();
  const { path } = folder;
  const made = await run("openssl", [
    ..."req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=tidings.example.com".split(" "),
    ...["-keyout", `${path}/privkey.pem`, "-out", `${path}/fullchain.pem`],
  ]);
  ok(made);
  const given = await Deno.readTextFile(`${FOLDER}nginx.conf`);
  await Deno.writeTextFile(
    `${path}/site.conf`,
    given.replaceAll("/etc/letsencrypt/live/tidings.example.com/", `${path}/`),
  );
  const around =
    `pid ${path}/pid; error_log ${path}/log; events {} http { access_log off; include ${path}/site.conf; }`;
  await Deno.writeTextFile(`${path}/nginx.conf`, around);
  ok(await run("nginx", ["-t", "-p", path, "-c", `${path}/nginx.conf`]));
});

await withTools(["caddy"], "Caddy takes the server before Tidings", async () => {
  await using folder = await temporaryFolder();
  const args = ["validate", "--config", `${FOLDER}Caddyfile`, "--adapter", "caddyfile"];
  ok(await run("caddy", args, { env: { HOME: folder.path } }));
});

await withTools(
  ["docker-compose"],
  "Compose takes the file beside Plausible, and asks for both keys",
  async () => {
    const args = ["--file", `${FOLDER}compose.yml`, "config"];
    const asked = await run("docker-compose", args, {
      env: { TIDINGS_ADMIN_KEY: "", TIDINGS_SECRET_KEY: "" },
    });
    assert(asked !== null && asked.code !== 0 && asked.text.includes("openssl rand"), asked?.text);
    ok(await run("docker-compose", args, { env: { TIDINGS_ADMIN_KEY: "a", TIDINGS_SECRET_KEY: "b" } }));
  },
);
