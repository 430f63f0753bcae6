/**
 * An event as a message for a webhook of Discord.
 *
 * Owns the message's embed and Discord's limits. What a caller wrote is escaped, so that it shows as it is, and nobody is
 * notified whatever it says.
 *
 * @module
 */
import { clip, clipLines } from "./clip.ts";
import type { Summary, SummaryField, Tone } from "./summary.ts";

/**
 * What Discord takes, in characters and pieces (docs.discord.com, "Message Resource: Embed Limits" and "Webhook Resource:
 * Execute Webhook").
 */
export const DISCORD = {
  content_chars_max: 2000,
  title_chars_max: 256,
  description_chars_max: 4096,
  fields_max: 25,
  field_name_chars_max: 256,
  field_value_chars_max: 1024,
  /** Title, description, names and values of all fields together. */
  embed_chars_max: 6000,
  url_chars_max: 2048,
} as const;

/** Content is what a notification shows: short is the point. */
const CONTENT_CHARS = 300;
/** With it the longest event of every kind stays within what an embed may be in all; a test tries them. */
const DESCRIPTION_CHARS = 3000;

const COLORS: Readonly<Record<Tone, number>> = { good: 0x2eb67d, notice: 0x5865f2, bad: 0xd93025 };

/**
 * Markup anywhere in a line, a list at its beginning, and the colon that makes a link of a URL. A backslash before any
 * punctuation shows it as it is.
 */
const MARKUP = /[\\*_~`|<>[\]@#]|(?<=^\s*)[-+](?=\s)|(?<=^\s*\d+)\.(?=\s)|:(?=\/\/)/gm;

function escape(text: string): string[] {
  return text.replace(MARKUP, "\\$&").match(/\\?./gsu) ?? [];
}

interface EmbedField {
  readonly name: string;
  readonly value: string;
  readonly inline: boolean;
}

/** A message as a webhook takes it. */
export interface DiscordMessage {
  readonly content: string;
  readonly allowed_mentions: { readonly parse: readonly [] };
  readonly embeds: readonly [{
    readonly title: string;
    readonly url?: string;
    readonly description?: string;
    readonly color: number;
    readonly fields: readonly EmbedField[];
    readonly timestamp?: string;
  }];
}

/**
 * Makes the message.
 *
 * @param summary The event in words.
 * @param dashboard_url Where its site is looked at, or null.
 * @returns The message, within all limits.
 */
export function discordMessage(summary: Summary, dashboard_url: string | null): DiscordMessage {
  const { title, text, message, tone, fields, at } = summary;
  const url = dashboard_url !== null && dashboard_url.length <= DISCORD.url_chars_max ? dashboard_url : null;
  return {
    content: clip(escape(text), CONTENT_CHARS),
    allowed_mentions: { parse: [] },
    embeds: [{
      title: clip(escape(title), DISCORD.title_chars_max),
      ...(url === null ? {} : { url }),
      ...(message === null ? {} : { description: clip(escape(message), DESCRIPTION_CHARS) }),
      color: COLORS[tone],
      fields: fields.map(embedField),
      ...(at === null ? {} : { timestamp: new Date(at).toISOString() }),
    }],
  };
}

function embedField({ name, lines }: SummaryField): EmbedField {
  const value = clipLines(lines, DISCORD.field_value_chars_max, escape);
  return { name, value, inline: lines.length === 1 };
}
