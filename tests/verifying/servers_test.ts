/**
 * The parts of docs/verifying.md that listen or ask, run as they are printed: a delivery goes to them over HTTP.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { ADMIN_KEY, goal, within } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { NODE_PROBE, succeeds } from "../helpers/installed.ts";
import { gather } from "../helpers/lines.ts";
import { startTestService } from "../helpers/service.ts";
import { folderOf, snippet } from "./languages.ts";

const SECRET = "the-owner's-secret-of-32-letters";
/** What Standard Webhooks is keyed with. */
const STANDARD_SECRET = `whsec_${btoa(SECRET)}`;

/** A receiver of the document, as a process. */
interface Server {
  readonly snippets: readonly string[];
  readonly drivers?: readonly string[];
  readonly command: readonly [program: string, ...args: string[]];
}

/** Calls, and goes in the middle of the body. Resolves when the receiver has noticed. */
async function hangUp(address: string): Promise<void> {
  const { hostname, port } = new URL(address);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const head = `POST / HTTP/1.1\r\nHost: ${hostname}\r\nContent-Length: 100\r\n\r\n{`;
  await connection.write(new TextEncoder().encode(head));
  await connection.closeWrite();
  await new Response(connection.readable).text().catch(() => {});
}

/** Starts a receiver, has somebody hang up on it, has it sent deliveries under its secret and under another, and ends it. */
async function assertReceives(
  { snippets, drivers = [], command: [program, ...args] }: Server,
): Promise<void> {
  await using folder = await folderOf(snippets, drivers);
  await using service = await startTestService();
  const child = new Deno.Command(program, {
    args,
    cwd: folder.path,
    env: { WEBHOOK_SECRET: STANDARD_SECRET, PORT: "0", NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const url = Promise.withResolvers<string>();
  const lines: string[] = [];
  const onLine = (line: string): void => {
    lines.push(line);
    const [found] = /http:\/\/127\.0\.0\.1:\d+\//.exec(line) ?? [];
    if (found !== undefined) url.resolve(found);
  };
  const ended = Promise.all([gather(child.stdout, onLine), gather(child.stderr, onLine), child.status]);
  try {
    const failed = ended.then(() => Promise.reject(new Error(lines.join("\n"))));
    const address = await within(Promise.race([url.promise, failed]), "the receiver to listen");
    await hangUp(address);
    await service.webhook(address, { secret: SECRET });
    await service.webhook(address, { secret: `${SECRET}!`, max_retries: 0 });
    await service.post(goal());
    const deliveries = await service.settledAs(({ attempts_total }) => attempts_total === 1, 2);
    assertEquals(
      deliveries.map(({ attempts }) => attempts[0]?.status_code).toSorted(),
      [204, 401],
      lines.join("\n"),
    );
  } finally {
    try {
      child.kill();
    } catch {
      // It has ended: what it wrote is in the failure.
    }
    await ended;
  }
}

Deno.test("docs/verifying.md's receiver for Deno and Workers receives over HTTP", () =>
  assertReceives({
    snippets: ["receiver.mjs", "deno.mjs"],
    command: [
      Deno.execPath(),
      ...["serve", "--no-prompt", "--allow-env=WEBHOOK_SECRET", "--host=127.0.0.1", "--port=0", "deno.mjs"],
    ],
  }));

const node = await succeeds(...NODE_PROBE);

Deno.test({
  name: `docs/verifying.md's receiver for Node.js receives over HTTP${node ? "" : " (not on this machine)"}`,
  ignore: !node,
  fn: () =>
    assertReceives({
      snippets: ["receiver.mjs", "node.mjs"],
      drivers: ["serve_node.mjs"],
      command: ["node", "serve_node.mjs"],
    }),
});

const python = await succeeds("python3", "--version");

Deno.test({
  name: `docs/verifying.md's receiver for Python receives over HTTP${python ? "" : " (not on this machine)"}`,
  ignore: !python,
  fn: () => assertReceives({ snippets: ["receiver.py", "serve.py"], command: ["python3", "serve.py"] }),
});

const jq = await succeeds("jq", "--version");

Deno.test({
  name: `docs/verifying.md's call of verify-signature works as printed${
    jq ? "" : " (no jq on this machine)"
  }`,
  ignore: !jq,
  async fn(): Promise<void> {
    await using service = await startTestService();
    await using receiver = startReceiver();
    await using folder = await folderOf([], []);
    const { secret } = await service.webhook(receiver.url);
    await service.post(goal(1, { data: { goal_name: "Größe ✓", visitor_count: 1 } }));
    const { body, headers } = await within(receiver.received(1), "the delivery");
    const ask = async (received: Uint8Array): Promise<unknown> => {
      await Deno.writeFile(`${folder.path}/body.bin`, received);
      const { code, stdout, stderr } = await new Deno.Command("bash", {
        args: [
          "-euo",
          "pipefail",
          "-c",
          snippet("verify-signature").replaceAll("http://127.0.0.1:8080", service.url),
        ],
        cwd: folder.path,
        env: {
          KEY: ADMIN_KEY,
          WEBHOOK_SECRET: secret,
          SIGNATURE: headers.get("X-Webhook-Signature") ?? "",
        },
      }).output();
      assertEquals(code, 0, new TextDecoder().decode(stderr));
      return JSON.parse(new TextDecoder().decode(stdout)).signatures[0];
    };
    assertEquals(await ask(body), { header: "X-Webhook-Signature", valid: true });
    const answer = await ask(body.subarray(1));
    assert(typeof answer === "object" && answer !== null && "reason" in answer);
    assertMatch(String(answer.reason), /^wrong_secret_or_body$/);
  },
});
