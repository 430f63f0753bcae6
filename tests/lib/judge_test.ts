/**
 * The judgement of a send: every status code, every network error, every header that may come with them.
 *
 * @module
 */
import { assert, assertEquals, assertFalse, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { judge, type JudgeInput } from "../../lib/judge.ts";
import { ANSWER, TIME } from "../../lib/limits.ts";
import type { SendErrorKind, SendResult } from "../../lib/ports.ts";

const { SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS } = TIME;
const NOW_MS = Date.parse("2026-02-25T12:00:00Z");

/** A first send, with jitter that neither adds nor takes. */
const INPUT: JudgeInput = {
  failures: 0,
  max_retries: 3,
  base_ms: 10_000,
  now_ms: NOW_MS,
  random: 0.5,
  webhook: { format: "json", url: "https://hooks.example.com/in" },
};
const LAST: JudgeInput = { ...INPUT, failures: 3 };
const OWN_DELAY_MS = 10 * SECOND_MS;

const THROTTLING = [429, 502, 503, 504];
const REDIRECTS = [300, 301, 302, 303, 304, 307, 308, 399];
const OTHER_FAILURES = [
  100,
  199,
  400,
  401,
  403,
  404,
  405,
  409,
  411,
  413,
  422,
  428,
  430,
  451,
  500,
  501,
  505,
  599,
  999,
];

function answer(status_code: number, fields: { retry_after?: string; body?: Uint8Array } = {}): SendResult {
  return {
    kind: "answer",
    status_code,
    retry_after: fields.retry_after ?? null,
    snippet: fields.body ?? new Uint8Array(),
  };
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** What is recorded of an answer with this body. */
function recorded(body: Uint8Array): string | null {
  return judge(answer(500, { body }), INPUT).observed.response_body;
}

Deno.test("judge() takes a 2xx, and nothing else, for delivered", () => {
  fc.assert(fc.property(fc.integer({ min: 100, max: 999 }), fc.nat(10), (status_code, failures) => {
    const { verdict } = judge(answer(status_code), { ...INPUT, failures });
    assertEquals(verdict.outcome === "delivered", status_code >= 200 && status_code <= 299);
  }));
  for (const status_code of [200, 201, 202, 204, 206, 299]) {
    assertEquals(judge(answer(status_code, { retry_after: "60" }), LAST), {
      verdict: { outcome: "delivered" },
      observed: { status_code, error: null, response_body: "" },
      throttle_until: null,
      down: false,
    });
  }
});

Deno.test("judge() takes a redirect for a failure that says so, and retries it", () => {
  for (const status_code of REDIRECTS) {
    assertEquals(judge(answer(status_code), INPUT), {
      verdict: { outcome: "retry", due_at: NOW_MS + OWN_DELAY_MS },
      observed: { status_code, error: "redirect", response_body: "" },
      throttle_until: null,
      down: false,
    });
  }
});

Deno.test("judge() takes 410 for gone, at the first send and at the last, whatever Retry-After says", () => {
  for (const input of [INPUT, LAST]) {
    assertEquals(judge(answer(410, { retry_after: "60" }), input), {
      verdict: { outcome: "gone" },
      observed: { status_code: 410, error: null, response_body: "" },
      throttle_until: null,
      down: false,
    });
  }
});

Deno.test("judge() retries every other failure after its own delay and lets the webhook go on", () => {
  for (const status_code of OTHER_FAILURES) {
    assertEquals(judge(answer(status_code), INPUT), {
      verdict: { outcome: "retry", due_at: NOW_MS + OWN_DELAY_MS },
      observed: { status_code, error: null, response_body: "" },
      throttle_until: null,
      down: status_code >= 500,
    }, String(status_code));
  }
});

Deno.test("judge() slows the webhook down by the delivery's own delay after 429, 502, 503 and 504", () => {
  for (const status_code of THROTTLING) {
    for (const [failures, delay_ms] of [[0, 10 * SECOND_MS], [1, MINUTE_MS], [2, 6 * MINUTE_MS]] as const) {
      const { verdict, throttle_until, down } = judge(answer(status_code), { ...INPUT, failures });
      assertEquals(verdict, { outcome: "retry", due_at: NOW_MS + delay_ms });
      assert(down);
      assertEquals(throttle_until, NOW_MS + delay_ms);
    }
  }
});

Deno.test("judge() slows the webhook down for as long as Retry-After says", () => {
  const table: [retry_after: string, wait_ms: number][] = [
    ["0", 0],
    ["1", SECOND_MS],
    ["120", 2 * MINUTE_MS],
    ["Wed, 25 Feb 2026 13:00:00 GMT", HOUR_MS],
    ["86400", DAY_MS],
    ["864000", DAY_MS],
  ];
  for (const status_code of THROTTLING) {
    for (const [retry_after, wait_ms] of table) {
      const { throttle_until } = judge(answer(status_code, { retry_after }), INPUT);
      assertEquals(throttle_until, NOW_MS + wait_ms, retry_after);
    }
  }
});

Deno.test("judge() takes a Retry-After that makes no sense for none", () => {
  for (const retry_after of ["", "soon", "-5", "soon 2099"]) {
    const { throttle_until } = judge(answer(503, { retry_after }), INPUT);
    assertEquals(throttle_until, NOW_MS + OWN_DELAY_MS);
  }
});

Deno.test("judge() never sends again before Retry-After is over, and at most a fifth later than it must", () => {
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const status = fc.constantFrom(...THROTTLING, 500, 404, 301);
  fc.assert(
    fc.property(status, fc.nat(100_000), random, fc.nat(2), (status_code, asked_s, at_random, failures) => {
      const input = { ...INPUT, failures, random: at_random };
      const { verdict } = judge(answer(status_code, { retry_after: String(asked_s) }), input);
      assert(verdict.outcome === "retry");
      const asked_ms = Math.min(asked_s * SECOND_MS, DAY_MS);
      const own_ms = 10 * SECOND_MS * 6 ** failures;
      assertGreaterOrEqual(verdict.due_at, NOW_MS + asked_ms);
      assertLessOrEqual(verdict.due_at, NOW_MS + Math.ceil(Math.max(asked_ms, own_ms) * 1.2));
    }),
  );
});

Deno.test("judge() lets a Retry-After of another failure delay that delivery and not the webhook", () => {
  const { verdict, throttle_until } = judge(answer(500, { retry_after: "120" }), INPUT);
  assert(verdict.outcome === "retry");
  assertGreaterOrEqual(verdict.due_at, NOW_MS + 2 * MINUTE_MS);
  assertEquals(throttle_until, null);
});

Deno.test("judge() allows three retries by default, four sends in all, and fails the fourth", () => {
  const outcomes = [0, 1, 2, 3, 4].map((failures) =>
    judge(answer(500), { ...INPUT, failures }).verdict.outcome
  );
  assertEquals(outcomes, ["retry", "retry", "retry", "failed", "failed"]);
});

Deno.test("judge() fails when no retry is left, for any failure and any number of retries", () => {
  const statuses = [...REDIRECTS, ...OTHER_FAILURES, ...THROTTLING];
  fc.assert(
    fc.property(
      fc.constantFrom(...statuses),
      fc.nat(10),
      fc.nat(12),
      (status_code, max_retries, failures) => {
        const { verdict } = judge(answer(status_code), { ...INPUT, max_retries, failures });
        assertEquals(verdict.outcome, failures < max_retries ? "retry" : "failed");
      },
    ),
  );
});

Deno.test("judge() slows the webhook down even when this delivery has no retry left", () => {
  const { verdict, throttle_until } = judge(answer(503, { retry_after: "120" }), LAST);
  assertEquals(verdict, { outcome: "failed" });
  assertEquals(throttle_until, NOW_MS + 2 * MINUTE_MS);
});

const NETWORK_ERRORS: SendErrorKind[] = ["timeout", "dns", "connect", "tls", "reset", "protocol"];

Deno.test("judge() retries a network error, names it, and lets the webhook go on", () => {
  for (const error of NETWORK_ERRORS) {
    const result = { kind: "error", error, detail: "hooks.example.com" } as const;
    const observed = { status_code: null, error, response_body: null };
    assertEquals(judge(result, { ...INPUT, failures: 1 }), {
      verdict: { outcome: "retry", due_at: NOW_MS + MINUTE_MS },
      observed,
      throttle_until: null,
      down: true,
    });
    assertEquals(judge(result, LAST), {
      verdict: { outcome: "failed" },
      observed,
      throttle_until: null,
      down: true,
    });
  }
});

Deno.test("judge() never retries an address that the guard refused", () => {
  for (const input of [INPUT, LAST]) {
    assertEquals(judge({ kind: "error", error: "blocked_address", detail: "10.0.0.1" }, input), {
      verdict: { outcome: "blocked" },
      observed: { status_code: null, error: "blocked_address", response_body: null },
      throttle_until: null,
      down: false,
    });
  }
});

Deno.test("judge() keeps what the receiver said as text, whether it succeeded or not", () => {
  for (const status_code of [200, 301, 410, 429, 500]) {
    assertEquals(
      judge(answer(status_code, { body: bytes("busy ✓") }), INPUT).observed.response_body,
      "busy ✓",
    );
  }
});

Deno.test("judge() drops a character that the limit cut in half", () => {
  for (const char of ["é", "✓", "😀"]) {
    const whole = bytes("x" + char);
    for (let length = 2; length < whole.byteLength; length++) {
      assertEquals(recorded(whole.subarray(0, length)), "x", `${char}, ${length} bytes`);
    }
    assertEquals(recorded(whole), "x" + char);
  }
});

Deno.test("judge() shows other broken bytes as U+FFFD", () => {
  assertEquals(recorded(Uint8Array.of(0x61, 0xff, 0x62, 0xc3, 0x28)), "a�b�(");
});

Deno.test("judge() takes any bytes a receiver may send", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: ANSWER.snippet_bytes_max }), (body) => {
    assertEquals(typeof recorded(body), "string");
  }));
});

Deno.test("judge() replaces personal data in what the receiver said", () => {
  const table = [
    ["no such user: jane@example.com", "no such user: [removed]"],
    ["your address 203.0.113.7 is not welcome", "your address [removed] is not welcome"],
    ['{"ip":"2001:db8::7"}', '{"ip":"[removed]"}'],
    ["DB::Exception at 12:30:45", "DB::Exception at 12:30:45"],
  ] as const;
  for (const [said, kept] of table) assertEquals(recorded(bytes(said)), kept);
});

/** A text with its last word ending where the kept bytes end. */
function cutAfter(word: string): Uint8Array {
  return bytes(word.padStart(ANSWER.snippet_bytes_max, "- "));
}

Deno.test("judge() removes an address that the limit cut in half", () => {
  for (
    const word of ["jane.doe@", "jane.doe@exam", "jane.doe%40exam", "2001:db8:85a3:8d3:1319", "2001:db8:8"]
  ) {
    const text = recorded(cutAfter(`by ${word}`)) ?? "";
    assert(text.endsWith("by [removed]"), text);
    assertFalse(text.includes(word));
  }
});

Deno.test("judge() keeps the last word where nothing was cut, or where it is no address", () => {
  assertEquals(recorded(bytes("mention @")), "mention @");
  for (const word of ["12:30", "error", "https://exam", "a@b c"]) {
    assert(recorded(cutAfter(word))?.endsWith(word), word);
  }
  assertEquals(recorded(bytes("x".repeat(ANSWER.snippet_bytes_max))), "x".repeat(ANSWER.snippet_bytes_max));
});
