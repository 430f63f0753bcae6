// Hands the requests on stdin to receiver.mjs and says what came of each: see languages.ts.
import process from "node:process";
import { Buffer } from "node:buffer";

const { inbox, isPlainValid, receive } = await import(`${process.cwd()}/receiver.mjs`);

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
for (const line of Buffer.concat(chunks).toString().trimEnd().split("\n")) {
  const [secret, standardSecret, body, ...rest] = line.split("\t").map((text) => Buffer.from(text, "base64"));
  const headers = new Headers();
  for (let index = 0; index < rest.length; index += 2) {
    headers.set(rest[index].toString("latin1"), rest[index + 1].toString("latin1"));
  }
  const plain = await isPlainValid(secret.toString(), headers, new Uint8Array(body));
  const before = inbox.size;
  const status = await receive(standardSecret.toString(), headers, new Uint8Array(body));
  process.stdout.write(`${plain} ${status} ${inbox.size > before}\n`);
}
