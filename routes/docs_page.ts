/**
 * `/docs`: the OpenAPI document as one page for people.
 *
 * Owns the page as a whole. It must need nothing from anywhere else: no script, no font, no picture, no style but its own.
 *
 * @module
 */
import { html, raw } from "hono/html";
import { ERROR_STATUS } from "../lib/errors.ts";
import { type ApiCall, type ApiDocument, callsOf, nameOf } from "./docs_document.ts";
import { operationHtml } from "./docs_operation.ts";
import { type Html, schemaTable } from "./docs_schema.ts";
import { DOCS_STYLE } from "./docs_style.ts";

function slug(name: string): string {
  return `section-${name.toLowerCase()}`;
}

function contents(sections: readonly Section[]): Html {
  return html`
    <nav aria-labelledby="contents">
      <h2 id="contents">Contents</h2>
      <ul class="chapters">
    <li><a href="#begin">How to call</a></li>
    <li><a href="#errors">Errors</a></li>
    ${sections.map(({ name, calls }) =>
      html`
        <li><a href="#${slug(name)}">${name}</a>
        <ul>${calls.map(({ method, operation }) =>
          html`
            <li><a href="#${operation.operationId}"><span class="method ${method
              .toLowerCase()}">${method}</span> ${operation.summary}</a></li>
          `
        )}
        </ul></li>
      `
    )}<li><a href="#schemas">Schemas</a></li>
      </ul>
    </nav>
  `;
}

/** What the commands of the page need. */
const SETTINGS = `export TIDINGS=http://127.0.0.1:8080   # where this service is
export KEY=tdk_…                       # a key of yours`;

function introduction(): Html {
  return html`
    <section aria-labelledby="begin">
      <h2 id="begin">How to call</h2>
      <p>All bodies are JSON in UTF-8, all times RFC 3339. Every answer has an <code>X-Request-Id</code>: name it when you
    report a problem. A call takes the query parameters named here and no others. The commands on this page work as they
    stand once these two are set:</p>
      <pre><code>${SETTINGS}</code></pre>
      <p>The same in a form for machines is <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1); this page is made of it.</p>
    </section>
  `;
}

function errors(): Html {
  return html`
    <section aria-labelledby="errors">
      <h2 id="errors">Errors</h2>
      <p>An error is <code>application/problem+json</code> (RFC 9457), of the form
    <a href="#schema-Problem">Problem</a>. Decide by <code>code</code>; <code>detail</code> is for people. Repeat a call
    that answered 429 or 503 after the seconds that <code>Retry-After</code> says.</p>
      <table>
        <caption>Codes</caption>
        <thead>
          <tr>
            <th scope="col">Code</th>
            <th scope="col">Status</th>
            <th scope="col">Meaning</th>
          </tr>
        </thead>
        <tbody>${Object.entries(ERROR_STATUS).map(([code, [status, title]]) =>
          html`
            <tr>
              <th scope="row"><code>${code}</code></th>
              <td>${status}</td>
              <td>${title}</td>
            </tr>
          `
        )}
        </tbody>
      </table>
    </section>
  `;
}

/** The calls that have to do with one thing. */
interface Section {
  readonly name: string;
  readonly description: string;
  readonly calls: readonly ApiCall[];
}

function sectionHtml({ name, description, calls }: Section, document: ApiDocument): Html {
  return html`<section aria-labelledby="${slug(name)}">
<h2 id="${slug(name)}">${name}</h2>
<p>${description}.</p>
${calls.map((call) => operationHtml(call, document))}
</section>`;
}

/** Bodies of calls are shown with their call; what they and the answers are made of is shown once, here. */
function schemas(document: ApiDocument): Html {
  const bodies = callsOf(document).flatMap(({ operation }) =>
    Object.values(operation.requestBody?.content ?? {}).map(({ schema }) => nameOf(schema.$ref ?? ""))
  );
  const others = Object.entries(document.components.schemas).filter(([name]) => !bodies.includes(name));
  return html`<section aria-labelledby="schemas">
<h2 id="schemas">Schemas</h2>
<p>What answers and bodies are made of.</p>
${
    others.toSorted(([a], [b]) => a.localeCompare(b, "en")).map(([name, schema]) =>
      html`
        <article id="schema-${name}" aria-labelledby="schema-${name}-title">
        <h3 id="schema-${name}-title"><a href="#schema-${name}">${name}</a></h3>
        ${schemaTable(`Fields of ${name}`, schema)}
        </article>
      `
    )
  }</section>`;
}

/**
 * The page.
 *
 * @param document What it shows.
 * @returns HTML.
 */
export async function docsPage(document: ApiDocument): Promise<string> {
  const calls = callsOf(document);
  const sections = document.tags.map(({ name, description }) => ({
    name,
    description,
    calls: calls.filter(({ operation }) => operation.tags.includes(name)),
  }));
  const { title, version, summary } = document.info;
  const page = await html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>${title}: the API</title>
        <style>${raw(DOCS_STYLE)}</style>
      </head>
      <body>
        <a class="skip" href="#main">To the content</a>
        <header>
          <p><strong>${title}</strong> ${version}</p>
          <p>${summary}</p>
        </header>
        <div class="columns">
    ${contents(sections)}
    <main id="main">
    <h1>The API of ${title}</h1>
    ${introduction()}
    ${errors()}
    ${sections.map((section) => sectionHtml(section, document))}
    ${schemas(document)}
    </main>
        </div>
      </body>
    </html>
  `;
  return page.toString();
}
