/**
 * An event as a message for an incoming webhook of Slack.
 *
 * Owns the message's blocks and Slack's limits. What a caller wrote goes into `plain_text` objects only, which know no
 * markup, and is escaped besides: it must never mention anyone, link or format anything.
 *
 * @module
 */
import { clip, clipLines } from "./clip.ts";
import type { Summary, SummaryField } from "./summary.ts";

/**
 * What Slack takes, in characters and pieces (docs.slack.dev, "Reference: Block Kit": header, section and context
 * block). `text` may be 40,000 long, but it is what a notification shows: short is the point.
 */
export const SLACK = {
  text_chars_max: 300,
  header_chars_max: 150,
  section_chars_max: 3000,
  field_chars_max: 2000,
  fields_max: 10,
  blocks_max: 50,
  link_chars_max: 2000,
} as const;

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

/** The three characters of docs.slack.dev, "Formatting message text: Escaping text"; without `<` nothing is mentioned. */
function escape(text: string): string[] {
  return Array.from(text, (character) => ENTITIES[character] ?? character);
}

interface TextObject {
  readonly type: "plain_text" | "mrkdwn";
  readonly text: string;
  readonly emoji?: false;
  readonly verbatim?: true;
}

/** A block of a message. */
type Block =
  | { readonly type: "header"; readonly text: TextObject }
  | { readonly type: "section"; readonly text: TextObject }
  | { readonly type: "section"; readonly fields: readonly TextObject[] }
  | { readonly type: "context"; readonly elements: readonly TextObject[] };

/** A message as an incoming webhook takes it. */
export interface SlackMessage {
  readonly text: string;
  readonly mrkdwn: false;
  readonly link_names: false;
  readonly unfurl_links: false;
  readonly unfurl_media: false;
  readonly blocks: readonly Block[];
}

/**
 * Makes the message.
 *
 * @param summary The event in words.
 * @param dashboard_url Where its site is looked at, or null.
 * @returns The message, within all limits.
 */
export function slackMessage(summary: Summary, dashboard_url: string | null): SlackMessage {
  const context = [...link(dashboard_url), ...time(summary.at)];
  return {
    // Shown in notifications; the channel shows the blocks.
    text: clip(escape(summary.text), SLACK.text_chars_max),
    mrkdwn: false,
    // `@channel` without brackets stays a word.
    link_names: false,
    unfurl_links: false,
    unfurl_media: false,
    blocks: [
      { type: "header", text: plain(clip(escape(summary.title), SLACK.header_chars_max)) },
      ...(summary.message === null ? [] : [
        { type: "section", text: plain(clip(escape(summary.message), SLACK.section_chars_max)) } as const,
      ]),
      ...sections(summary.fields),
      ...(context.length === 0 ? [] : [{ type: "context", elements: context } as const]),
    ],
  };
}

/** Two columns, since only so a value can be plain text beside a name in bold. */
function sections(fields: readonly SummaryField[]): Block[] {
  const columns = fields.flatMap(({ name, lines }) => [
    ours(`*${name}*`),
    plain(clipLines(lines, SLACK.field_chars_max, escape)),
  ]);
  const blocks: Block[] = [];
  for (let at = 0; at < columns.length; at += SLACK.fields_max) {
    blocks.push({ type: "section", fields: columns.slice(at, at + SLACK.fields_max) });
  }
  return blocks;
}

/** What a caller wrote: no markup, and `:tada:` stays as it is. */
function plain(text: string): TextObject {
  return { type: "plain_text", text, emoji: false };
}

/** What Tidings wrote. */
function ours(text: string): TextObject {
  return { type: "mrkdwn", text, verbatim: true };
}

function link(url: string | null): TextObject[] {
  if (url === null || url.length > SLACK.link_chars_max) return [];
  const target = escape(url.replaceAll("|", "%7C")).join("");
  return [ours(`<${target}|Open the dashboard>`)];
}

/** In the reader's own zone ("Formatting message text: Date formatting"). */
function time(at: number | null): TextObject[] {
  if (at === null) return [];
  const fallback = new Date(at).toISOString();
  return [ours(`<!date^${Math.floor(at / 1000)}^{date_short_pretty} {time}|${fallback}>`)];
}
