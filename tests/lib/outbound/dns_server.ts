/**
 * A name server on loopback that answers as a test tells it, so that the real resolver can be tried.
 *
 * Owns just enough of RFC 1035 for A, AAAA and CNAME. It must never ask anybody else.
 *
 * @module
 */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import type { Buffer } from "node:buffer";
import { once } from "node:events";
import ip from "ipaddr.js";

const TYPE = { A: 1, CNAME: 5, AAAA: 28 } as const;
const CODE = { ok: 0, servfail: 2, nxdomain: 3 } as const;

/** Addresses, another name, a failure, or (`silent`) no answer at all. */
export type DnsAnswer = readonly string[] | { readonly cname: string } | "servfail" | "nxdomain" | "silent";

/** Called for each question; `type` is `A` or `AAAA`. */
export type DnsZone = (name: string, type: "A" | "AAAA") => DnsAnswer;

/** A running name server. */
export interface DnsServer extends AsyncDisposable {
  readonly name_server: { readonly ipAddr: string; readonly port: number };
  /** Every question so far, as `A name`. */
  readonly questions: string[];
}

function encodeName(name: string): number[] {
  const labels = name.split(".").filter((label) => label !== "");
  return [...labels.flatMap((label) => [label.length, ...new TextEncoder().encode(label)]), 0];
}

function readQuestion(packet: Uint8Array): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = packet[at] ?? 0; length > 0; length = packet[at] ?? 0) {
    labels.push(new TextDecoder().decode(packet.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  return { name: labels.join("."), type: (packet[at + 1] ?? 0) * 256 + (packet[at + 2] ?? 0), end: at + 5 };
}

function record(name: string, type: number, data: readonly number[]): number[] {
  return [...encodeName(name), 0, type, 0, 1, 0, 0, 0, 60, 0, data.length, ...data];
}

function records(name: string, type: number, zone: DnsZone): { code: number; bytes: number[][] } | null {
  const answer = type === TYPE.A || type === TYPE.AAAA ? zone(name, type === TYPE.A ? "A" : "AAAA") : [];
  if (answer === "silent") return null;
  if (typeof answer === "string") return { code: CODE[answer], bytes: [] };
  if ("cname" in answer) {
    const rest = records(answer.cname, type, zone);
    if (rest === null) return null;
    return { code: rest.code, bytes: [record(name, TYPE.CNAME, encodeName(answer.cname)), ...rest.bytes] };
  }
  return {
    code: CODE.ok,
    bytes: answer.map((address) => record(name, type, ip.parse(address).toByteArray())),
  };
}

function onQuestion(
  socket: Socket,
  zone: DnsZone,
  questions: string[],
  packet: Buffer,
  from: RemoteInfo,
): void {
  const { name, type, end } = readQuestion(packet);
  questions.push(`${type === TYPE.A ? "A" : "AAAA"} ${name}`);
  const answer = records(name, type, zone);
  if (answer === null) return;
  const header = [
    packet[0] ?? 0,
    packet[1] ?? 0,
    0x81,
    0x80 | answer.code,
    0,
    1,
    0,
    answer.bytes.length,
    0,
    0,
    0,
    0,
  ];
  socket.send(
    new Uint8Array([...header, ...packet.subarray(12, end), ...answer.bytes.flat()]),
    from.port,
    from.address,
  );
}

/**
 * Starts a name server.
 *
 * @param zone What it answers.
 * @param at Where it listens, on UDP: a free port of 127.0.0.1 by default.
 * @returns It, listening.
 */
export async function startDnsServer(
  zone: DnsZone,
  at: { readonly address: string; readonly port: number } = { address: "127.0.0.1", port: 0 },
): Promise<DnsServer> {
  const questions: string[] = [];
  const socket = createSocket("udp4");
  socket.on(
    "message",
    (packet: Buffer, from: RemoteInfo) => onQuestion(socket, zone, questions, packet, from),
  );
  socket.bind(at.port, at.address);
  await once(socket, "listening");
  return {
    name_server: { ipAddr: at.address, port: socket.address().port },
    questions,
    async [Symbol.asyncDispose](): Promise<void> {
      const closed = once(socket, "close");
      socket.close();
      await closed;
    },
  };
}
