/**
 * `deno task admin export` and `import`: the configuration as a document, out and in.
 *
 * Owns how they are asked for and shown. Secrets that an import made are shown once.
 *
 * @module
 */
import type { ExportDocument } from "../lib/export.ts";
import type { Imported } from "../lib/import.ts";
import { INPUT } from "../lib/limits.ts";
import { oneOf } from "./field_flags.ts";
import { type Column, table } from "./table.ts";
import type { Verb } from "./verb.ts";

/** The command that prints the configuration. */
export const EXPORT: Verb = {
  name: "export",
  summary: "print the configuration of every site as JSON, without secrets or with sealed ones",
  doing: "export the configuration",
  parameters: [{
    flag: "--secrets <form>",
    path: ["secrets"],
    summary: "sealed: with secrets and header values that open with the same TIDINGS_SECRET_KEY only",
    read: oneOf(["sealed"]),
  }],
  examples: ["export", "export --secrets sealed"],
  async run({ backend, parameters }) {
    const query = Object.fromEntries(
      Object.entries(parameters).map(([name, value]) => [name, String(value)]),
    );
    const answer = await backend.call<ExportDocument>("GET", "/v1/export", { query });
    return { answer, text: () => JSON.stringify(answer, null, 2) };
  },
};

const SECRET_COLUMNS: readonly Column<Imported["secrets_made"][number]>[] = [
  { title: "SITE", cell: ({ site_id }) => site_id, whole: true },
  { title: "WEBHOOK", cell: ({ webhook_id }) => webhook_id, whole: true },
  { title: "SECRET", cell: ({ secret }) => secret, whole: true },
];

/** The command that reads it. */
export const IMPORT: Verb = {
  name: "import",
  summary: "create and update webhooks as an export says; keys are not imported, and nothing is deleted",
  doing: "import the configuration",
  file_for: "the export; - reads it from stdin",
  file_bytes_max: INPUT.batch_bytes_max,
  examples: ["import configuration.json"],
  async run({ backend, input, columns }) {
    const answer = await backend.call<Imported>("POST", "/v1/import", { body: input });
    const { created, updated, unchanged, secrets_made } = answer;
    const done =
      `Webhooks in ${backend.place}: ${created} created, ${updated} updated, ${unchanged} unchanged.`;
    const secrets = secrets_made.length === 0
      ? ""
      : `\n\n${table(secrets_made, SECRET_COLUMNS, columns)}\n\n` +
        "These are the secrets that receivers verify signatures with. They are shown only now: keep them.";
    return { answer, text: () => done + secrets };
  },
};
