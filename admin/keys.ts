/**
 * `deno task admin keys …`: API keys.
 *
 * Owns how they are asked for and shown. A key itself is printed once, where it is made.
 *
 * @module
 */
import { SCOPES } from "../lib/api_key.ts";
import type { ShownKey } from "../lib/keys.ts";
import type { Listed } from "./backend.ts";
import { each, type FieldFlag, moment, oneOf, text } from "./field_flags.ts";
import { type Column, minuteOf, record, table } from "./table.ts";
import type { Noun, Verb } from "./verb.ts";

const PATH = "/v1/keys";

const FIELDS: readonly FieldFlag[] = [
  { flag: "--name <name>", path: ["name"], summary: "what it is for", read: text, required: true },
  {
    flag: "--scope <scope>",
    path: ["scope"],
    summary: `what it may do: ${SCOPES.join(", ")}`,
    read: oneOf(SCOPES),
    required: true,
  },
  {
    flag: "--site <domain>",
    path: ["sites"],
    summary: "a site it is for, as often as needed; '*' for all",
    read: each,
  },
  {
    flag: "--expires <when>",
    path: ["expires_at"],
    summary: "when it ends: a date, a moment (RFC 3339), or a span from now (12h, 90d); without it, never",
    read: moment,
  },
];

const CREATE: Verb = {
  name: "create",
  summary: "make a key and show it, this once",
  doing: "create the key",
  fields: FIELDS,
  examples: [
    "keys create --name plausible --scope ingest --site example.com",
    "keys create --name dashboard --scope read --site '*' --expires 90d",
  ],
  async run({ backend, input }) {
    const answer = await backend.call<ShownKey & { key: string }>("POST", PATH, { body: input });
    const { key, ...shown } = answer;
    return {
      answer,
      text: () =>
        `${record(shown)}\n\n  ${key}\n\nThis is the key. It is shown only now and stored nowhere: keep it.`,
    };
  },
};

function columns(now_ms: number): Column<ShownKey>[] {
  return [
    { title: "ID", cell: ({ id }) => id, whole: true },
    { title: "NAME", cell: ({ name }) => name },
    { title: "SCOPE", cell: ({ scope }) => scope, whole: true },
    { title: "SITES", cell: ({ sites }) => sites },
    { title: "EXPIRES", cell: ({ expires_at }) => expiry(expires_at, now_ms), whole: true },
    { title: "LAST USED", cell: ({ last_used_at }) => minuteOf(last_used_at), whole: true },
  ];
}

function expiry(expires_at: string | null, now_ms: number): string | null {
  const over = expires_at !== null && Date.parse(expires_at) <= now_ms;
  return over ? `over: ${minuteOf(expires_at)}` : minuteOf(expires_at);
}

const LIST: Verb = {
  name: "list",
  summary: "list all keys, expired ones too, without the keys themselves",
  doing: "list the keys",
  async run({ backend, columns: width, now_ms }) {
    const answer = await backend.call<Listed<ShownKey>>("GET", PATH);
    return {
      answer,
      text: () =>
        answer.data.length === 0
          ? `There is no key in ${backend.place}.`
          : table(answer.data, columns(now_ms), width),
    };
  },
};

const REVOKE: Verb = {
  name: "revoke",
  summary: "end a key at once, for good",
  doing: "revoke the key",
  id_of: "the key, as `keys list` shows it",
  async run({ backend, id }) {
    const answer = await backend.call("DELETE", `${PATH}/${id}`);
    return { answer, text: () => `Key ${id} is revoked: no request with it is accepted any more.` };
  },
};

/** The commands about API keys. */
export const KEYS: Noun = { name: "keys", summary: "API keys", verbs: [CREATE, LIST, REVOKE] };
