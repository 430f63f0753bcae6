/**
 * `deno task admin webhooks …`: webhooks of a site.
 *
 * Owns how they are asked for and shown. A secret is printed once, where it is made.
 *
 * @module
 */
import type { ShownWebhook } from "../lib/shown_webhook.ts";
import type { ShownSecret } from "../lib/secret.ts";
import { type Listed, sitePath } from "./backend.ts";
import { type FieldFlag, flagName, text } from "./field_flags.ts";
import { type Column, record, table } from "./table.ts";
import { safeText } from "./terminal_text.ts";
import type { Noun, Verb } from "./verb.ts";
import { CHANGE_VERBS } from "./webhook_changes.ts";
import { WEBHOOK_FLAGS } from "./webhook_flags.ts";
import { OPERATION_VERBS, secretText, withoutSecret } from "./webhook_operations.ts";

const REQUIRED = new Set(["--url", "--events"]);

const CREATE_FLAGS: readonly FieldFlag[] = [
  ...WEBHOOK_FLAGS.map((field) => REQUIRED.has(flagName(field)) ? { ...field, required: true } : field),
  {
    flag: "--secret <secret>",
    path: ["secret"],
    summary: "a secret of your own; better in --body -, where no other user of the machine sees it",
    read: text,
  },
];

const CREATE: Verb = {
  name: "create",
  summary: "make a webhook and show its secret, this once",
  doing: "create the webhook",
  of_site: true,
  fields: CREATE_FLAGS,
  takes_body: true,
  examples: [
    "webhooks create --site example.com --url https://hooks.example.com/in --events goal_completion,visitor_spike",
    "webhooks create --site example.com --body webhook.json",
    "--url http://127.0.0.1:8080 --key - webhooks create --site example.com --url https://… --events …",
  ],
  async run({ backend, site_id, input }) {
    const path = sitePath(site_id, "webhooks");
    const answer = await backend.call<ShownWebhook & ShownSecret>("POST", path, { body: input });
    return { answer, text: () => `${record(withoutSecret(answer))}\n\n${secretText(answer)}` };
  },
};

const COLUMNS: readonly Column<ShownWebhook>[] = [
  { title: "ID", cell: ({ id }) => id, whole: true },
  { title: "NAME", cell: ({ name }) => name },
  { title: "STATUS", cell: ({ status }) => status, whole: true },
  { title: "EVENTS", cell: ({ events }) => events },
  { title: "PENDING", cell: ({ health }) => health.pending, whole: true },
  { title: "URL", cell: ({ url }) => url },
];

/** What the owners of listed webhooks should know, below the table: a column for it would be empty nearly always. */
function hints(webhooks: readonly ShownWebhook[]): string[] {
  return webhooks.flatMap(({ id, hint }) => hint === undefined ? [] : [safeText(`${id}: ${hint}`)]);
}

const LIST: Verb = {
  name: "list",
  summary: "list the webhooks of a site",
  doing: "list the webhooks",
  of_site: true,
  async run({ backend, site_id, columns }) {
    const answer = await backend.call<Listed<ShownWebhook>>("GET", sitePath(site_id, "webhooks"));
    return {
      answer,
      text: () =>
        answer.data.length === 0
          ? `${site_id} has no webhook in ${backend.place}.`
          : [table(answer.data, COLUMNS, columns), ...hints(answer.data)].join("\n"),
    };
  },
};

const SHOW: Verb = {
  name: "show",
  summary: "show a webhook with all its fields and how it is doing",
  doing: "show the webhook",
  id_of: "the webhook, as `webhooks list` shows it",
  of_site: true,
  async run({ backend, site_id, id }) {
    const answer = await backend.call<ShownWebhook>("GET", sitePath(site_id, "webhooks", id));
    return { answer, text: () => record(answer) };
  },
};

/** The commands about webhooks. */
export const WEBHOOKS: Noun = {
  name: "webhooks",
  summary: "webhooks of a site",
  verbs: [CREATE, ...CHANGE_VERBS, LIST, SHOW, ...OPERATION_VERBS],
};
