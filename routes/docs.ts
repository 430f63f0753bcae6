/**
 * The reference for people, made of the same document.
 *
 * @module
 */
import type { JsonObject } from "../lib/merge_patch.ts";
import { apiDocument } from "./docs_document.ts";
import { docsPage } from "./docs_page.ts";
import { DOCS_STYLE } from "./docs_style.ts";

/** Nothing is loaded and nothing runs: the page has one style sheet, known by its hash. */
async function contentSecurityPolicy(): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(DOCS_STYLE));
  const style = `style-src 'sha256-${new Uint8Array(hash).toBase64()}'`;
  return `default-src 'none'; ${style}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
}

/**
 * Makes the page.
 *
 * @param document The OpenAPI document.
 * @returns HTML, and the policy it is sent with.
 */
export async function docsOf(document: JsonObject): Promise<{ page: string; policy: string }> {
  return { page: await docsPage(apiDocument(document)), policy: await contentSecurityPolicy() };
}
