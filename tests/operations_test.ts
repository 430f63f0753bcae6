/**
 * What is given to operators fits the service: dashboard, alerts and their explanation name the metrics that there are, and
 * lines of the log look as printed.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { goal, until } from "./helpers/api.ts";
import { type Family, readExposition } from "./helpers/exposition.ts";
import { startReceiver } from "./helpers/receiver.ts";
import { startTestService } from "./helpers/service.ts";

const FOLDER = new URL("../docs/operations/", import.meta.url);

function read(name: string): Promise<string> {
  return Deno.readTextFile(new URL(name, FOLDER));
}

/** The metrics of a running service. */
async function scraped(): Promise<ReadonlyMap<string, Family>> {
  await using service = await startTestService();
  return readExposition((await service.call("GET", "/metrics")).text);
}

/** The labels that Prometheus adds, and its own metric of each target. */
const ADDED_LABELS = ["job", "instance"];
const OF_PROMETHEUS = ["up"];
/** Words of PromQL that stand where a metric could. */
const WORDS = new Set(["sum", "min", "max", "rate", "by", "le", "and", "histogram_quantile", "time"]);

/** What is wrong with an expression: metrics, labels or values of labels that there are none of. */
function faultsOf(expr: string, families: ReadonlyMap<string, Family>): string[] {
  const samples = [...families.values()].flatMap((family) => family.samples);
  const faults: string[] = [];
  for (const [name] of expr.matchAll(/\b(?:tidings|process)_\w+/g)) {
    if (!samples.some((sample) => sample.name === name)) faults.push(`there is no ${name}`);
  }
  for (const [, name = "", inside = ""] of expr.matchAll(/\b((?:tidings|process)_\w+)\{([^}]*)\}/g)) {
    const labels = new Set(
      samples.filter((sample) => sample.name === name).flatMap(({ labels }) => Object.keys(labels)),
    );
    for (const [, label = "", value = ""] of inside.matchAll(/(\w+)(?:=~|!=|!~|=)"([^"]*)"/g)) {
      if (ADDED_LABELS.includes(label)) continue;
      if (!labels.has(label)) faults.push(`${name} has no label ${label}`);
      for (const one of value.split("|")) {
        const known = samples.some((sample) => sample.name === name && sample.labels[label] === one);
        if (!known) faults.push(`${name} has no ${label} ${one}`);
      }
    }
  }
  for (const [, list = ""] of expr.matchAll(/\bby \(([^)]*)\)/g)) {
    for (const label of list.split(/,\s*/)) {
      const known = samples.some(({ labels }) => label in labels) || ADDED_LABELS.includes(label);
      if (!known) faults.push(`no metric has the label ${label}`);
    }
  }
  const bare = expr.replaceAll(/"[^"]*"|\[[^\]]*\]|\{[^}]*\}|\([a-z, ]*\)/g, " ");
  for (const [word] of bare.matchAll(/[a-z]\w*/g)) {
    if (WORDS.has(word) || OF_PROMETHEUS.includes(word) || /^(?:tidings|process)_|^e\d/.test(word)) continue;
    faults.push(`${word} is nothing known`);
  }
  return faults;
}

/** The expressions of the rules, folded lines joined. */
function rulesOf(yaml: string): { alert: string; expr: string }[] {
  return yaml.split(/^ +- alert: /m).slice(1).map((rule) => {
    const [alert = ""] = rule.split("\n");
    const [, expr = ""] = /^ +expr: (?:>-\n)?([\s\S]*?)\n +for: /m.exec(rule) ?? [];
    return { alert, expr: expr.replaceAll(/\s+/g, " ").trim() };
  });
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly refId: string; readonly expr: string }[];
}

Deno.test("faultsOf() finds metrics, labels and values that there are none of", async () => {
  const families = await scraped();
  assertEquals(faultsOf('sum by (state) (tidings_lanes{job="x",state=~"open|held"})', families), []);
  for (
    const expr of [
      "tidings_lane",
      'tidings_lanes{status="open"}',
      'tidings_lanes{state="opened"}',
      "sum by (site) (tidings_lanes)",
      "rate(tidings_attempt_duration_seconds_buckets[5m])",
      "tidings_lanes > on",
    ]
  ) assert(faultsOf(expr, families).length > 0, expr);
});

Deno.test("the rules for alerts ask for what there is, and each is explained", async () => {
  const families = await scraped();
  const rules = rulesOf(await read("alerts.yml"));
  assert(rules.length >= 5);
  const readme = await read("README.md");
  for (const { alert, expr } of rules) {
    assert(expr !== "", alert);
    assertEquals(faultsOf(expr, families), [], alert);
    assertStringIncludes(readme, `| \`${alert}\``);
  }
  assertEquals(new Set(rules.map(({ alert }) => alert)).size, rules.length);
  assertStringIncludes(await read("prometheus.yml"), "- alerts.yml");
});

Deno.test("the dashboard asks for what there is, shows every metric, and no panel lies on another", async () => {
  const families = await scraped();
  const { panels, uid, schemaVersion } = JSON.parse(await read("grafana-dashboard.json")) as {
    panels: Panel[];
    uid: string;
    schemaVersion: number;
  };
  assertEquals([uid, typeof schemaVersion], ["tidings", "number"]);
  assertEquals(new Set(panels.map(({ id }) => id)).size, panels.length);
  const cells = new Set<string>();
  for (const { title, gridPos: { x, y, w, h }, targets } of panels) {
    assert(targets.length > 0 && x + w <= 24, title);
    assertEquals(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
    for (const { expr } of targets) assertEquals(faultsOf(expr, families), [], title);
    for (let row = y; row < y + h; row++) {
      for (let column = x; column < x + w; column++) {
        assert(!cells.has(`${row} ${column}`), `${title} lies on another panel`);
        cells.add(`${row} ${column}`);
      }
    }
  }
  const shown = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)).join("\n");
  for (const name of families.keys()) assertStringIncludes(shown, name);
});

Deno.test("docs/operations explains every metric, and no other", async () => {
  const families = await scraped();
  const rows = (await read("README.md")).matchAll(
    /^\| `((?:tidings|process)_\w+)`(?:, `(_\w+)`)? +\| (\w+)/gm,
  );
  const explained = [...rows].flatMap(([, name = "", further, type]) => {
    return [name, ...(further === undefined ? [] : [name + further])].map((one) => [one, type]);
  });
  const there = [...families.values()].map(({ name, type }) => [name, type]);
  assertEquals(explained.toSorted(), there.toSorted());
});

/** The example of a line that is printed under a marker. */
async function printed(marker: string): Promise<Record<string, unknown>> {
  const [, text = ""] = (await read("README.md")).split(`<!-- tested: ${marker} -->`);
  return JSON.parse(/```json\n([\s\S]*?)\n```/.exec(text)?.[1] ?? "");
}

Deno.test("lines of the log look as printed, and lead from a request to its event and its attempts", async () => {
  await using service = await startTestService();
  await using receiver = startReceiver({ respond: [500, 200] });
  await service.webhook(receiver.url);
  const { headers, json } = await service.call<{ id: string }>("POST", "/v1/events", goal(1));
  const request_id = headers.get("X-Request-Id");
  const [delivery] = await service.settled("delivered", 1);
  const lines = await until(() => {
    const found = service.logs.map((line) => JSON.parse(line) as Record<string, unknown>);
    const attempts = found.filter(({ message }) => message === "delivery.attempted");
    return attempts.length === 2 ? found : null;
  }, "both attempts are logged");
  const [request, ...others] = lines.filter((line) => line["request_id"] === request_id);
  const [first, retry] = lines.filter(({ message }) => message === "delivery.attempted");
  assert(request !== undefined && first !== undefined && retry !== undefined);
  // Which of the two comes first is a race: the attempt does not wait for the answer to be written.
  assertEquals(
    new Set([request, ...others].map(({ message }) => message)),
    new Set(["request.answered", "delivery.attempted"]),
  );
  const answered = [request, ...others].find(({ message }) => message === "request.answered");
  assert(answered !== undefined);
  assertEquals(answered["event"], json.id);
  assertEquals([first["request_id"], first["event"], first["delivery"]], [request_id, json.id, delivery?.id]);
  assertEquals([retry["event"], retry["delivery"], retry["attempt"]], [json.id, delivery?.id, 2]);
  assertEquals("request_id" in retry, false, "a retry came with no request");
  assertEquals(Object.keys(first), Object.keys(await printed("attempt")));
  assertEquals(Object.keys(answered), Object.keys(await printed("request")));
  assertEquals(first["url"], new URL(receiver.url).origin);
});
