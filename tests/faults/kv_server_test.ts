/**
 * The network between the service and its KV server is cut, or falls silent: callers are told, nothing is lost, and all
 * goes on by itself when it is back.
 *
 * @module
 */
import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { countOf, goal, type ProblemJson, sitePath, until } from "../helpers/api.ts";
import { DENOKV, startKvServer, WITHOUT_DENOKV } from "../helpers/kv_server.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startProcess, temporaryFolder } from "../helpers/service.ts";
import { startTcpProxy } from "../helpers/tcp_proxy.ts";

const FAULTS = { stall: "falls silent", cut: "is cut" };

for (const mode of ["stall", "cut"] as const) {
  Deno.test({
    name:
      `a KV server whose network ${FAULTS[mode]}: 503 until it is back, nothing lost, ready again by itself` +
      (DENOKV === null ? ` (${WITHOUT_DENOKV})` : ""),
    ignore: DENOKV === null,
    async fn() {
      await using folder = await temporaryFolder();
      await using server = await startKvServer(folder.path);
      await using proxy = startTcpProxy(Number(new URL(server.url).port));
      await using receiver = startReceiver();
      const env = { ...server.env, TIDINGS_LOG: "info" };
      await using service = await startProcess({ kv: proxy.url, env });
      await service.webhook(receiver.url);
      const { promise: released, resolve: release } = Promise.withResolvers<void>();
      receiver.respond(async () => {
        await released;
        return new Response();
      });
      await service.post(goal(1));
      await until(() => receiver.requests.length === 1, "a request is under way");

      proxy.set(mode);
      release();
      // Both at once: a read and a write each have their own way to wait.
      const [read, post] = await Promise.all([
        service.call<ProblemJson>("GET", sitePath("/deliveries")),
        service.call<ProblemJson>("POST", "/v1/events", goal(2)),
      ]);
      for (const { status, headers, json } of [read, post]) {
        assertEquals(status, 503);
        assertGreaterOrEqual(Number(headers.get("Retry-After")), 1);
        assert(json.detail?.endsWith("the database does not answer"), json.detail);
      }
      const { status, json } = await service.call<{ problems: string[] }>("GET", "/readyz");
      assertEquals(status, 503);
      assertEquals(json.problems.map((problem) => problem.replace(/since .*Z:/, "since then:")).slice(0, 2), [
        "Storage takes no writes since then: the database does not answer",
        "Storage can't be read: it does not answer in time",
      ]);

      proxy.set("pass");
      await until(async () => (await service.call("GET", "/readyz")).status === 200, "it is ready by itself");
      await service.post(goal(3));
      const all = await until(async () => {
        const found = await service.deliveries();
        return found.every(({ status }) => status === "delivered") ? found : null;
      }, "everything is delivered");
      assertEquals(all.map(({ attempts_total }) => attempts_total).filter((total) => total !== 1), []);
      const counts = receiver.requests.map(countOf).sort();
      // The refused one may have been written all the same; then it was sent, once.
      assertEquals(counts.filter((count) => count !== 2), [1, 3]);
      assertEquals(counts.length, all.length);
    },
  });
}
