/**
 * How much of an answer is read, and what is kept of it.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ANSWER } from "../../../lib/limits.ts";
import { AnswerBody } from "../../../lib/outbound/answer_body.ts";

Deno.test("AnswerBody keeps the first bytes and counts all, however they are cut", () => {
  const total = 3000;
  const bytes = Uint8Array.from({ length: total }, (_, index) => index % 256);
  fc.assert(fc.property(fc.array(fc.nat(total), { maxLength: 20 }), (cuts) => {
    const body = new AnswerBody();
    const ends = [...cuts.sort((a, b) => a - b), total];
    ends.forEach((end, index) => body.add(bytes.subarray(ends[index - 1] ?? 0, end)));
    assertEquals(body.snippet, bytes.slice(0, ANSWER.snippet_bytes_max));
    assert(!body.full);
  }));
});

Deno.test("AnswerBody is full at the cap, not before", () => {
  const body = new AnswerBody();
  body.add(new Uint8Array(ANSWER.read_bytes_max - 1));
  assert(!body.full);
  body.add(new Uint8Array(1));
  assert(body.full);
  assertEquals(body.snippet.byteLength, ANSWER.snippet_bytes_max);
});

Deno.test("AnswerBody holds on to no chunk: neither its memory nor what is written there later", () => {
  const body = new AnswerBody();
  const chunk = new Uint8Array(64 * 1024).fill(1);
  body.add(chunk);
  chunk.fill(2);
  assertEquals(body.snippet, new Uint8Array(ANSWER.snippet_bytes_max).fill(1));
  assertEquals(body.snippet.buffer.byteLength, ANSWER.snippet_bytes_max);
});
