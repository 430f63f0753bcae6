/**
 * Reads TypeScript as text: what is code, and what it imports.
 *
 * Owns the difference between code and what only looks like it: comments, strings, templates and regular expressions
 * are blanked, so that a rule about code can be a regular expression. It is no parser, and needs none: what a `/` begins
 * is told by what stands before it.
 *
 * @module
 */

const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
const STRING = /"(?:\\[\s\S]|[^"\\\n])*"|'(?:\\[\s\S]|[^'\\\n])*'/y;
const REGEX = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])*\/[a-z]*/y;
/** Characters of a template up to its end or to the code inside `${…}`. */
const TEMPLATE = /(?:\\[\s\S]|\$(?!\{)|[^`\\$])*(?:`|\$\{)/y;
const WORD = /[\p{ID_Start}$_#][\p{ID_Continue}$]*|\d[\w.]*/uy;
const SPACE = /\s+/y;

/** Words after which a `/` begins a regular expression, as it does after every sign but these closing ones. */
const BEFORE_REGEX = new Set([
  ...[
    "return",
    "typeof",
    "case",
    "in",
    "of",
    "delete",
    "void",
    "throw",
    "new",
    "do",
    "else",
    "yield",
    "await",
  ],
  ...["instanceof", "default", "extends"],
]);
const CLOSING = new Set([")", "]", "}"]);

function blank(text: string): string {
  return text.replace(/[^\n]/g, " ");
}

/** A quoted text with its quotes and nothing between them. */
function emptied(text: string): string {
  return text.charAt(0) + blank(text.slice(1, -1)) + text.slice(-1);
}

/**
 * Blanks everything in a source that is no code.
 *
 * @param source TypeScript.
 * @returns The same text, every character at its place, with spaces for comments, for what is inside quotes and
 * templates, and for regular expressions. Code inside `${…}` stays.
 */
export function codeOf(source: string): string {
  let code = "";
  /** What the last word or sign was; decides what a `/` begins. */
  let before = "";
  /** The braces that are open: `{` of code, or `${` of a template. */
  const braces: ("{" | "${")[] = [];

  function match(pattern: RegExp): string | null {
    pattern.lastIndex = code.length;
    return pattern.exec(source)?.[0] ?? null;
  }
  function takeTemplate(): void {
    const text = match(TEMPLATE) ?? source.slice(code.length);
    const opens = text.endsWith("${");
    if (opens) braces.push("${");
    before = opens ? "{" : ")";
    code += opens ? blank(text.slice(0, -2)) + "${" : blank(text.slice(0, -1)) + text.slice(-1);
  }

  while (code.length < source.length) {
    const skipped = match(SPACE) ?? match(COMMENT);
    if (skipped !== null) {
      code += blank(skipped);
      continue;
    }
    const string = match(STRING);
    const regex = CLOSING.has(before) || (/^[\w$#]/.test(before) && !BEFORE_REGEX.has(before))
      ? null
      : match(REGEX);
    if (string !== null || regex !== null) {
      code += string !== null ? emptied(string) : blank(regex ?? "");
      before = ")";
      continue;
    }
    before = match(WORD) ?? source.charAt(code.length);
    code += before;
    if (before === "`") takeTemplate();
    else if (before === "{") braces.push("{");
    else if (before === "}" && braces.pop() === "${") takeTemplate();
  }
  return code;
}

/** One import, of whatever form. */
export interface ImportFound {
  /** What is imported; null if only running the code would tell. */
  readonly specifier: string | null;
  /** Counted from 1. */
  readonly line: number;
}

/** What stands before a specifier: `from`, `import "…"`, and `import(` of values and of types. */
const BEFORE_SPECIFIER = /(?<![.\w$])(?:from\s*(?=["'])|import\s*(?=["'])|import\s*\(\s*)/g;

/**
 * Every import and export-from of a source: static, of types, for its effect, dynamic, and in a type.
 *
 * @param source TypeScript.
 * @returns The imports in the order of the text.
 */
export function importsOf(source: string): ImportFound[] {
  const code = codeOf(source);
  return [...code.matchAll(BEFORE_SPECIFIER)].map((found) => {
    const start = found.index + found[0].length;
    const quote = code.charAt(start);
    const end = code.indexOf(quote, start + 1);
    // A string that goes on (`"./" + name`) is no specifier yet.
    const whole = !found[0].includes("(") || /^\s*[,)]/.test(code.slice(end + 1));
    const known = (quote === '"' || quote === "'") && whole;
    return { specifier: known ? source.slice(start + 1, end) : null, line: lineAt(source, found.index) };
  });
}

/**
 * The line that a place in a text is on.
 *
 * @param text The text.
 * @param index The place.
 * @returns The line, counted from 1.
 */
export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}
