/**
 * `deno task listen`: a receiver on this machine that prints and verifies what it gets.
 *
 * @module
 */
import { Command, InvalidArgumentError } from "commander";
import { type Received, startReceiver } from "./receiver.ts";

// deno-lint-ignore no-console -- printing is what this command is for
const print = console.log;

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`must be a whole number from ${min} to ${max}`);
  };
}

function indented(text: string): string {
  return text.split("\n").map((line) => `    ${line}`).join("\n");
}

function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

function printReceived({ headers, body, signatures, status, seen }: Received): void {
  const event = headers["x-webhook-event"] ?? "(no X-Webhook-Event)";
  const again = seen > 1 ? `, request ${seen} with this webhook-id` : "";
  print(`\n${new Date().toISOString()}  ${event}  attempt ${headers["x-webhook-attempt"] ?? "?"}${again}`);
  print(`  webhook-id ${headers["webhook-id"] ?? "(missing)"}`);
  if (signatures.length === 0) print("  signatures not checked: start with --secret whsec_…");
  for (const { header, valid, reason, hint } of signatures) {
    print(valid ? `  ✓ ${header}` : `  ✗ ${header}: ${reason}. ${hint ?? ""}`);
  }
  print(indented(pretty(body)));
  print(`  answered ${status}`);
}

const command = new Command("deno task listen")
  .description("Receives webhooks on this machine, prints them and verifies their signatures.")
  .option("--port <port>", "where to listen (0: any free port)", wholeNumber(0, 65_535), 9000)
  .option("--secret <secret>", "the webhook's secret; without it signatures are not checked")
  .option("--fail <n>", "answer 500 to the first n requests of each event", wholeNumber(0, 1000), 0)
  .option("--delay <ms>", "wait before answering, in milliseconds", wholeNumber(0, 600_000), 0)
  .option("--status <code>", "the status of the other answers", wholeNumber(200, 599), 200)
  .exitOverride((error) => Deno.exit(error.exitCode === 0 ? 0 : 2));

const { port, secret, fail, delay, status } = command.parse(["deno", "listen", ...Deno.args]).opts();
try {
  const receiver = startReceiver({
    port,
    secret: () => secret ?? null,
    fail,
    delay_ms: delay,
    status,
    onReceived: printReceived,
  });
  print(`Listening on ${receiver.url}  (Ctrl-C ends)`);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => void receiver.stop().then(() => Deno.exit(0)));
  }
} catch (error) {
  if (!(error instanceof Deno.errors.AddrInUse)) throw error;
  print(`Cannot listen on port ${port}: it is in use. Choose another with --port, or 0 for any free one.`);
  Deno.exit(1);
}
