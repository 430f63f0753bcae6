/**
 * Names whose servers never answer: they hold up nobody but themselves.
 *
 * The service gets name servers of its own, which takes the right to mount; what it does with them is tried everywhere
 * in `tests/lib/outbound/resolver_test.ts`.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { goal, SITE, until, within } from "../helpers/api.ts";
import { succeeds } from "../helpers/installed.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startProcess, temporaryFolder } from "../helpers/service.ts";
import { startDnsServer } from "../lib/outbound/dns_server.ts";

const NAME_SERVER = { address: "127.0.0.153", port: 53 };
/** On four sites: a quarter of the sends that a process makes at a time is what one site may have. */
const SILENT_NAMES = 64;
const SITES = 4;

/** The shell command that gives a process this `resolv.conf` and runs it. */
function withResolver(path: string): string {
  return `exec unshare --mount sh -c 'mount --bind ${path} /etc/resolv.conf && exec "$@"' sh "$@"`;
}

async function permitted(): Promise<boolean> {
  if (Deno.build.os !== "linux") return false;
  const args = ["--mount", "sh", "-c", "mount --bind /etc/hosts /etc/resolv.conf"];
  return await succeeds("unshare", ...args);
}

const may = await permitted();

Deno.test({
  name: "64 names that never answer hold up no delivery to another, and are tried again" +
    (may ? "" : " (needs the right to mount)"),
  ignore: !may,
  async fn() {
    await using folder = await temporaryFolder();
    await Deno.writeTextFile(`${folder.path}/resolv.conf`, `nameserver ${NAME_SERVER.address}\n`);
    await using _names = await startDnsServer((name, type) => {
      if (name.startsWith("silent")) return "silent";
      return name === "good.test" && type === "A" ? ["127.0.0.1"] : "nxdomain";
    }, NAME_SERVER);
    await using receiver = startReceiver();
    const env = { TIDINGS_LOG: "info", TIDINGS_ALLOW_HTTP: "true" };
    const under = withResolver(`${folder.path}/resolv.conf`);
    await using service = await startProcess({ kv: `${folder.path}/tidings.db`, env, under });
    const sites = Array.from({ length: SITES }, (_, index) => `site-${index}.example`);
    await Promise.all(Array.from({ length: SILENT_NAMES }, (_, index) => {
      const site = sites[index % SITES];
      return service.webhook(`http://silent-${index}.test/`, { timeout_ms: 5000, max_retries: 1 }, site);
    }));
    await service.webhook(`http://good.test:${receiver.port}/`);

    for (const site of sites) await service.post(goal(1, { site_id: site }));
    await service.post(goal());
    await within(receiver.received(1), "the good one");
    const attempted = (): { site: string; outcome: string; error: string | null }[] =>
      service.lines.map((line) => JSON.parse(line)).filter(({ message }) => message === "delivery.attempted");
    const others = attempted().filter(({ site }) => site !== SITE);
    assertEquals(others, [], "the others wait for their names still");
    const first = await until(
      () => attempted().find(({ site }) => site !== SITE),
      "one of them to be given up",
    );
    assertEquals([first.outcome, first.error], ["retry", "dns"]);
  },
});
