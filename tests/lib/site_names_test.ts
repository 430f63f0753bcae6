/**
 * The names of sites: wherever renames and deletions lead, no two sites ever share what they are stored under.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { TIME } from "../../lib/limits.ts";
import {
  freed,
  renaming,
  type SiteNameRecords,
  SiteNames,
  storedSiteSchema,
  type WantedName,
} from "../../lib/site_names.ts";

/** Names over records that renames and deletions change as storage does. */
class World {
  now = 0;
  records: SiteNameRecords = { names: [], joined: [] };
  readonly names = new SiteNames({ siteNames: () => Promise.resolve(this.records) }, {
    now: () => this.now,
  });
  #ids = 0;

  #id(): string {
    return String(++this.#ids).padStart(26, "0");
  }

  async #write(names: SiteNameRecords["names"], joined: SiteNameRecords["joined"]): Promise<void> {
    const by_name = new Map([...this.records.names, ...names].map((each) => [each.name, each]));
    this.records = { names: [...by_name.values()], joined };
    await this.names.read();
  }

  /** Renames the site that a name leads to. @returns The site that must have nothing; undefined if it is refused. */
  async rename(called: string, to: string, days: number): Promise<string | null | undefined> {
    const wanted: WantedName = {
      site: this.names.siteOf(called),
      called,
      to,
      until: this.now + days * TIME.DAY_MS,
      now: this.now,
      id: this.#id(),
    };
    const plan = renaming(this.records, wanted);
    if (plan === null) return undefined;
    const written = new Set(plan.joined.map(({ site }) => site));
    const kept = this.records.joined.filter(({ site }) => !written.has(site));
    await this.#write(plan.names, [...kept, ...plan.joined]);
    return plan.emptied;
  }

  async remove(called: string): Promise<void> {
    const site = this.names.siteOf(called);
    const names = freed(this.records, site, { now: this.now, id: this.#id() });
    await this.#write(names, this.records.joined.filter(({ into }) => into !== site));
  }
}

Deno.test("without a rename every site is called what it is stored under", () => {
  const names = new SiteNames();
  assertEquals([names.any, names.siteOf("a"), names.nameOf("a"), names.isRenamed("a")], [
    false,
    "a",
    "a",
    false,
  ]);
  const sites = ["a", "b"];
  assertEquals(names.meant(sites), sites);
  const answer = { site_id: "a" };
  assert(names.shown(answer) === answer, "an answer is not even copied");
});

Deno.test("the old name leads to the site until its time is over, and then to one that has nothing", async () => {
  const world = new World();
  await world.rename("a", "b", 30);
  const { names } = world;
  assertEquals([names.siteOf("a"), names.siteOf("b"), names.nameOf("a")], ["a", "a", "b"]);
  assertEquals(names.oldNamesOf("a"), [{ name: "a", until: 30 * TIME.DAY_MS }]);
  world.now = 30 * TIME.DAY_MS - 1;
  assertEquals([names.siteOf("a"), names.formerSiteOf("a")], ["a", null]);
  world.now++;
  const next = names.siteOf("a");
  assertNotEquals(next, "a");
  assertEquals([names.nameOf(next), names.siteOf("b"), names.formerSiteOf("a")], ["a", "a", "a"]);
  assertEquals(names.oldNamesOf("a"), []);
});

Deno.test("a chain of renames leads from each of its names to the one site, and back", async () => {
  const world = new World();
  await world.rename("a", "b", 30);
  await world.rename("b", "c", 10);
  assertEquals(["a", "b", "c"].map((name) => world.names.siteOf(name)), ["a", "a", "a"]);
  assertEquals(world.names.nameOf("a"), "c");
  await world.rename("c", "a", 5);
  assertEquals(["a", "b", "c"].map((name) => world.names.siteOf(name)), ["a", "a", "a"]);
  assertEquals(world.names.nameOf("a"), "a");
});

Deno.test("a rename that is repeated under the old name only sets how long that is accepted", async () => {
  const world = new World();
  await world.rename("a", "b", 30);
  const [before, other] = world.records.names;
  assert(before !== undefined && other !== undefined);
  await world.rename("a", "b", 0);
  assertEquals(world.records.names, [{ ...before, until: 0 }, other]);
  const after = world.records;
  await world.rename("b", "b", 9);
  assertEquals(world.records, after, "under its own name there is nothing to do");
});

Deno.test("a site that got a name another had keeps it when it is renamed to that very name", async () => {
  const world = new World();
  await world.rename("a", "b", 0);
  const next = world.names.siteOf("a");
  assertEquals(await world.rename("a", "a", 30), null);
  assertEquals([world.names.siteOf("a"), world.names.siteOf("b")], [next, "a"]);
});

Deno.test("a list of sites means the renamed one where it named the new name before", async () => {
  const world = new World();
  assertEquals(await world.rename("a", "b", 30), "b", "nothing may be stored for it");
  assertEquals(world.names.meant(["b", "x"]), ["a", "x"]);
  await world.rename("a", "c", 0);
  assertEquals(world.names.meant(["b", "c"]), ["a"]);
});

Deno.test("an answer calls sites by their names, and leaves what receivers were told", async () => {
  const world = new World();
  await world.rename("a", "b", 30);
  assertEquals(
    world.names.shown({
      data: [{ site_id: "a", payload: { site_id: "a" }, subject: "a" }, { site_id: null, subject: "a" }],
      keys: [{ sites: ["*", "a", "b", "x"] }],
      sites: [{ site_id: "x" }],
    }),
    {
      data: [{ site_id: "b", payload: { site_id: "a" }, subject: "b" }, { site_id: null, subject: "a" }],
      keys: [{ sites: ["*", "b", "x"] }],
      sites: [{ site_id: "x" }],
    },
  );
});

Deno.test("a cursor may name what a site is stored under, and nothing else", () => {
  const id = "01JMZ0000000000000000000AA";
  for (const text of ["example.com", `example.com~${id}`]) assert(storedSiteSchema.safeParse(text).success);
  for (const text of ["", "~", `~${id}`, "a~b", `a~${id}~${id}`, "10.0.0.1", "A.example"]) {
    assert(!storedSiteSchema.safeParse(text).success, text);
  }
});

/** What should be so: sites as things of their own, and names that lead to them. */
interface Owned {
  readonly owner: number | null;
  readonly until: number;
}

Deno.test("whatever is renamed and deleted, no two sites are ever stored under one key", async () => {
  const name = fc.constantFrom("a", "b", "c", "d");
  const operation = fc.oneof(
    fc.record({ kind: fc.constant("rename" as const), name, to: name, days: fc.constantFrom(0, 1, 5) }),
    fc.record({ kind: fc.constant("delete" as const), name }),
    fc.record({ kind: fc.constant("wait" as const), days: fc.constantFrom(1, 3) }),
    fc.record({ kind: fc.constant("store" as const), name }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 25 }), async (operations) => {
      const world = new World();
      const owned = new Map<string, Owned>();
      const stored = new Map<string, number>();
      let owners = 0;
      const ownerOf = (called: string): number | null => {
        const entry = owned.get(called);
        return entry !== undefined && world.now < entry.until ? entry.owner : null;
      };
      for (const step of operations) {
        if (step.kind === "wait") world.now += step.days * TIME.DAY_MS;
        if (step.kind === "store") {
          const owner = ownerOf(step.name) ?? ++owners;
          if (ownerOf(step.name) === null) owned.set(step.name, { owner, until: Infinity });
          const site = world.names.siteOf(step.name);
          assertEquals(stored.get(site) ?? owner, owner, `${site} belongs to another`);
          stored.set(site, owner);
        }
        const owner = step.kind === "wait" ? null : ownerOf(step.name);
        if (step.kind === "delete" && owner !== null) {
          await world.remove(step.name);
          for (const [each, { owner: of }] of owned) if (of === owner) owned.delete(each);
          for (const [site, of] of stored) if (of === owner) stored.delete(site);
        }
        if (step.kind === "rename" && owner !== null) {
          const other = ownerOf(step.to);
          // Storage refuses a name whose site has something.
          if (other !== null && other !== owner) continue;
          const emptied = await world.rename(step.name, step.to, step.days);
          assertNotEquals(emptied, undefined);
          if (emptied !== null) assert(!stored.has(emptied ?? ""), `${emptied} has something`);
          const until = world.now + step.days * TIME.DAY_MS;
          const today = [...owned].find(([, each]) => each.owner === owner && each.until === Infinity)?.[0];
          if (today === step.to) {
            if (step.name !== today) owned.set(step.name, { owner, until });
          } else {
            if (today !== undefined) owned.set(today, { owner, until });
            owned.set(step.to, { owner, until: Infinity });
          }
        }
        for (const [each, entry] of owned) {
          const site = world.names.siteOf(each);
          if (world.now < entry.until) {
            assertEquals(stored.get(site), entry.owner, `${each} leads to its site`);
            if (entry.until === Infinity) assertEquals(world.names.nameOf(site), each);
          } else {
            assert(!stored.has(site) || stored.get(site) !== entry.owner, `${each} leads there no longer`);
          }
        }
      }
    }),
    { numRuns: 2000 },
  );
});
