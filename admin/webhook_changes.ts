/**
 * `deno task admin webhooks update|enable|disable|delete`: changing a webhook.
 *
 * Owns these verbs.
 *
 * @module
 */
import type { ShownWebhook } from "../lib/shown_webhook.ts";
import { isJsonObject } from "../lib/merge_patch.ts";
import { sitePath } from "./backend.ts";
import { WrongUse } from "./failure.ts";
import { type FieldFlag, resets } from "./field_flags.ts";
import { record } from "./table.ts";
import type { Verb } from "./verb.ts";
import { WEBHOOK_FLAGS } from "./webhook_flags.ts";

/** How a webhook is named in these commands. */
export const WEBHOOK_ID = "the webhook, as `webhooks list` shows it";

/** Read last, so that it sees what the other flags set. */
const RESET: FieldFlag = {
  flag: "--reset <field>",
  path: [],
  summary: "back to its default, as often as needed: name, filters.goals, filters.visitor_spike.threshold, " +
    "headers.X-Team (removes it)",
  read: resets,
};

const UPDATE: Verb = {
  name: "update",
  summary: "change a webhook: only what is given, lists as a whole",
  doing: "update the webhook",
  id_of: WEBHOOK_ID,
  of_site: true,
  fields: [...WEBHOOK_FLAGS, RESET],
  takes_body: true,
  examples: [
    "webhooks update wh_… --site example.com --events goal_completion,visitor_drop --max-retries 5",
    "webhooks update wh_… --site example.com --reset filters.goals --reset headers.X-Team",
    "webhooks update wh_… --site example.com --body patch.json",
  ],
  async run({ backend, site_id, id, input }) {
    if (isJsonObject(input) && Object.keys(input).length === 0) {
      throw new WrongUse("update the webhook: give what is to change (--help lists it)");
    }
    const answer = await backend.call<ShownWebhook>("PATCH", sitePath(site_id, "webhooks", id), {
      body: input,
    });
    return { answer, text: () => record(answer) };
  },
};

function switching(enabled: boolean): Verb {
  const name = enabled ? "enable" : "disable";
  return {
    name,
    summary: enabled
      ? "make a webhook active again, also one that Tidings paused"
      : "stop telling a webhook; what is pending is cancelled",
    doing: `${name} the webhook`,
    id_of: WEBHOOK_ID,
    of_site: true,
    async run({ backend, site_id, id }) {
      const body = { enabled };
      const answer = await backend.call<ShownWebhook>("PATCH", sitePath(site_id, "webhooks", id), { body });
      const missed = enabled
        ? `\n\`deno task admin webhooks recover ${id} --site ${site_id} --since 24h\` brings back what it missed.`
        : "";
      return { answer, text: () => `Webhook ${id} is ${answer.status}.${missed}` };
    },
  };
}

const DELETE: Verb = {
  name: "delete",
  summary: "delete a webhook; what is pending is cancelled, its history stays readable",
  doing: "delete the webhook",
  id_of: WEBHOOK_ID,
  of_site: true,
  async run({ backend, site_id, id }) {
    const answer = await backend.call("DELETE", sitePath(site_id, "webhooks", id));
    return { answer, text: () => `Webhook ${id} is deleted.` };
  },
};

/** The commands that change a webhook. */
export const CHANGE_VERBS: readonly Verb[] = [UPDATE, switching(true), switching(false), DELETE];
