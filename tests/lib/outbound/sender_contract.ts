/**
 * What every sender must do, run over each driver.
 *
 * Owns the contract between the domain and the network, together with the files it puts together.
 *
 * @module
 */
import { testAnswers, testLife, testLimits } from "./sender_contract_answers.ts";
import { testBrokenReceivers, testDeadline } from "./sender_contract_failures.ts";
import { testGuard } from "./sender_contract_guard.ts";
import { testTls } from "./sender_contract_tls.ts";
import type { SenderDriver } from "./sender_rig.ts";

/**
 * Registers the contract's tests for one driver.
 *
 * @param name Of the driver, for the names of the tests.
 * @param driver How it is made.
 */
export function testSenderContract(name: string, driver: SenderDriver): void {
  function test(behaviour: string, run: () => Promise<void>): void {
    // The leak of a socket or a timer is a failure of the sender, so the sanitizers are not left to the command line.
    Deno.test({ name: `${name} sender ${behaviour}`, fn: run, sanitizeOps: true, sanitizeResources: true });
  }
  for (
    const part of [testAnswers, testLimits, testLife, testDeadline, testBrokenReceivers, testTls, testGuard]
  ) {
    part(test, driver);
  }
}
