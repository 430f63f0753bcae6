/**
 * The sender contract: TLS.
 *
 * Owns tests that run over each driver. It must never assume which driver it is.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { startRawReceiver, startReceiver } from "../../helpers/receiver.ts";
import { EXPIRED, SELF_SIGNED, TRUSTED } from "./certificates.ts";
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
export function testTls(test: RegisterTest, driver: SenderDriver): void {
  test("delivers over TLS", async () => {
    await using receiver = startReceiver({ tls: TRUSTED, respond: new Response("safe") });
    await using rig = createRig(driver, { names: { "localhost": ["127.0.0.1"] } });
    assertEquals(assertStatus(await rig.post(`https://127.0.0.1:${receiver.port}/`), 200), "safe");
    assertEquals(assertStatus(await rig.post(`https://localhost:${receiver.port}/`), 200), "safe");
  });

  test("sends nothing over TLS without a valid certificate", async () => {
    for (const [what, tls] of Object.entries({ SELF_SIGNED, EXPIRED })) {
      await using receiver = startReceiver({ tls });
      await using rig = createRig(driver);
      assertError(await rig.post(`https://127.0.0.1:${receiver.port}${SECRET_PATH}`), "tls", what);
      assertEquals(receiver.requests.length, 0);
    }
  });

  test("sends nothing over TLS to a certificate for another address", async () => {
    await using receiver = startReceiver({ tls: TRUSTED, hostname: "127.0.0.2" });
    await using rig = createRig(driver);
    assertError(await rig.post(`https://127.0.0.2:${receiver.port}${SECRET_PATH}`), "tls");
    assertEquals(receiver.requests.length, 0);
  });

  test("reports a receiver that speaks no TLS as tls", async () => {
    await using receiver = startReceiver();
    await using rig = createRig(driver);
    assertError(await rig.post(`https://127.0.0.1:${receiver.port}${SECRET_PATH}`), "tls");
    assertEquals(receiver.requests.length, 0);
  });

  test("reports a connection closed within the handshake as tls", async () => {
    await using receiver = startRawReceiver(() => Promise.resolve());
    await using rig = createRig(driver);
    assertError(await rig.post(receiver.url.replace("http:", "https:")), "tls");
  });
}
