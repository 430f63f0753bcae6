/**
 * Answers that are worth keeping because the same question comes again and again.
 *
 * Owns how many are kept. It must never be used for an answer that depends on more than its question.
 *
 * @module
 */

/**
 * Makes a function that remembers its latest answers.
 *
 * @param most How many answers are kept; beyond it the one found out first is dropped.
 * @param answer Finds an answer out. Pure.
 * @param isKept Whether an answer is kept: what strangers ask once must not take up memory.
 * @returns The same function, answering at once what it knows.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { remembered } from "./remembered.ts";
 * let asked = 0;
 * const length = remembered(100, (text: string) => (asked++, text.length));
 * assertEquals([length("four"), length("four"), asked], [4, 4, 1]);
 * ```
 */
export function remembered<Answer extends object | string | number>(
  most: number,
  answer: (question: string) => Answer,
  isKept: (question: string, answer: Answer) => boolean = () => true,
): (question: string) => Answer {
  const known = new Map<string, Answer>();
  return (question) => {
    const kept = known.get(question);
    if (kept !== undefined) return kept;
    const found = answer(question);
    if (!isKept(question, found)) return found;
    known.set(question, found);
    const [first] = known.keys();
    if (known.size > most && first !== undefined) known.delete(first);
    return found;
  };
}
