/**
 * Numbers of payment cards in text: exactly where they are. The numbers are those that issuers publish for tests.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { cardNumbers, isCardNumber } from "../../../lib/privacy/card_numbers.ts";
import { PASSING } from "./personal_data_arbitraries.ts";

function foundIn(text: string): string[] {
  return [...new Set(Array.from(cardNumbers(text), ({ start, end }) => text.slice(start, end)))];
}

Deno.test("isCardNumber() knows the issuers' test numbers", () => {
  const numbers = [
    ...["4111111111111111", "4242424242424242", "4222222222222", "4000000000000000006"],
    ...["5555555555554444", "5105105105105100", "2223003122003222", "2720990000000007", "2221000000000009"],
    ...["378282246310005", "371449635398431", "343434343434343"],
    ...["30569309025904", "38520000023237", "36227206271667"],
    ...["3530111333300000", "3566002020360505", "2200000000000004"],
    ...["6011111111111117", "6011000990139424", "6200000000000005", "6304000000000000", "6759649826438453"],
  ];
  for (const number of numbers) assertEquals(isCardNumber(number), true, number);
});

Deno.test("isCardNumber() asks for an issuer, a length and the check digit", () => {
  const cases: [string, string][] = [
    ["4111111111111112", "another check digit"],
    ["1000000000000008", "no issuer begins with 1"],
    ["7000000000000003", "nor with 7"],
    ["0000000000000000", "nor with 0"],
    ["2220000000000000", "just below Mastercard's second range"],
    ["2721000000000004", "just above it"],
    ["41111111111116", "a Visa of 14 digits"],
    ["5555555555554", "a Mastercard of 13"],
    ["3782822463100053", "an American Express of 16"],
    ["601111111111", "too short"],
    ["40000000000000000002", "too long"],
    ["", "nothing"],
  ];
  for (const [number, why] of cases) assertEquals(isCardNumber(number), false, why);
});

Deno.test("cardNumbers() finds numbers in one or in groups, without what is around them", () => {
  const cases: [string, string[]][] = [
    ["4111111111111111", ["4111111111111111"]],
    ["card 4111 1111 1111 1111.", ["4111 1111 1111 1111"]],
    ["4111-1111-1111-1111", ["4111-1111-1111-1111"]],
    ["4111 - 1111 - 1111 - 1111", ["4111 - 1111 - 1111 - 1111"]],
    ["4111–1111–1111–1111", ["4111–1111–1111–1111"]],
    ["41111111 11111111", ["41111111 11111111"]],
    ["3782 822463 10005", ["3782 822463 10005"]],
    ["3056 930902 5904", ["3056 930902 5904"]],
    ["1 3056 930902 5904 2026", ["3056 930902 5904"]],
    ["1 3782 822463 10005 2026", ["3782 822463 10005"]],
    ["1 4000 0000 0000 0000 006 2026", ["4000 0000 0000 0000 006"]],
    ["4222 2222 2222 2", ["4222 2222 2222 2"]],
    ["4000 0000 0000 0000 006", ["4000 0000 0000 0000 006"]],
    ["2026 4111 1111 1111 1111 12 items", ["4111 1111 1111 1111"]],
    ["7 4111111111111111 2026-02", ["4111111111111111"]],
    ["4111 1111 1111 1111 5555 5555 5555 4444", ["4111 1111 1111 1111", "5555 5555 5555 4444"]],
    ["/pay/4111111111111111/ok", ["4111111111111111"]],
    ["id_4111111111111111", ["4111111111111111"]],
    ["卡4111111111111111号", ["4111111111111111"]],
    ["4111111111111111, 1", ["4111111111111111"]],
    ["x4111111111111111", []],
    ["4111111111111111x", []],
    ["x12-4111111111111111", ["4111111111111111"]],
    ["1.4111111111111111", []],
    ["4111111111111111.5", []],
    ["4111,111111111111", []],
    ["4111/1111/1111/1111", []],
    ["4111\n1111\n1111\n1111", []],
    ["14111111111111111", []],
  ];
  for (const [text, expected] of cases) assertEquals(foundIn(text), expected, text);
  for (const text of PASSING) assertEquals(foundIn(text), [], text);
});
