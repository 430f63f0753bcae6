/**
 * One call on the reference page: how it is made, what it takes, what it answers.
 *
 * @module
 */
import { html } from "hono/html";
import {
  type ApiCall,
  type ApiContent,
  type ApiDocument,
  type ApiParameter,
  type ApiResponse,
  nameOf,
  responsesOf,
} from "./docs_document.ts";
import { fieldTable, type Html, prose, schemaTable } from "./docs_schema.ts";

const PROBLEM = "application/problem+json";
/** A body up to this long stands on one line. */
const LINE_CHARS = 70;

/** A text as one word of a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function shown(value: unknown): string {
  if (typeof value === "string") return value;
  const line = JSON.stringify(value);
  return line.length <= LINE_CHARS ? line : JSON.stringify(value, null, 2);
}

/**
 * The call as a command of a shell; `TIDINGS` and `KEY` are set at the top of the page. Only the first example has the
 * headers of the call: with another body an idempotency key would be refused.
 */
function curl({ method, path, operation }: ApiCall, type: string | null, body: unknown, index = 0): string {
  const { parameters = [], security } = operation;
  const example = (name: string): string =>
    encodeURIComponent(parameters.find((one) => one.name === name)?.example ?? name);
  const headers = parameters.flatMap((one) =>
    index === 0 && one.in === "header" && one.example !== undefined ? [`${one.name}: ${one.example}`] : []
  );
  const words = [
    ...method === (type === null ? "GET" : "POST") ? [] : [`-X ${method}`],
    `"$TIDINGS${path.replaceAll(/\{(\w+)\}/g, (_, name) => example(name))}"`,
    ...security.length === 0 ? [] : ['-H "Authorization: Bearer $KEY"'],
    ...(type === null ? headers : [`Content-Type: ${type}`, ...headers]).map((header) =>
      `-H ${quoted(header)}`
    ),
    ...type === null ? [] : [`-d ${quoted(shown(body))}`],
  ];
  return `curl -sS ${words.join(" \\\n  ")}`;
}

function commands(call: ApiCall): Html {
  const [[type, media] = []] = Object.entries(call.operation.requestBody?.content ?? {});
  const all = media === undefined || type === undefined
    ? [{ name: null, text: curl(call, null, null) }]
    : Object.entries(media.examples).map(([name, { value }], index) => ({
      name,
      text: curl(call, type, value, index),
    }));
  return html`${
    all.map(({ name, text }, index) => {
      const block = html`<pre class="command"><code>${text}</code></pre>`;
      return index === 0
        ? block
        : html`<details><summary>Example: ${name?.replaceAll("_", " ")}</summary>${block}</details>`;
    })
  }`;
}

function parameterTable(parameters: readonly ApiParameter[]): Html | string {
  if (parameters.length === 0) return "";
  return fieldTable(
    "Parameters",
    parameters.map(({ name, in: place, required = false, description, schema }) => ({
      name,
      needed: required,
      schema,
      meaning: `In the ${place}. ${description ?? schema.description ?? ""}`,
    })),
  );
}

function bodyTable({ operation }: ApiCall, { components }: ApiDocument): Html | string {
  const { requestBody } = operation;
  if (requestBody === undefined) return "";
  const types = Object.keys(requestBody.content);
  const $ref = Object.values(requestBody.content)[0]?.schema.$ref ?? "";
  const optional = requestBody.required ? "" : ", may be left out";
  return schemaTable(`Body (${types.join(" or ")}${optional})`, components.schemas[nameOf($ref)] ?? {});
}

function example(content: ApiContent): Html {
  return html`${
    Object.values(content).map(({ examples }) =>
      Object.values(examples).map(({ value }) => html`<pre><code>${shown(value)}</code></pre>`)
    )
  }`;
}

function answer(status: number, { description, content, headers }: ApiResponse): Html {
  const names = Object.keys(headers).filter((name) => name !== "X-Request-Id");
  const refs = Object.values(content ?? {}).flatMap(({ schema }) => schema.$ref ?? []);
  return html`<details class="answer"><summary><strong>${status}</strong> ${prose(description)}</summary>
${refs.map((ref) => html`<p>Body: <a href="#schema-${nameOf(ref)}">${nameOf(ref)}</a>.</p>`)}${
    names.length === 0 ? "" : html`<p>Headers: ${
      names.map((name) =>
        html`
          <code>${name}</code>
        `
      )
    }</p>`
  }
${content === undefined ? "" : example(content)}</details>`;
}

/** What a problem says, as the page shows it. */
interface ShownProblem {
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly detail?: string;
}

function errorTable(responses: readonly ApiResponse[]): Html | string {
  const problems = responses.flatMap(({ content = {} }) =>
    Object.values(content[PROBLEM]?.examples ?? {}).map(({ value }) => value as ShownProblem)
  );
  if (problems.length === 0) return "";
  const codes = new Set(problems.map(({ status }) => status));
  return html`
    <details class="errors">
      <summary>Errors: ${[...codes].join(", ")}</summary>
      <table>
        <caption>Errors, with a detail that the service gives</caption>
        <thead>
          <tr>
            <th scope="col">Status</th>
            <th scope="col">Code</th>
            <th scope="col">Detail</th>
          </tr>
        </thead>
        <tbody>${problems.map(({ status, code, title, detail }) =>
          html`
            <tr>
              <td>${status}</td>
              <th scope="row"><code>${code}</code></th>
              <td>${detail ?? title}</td>
            </tr>
          `
        )}
        </tbody>
      </table>
    </details>
  `;
}

/**
 * A call of the reference page.
 *
 * @param call The call.
 * @param document The document it is of.
 * @returns An article; its anchor is the operation's id.
 */
export function operationHtml(call: ApiCall, document: ApiDocument): Html {
  const { method, path, operation } = call;
  const { operationId, summary, description, parameters = [] } = operation;
  const responses = responsesOf(call, document);
  const answers = responses.filter(({ response }) => !(PROBLEM in (response.content ?? {})));
  const errors = responses.filter(({ response }) => PROBLEM in (response.content ?? {}));
  return html`<article id="${operationId}" aria-labelledby="${operationId}-title">
<h3 id="${operationId}-title"><a href="#${operationId}">${summary}</a></h3>
<p class="call"><span class="method ${method.toLowerCase()}">${method}</span> <code>${path}</code></p>
<p>${prose(description)}</p>
${commands(call)}
${parameterTable(parameters)}
${bodyTable(call, document)}
<h4>Answers</h4>
${answers.map(({ status, response }) => answer(status, response))}
${errorTable(errors.map(({ response }) => response))}
</article>`;
}
