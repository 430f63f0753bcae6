/**
 * Everything that must hold whatever happens.
 *
 * @module
 */
import type { Invariant } from "./invariant.ts";
import { invariantsOfTheEnd } from "./invariants_end.ts";
import { invariantsOfHealth } from "./invariants_health.ts";
import { invariantsOfMoves } from "./invariants_moves.ts";
import { invariantsOfSends } from "./invariants_sends.ts";
import { invariantsOfWhatIsStored } from "./invariants_stored.ts";

/** All invariants, fresh for one run: some count. */
export function createInvariants(): Invariant[] {
  return [
    ...invariantsOfMoves(),
    ...invariantsOfWhatIsStored(),
    ...invariantsOfSends(),
    ...invariantsOfHealth(),
    ...invariantsOfTheEnd(),
  ];
}
