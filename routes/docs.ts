/**
 * `GET /docs`: the reference for people.
 *
 * @module
 */
import { Hono } from "hono";
import { refuseQuery } from "./body.ts";
import type { Env, RoutePorts } from "./context.ts";
import { apiDocument } from "./docs_document.ts";
import { docsPage } from "./docs_page.ts";
import { DOCS_STYLE } from "./docs_style.ts";
import { openapiDocument } from "./openapi.ts";

/** Nothing is loaded and nothing runs: the page has one style sheet, known by its hash. */
async function contentSecurityPolicy(): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(DOCS_STYLE));
  const style = `style-src 'sha256-${new Uint8Array(hash).toBase64()}'`;
  return `default-src 'none'; ${style}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
}

async function made(version: string): Promise<{ page: string; policy: string }> {
  const page = await docsPage(apiDocument(openapiDocument(version)));
  return { page, policy: await contentSecurityPolicy() };
}

/**
 * The route of the page. It needs no key.
 *
 * @param ports The version.
 * @returns `GET /docs`.
 */
export function docsRoutes({ version }: Pick<RoutePorts, "version">): Hono<Env> {
  // Made when it is first asked for: most processes are never asked.
  let kept: ReturnType<typeof made> | null = null;
  return new Hono<Env>().get("/docs", async (context) => {
    refuseQuery(context);
    const { page, policy } = await (kept ??= made(version));
    return context.html(page, 200, { "Content-Security-Policy": policy, "Referrer-Policy": "no-referrer" });
  });
}
