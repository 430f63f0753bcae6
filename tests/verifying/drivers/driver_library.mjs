// Hands the requests on stdin to library.mjs and says what came of each: see languages.ts.
import process from "node:process";
import { Buffer } from "node:buffer";

const { verified } = await import(`${process.cwd()}/library.mjs`);

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
for (const line of Buffer.concat(chunks).toString().trimEnd().split("\n")) {
  const [, standardSecret, body, ...rest] = line.split("\t").map((text) => Buffer.from(text, "base64"));
  const headers = new Headers();
  for (let index = 0; index < rest.length; index += 2) {
    headers.set(rest[index].toString("latin1"), rest[index + 1].toString("latin1"));
  }
  let valid = true;
  try {
    verified(standardSecret.toString(), headers, body);
  } catch {
    valid = false;
  }
  process.stdout.write(`${valid}\n`);
}
