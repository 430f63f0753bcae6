/**
 * The rules of the house: which room may import what, what the domain must not touch, and how files are named and begun.
 *
 * Owns the rules as one pure function of a path and its text; `tests/architecture_test.ts` holds every file against it.
 *
 * @module
 */
import manifest from "../../deno.json" with { type: "json" };
import { codeOf, importsOf, lineAt } from "./source_text.ts";

/** A room of the house and what may be imported into it: rooms, packages, and `node:` for all built-in modules. */
export interface Room {
  readonly folder: string;
  readonly may_import: readonly string[];
}

/** What every room may import: the domain, and what `@std/…` resolves to. */
const DOMAIN = ["lib/", "lib/std/", "lib/digest.ts"];

/** The rooms, the most particular first. */
export const ROOMS: readonly Room[] = [
  { folder: "lib/std/", may_import: ["lib/std/", "node:"] },
  {
    folder: "lib/outbound/",
    may_import: [
      ...DOMAIN,
      "lib/outbound/",
      "undici",
      "ipaddr.js",
      "ulid",
      "@prometheus-io/",
      "@opentelemetry/",
      "node:",
    ],
  },
  { folder: "lib/plausible/", may_import: [...DOMAIN, "lib/plausible/", "zod"] },
  // Digests are pure, and nothing else computes them at once.
  { folder: "lib/digest.ts", may_import: ["@noble/hashes/", "node:"] },
  { folder: "lib/", may_import: [...DOMAIN, "zod"] },
  // zod: a record read from KV and a message from its queue are parsed like any other input.
  { folder: "kv/", may_import: [...DOMAIN, "kv/", "zod"] },
  { folder: "routes/", may_import: [...DOMAIN, "routes/", "hono", "@hono/", "hono-openapi", "zod"] },
  // Callers copy it: it depends on nothing.
  { folder: "client/", may_import: ["client/"] },
  // node: administration is about this machine: its files, its disk, its clock.
  { folder: "admin/", may_import: [...DOMAIN, "admin/", "commander", "node:"] },
];

/** Where the house is put together: these may import everything. */
const COMPOSITION = ["main.ts", "service.ts", "admin/main.ts", "admin/local_service.ts"];

/** Outside the house: they use it, nothing in it uses them. */
export const WORKSHOPS = ["tests/", "bench/", "demo/", "generate/"];

/** Files that are better in one piece, and why. */
export const LONG_FILES: Readonly<Record<string, string>> = {
  "lib/store.ts": "is one port: who implements it, or a part of it, reads it in one piece",
  "client/tidings.ts": "is written by a program",
  "lib/std/assert.ts": "stands for one module of @std/assert, export by export",
};
/** Lines that a file may have if it does not say why it has more. */
export const LINES_MAX = 300;
const TOO_LONG = "split it, or say in LONG_FILES why it is better in one piece";

/** Names that say nothing about what is inside. */
const EMPTY_NAMES = new Set([
  "util",
  "utils",
  "helper",
  "helpers",
  "type",
  "types",
  "common",
  "misc",
  "shared",
]);

/** What the domain must not touch, because time, chance and the world come in through ports. */
const FORBIDDEN_IN_DOMAIN: Readonly<Record<string, RegExp>> = {
  "Deno": /(?<![.\w$])Deno\b/,
  "fetch()": /(?<![.\w$])fetch\s*\(/,
  "Date.now()": /\bDate\s*\.\s*now\b/,
  "new Date() without an argument": /\bnew\s+Date\b(?!\s*\(\s*[^\s)])/,
  "Date() without new": /(?<!\bnew\s+)(?<![.\w$])Date\s*\(/,
  "performance": /(?<![.\w$])performance\b/,
  "Math.random()": /\bMath\s*\.\s*random\b/,
  "crypto's randomness": /\bcrypto\s*\.\s*(?:getRandomValues|randomUUID)\b/,
  "timers": /(?<![.\w$])(?:setTimeout|setInterval|setImmediate)\b/,
  "AbortSignal.timeout()": /\bAbortSignal\s*\.\s*timeout\b/,
  "console": /(?<![.\w$])console\b/,
  "process": /(?<![.\w$])process\s*\./,
  "the global object": /(?<![.\w$])(?:globalThis|self|window)\s*[.[]/,
};

/** Calls that have one place each, as predicates on the path of a file. */
const ONE_PLACE: readonly { readonly what: string; readonly found: RegExp; at(path: string): boolean }[] = [
  { what: "listenQueue()", found: /\.\s*listenQueue\s*\(/, at: (path) => /^kv\/alarm[^/]*\.ts$/.test(path) },
  {
    what: "Deno.openKv()",
    found: /(?<![.\w$])Deno\s*\.\s*openKv\b/,
    at: (path) => path === "kv/open.ts" || COMPOSITION.includes(path),
  },
  {
    what: "Deno.env",
    found: /(?<![.\w$])Deno\s*\.\s*env\b/,
    at: (path) => path === "main.ts" || path.startsWith("admin/"),
  },
];

function roomOf(path: string): Room | undefined {
  return COMPOSITION.includes(path) ? undefined : ROOMS.find(({ folder }) => path.startsWith(folder));
}

function isWorkshop(path: string): boolean {
  return WORKSHOPS.some((folder) => path.startsWith(folder));
}

/** The file of the project that a specifier names, or null if it names something else. */
function fileOf(path: string, specifier: string): string | null {
  const mapped = new Map(Object.entries<string>(manifest.imports)).get(specifier);
  const base = mapped === undefined ? path : "deno.json";
  const relative = mapped ?? specifier;
  if (!relative.startsWith("./") && !relative.startsWith("../")) return null;
  // One folder down, so that what leaves the project is seen to leave it.
  const { pathname } = new URL(relative, `file:///outside/project/${base}`);
  return pathname.startsWith("/outside/project/")
    ? pathname.slice("/outside/project/".length)
    : `..${pathname}`;
}

/** What is wrong with one import, or null. */
function importFault(path: string, specifier: string | null): string | null {
  if (specifier === null) return "imports what only running it would tell";
  const scheme = /^([a-z]+):/.exec(specifier)?.[1];
  if (scheme !== undefined && scheme !== "node") {
    return `imports "${specifier}": packages are named in deno.json's import map, from npm, pinned`;
  }
  const room = roomOf(path);
  if (room === undefined) return null;
  const file = fileOf(path, specifier);
  const target = file === null ? undefined : roomOf(file)?.folder;
  const allowed = file === null
    ? room.may_import.some((name) =>
      specifier === name || specifier.startsWith(/[:/]$/.test(name) ? name : `${name}/`)
    )
    : target !== undefined && room.may_import.includes(target);
  return allowed ? null : `imports "${specifier}", which ${room.folder} may not`;
}

/** What is wrong with the name, the length and the beginning of a file. */
function shapeFaults(path: string, source: string): string[] {
  const [name = "", ...folders] = path.split("/").reverse();
  const words = [name.replace(/\.ts$/, ""), ...folders];
  const lines = source.trimEnd().split("\n").length;
  const begin = /^(?:#!.*\n)?\/\*\*(?:(?!\*\/)[\s\S])*?@module\b/;
  return [
    ...(begin.test(source) ? [] : ["does not begin with a module comment (/** … @module */)"]),
    ...(/^[a-z0-9]+(?:_[a-z0-9]+)*\.ts$/.test(name) ? [] : ["is not named in snake_case"]),
    ...(isWorkshop(path) || !words.some((word) => EMPTY_NAMES.has(word))
      ? []
      : ["has a name that says nothing"]),
    ...(isWorkshop(path) || path in LONG_FILES || lines <= LINES_MAX
      ? []
      : [`has ${lines} lines: ${TOO_LONG}`]),
    ...(isWorkshop(path) || COMPOSITION.includes(path) || roomOf(path) ? [] : ["is in no room of the house"]),
  ];
}

/** Where a forbidden thing is, if it is. */
function placesOf(code: string, pattern: RegExp): number[] {
  return [...code.matchAll(new RegExp(pattern, "g"))].map(({ index }) => lineAt(code, index));
}

/**
 * Everything that is wrong with a file by the rules of the house.
 *
 * @param path From the project's root, with forward slashes.
 * @param source Its text.
 * @returns One line a violation.
 */
export function violations(path: string, source: string): string[] {
  const code = codeOf(source);
  const room = roomOf(path)?.folder;
  const inDomain = room === "lib/" || room === "lib/std/";
  const forbidden = inDomain ? Object.entries(FORBIDDEN_IN_DOMAIN) : [];
  return [
    ...shapeFaults(path, source).map((fault) => `${path} ${fault}`),
    ...importsOf(source).flatMap(({ specifier, line }) => {
      const fault = importFault(path, specifier);
      return fault === null ? [] : [`${path}:${line} ${fault}`];
    }),
    ...forbidden.flatMap(([what, pattern]) =>
      placesOf(code, pattern).map((line) => `${path}:${line} uses ${what}, which ${room} may not`)
    ),
    ...ONE_PLACE.filter(({ at }) => !at(path) && !isWorkshop(path)).flatMap(({ what, found }) =>
      placesOf(code, found).map((line) => `${path}:${line} uses ${what}, which has its place elsewhere`)
    ),
  ];
}
