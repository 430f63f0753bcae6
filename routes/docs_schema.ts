/**
 * Schemas as tables that people read: name, type, limits, meaning.
 *
 * @module
 */
import { html } from "hono/html";
import { type ApiSchema, nameOf } from "./docs_document.ts";

/** A piece of the page: escaped, but for what is markup in its template. */
export type Html = ReturnType<typeof html>;

/** A text with `code` in it. */
export function prose(text: string): Html {
  return html`${text.split("`").map((part, index) => index % 2 === 1 ? html`<code>${part}</code>` : part)}`;
}

/** One line of a table. */
interface Row {
  readonly name: string;
  readonly schema: ApiSchema;
  readonly needed: boolean;
}

/** Pieces with a word between them. */
function joined(parts: readonly (Html | string)[], between: string): Html {
  return html`${parts.map((part, index) => index === 0 ? part : html`${between}${part}`)}`;
}

function code(value: unknown): Html {
  return html`<code>${JSON.stringify(value)}</code>`;
}

function typesOf({ type }: ApiSchema): readonly string[] {
  return typeof type === "string" ? [type] : type ?? [];
}

/** The alternatives of a schema, alternatives of alternatives included. */
function variantsOf(schema: ApiSchema): readonly ApiSchema[] {
  return schema.anyOf === undefined ? [schema] : schema.anyOf.flatMap(variantsOf);
}

function typeOf(schema: ApiSchema): Html | string {
  const variants = variantsOf(schema);
  if (variants.length > 1) {
    const texts = new Map(variants.map((variant) => [JSON.stringify(variant), variant]));
    const merged = variants.every(({ properties }) => properties !== undefined);
    return merged ? "object, in one of several forms" : joined([...texts.values()].map(typeOf), " or ");
  }
  const [only = schema] = variants;
  if (only.$ref !== undefined) {
    const name = nameOf(only.$ref);
    return html`<a href="#schema-${name}">${name}</a>`;
  }
  if (only.const !== undefined) return code(only.const);
  if (only.enum !== undefined) return joined(only.enum.map(code), ", ");
  const [type = "anything", ...others] = typesOf(only).map((name) => name === "null" ? "null" : name);
  const shown = type === "array" && only.items !== undefined
    ? html`array of ${typeOf(only.items)}`
    : only.format ?? type;
  return joined([shown, ...others], " or ");
}

function range(min: number | undefined, max: number | undefined, unit: string): string[] {
  // The largest whole number of JavaScript is no limit that anybody meets.
  const most = max === undefined || max >= Number.MAX_SAFE_INTEGER ? undefined : max.toLocaleString("en");
  const least = min === undefined || min <= Number.MIN_SAFE_INTEGER ? undefined : min.toLocaleString("en");
  if (least !== undefined && most !== undefined) return [`${least} to ${most}${unit}`];
  if (most !== undefined) return [`at most ${most}${unit}`];
  return least !== undefined ? [`at least ${least}${unit}`] : [];
}

function limitsOf(schema: ApiSchema): Html | null {
  const [first = schema] = variantsOf(schema).filter((variant) => typesOf(variant)[0] !== "null");
  const { exclusiveMinimum, pattern } = first;
  const fallback = schema.default ?? first.default;
  const limits: (Html | string)[] = [
    ...range(first.minLength, first.maxLength, " characters"),
    ...range(first.minimum, first.maximum, ""),
    ...exclusiveMinimum === undefined ? [] : [`above ${exclusiveMinimum}`],
    ...range(first.minItems, first.maxItems, " entries"),
    ...pattern === undefined ? [] : [html`matches <code>${pattern}</code>`],
    ...fallback === undefined ? [] : [html`default ${code(fallback)}`],
  ];
  return limits.length === 0 ? null : joined(limits, "; ");
}

/** What is inside a schema: the fields of an object, of the entries of a list, of what names lead to. */
function rowsOf(schema: ApiSchema, prefix: string): Row[] {
  const variants = variantsOf(schema);
  const inner = variants.flatMap(({ items, additionalProperties }) => [
    ...items === undefined ? [] : rowsOf(items, `${prefix.replace(/\.$/, "")}[].`),
    ...typeof additionalProperties === "object" ? rowsOf(additionalProperties, `${prefix}*.`) : [],
  ]);
  return [...fieldsOf(variants, prefix), ...inner];
}

/** The fields of an object, of several forms together: one that not every form needs is one that may be left out. */
function fieldsOf(variants: readonly ApiSchema[], prefix: string): Row[] {
  const forms = variants.filter(({ properties }) => properties !== undefined);
  const names = new Set(forms.flatMap(({ properties = {} }) => Object.keys(properties)));
  return [...names].flatMap((name) => {
    const given = forms.flatMap(({ properties = {} }) => properties[name] ?? []);
    const different = [...new Map(given.map((one) => [JSON.stringify(one), one])).values()];
    const [first = {}] = different;
    const { description = "" } = first;
    const schema = different.length === 1 ? first : { anyOf: different, description };
    const needed = forms.every(({ required = [] }) => required.includes(name));
    return [{ name: prefix + name, schema, needed }, ...rowsOf(schema, `${prefix}${name}.`)];
  });
}

/**
 * A table of fields.
 *
 * @param caption What they are fields of.
 * @param schema The schema.
 * @returns The table, or a line for what has no fields.
 */
export function schemaTable(caption: string, schema: ApiSchema): Html {
  const rows = rowsOf(schema, "");
  if (rows.length === 0) return html`<p>${typeOf(schema)} ${limitsOf(schema)}</p>`;
  return fieldTable(
    caption,
    rows.map(({ name, schema, needed }) => ({
      name,
      needed,
      schema,
      meaning: schema.description ?? "",
    })),
  );
}

/** One line of a table of fields or parameters. */
export interface Field {
  readonly name: string;
  readonly needed: boolean;
  readonly schema: ApiSchema;
  readonly meaning: string;
}

/**
 * A table of fields or parameters.
 *
 * @param caption What they are.
 * @param fields Its lines.
 * @returns The table.
 */
export function fieldTable(caption: string, fields: readonly Field[]): Html {
  return html`
    <table>
      <caption>${caption}</caption>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Type and limits</th>
          <th scope="col">Meaning</th>
        </tr>
      </thead>
      <tbody>${fields.map(({ name, needed, schema, meaning }) => {
        const limits = limitsOf(schema);
        return html`
          <tr>
            <th scope="row"><code>${name}</code>${needed
              ? html`
                <small>required</small>
              `
              : ""}</th>
            <td>${typeOf(schema)}${limits === null ? "" : html`<br><small>${limits}</small>`}</td>
            <td>${prose(meaning)}</td>
          </tr>
        `;
      })}
      </tbody>
    </table>
  `;
}
