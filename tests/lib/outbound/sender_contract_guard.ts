/**
 * The sender contract: the guard against server-side request forgery, when a URL is dialled.
 *
 * Owns tests that run over each driver. It must never connect to anything but loopback.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { SendErrorKind } from "../../../lib/ports.ts";
import { startRawReceiver, startReceiver } from "../../helpers/receiver.ts";
import {
  assertError,
  assertStatus,
  createRig,
  type RegisterTest,
  SECRET_PATH,
  type SenderDriver,
} from "./sender_rig.ts";

/**
 * @param test Registers a test.
 * @param driver Under test.
 */
export function testGuard(test: RegisterTest, driver: SenderDriver): void {
  test("connects to no forbidden address, however it is spelled", async () => {
    await using receiver = startRawReceiver(() => Promise.resolve());
    await using rig = createRig(driver, { networks: "", allow_http: true });
    const hosts = [
      [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
      ],
      [
        "①②⑦.⓪.⓪.①",
        "%31%32%37.0.0.1",
        "0",
        "0.0.0.0",
        "127.255.255.254",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
      ],
      [
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:7f00:0001]",
        "[64:ff9b::127.0.0.1]",
        "[::127.0.0.1]",
        "[2002:7f00:1::]",
      ],
    ].flat();
    for (const host of hosts) {
      for (const scheme of ["http", "https"]) {
        const url = `${scheme}://${host}:${receiver.port}${SECRET_PATH}`;
        assertError(await rig.post(url), "blocked_address", url);
      }
    }
    assertEquals(receiver.connections, 0);
    assertEquals(rig.resolver.asked, [], "a literal is nothing to look up");
  });

  test("connects to no name with any forbidden address", async () => {
    await using receiver = startRawReceiver(() => Promise.resolve());
    const names = {
      "private.test": ["10.0.0.1"],
      "loopback.test": ["127.0.0.1"],
      "mixed.test": ["9.9.9.9", "127.0.0.1"],
      "mixed6.test": ["2606:4700::1111", "::ffff:127.0.0.1"],
      "own.test": ["9.9.9.10"],
      "localhost": ["127.0.0.1", "::1"],
      "a.localhost": ["127.0.0.1"],
      "localhost.": ["127.0.0.1"],
    };
    await using rig = createRig(driver, { networks: "", allow_http: true, own: ["9.9.9.10"], names });
    for (const host of Object.keys(names)) {
      for (const scheme of ["http", "https"]) {
        const url = `${scheme}://${host}:${receiver.port}${SECRET_PATH}`;
        assertError(await rig.post(url), "blocked_address", url);
      }
    }
    assertEquals(receiver.connections, 0);
  });

  test("judges a name anew each time: public when written, private when dialled", async () => {
    await using receiver = startRawReceiver(() => Promise.resolve());
    await using rig = createRig(driver, {
      networks: "",
      names: { "rebind.test": [["9.9.9.9"], ["127.0.0.1"]] },
    });
    const written = await rig.resolver.resolve("rebind.test", new AbortController().signal);
    assertEquals(written, ["9.9.9.9"]);
    assertError(await rig.post(`https://rebind.test:${receiver.port}${SECRET_PATH}`), "blocked_address");
    assertEquals(receiver.connections, 0);
  });

  test("sends plain http only where the operator allows it", async () => {
    await using rig = createRig(driver, {
      names: { "public.test": ["9.9.9.9"], "both.test": ["127.0.0.1", "9.9.9.9"] },
    });
    for (const host of ["9.9.9.9", "public.test", "both.test", "[2606:4700::1111]"]) {
      assertError(await rig.post(`http://${host}${SECRET_PATH}`), "blocked_address", host);
    }
  });

  test("sends to an IPv6 address in an allowed network", async () => {
    await using receiver = startReceiver({ hostname: "::1" });
    await using rig = createRig(driver, { networks: "::1" });
    assertStatus(await rig.post(receiver.url), 200);
    assertEquals(receiver.requests[0]?.headers.get("host"), `[::1]:${receiver.port}`);
  });

  test("refuses what is no URL of the web", async () => {
    await using rig = createRig(driver, { networks: "0.0.0.0/0", allow_http: true });
    const refused: [string, SendErrorKind][] = [
      ["", "protocol"],
      ["/hook?secret", "protocol"],
      ["http://", "protocol"],
      ["http://[::1/secret", "protocol"],
      ["ftp://127.0.0.1/secret", "blocked_address"],
      ["file:///etc/secret", "blocked_address"],
      ["data:text/plain,secret", "blocked_address"],
      ["http://secret:secret@127.0.0.1/", "blocked_address"],
      ["http://127.0.0.1/#secret", "blocked_address"],
      ["http://127.0.0.1:0/secret", "blocked_address"],
      ["http://a..b/secret", "blocked_address"],
    ];
    for (const [url, error] of refused) assertError(await rig.post(url), error, url);
  });
}
