/**
 * `export` and `import` on the command line: what they ask the API, and what they print.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { INPUT } from "../../lib/limits.ts";
import { PLACE, run, words } from "./fake_world.ts";

const DOCUMENT = { version: 1, exported_at: "2026-02-25T12:00:00.000Z", sites: [], keys: [] };
const DONE = { created: 1, updated: 2, unchanged: 3, secrets_made: [] };

Deno.test("export prints a document that import can read, with or without --json", async () => {
  const answers = { "GET /v1/export": DOCUMENT };
  for (const line of ["export", "export --json", "export --secrets sealed"]) {
    const { code, stdout, asked } = await run(words(line), { answers });
    assertEquals([code, JSON.parse(stdout)], [0, DOCUMENT], line);
    const query = line.includes("sealed") ? "?secrets=sealed" : "";
    assertEquals(asked.map((one) => one.line), [`GET /v1/export${query}`]);
  }
  const { code, opened } = await run(words("export --secrets clear"), { answers });
  assertEquals([code, opened], [2, 0]);
});

Deno.test("import posts a file or stdin, beyond the size of other bodies, and says what was done", async () => {
  const answers = { "POST /v1/import": DONE };
  const text = JSON.stringify(DOCUMENT) + " ".repeat(INPUT.body_bytes_max);
  for (const name of ["configuration.json", "-"]) {
    const readText = (file: string): Promise<string> =>
      file === name ? Promise.resolve(text) : Promise.reject(new Error(file));
    const { code, stdout, asked } = await run(["import", name], { answers, readText });
    assertEquals([code, asked[0]?.body], [0, DOCUMENT]);
    assertEquals(stdout, `Webhooks in ${PLACE}: 1 created, 2 updated, 3 unchanged.\n`);
  }
});

Deno.test("import shows the secrets that were made, once and whole", async () => {
  const secret = `whsec_${"A".repeat(43)}=`;
  const made = { site_id: "example.com", webhook_id: "wh_1", secret, standard_secret: secret };
  const { stdout } = await run(["import", "-"], {
    answers: { "POST /v1/import": { ...DONE, secrets_made: [made] } },
    readText: () => Promise.resolve(JSON.stringify(DOCUMENT)),
  });
  for (const part of ["example.com", "wh_1", secret, "only now"]) assertStringIncludes(stdout, part);
});

Deno.test("import refuses what is no JSON or too long before anything is opened, and quotes nothing of it", async () => {
  for (const text of ["the-secret-content", `{}${" ".repeat(INPUT.batch_bytes_max)}`]) {
    const { code, stderr, opened } = await run(["import", "f.json"], {
      readText: () => Promise.resolve(text),
    });
    assertEquals([code, opened], [2, 0]);
    assert(stderr.includes("f.json") && !stderr.includes("the-secret-content"), stderr);
  }
});

Deno.test("import does not read the key and the document both from stdin", async () => {
  const line = "import - --url https://tidings.example.com --key -";
  const { code, stderr } = await run(words(line), { readText: () => Promise.resolve("{}") });
  assertEquals(code, 2);
  assertStringIncludes(stderr, "both from stdin");
});
