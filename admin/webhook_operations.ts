/**
 * `deno task admin webhooks test|rotate-secret|recover`: what is done with a webhook.
 *
 * Owns these verbs, and how a new secret is shown: once, where it is made.
 *
 * @module
 */
import { EVENT_NAMES } from "../lib/event_types.ts";
import type { ShownDelivery } from "../lib/history.ts";
import type { Recovered } from "../lib/recover.ts";
import type { ShownWebhook } from "../lib/shown_webhook.ts";
import type { ShownSecret } from "../lib/secret.ts";
import { sitePath } from "./backend.ts";
import { momentBefore, number, oneOf, text } from "./field_flags.ts";
import { cellText, record } from "./table.ts";
import { safeText } from "./terminal_text.ts";
import type { Verb } from "./verb.ts";
import { WEBHOOK_ID } from "./webhook_changes.ts";

/** A webhook without what is shown once. */
export function withoutSecret(
  { secret: _, standard_secret: __, ...shown }: ShownWebhook & ShownSecret,
): ShownWebhook {
  return shown;
}

/** The secret, for whoever sets up the receiver. */
export function secretText({ secret, standard_secret }: ShownSecret): string {
  const standard = standard_secret === secret
    ? ""
    : `\n  ${standard_secret}  (the same for libraries of Standard Webhooks)`;
  return `  ${secret}${standard}\n\n` +
    "This is the secret that the receiver verifies signatures with. It is shown only now: keep it.";
}

const TEST: Verb = {
  name: "test",
  summary: "send a test event at once, and say what the receiver answered",
  doing: "test the webhook",
  id_of: WEBHOOK_ID,
  of_site: true,
  fields: [{
    flag: "--event <event>",
    path: ["event"],
    summary: `the published example of ${EVENT_NAMES.join(", ")} (default: a test event)`,
    read: oneOf(EVENT_NAMES),
  }],
  examples: ["webhooks test wh_… --site example.com --event goal_completion"],
  async run({ backend, site_id, id, input }) {
    const path = sitePath(site_id, "webhooks", id, "test");
    const answer = await backend.call<ShownDelivery & { remedy: string | null }>("POST", path, {
      body: input,
    });
    const [attempt] = answer.attempts;
    const failed = attempt?.outcome !== "delivered";
    return { answer, failed, text: () => testText(attempt, answer.remedy) };
  },
};

/** What a test came to, for people. */
function testText(attempt: ShownDelivery["attempts"][number] | undefined, remedy: string | null): string {
  if (attempt === undefined) return "Nothing was sent.";
  const { outcome, status_code, error, duration_ms, response_body } = attempt;
  const met = error ?? (status_code === null ? "no answer" : `HTTP ${status_code}`);
  const said = response_body === null || response_body === ""
    ? ""
    : `\nThe receiver says: ${cellText(response_body)}`;
  const next = remedy === null ? "" : `\n${safeText(remedy)}`;
  return outcome === "delivered"
    ? `Delivered: ${met} after ${duration_ms} ms.${said}`
    : `Not delivered: ${met} after ${duration_ms} ms.${said}${next}`;
}

const ROTATE_SECRET: Verb = {
  name: "rotate-secret",
  summary: "give a webhook a new secret and show it, this once; the one before signs along for a while",
  doing: "rotate the secret",
  id_of: WEBHOOK_ID,
  of_site: true,
  fields: [
    {
      flag: "--secret <secret>",
      path: ["secret"],
      summary: "a secret of your own; better in --body -, where no other user of the machine sees it",
      read: text,
    },
    {
      flag: "--overlap-hours <h>",
      path: ["overlap_hours"],
      summary: "how long the one before signs along (default: 24); 0 if it has leaked",
      read: number,
    },
  ],
  takes_body: true,
  examples: ["webhooks rotate-secret wh_… --site example.com --overlap-hours 48"],
  async run({ backend, site_id, id, input }) {
    const path = sitePath(site_id, "webhooks", id, "rotate-secret");
    const answer = await backend.call<ShownWebhook & ShownSecret>("POST", path, { body: input });
    return { answer, text: () => `${record(withoutSecret(answer))}\n\n${secretText(answer)}` };
  },
};

const RECOVER: Verb = {
  name: "recover",
  summary: "send again what failed, was cancelled, or was skipped while the webhook was not active",
  doing: "recover",
  id_of: WEBHOOK_ID,
  of_site: true,
  fields: [
    {
      flag: "--since <when>",
      path: ["since"],
      summary: "from then on: a date, a moment, or a span back from now (12h, 7d)",
      read: momentBefore,
      required: true,
    },
    { flag: "--until <when>", path: ["until"], summary: "before then", read: momentBefore },
  ],
  examples: ["webhooks recover wh_… --site example.com --since 24h"],
  async run({ backend, site_id, id, input, say }) {
    const path = sitePath(site_id, "webhooks", id, "recover");
    let recovered = 0;
    let body: Record<string, unknown> = { ...(input as Record<string, unknown>) };
    for (;;) {
      const part = await backend.call<Recovered>("POST", path, { body });
      recovered += part.recovered;
      if (part.next_since === null) break;
      body = { ...body, since: part.next_since };
      say(`${recovered} so far, up to ${part.next_since}`);
    }
    return {
      answer: { recovered, next_since: null },
      text: () => `${recovered} deliveries of ${id} are scheduled again.`,
    };
  },
};

/** The commands that do something with a webhook. */
export const OPERATION_VERBS: readonly Verb[] = [TEST, ROTATE_SECRET, RECOVER];
