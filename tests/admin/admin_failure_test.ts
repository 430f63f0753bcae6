/**
 * What goes wrong is told in one clear line, with what to do next, and never with a secret or a stack trace.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { databaseFailures, lateFailure, openFailure } from "../../admin/database_failure.ts";
import { withinDeadline } from "../../lib/deadline.ts";
import {
  type Attempted,
  exitCodeOf,
  explain,
  Failure,
  ServiceRefusal,
  WrongUse,
} from "../../admin/failure.ts";
import { AppError, ERROR_STATUS, type ErrorCode } from "../../lib/errors.ts";
import { createManualClock } from "../helpers/manual_clock.ts";

const ATTEMPTED: Attempted = {
  doing: "create the webhook",
  flagOf: (pointer) => pointer === "/url" ? "--url" : null,
  list_command: "webhooks list --site example.com",
};

Deno.test("explain() begins once with what could not be done", () => {
  const table: [ErrorCode, message: string, line: string][] = [
    [
      "limit_reached",
      "Cannot create the webhook: a site must have at most 50",
      "a site must have at most 50",
    ],
    ["not_found", "Not found: the site has no such webhook", "the site has no such webhook"],
    ["not_found", "Not found", "not found"],
    ["unavailable", "Cannot write: the database is busy", "the database is busy"],
    [
      "forbidden",
      "This key may not do that: its scope is read",
      "this key may not do that: its scope is read",
    ],
    ["internal", "", "something went wrong on our side"],
    ["unauthorized", "Send a valid API key", "the service does not accept the key"],
  ];
  for (const [code, message, reason] of table) {
    assertEquals(explain(new AppError(code, message), ATTEMPTED)[0], `Cannot create the webhook: ${reason}.`);
  }
});

Deno.test("explain() says every field once, by its flag where it has one", () => {
  const error = new AppError("validation_failed", "Cannot accept the input: /url: must be … (and 2 more)", {
    errors: [
      { path: "/url", message: "must begin with https://" },
      { path: "/events/0", message: "must be an event" },
      { path: "", message: "must fit" },
      { path: "/url", message: "must begin with https://" },
    ],
  });
  assertEquals(explain(error, ATTEMPTED), [
    "Cannot create the webhook: a value is not valid.",
    "  --url: must begin with https://",
    "  /events/0: must be an event",
    "  the body: must fit",
  ]);
});

Deno.test("explain() says what to do next where there is something to do", () => {
  const next: Partial<Record<ErrorCode, string>> = {
    unauthorized: "--key",
    forbidden: "scope",
    not_found: "deno task admin webhooks list --site example.com",
    webhook_not_active: "webhooks enable",
    conflict: "Try again",
    rate_limited: "Try again in 7 s",
    unavailable: "Try again in 7 s",
    internal: "log",
  };
  for (const code of Object.keys(ERROR_STATUS) as ErrorCode[]) {
    const [, ...rest] = explain(new AppError(code, "Cannot", { retry_after_s: 7 }), ATTEMPTED);
    const expected = next[code];
    if (expected === undefined) assertEquals(rest, [], code);
    else assert(rest.length === 1 && rest[0]?.includes(expected), `${code}: ${rest}`);
  }
  const found = explain(new ServiceRefusal("internal", "", { request_id: "r-1" }), ATTEMPTED);
  assertEquals(found[1], "The service's log says more: look for request_id r-1.");
  const alone = { ...ATTEMPTED, list_command: null };
  assertEquals(explain(new AppError("not_found", ""), alone).length, 1);
  assertEquals(
    explain(new AppError("not_found", ""), { ...alone, make_command: "watch set" })[1],
    "`deno task admin watch set` changes that.",
  );
});

Deno.test("explain() shows one line of an error that nobody expected, and nothing of its stack", () => {
  const lines = explain(new TypeError("something broke\n    at secret.ts:1"), ATTEMPTED);
  assertEquals(lines, ["Cannot create the webhook: something broke."]);
  assertEquals(explain("thrown text", ATTEMPTED), ["Cannot create the webhook: thrown text."]);
});

Deno.test("explain() lets no secret and no control character through, whoever put it in", () => {
  const secrets = ["tdk_01ABC_deadbeef", "whsec_MfKQ9r8/GKYqrTwjUPD8ILPZIo2LaLaSw=="];
  for (const secret of secrets) {
    const text = `it is "${secret}"\x1b[2J`;
    const errors = [
      new AppError("conflict", text),
      new AppError("validation_failed", text, { errors: [{ path: `/${secret}`, message: text }] }),
      new Failure(text, text.replace("\x1b", "")),
      new WrongUse(text, [text]),
      new Error(text),
    ];
    for (const error of errors) {
      const shown = explain(error, ATTEMPTED).join("\n");
      assert(shown.includes("[secret]"), shown);
      assert(!shown.includes(secret) && !shown.includes("\x1b"), shown);
    }
  }
});

Deno.test("exitCodeOf() is 2 only for what was never tried", () => {
  assertEquals(exitCodeOf(new WrongUse("understand the command")), 2);
  for (const error of [new Failure("x"), new AppError("validation_failed", "x"), new Error("x"), "x"]) {
    assertEquals(exitCodeOf(error), 1);
  }
});

Deno.test("lateFailure() tells whose database is held, or which server is silent", () => {
  assertEquals(explain(lateFailure("file", "/d/t.db", 15), { ...ATTEMPTED, doing: "list the keys" }), [
    "Cannot list the keys: another process has held the database /d/t.db for 15 s.",
    "A running service does not hold it. Look for a backup or a database tool that does, then try again.",
  ]);
  const { message, next_step } = lateFailure("server", "https://kv.example", 15);
  assertEquals(message, "the KV server https://kv.example did not answer within 15 s");
  assert(next_step?.includes("DENO_KV_ACCESS_TOKEN"));
});

Deno.test("withinDeadline() passes on what comes in time, and ends what does not", async () => {
  const clock = createManualClock(0);
  const late = (): Error => new Error("too late");
  const deadline = { clock, deadline_ms: 100, late };
  assertEquals(await withinDeadline(Promise.resolve("in time"), deadline), "in time");
  await assertRejects(() => withinDeadline(Promise.reject(new Error("failed")), deadline), Error, "failed");
  assertEquals(clock.pending, 0);

  const slow = Promise.withResolvers<string>();
  const waiting = withinDeadline(slow.promise, deadline);
  await clock.advance(99);
  slow.resolve("just in time");
  assertEquals(await waiting, "just in time");

  const never = assertRejects(() => withinDeadline(new Promise(() => {}), deadline), Error, "too late");
  await clock.advance(100);
  await never;
});

Deno.test("openFailure() tells apart why a database does not open, and what to do about it", () => {
  const table: [message: string, reason: RegExp, next: RegExp | null][] = [
    ["database is locked", /another process holds/, /backup or a database tool/],
    ["file is not a database", /is not a database of Tidings/, /TIDINGS_KV/],
    ["unable to open database file: /d/t.db", /can't be opened for writing/, /who owns/],
    [
      'Requires write access to "/d/t.db", run again with --allow-write',
      /can't be opened for writing/,
      /who owns/,
    ],
    ["Permission denied (os error 13)", /can't be opened for writing/, /who owns/],
    [
      "Could not open Deno KV database: failed to connect to 'x'",
      /can't be reached: /,
      /DENO_KV_ACCESS_TOKEN/,
    ],
    ["something new", /can't be opened: something new/, null],
  ];
  for (const [message, reason, next] of table) {
    const failure = openFailure(new Error(message), "/d/t.db");
    assert(reason.test(failure.message) && failure.message.includes("/d/t.db"), failure.message);
    assertEquals(failure.next_step === null, next === null);
    if (next !== null) assert(next.test(failure.next_step ?? ""));
  }
});

Deno.test("databaseFailures() tells what the database threw, or for how long it has been silent", async () => {
  const clock = createManualClock(0);
  const failureOf = databaseFailures({ kind: "file", place: "/d/t.db", clock });
  await clock.advance(5000);
  const silence = new AppError("unavailable", "Cannot read: it does not answer", { retry_after_s: 5 });
  for (const error of [silence, undefined]) {
    assertEquals(failureOf(error).message, "another process has held the database /d/t.db for 5 s");
  }
  const cause = new TypeError("database or disk is full");
  const refused = new AppError("unavailable", "Cannot write: the disk is full", { retry_after_s: 5, cause });
  for (const error of [refused, cause]) {
    assertEquals(failureOf(error).message, "the disk of the database /d/t.db is full, or fails");
  }
  const known = new Failure("what was written can't be read");
  assertEquals(failureOf(known), known);
});
