/**
 * The process may open no more files: it goes on, and accepts again as soon as it can.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { goal, until } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startProcess, temporaryFile } from "../helpers/service.ts";

/** A service at rest has about 30 open. */
const FILES_MAX = 80;
/** More than there can be free descriptors: one is free at times, such as that of the listener that was closed. */
const WEBHOOKS = 10;

Deno.test({
  name: "out of descriptors a service keeps serving who is there, loses nothing, and accepts again by itself",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using file = await temporaryFile();
    await using receiver = startReceiver();
    const env = { TIDINGS_LOG: "info", TIDINGS_RETRY_BASE_MS: "1000" };
    await using service = await startProcess({ kv: file.path, env, under: `ulimit -n ${FILES_MAX}` });
    for (let n = 0; n < WEBHOOKS; n++) await service.webhook(receiver.url, { max_retries: 10 });
    const { hostname, port } = new URL(service.url);
    const crowd: Deno.Conn[] = [];
    try {
      // The last ones come too late: the listener is gone by then.
      while (crowd.length < FILES_MAX) crowd.push(await Deno.connect({ hostname, port: Number(port) }));
    } catch (error) {
      assert(error instanceof Deno.errors.ConnectionRefused || error instanceof Deno.errors.ConnectionReset);
    }
    await until(() => logged(service.lines, "server.stopped_accepting"), "it runs out of descriptors");
    // On the connection that is kept from before.
    const { queued } = await service.post(goal());
    assertEquals(queued, WEBHOOKS);
    const errors = await until(() => {
      const attempts = service.lines.map((line) => JSON.parse(line)).filter(({ message, error }) =>
        message === "delivery.attempted" && error !== null
      );
      return attempts.length > 0 ? attempts.map(({ error }) => error) : null;
    }, "a send that can't open a connection");
    assert(errors.every((error) => error === "connect" || error === "reset"), errors.join());

    for (const conn of crowd) conn.close();
    await until(() => logged(service.lines, "server.listens_again"), "it listens again, at the same port");
    const again = await Deno.connect({ hostname, port: Number(port) });
    again.close();
    await service.settled("delivered", WEBHOOKS);
    assertEquals((await service.call("GET", "/readyz")).status, 200);
  },
});

function logged(lines: readonly string[], message: string): boolean {
  return lines.some((line) => JSON.parse(line).message === message);
}
