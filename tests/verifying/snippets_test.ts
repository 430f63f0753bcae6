/**
 * The receivers of docs/verifying.md, run as they are printed, in the languages that this machine has.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { type ReceivedCase, receivedCases } from "./cases.ts";
import { succeeds } from "../helpers/installed.ts";
import { type Language, LIBRARIES, outcomes, RECEIVERS, testedSnippets } from "./languages.ts";

/** What a driver says of a receiver: the plain signature, the status answered, and whether something new is in the inbox. */
function receiverSays({ plain, standard, fresh }: ReceivedCase): string {
  return `${plain} ${standard ? 204 : 401} ${fresh}`;
}

/** What a driver says of a library: whether it takes the request for genuine. */
function librarySays({ standard }: ReceivedCase): string {
  return `${standard}`;
}

async function assertOutcomes(
  language: Language,
  cases: readonly ReceivedCase[],
  says: (one: ReceivedCase) => string,
): Promise<void> {
  const said = await outcomes(language, cases);
  const named = (outcome: (one: ReceivedCase, index: number) => string | undefined): string[] =>
    cases.map((one, index) => `${one.name}: ${outcome(one, index)}`);
  assertEquals(named((_, index) => said[index]), named(says));
  assertEquals(said.length, cases.length);
}

/** A test of a language, or one that is ignored and says why. */
async function test(language: Language, what: string, fn: () => Promise<void>): Promise<void> {
  const ignore = !await succeeds(...language.probe);
  Deno.test({ name: `${language.name}: ${what}${ignore ? " (not on this machine)" : ""}`, ignore, fn });
}

for (const language of RECEIVERS) {
  const what = "the receiver of docs/verifying.md takes real deliveries, once, and refuses all others";
  await test(language, what, async () => {
    await assertOutcomes(language, await receivedCases(), receiverSays);
  });
}
for (const language of LIBRARIES) {
  const what = "used as in docs/verifying.md it takes real deliveries and refuses all others";
  await test(language, what, async () => {
    const cases = await receivedCases();
    await assertOutcomes(language, cases.filter(({ strict }) => !strict), librarySays);
  });
}

Deno.test("every block of docs/verifying.md that is marked as tested has a test", () => {
  const run = [...RECEIVERS, ...LIBRARIES].flatMap(({ snippets }) => snippets);
  const elsewhere = ["deno.mjs", "node.mjs", "serve.py", "verify-signature"];
  assertEquals(testedSnippets().toSorted(), [...new Set([...run, ...elsewhere])].toSorted());
});
