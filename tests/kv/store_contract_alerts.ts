/**
 * The store's contract: what is remembered of a site's alerts changes with the events it brings, or not at all.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ALERTS_AT_FIRST, type AlertState } from "../../lib/alert.ts";
import { SAMPLE_AT, SAMPLE_SITE, sampleAcceptance, sampleEvent, sampleWebhookId } from "../helpers/sample.ts";
import type { ContractTest } from "./store_contract.ts";

const ID = sampleWebhookId(1);
const STATE: AlertState = {
  last_reading_at: SAMPLE_AT,
  hours: [{ hour: 1, sum: 20, count: 2 }],
  webhooks: {
    [ID]: {
      visitor_spike: { run: 2, last_triggered_at: SAMPLE_AT },
      visitor_drop: { run: 0, last_triggered_at: null },
    },
  },
};

/** Registers this part of the suite. */
export function testAlerts(test: ContractTest): void {
  test("alerts() of a site without readings remembers nothing", async ({ store }) => {
    assertEquals(await store.alerts(SAMPLE_SITE), { value: ALERTS_AT_FIRST, versionstamp: null });
  });

  test("acceptWith() writes the state and all events, or nothing", async ({ store }) => {
    const [spike, drop] = [sampleEvent(1), sampleEvent(2)].map((event) => sampleAcceptance(event, [ID]));
    assert(spike !== undefined && drop !== undefined);
    const change = { site_id: SAMPLE_SITE, seen: null, next: STATE };
    assert(await store.acceptWith(change, [spike, drop]) !== null);
    const { value, versionstamp } = await store.alerts(SAMPLE_SITE);
    assertEquals(value, STATE);
    assertEquals((await store.look(ID, SAMPLE_AT, 10)).due.length, 2);

    const late = sampleAcceptance(sampleEvent(3), [ID]);
    assertEquals(await store.acceptWith({ ...change, next: ALERTS_AT_FIRST }, [late]), null);
    assertEquals((await store.alerts(SAMPLE_SITE)).value, STATE);
    assertEquals(await store.event(late.event.id), null);

    assert(await store.acceptWith({ ...change, seen: versionstamp, next: ALERTS_AT_FIRST }, []) !== null);
    assertEquals((await store.alerts(SAMPLE_SITE)).value, ALERTS_AT_FIRST);
    assertEquals((await store.alerts("other.example")).versionstamp, null);
  });

  test("of two changes at once one is written", async ({ store }) => {
    const changes = Array.from({ length: 5 }, (_, n) =>
      store.acceptWith(
        { site_id: SAMPLE_SITE, seen: null, next: STATE },
        [sampleAcceptance(sampleEvent(n), [ID])],
      ));
    const written = (await Promise.all(changes)).filter((versionstamp) => versionstamp !== null);
    assertEquals(written.length, 1);
    assertEquals((await store.look(ID, SAMPLE_AT, 10)).due.length, 1);
  });

  test("wipeSite() forgets a site's alerts, and no other's", async ({ store }) => {
    for (const site_id of [SAMPLE_SITE, `${SAMPLE_SITE}/other`]) {
      await store.acceptWith({ site_id, seen: null, next: STATE }, []);
    }
    await store.wipeSite(SAMPLE_SITE);
    assertEquals((await store.alerts(SAMPLE_SITE)).versionstamp, null);
    assertEquals((await store.alerts(`${SAMPLE_SITE}/other`)).value, STATE);
  });
}
