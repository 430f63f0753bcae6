/**
 * A process that dies without a word: what it answered with 202 is delivered by the next one.
 *
 * @module
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { type Api, countOf, goal, sitePath, until, type WebhookJson, within } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startProcess, temporaryFile } from "../helpers/service.ts";

const ROUNDS = 4;
/** Posts under way at a time, so that a kill meets commits, sends and records in every stage. */
const CALLERS = 8;

interface Round {
  /** The numbers of the events that were answered with 202. */
  readonly accepted: Set<number>;
  /** Resolves when that many have been. */
  readonly reached: (count: number) => Promise<void>;
  readonly over: Promise<void>;
}

/** Posts numbered events with several callers until the service is gone. */
function postUntilDeath(service: Api, first_number: number): Round {
  const accepted = new Set<number>();
  let number = first_number;
  let gone = false;

  async function callAgainAndAgain(): Promise<void> {
    while (!gone) {
      const mine = number++;
      try {
        const { status } = await service.call("POST", "/v1/events", goal(mine));
        if (status === 202) accepted.add(mine);
      } catch {
        // The connection broke: whether the event was accepted, nobody knows.
        gone = true;
      }
    }
  }

  const over = Promise.all(Array.from({ length: CALLERS }, callAgainAndAgain)).then(() => {});
  return {
    accepted,
    over,
    async reached(count) {
      await until(() => gone || accepted.size >= count, `${count} events are accepted`);
    },
  };
}

Deno.test("after kill -9 at random moments every event answered with 202 is delivered, interrupted ones are on record", async () => {
  const seed = crypto.getRandomValues(new Uint32Array(ROUNDS));
  const counts = [...seed].map((random) => 20 + random % 150);
  await using file = await temporaryFile();
  let hold = false;
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  await using receiver = startReceiver({
    respond: async () => {
      if (hold) await released;
      return new Response();
    },
  });
  const accepted = new Set<number>();
  let webhook_id = "";
  for (const [round, count] of counts.entries()) {
    await using service = await startProcess({ kv: file.path, env: { TIDINGS_LOG: "info" } });
    if (round === 0) webhook_id = (await service.webhook(receiver.url, { timeout_ms: 10_000 })).id;
    const posting = postUntilDeath(service, (round + 1) * 100_000);
    await posting.reached(count);
    // The last one dies with requests under way for certain: they are not answered.
    if (round === ROUNDS - 1) {
      const before = receiver.requests.length;
      hold = true;
      await within(receiver.received(before + 2), "requests that are not answered");
    }
    service.kill("SIGKILL");
    await within(posting.over, "the callers to notice");
    for (const number of posting.accepted) accepted.add(number);
    assertGreater(posting.accepted.size, 0);
  }
  release();

  await using service = await startProcess({ kv: file.path });
  await until(async () => {
    const { json } = await service.call<WebhookJson>("GET", sitePath(`/webhooks/${webhook_id}`));
    return json.health.pending === 0;
  }, "nothing is pending any more");
  const received = new Set(receiver.requests.map(countOf));
  const missing = [...accepted].filter((number) => !received.has(number));
  assertEquals(missing, [], `killed after ${counts.join(", ")} events`);
  assertGreater(accepted.size, ROUNDS * 20 - 1);

  // Everything there is ended well, and what was cut short says so.
  let interrupted = 0;
  let cursor = "";
  do {
    const path = sitePath(`/deliveries?limit=100${cursor === "" ? "" : `&cursor=${cursor}`}`);
    const { json } = await service.call<{ data: Shown[]; next_cursor: string | null }>("GET", path);
    for (const { id, status, attempts } of json.data) {
      assertEquals(status, "delivered", id);
      const errors = attempts.map(({ error }) => error);
      assertEquals(errors.at(-1), null, id);
      if (errors.includes("interrupted")) interrupted++;
    }
    cursor = json.next_cursor ?? "";
  } while (cursor !== "");
  assert(interrupted >= 2, `${interrupted} interrupted attempts on record`);
});

interface Shown {
  readonly id: string;
  readonly status: string;
  readonly attempts: readonly { readonly error: string | null; readonly duration_ms: number | null }[];
}
