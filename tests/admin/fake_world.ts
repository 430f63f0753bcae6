/**
 * The process around a command, made up: a service that answers what a test says, and what was printed.
 *
 * @module
 */
import type { Check } from "../../admin/checks.ts";
import type { Machine } from "../../admin/machine.ts";
import { WrongUse } from "../../admin/failure.ts";
import { runAdmin } from "../../admin/run.ts";
import type { World } from "../../admin/verb.ts";
import { AppError, ERROR_STATUS } from "../../lib/errors.ts";
import { SAMPLE_AT } from "../helpers/sample.ts";

/** The time in these tests. */
export const NOW = SAMPLE_AT;
/** What the database is called. */
export const PLACE = "./data/tidings.db";

/** What a service was asked. */
export interface Asked {
  /** `GET /v1/keys?limit=1` */
  readonly line: string;
  readonly body: unknown;
  readonly headers: Headers;
}

/** What it answers, by method and path without the query; undefined: 204, an error: as a service refuses. */
export type Answers = Readonly<Record<string, unknown>>;

/** How a command ended. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly asked: readonly Asked[];
  /** How often the database was opened, and closed. */
  readonly opened: number;
  readonly closed: number;
}

/** What a test changes of the world. */
export type Given = Partial<Omit<World, "machine">> & {
  readonly answers?: Answers;
  readonly machine?: Partial<Machine>;
};

function responseOf(answer: unknown): Response {
  if (answer instanceof AppError) {
    const { code, message: detail, errors } = answer;
    return Response.json({ code, detail, errors }, { status: ERROR_STATUS[code][0] });
  }
  return answer === undefined ? new Response(null, { status: 204 }) : Response.json(answer);
}

/** What the fake machine finds when it is examined. */
export const FINE: Check = { subject: "clock", status: "ok", detail: "it ticks", next_step: null };

const MACHINE: Machine = {
  folder: "/srv/tidings",
  examine: () => Promise.resolve([FINE]),
  backup: () => Promise.reject(new Error("no backup is made")),
  reencrypt: () => Promise.reject(new Error("nothing is sealed")),
};

/** Answers as the test says, a list of answers one after the other; notes what it was asked. */
export function fakeService(answers: Answers): { asked: Asked[]; fetch: World["fetch"] } {
  const asked: Asked[] = [];
  const turns = new Map<string, number>();
  return {
    asked,
    fetch(url, init) {
      const { pathname, search } = new URL(url);
      const line = `${init.method} ${decodeURIComponent(pathname)}`;
      const body = typeof init.body === "string" ? JSON.parse(init.body) : undefined;
      asked.push({ line: line + search, body, headers: new Headers(init.headers) });
      if (!(line in answers)) return Promise.reject(new Error(`the test has no answer for ${line}`));
      const answer = answers[line];
      if (!Array.isArray(answer)) return Promise.resolve(responseOf(answer));
      const turn = turns.get(line) ?? 0;
      turns.set(line, turn + 1);
      return Promise.resolve(responseOf(answer[turn]));
    },
  };
}

/**
 * Runs a command.
 *
 * @param args Its arguments.
 * @param given What differs from the usual world.
 * @returns How it ended.
 */
export async function run(args: readonly string[], given: Given = {}): Promise<Outcome> {
  const { answers = {}, machine = {}, ...world } = given;
  const { asked, fetch } = fakeService(answers);
  let [stdout, stderr, opened, closed] = ["", "", 0, 0];
  const code = await runAdmin(args, {
    openLocal() {
      opened++;
      return Promise.resolve({ place: PLACE, fetch, close: () => Promise.resolve(void closed++) });
    },
    machine: { ...MACHINE, ...machine },
    fetch: () => Promise.reject(new Error("no service is asked")),
    readText: () => Promise.reject(new WrongUse("read a file")),
    ask: () => null,
    print: (text) => void (stdout += text),
    complain: (text) => void (stderr += text),
    watched: true,
    after: () => () => {},
    columns: null,
    now: () => NOW,
    ...world,
  });
  return { code, stdout, stderr, asked, opened, closed };
}

/** The words of a command line; quoted parts are not known. */
export function words(line: string): string[] {
  return line.split(" ").filter((word) => word !== "");
}
