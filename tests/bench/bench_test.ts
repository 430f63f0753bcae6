/**
 * `deno task bench`, a moment of it: that it measures at all. How fast anything is, is no test's business.
 *
 * @module
 */
import { assert, assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import type { Figure } from "../../bench/figures.ts";

const PROJECT = new URL("../../", import.meta.url);

async function bench(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "bench", ...args],
    cwd: PROJECT,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("deno task bench starts the service, has events delivered, and reports every figure beside the raw loop", async () => {
  const { code, stdout, stderr } = await bench("--quick", "--only", "S1,S2", "--seconds", "0.1", "--json");
  assertEquals(code, 0, stderr);
  const report = JSON.parse(stdout) as {
    readonly deliveries: number;
    readonly verified: number;
    readonly failed: readonly string[];
    readonly sizes: unknown;
    readonly figures: readonly Figure[];
  };
  assertEquals(report.failed, [], stderr);
  assertEquals(report.sizes, { rounds: 1, seconds: 0.1, divided_by: 100 });
  // A run in which anything is lost, doubled or forged fails; so what is counted here has arrived as it should.
  assertGreater(report.deliveries, 0);
  assertGreater(report.verified, 0);
  const names = report.figures.map(({ scenario, name }) => `${scenario} ${name}`);
  for (const id of ["S1", "S2"]) {
    assert(names.includes(`${id} accepted and delivered`), names.join("\n"));
    assert(names.includes(`${id} the same as a share of the raw loop`), names.join("\n"));
  }
  assertEquals(new Set(report.figures.map(({ scenario }) => scenario)), new Set(["raw", "S1", "S2"]));
  for (const { unit, rounds, median, least, most, ratio_to_raw } of report.figures) {
    assertGreater(rounds.length, 0);
    assert(least <= median && median <= most);
    if (unit === "/s" || unit === "ms") assert(ratio_to_raw !== null && ratio_to_raw > 0);
  }
  // Progress is told elsewhere.
  assertStringIncludes(stderr, "S2, batches: round 1 of 1");
});

Deno.test("deno task bench explains itself, and refuses what it does not know", async () => {
  const help = await bench("--help");
  assertEquals(help.code, 0);
  for (let n = 1; n <= 12; n++) assertStringIncludes(help.stdout, `\n  S${n} `);
  const unknown = await bench("--only", "S1,S99");
  assertEquals(unknown.code, 2);
  assertStringIncludes(unknown.stdout, "there is no S99");
});
