/**
 * Which URLs a webhook may have when it is written, as the API says it: the policy is the default one, which allows no
 * network.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { goal, type ProblemJson, SITE, sitePath, type WebhookJson } from "../helpers/api.ts";
import { startTestService, temporaryFile } from "../helpers/service.ts";

const DEFAULT_POLICY = { TIDINGS_ALLOW_NETWORKS: "" };

/** Loopback and other forbidden places, in the spellings that deceive a reader of the text. */
const FORBIDDEN_HOSTS = [
  "127.0.0.1",
  "127.0.0.1.",
  "127.1",
  "2130706433",
  "0x7f.1",
  "0x7f000001",
  "0177.0.0.1",
  "127.0.0.1:8080",
  "①②⑦.0.0.1",
  "[::1]",
  "[0:0:0:0:0:0:0:1]",
  "[::]",
  "[::ffff:127.0.0.1]",
  "[::ffff:7f00:1]",
  "[64:ff9b::127.0.0.1]",
  "[64:ff9b::a00:1]",
  "[fe80::1]",
  "[fd00::1]",
  "[ff02::1]",
  "[2002:7f00:1::]",
  "169.254.169.254",
  "168.63.129.16",
  "100.64.0.1",
  "0.0.0.0",
  "0",
  "10.0.0.1",
  "172.16.0.1",
  "192.168.1.1",
  "192.0.2.1",
  "198.18.0.1",
  "224.0.0.1",
  "240.0.0.1",
  "255.255.255.255",
  "localhost",
  "LOCALHOST",
  "localhost.",
  "a.localhost",
];

/** Names beside `localhost` that this machine's hosts file says are loopback. */
async function loopbackNames(): Promise<string[]> {
  const text = await Deno.readTextFile("/etc/hosts").catch(() => "");
  const entries = text.split("\n").map((line) => line.replace(/#.*/, "").trim().split(/\s+/));
  return entries.flatMap(([address = "", ...names]) => /^(127\.|::1$)/.test(address) ? names : []);
}

Deno.test("a URL that leads to a forbidden address is refused at /url, over http and over https", async () => {
  await using service = await startTestService({ env: DEFAULT_POLICY });
  const hosts = [...FORBIDDEN_HOSTS, ...await loopbackNames()];
  for (const host of hosts) {
    for (const scheme of ["http", "https"]) {
      const url = `${scheme}://${host}/hook`;
      const { status, json } = await service.call("POST", sitePath("/webhooks"), {
        url,
        events: ["goal_completion"],
      });
      assertEquals([status, json.code, json.errors?.map(({ path }) => path)], [422, "validation_failed", [
        "/url",
      ]], url);
    }
  }
  const { json } = await service.call<{ data: unknown[] }>("GET", sitePath("/webhooks"));
  assertEquals(json.data, []);
});

Deno.test("the refusal of a name says that it resolves to a forbidden address, and not to which", async () => {
  await using service = await startTestService({ env: DEFAULT_POLICY });
  const { json } = await service.call("POST", sitePath("/webhooks"), {
    url: "https://localhost/secret-path",
    events: ["goal_completion"],
  });
  const message = json.errors?.[0]?.message ?? "";
  assertMatch(message, /TIDINGS_ALLOW_NETWORKS/);
  assertNotMatch(JSON.stringify(json), /127\.|::1|secret-path/);
});

Deno.test("a URL that no webhook can have is refused at /url", async () => {
  await using service = await startTestService({ env: { TIDINGS_ALLOW_HTTP: "true" } });
  const refused = [
    "",
    "example.com/in",
    "//example.com/in",
    "ftp://example.com/in",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "data:,x",
    "https://",
    "https://user:password@example.com/",
    "https://user@example.com/",
    "https://example.com/#part",
    "https://example.com/#",
    "https://example.com:0/",
    "https://example.com:65536/",
    "https://exa mple.com/",
    " https://example.com/",
    "https://example.com/\n",
    "https://exa\tmple.com/",
    `https://example.com/${"x".repeat(2048)}`,
    `https://${"x".repeat(64)}.example/`,
    "https://[::1",
    "https://256.0.0.1/",
  ];
  for (const url of refused) {
    const { status, json } = await service.call("POST", sitePath("/webhooks"), {
      url,
      events: ["goal_completion"],
    });
    assertEquals([status, json.code], [422, "validation_failed"], url);
    assert(json.errors?.every(({ path }) => path === "/url"), `${url}: ${JSON.stringify(json)}`);
  }
});

Deno.test("a public URL is accepted over https, and not over plain http", async () => {
  await using service = await startTestService({ env: DEFAULT_POLICY });
  const accepted = [
    "https://9.9.9.9/in",
    "https://[2620:fe::fe]:8443/in?team=7",
  ];
  for (const url of accepted) assertEquals((await service.webhook(url)).url, url);
  for (const url of accepted.map((url) => url.replace("https:", "http:"))) {
    const { status, json } = await service.call("POST", sitePath("/webhooks"), {
      url,
      events: ["goal_completion"],
    });
    assertEquals([status, json.errors?.map(({ path }) => path)], [422, ["/url"]], url);
    assertMatch(json.errors?.[0]?.message ?? "", /https/);
  }
});

Deno.test("TIDINGS_ALLOW_HTTP lets plain http go to public addresses, and to no others", async () => {
  await using service = await startTestService({ env: { ...DEFAULT_POLICY, TIDINGS_ALLOW_HTTP: "true" } });
  assertEquals((await service.webhook("http://9.9.9.9/in")).url, "http://9.9.9.9/in");
  const { status } = await service.call("POST", sitePath("/webhooks"), {
    url: "http://127.0.0.1/in",
    events: ["goal_completion"],
  });
  assertEquals(status, 422);
});

Deno.test("TIDINGS_ALLOW_NETWORKS allows what it names, over plain http too, and nothing else", async () => {
  await using service = await startTestService({ env: { TIDINGS_ALLOW_NETWORKS: "127.0.0.0/9" } });
  for (const url of ["http://127.0.0.1/in", "http://127.1/in", "https://localhost/in"]) {
    assertEquals((await service.webhook(url)).url, url);
  }
  for (
    const url of ["http://127.128.0.1/in", "http://10.0.0.1/in", "https://[::1]/in", "http://0.0.0.0/in"]
  ) {
    const { status } = await service.call("POST", sitePath("/webhooks"), {
      url,
      events: ["goal_completion"],
    });
    assertEquals(status, 422, url);
  }
});

Deno.test("a patch is judged as a creation is, and a refused one changes nothing", async () => {
  await using service = await startTestService({ env: DEFAULT_POLICY });
  const { id } = await service.webhook("https://9.9.9.9/in");
  const path = sitePath(`/webhooks/${id}`);
  const { status, json } = await service.call<ProblemJson>("PATCH", path, {
    url: "https://169.254.169.254/latest/meta-data",
    name: "Other",
  });
  assertEquals([status, json.errors?.map((error) => error.path)], [422, ["/url"]]);
  const { json: webhook } = await service.call<WebhookJson>("GET", path);
  assertEquals([webhook.url, webhook.name, webhook.site_id], ["https://9.9.9.9/in", "9.9.9.9", SITE]);
});

Deno.test("a webhook whose network is allowed no longer is not sent to: its delivery is blocked", async () => {
  await using file = await temporaryFile();
  {
    await using before = await startTestService({ kv: file.path });
    await before.webhook("http://127.0.0.1:9/in");
  }
  await using service = await startTestService({ kv: file.path, env: DEFAULT_POLICY });
  await service.post(goal());
  const [delivery] = await service.settled("blocked", 1);
  const attempts = delivery?.attempts.map(({ outcome, error, status_code }) => [outcome, error, status_code]);
  assertEquals(attempts, [["blocked", "blocked_address", null]]);
});
