/**
 * The crash test as part of the gate, and the verdict itself held against planted faults.
 *
 * @module
 */
import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { Ledger } from "./ledger.ts";
import { runCrashes } from "./run.ts";
import { targetsOf } from "./targets.ts";
import { judgeRun, type Recorded } from "./verdict.ts";

/** About a minute; `deno task crash --rounds N` plays more. */
const ROUNDS = 22;

Deno.test("whenever the process dies, what it answered with 202 is delivered, and only what was under way is sent again", async () => {
  const [seed = 0] = crypto.getRandomValues(new Uint32Array(1));
  const report = await runCrashes({ rounds: ROUNDS, seed });
  const again = `deno task crash --rounds ${ROUNDS} --seed ${seed}`;
  assertEquals(report.faults.slice(0, 20), [], again);
  assertEquals(report.kills + report.stops, ROUNDS);
  assertGreater(report.accepted, 10 * ROUNDS, again);
  assertGreater(report.interrupted, 0, again);
  assertGreater(report.duplicates, 0, "no kill met a send under way: the run proves nothing");
});

const KILLED_AT = 10_000;

/** A life that was killed, one that was stopped, and one that goes on, with event 1 accepted in the one asked for. */
function plantedRun(round: number): { ledger: Ledger; history: Recorded[] } {
  const ledger = new Ledger();
  for (const signal of ["SIGKILL", "SIGTERM", null] as const) {
    const life = ledger.begin(signal);
    if (signal !== null) life.signalled_ms = performance.now() + KILLED_AT;
    if (life.round === round) {
      ledger.post(1, null).event_id = "evt_1";
      for (const { name } of targetsOf(1)) send(ledger, name);
    }
  }
  const history = targetsOf(1).map(({ name }) => recorded(name));
  return { ledger, history };
}

/** A request with event 1 that is answered with 200. */
function send(ledger: Ledger, target: string): void {
  ledger.arrived({ target, number: 1, event_id: "evt_1", status: 200 })();
}

function recorded(target: string, interrupted = 0, status = "delivered"): Recorded {
  const attempt = {
    number: 1,
    trigger: "automatic",
    at: "",
    duration_ms: 1,
    outcome: "retry",
    response_body: null,
  };
  const cut = { ...attempt, status_code: null, error: "interrupted" };
  const attempts = [...Array(interrupted).fill(cut), { ...attempt, status_code: 200, error: null }];
  return { event_id: "evt_1", target, status, attempts, attempts_total: attempts.length };
}

Deno.test("judgeRun() finds nothing wrong with a run in which each receiver got each event once", () => {
  for (const round of [0, 1, 2]) {
    const { ledger, history } = plantedRun(round);
    assertEquals(judgeRun(ledger, history).faults, []);
  }
});

Deno.test("judgeRun() finds what was lost, halved, doubled, unasked for or not on record", () => {
  const table: [what: RegExp, round: number, plant: (ledger: Ledger, history: Recorded[]) => void][] = [
    [/event 2 was accepted and never reached/, 2, (ledger) => {
      ledger.post(2, null).event_id = "evt_2";
    }],
    [/half of event 2 is there: quick, not slow,unwilling/, 2, (ledger) => {
      ledger.post(2, null);
      ledger.arrived({ target: "quick", number: 2, event_id: "evt_2", status: 200 });
    }],
    [/event 1 reached next_door unasked/, 2, (ledger) => send(ledger, "next_door")],
    [/event 1 has 2 ids/, 2, (ledger) => {
      ledger.arrived({ target: "quick", number: 1, event_id: "evt_other", status: 200 });
    }],
    [/event 1 was sent to quick again by the same process, in round 2/, 2, (ledger) => send(ledger, "quick")],
    [/event 1 was sent to quick again after the clean end of round 1/, 1, (ledger) => send(ledger, "quick")],
    [/event 1 was sent to quick again although it was answered \d+ ms before the kill/, 0, (ledger) => {
      send(ledger, "quick");
    }],
    [/event 1 to quick is pending/, 2, (_, history) => {
      history[0] = recorded("quick", 0, "pending");
    }],
    [/event 1 reached quick 1 times; on record are 2/, 2, (_, history) => {
      const { attempts, ...rest } = recorded("quick");
      history[0] = { ...rest, attempts: [...attempts, ...attempts] };
    }],
    [/event 1 has 3 deliveries on record/, 2, (_, history) => void history.pop()],
    [/event 1 is not on record/, 2, (_, history) => void history.splice(0)],
    [/evt_9 is on record as delivered and reached nobody/, 2, (_, history) => {
      history.push({ ...recorded("quick"), event_id: "evt_9" });
    }],
  ];
  for (const [what, round, plant] of table) {
    const { ledger, history } = plantedRun(round);
    plant(ledger, history);
    const { faults } = judgeRun(ledger, history);
    assert(faults.length > 0, `${what}`);
    assertMatch(faults.join("\n"), what);
  }
});

Deno.test("judgeRun() counts a request that a kill cut short, and takes its repetition when it is on record", () => {
  const { ledger, history } = plantedRun(0);
  const [life] = ledger.rounds;
  assert(life !== undefined);
  life.signalled_ms = performance.now();
  send(ledger, "quick");
  assertMatch(judgeRun(ledger, history).faults.join("\n"), /on record are 1 and 0 interrupted/);
  history[0] = recorded("quick", 1);
  const { faults, rounds } = judgeRun(ledger, history);
  assertEquals(faults, []);
  assertEquals(rounds.map(({ duplicates }) => duplicates), [1, 0, 0]);
});
