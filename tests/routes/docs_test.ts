/**
 * `/docs`: complete, needing nothing from elsewhere, safe, and with commands that work as printed.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ERROR_STATUS } from "../../lib/errors.ts";
import { apiDocument } from "../../routes/docs_document.ts";
import { docsPage } from "../../routes/docs_page.ts";
import { EXAMPLE_IDS } from "../../routes/openapi_examples.ts";
import { ADMIN_KEY, goal, sitePath } from "../helpers/api.ts";
import { DOCUMENT } from "../helpers/conformance.ts";
import { answersOf, object, OPERATIONS } from "../helpers/described.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startTestService } from "../helpers/service.ts";

const PAGE = await docsPage(apiDocument(DOCUMENT));

/** A text as HTML has it, and back. */
const ENTITIES: readonly [string, string][] = [
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ['"', "&quot;"],
  ["'", "&#39;"],
];
function escaped(text: string): string {
  return ENTITIES.reduce((made, [plain, entity]) => made.replaceAll(plain, entity), text);
}
function unescaped(text: string): string {
  return ENTITIES.toReversed().reduce((made, [plain, entity]) => made.replaceAll(entity, plain), text);
}

/** The part of the page that is about an operation. */
function articleOf(id: string): string {
  const [, article] = PAGE.split(`<article id="${id}"`);
  assert(article !== undefined, `the page has no ${id}`);
  return article.slice(0, article.indexOf("</article>"));
}

Deno.test("every operation is on the page, with every parameter, answer and error that it has", () => {
  for (const described of OPERATIONS) {
    const article = articleOf(described.id);
    assertStringIncludes(article, `>${described.method}</span>`);
    assertStringIncludes(article, `<code>${described.path}</code>`);
    assertStringIncludes(PAGE, `<a href="#${described.id}"><span`, "it is in the contents");
    for (const { name } of (described.operation["parameters"] ?? []) as { name: string }[]) {
      assertStringIncludes(article, `<code>${name}</code>`);
    }
    for (const [status, examples] of answersOf(described)) {
      assertStringIncludes(article, String(status));
      for (const { type, value } of examples) {
        if (type !== "application/problem+json") continue;
        const { code, title, detail } = value as { code: string; title: string; detail?: string };
        assertStringIncludes(article, `<code>${code}</code>`);
        assertStringIncludes(article, escaped(detail ?? title));
      }
    }
  }
});

Deno.test("every code of an error, every schema and every field is on the page", () => {
  for (const [code, [status]] of Object.entries(ERROR_STATUS)) {
    assertMatch(PAGE, new RegExp(`<code>${code}</code></th>\\s*<td>${status}</td>`));
  }
  const schemas = object(object(DOCUMENT["components"])["schemas"]);
  for (const [name, schema] of Object.entries(schemas)) {
    for (const field of Object.keys(object(object(schema)["properties"] ?? {}))) {
      assertMatch(PAGE, new RegExp(`<code>(?:[^<]*\\.)?${field}</code>`), `${name}.${field}`);
    }
  }
});

Deno.test("links lead somewhere within the page or the service, and no name is given twice", () => {
  const ids = PAGE.matchAll(/\bid="([^"]+)"/g).map(([, id]) => id).toArray();
  assertEquals(new Set(ids).size, ids.length);
  const links = PAGE.matchAll(/\bhref="([^"]+)"/g).map(([, link]) => link).toArray();
  assert(links.length > OPERATIONS.length);
  for (const link of links) assert(link === "/openapi.json" || ids.includes(link?.slice(1)), link);
});

Deno.test("the page needs nothing from anywhere else, and nothing in it runs", () => {
  for (
    const foreign of [/<script/i, /\ssrc=/i, /<link/i, /<img/i, /@import/, /url\(/i, /\son\w+=/i, /<iframe/i]
  ) {
    assertEquals(foreign.exec(PAGE), null);
  }
});

Deno.test("the page is served to anybody, under a policy that lets nothing in but its own style", async () => {
  await using service = await startTestService();
  const { status, headers, text } = await service.call("GET", "/docs", undefined, { key: null });
  assertEquals([status, text, headers.get("Content-Type")], [200, PAGE, "text/html; charset=UTF-8"]);
  const [, style = ""] = /<style>([\s\S]*?)<\/style>/.exec(text) ?? [];
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style));
  assertEquals(
    headers.get("Content-Security-Policy"),
    `default-src 'none'; style-src 'sha256-${
      new Uint8Array(hash).toBase64()
    }'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  );
});

Deno.test("whatever the document says is shown as text", async () => {
  const hostile = `"><script>alert('1')</script>&lt;`;
  const text = JSON.stringify(DOCUMENT).replaceAll("Post an event", JSON.stringify(hostile).slice(1, -1))
    .replaceAll("goal_name", JSON.stringify(hostile).slice(1, -1));
  const page = await docsPage(apiDocument(JSON.parse(text)));
  assertEquals(page.includes("<script"), false);
  assertStringIncludes(page, escaped(hostile));
});

Deno.test("every command on the page works as printed", async () => {
  await using service = await startTestService({ env: { TIDINGS_PLAUSIBLE_URL: "http://127.0.0.1:9" } });
  await using receiver = startReceiver();
  await service.call("PUT", sitePath("/watch"), {});
  const { json: key } = await service.call<{ id: string }>("POST", "/v1/keys", { name: "x", scope: "admin" });
  let commands = 0;
  for (const { id } of OPERATIONS) {
    const { id: webhook_id } = await service.webhook(receiver.url);
    const tried = await service.call<{ id: string }>("POST", sitePath(`/webhooks/${webhook_id}/test`));
    const { id: event_id } = await service.post(goal(1));
    const ids = { ...EXAMPLE_IDS, webhook_id, event_id, delivery_id: tried.json.id, key_id: key.id };
    for (const [, html = ""] of articleOf(id).matchAll(/<pre class="command"><code>([\s\S]*?)<\/code>/g)) {
      const printed = unescaped(html);
      const placed = Object.entries(ids).reduce(
        // In a path only: an id in a body names what is to be made.
        (text, [name, value]) => text.replace(`/${EXAMPLE_IDS[name as keyof typeof ids]}`, `/${value}`),
        printed.replaceAll("https://hooks.example.com/in", receiver.url),
      );
      const { code, stdout, stderr } = await new Deno.Command("bash", {
        args: ["-euc", `${placed} --write-out '\\n%{http_code}'`],
        env: { TIDINGS: service.url, KEY: ADMIN_KEY },
      }).output();
      const answer = new TextDecoder().decode(stdout);
      assertEquals(code, 0, new TextDecoder().decode(stderr));
      assertMatch(answer, /\n2\d\d$/, printed);
      commands++;
    }
  }
  assert(commands > OPERATIONS.length);
});
