/**
 * What is said while something takes long: to a person at a terminal, and to nobody else.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { Machine } from "../../admin/machine.ts";
import type { World } from "../../admin/verb.ts";
import { fakeService, PLACE, run, words } from "./fake_world.ts";

/** Timers that a test rings itself. */
function heldTimers(): { after: World["after"]; ring(): void; readonly waiting: number } {
  const waiting = new Set<() => void>();
  return {
    after(_delay_ms, run) {
      waiting.add(run);
      return () => void waiting.delete(run);
    },
    ring() {
      for (const run of [...waiting]) {
        waiting.delete(run);
        run();
      }
    },
    get waiting() {
      return waiting.size;
    },
  };
}

Deno.test("whatever takes long says so while it is waited for, to a person and to nobody else", async () => {
  const empty = { version: 1, exported_at: "", sites: [], keys: [] };
  const imported = { created: 0, updated: 0, unchanged: 0, secrets_made: [] };
  const answers: Record<string, unknown> = {
    "GET /v1/export": empty,
    "POST /v1/import": imported,
    "DELETE /v1/sites/example.com": undefined,
  };
  const readText = () => Promise.resolve("{}");
  const commands = ["export", "import file.json", "sites delete --site example.com --yes"];
  for (const [json, watched, lines] of [["", true, 2], [" --json", true, 0], ["", false, 0]] as const) {
    for (const command of commands) {
      const timers = heldTimers();
      const { fetch } = fakeService(answers);
      const slow: World["fetch"] = (url, init) => {
        timers.ring();
        timers.ring();
        return fetch(url, init);
      };
      const openLocal = () => Promise.resolve({ place: PLACE, fetch: slow, close: () => Promise.resolve() });
      const given = { openLocal, readText, watched, after: timers.after };
      const { code, stderr } = await run(words(command + json), given);
      const expected = ["Still at it after 5 s.\n", "Still at it after 10 s.\n"].slice(0, lines).join("");
      assertEquals([code, stderr, timers.waiting], [0, expected, 0], command + json);
    }
  }
});

Deno.test("backup, reencrypt and recover say how far they are to a person, and nothing to a pipe or with --json", async () => {
  const part = { recovered: 10_000, next_since: "2026-01-01T00:00:00.000Z" };
  const recovered = [part, { recovered: 5, next_since: null }];
  const answers = { "POST /v1/sites/example.com/webhooks/wh_1/recover": recovered };
  const machine: Partial<Machine> = {
    backup(file, onProgress) {
      onProgress({ done: 1, total: 2 });
      return Promise.resolve({ file, bytes: 1, key_file: null });
    },
    reencrypt(onProgress) {
      onProgress({ done: 1, total: 2 });
      return Promise.resolve({ resealed: 1, webhooks: 2, watches: 0 });
    },
  };
  const table: [command: string, said: string][] = [
    ["backup copy.db", "Copied 50 %\n"],
    ["reencrypt", "Looked at 50 %\n"],
    [
      "webhooks recover wh_1 --site example.com --since 24h",
      "10000 so far, up to 2026-01-01T00:00:00.000Z\n",
    ],
  ];
  for (const [command, said] of table) {
    for (const [json, watched] of [["", true], [" --json", true], ["", false]] as const) {
      const { code, stderr } = await run(words(command + json), { answers, machine, watched });
      assertEquals([code, stderr], [0, json === "" && watched ? said : ""], `${command}${json} ${watched}`);
    }
  }
});
