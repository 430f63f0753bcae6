/**
 * `deno task admin reencrypt`: the end of a change of the secret key.
 *
 * Owns what is said about it.
 *
 * @module
 */
import { progressLines } from "./backup.ts";
import type { Verb } from "./verb.ts";

/** The command that seals all secrets with the new key. */
export const REENCRYPT: Verb = {
  name: "reencrypt",
  summary: "seal all secrets with TIDINGS_SECRET_KEY that were sealed with TIDINGS_SECRET_KEY_PREVIOUS",
  doing: "seal the secrets anew",
  takes_service: false,
  examples: ["reencrypt"],
  async runHere({ machine, say }) {
    const answer = await machine.reencrypt(progressLines(say, "Looked at"));
    const { resealed, webhooks, watches } = answer;
    return {
      answer,
      text: () =>
        `${resealed} of ${webhooks} webhooks and ${watches} watches were sealed anew; now all open with the key of this configuration.\n` +
        "If TIDINGS_SECRET_KEY_PREVIOUS is set, it can go once every process runs with both keys or the new one alone.",
    };
  },
};
