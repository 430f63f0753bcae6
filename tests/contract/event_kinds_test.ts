/**
 * "Events" of the contract: what each kind of event holds, each limit at it and one beyond, and what is personal data.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { startReceiver } from "../helpers/receiver.ts";
import { pairs, section, type Stage, words } from "./section.ts";

type Data = Readonly<Record<string, unknown>>;

const WINDOW = { window_start: "2026-02-25T11:00:00Z", window_end: "2026-02-25T12:00:00+01:00" };
const sources = (count: number): unknown[] => words(count).map((source) => ({ source, visitors: 1 }));
const pages = (count: number): unknown[] => words(count).map((page) => ({ page: `/${page}`, visitors: 1 }));

/** Per kind: the required fields, the optional ones, and for each field what is refused. */
const KINDS: readonly [event: string, required: Data, optional: Data, refused: readonly [Data, string][]][] =
  [
    [
      "goal_completion",
      { goal_name: "g".repeat(500), visitor_count: 0 },
      { goal_id: "7", goal_type: "event", path: `/${"p".repeat(499)}`, event_count: 0, ...WINDOW },
      [
        [{ goal_name: "g".repeat(501) }, "/data/goal_name"],
        [{ goal_id: "i".repeat(501) }, "/data/goal_id"],
        [{ path: "p".repeat(501) }, "/data/path"],
        [{ goal_type: "click" }, "/data/goal_type"],
        [{ visitor_count: -1 }, "/data/visitor_count"],
        [{ visitor_count: 1.5 }, "/data/visitor_count"],
        [{ visitor_count: "1" }, "/data/visitor_count"],
        [{ event_count: -1 }, "/data/event_count"],
        [{ window_start: "2026-02-25T11:00:00" }, "/data/window_start"],
        [{ window_end: "noon" }, "/data/window_end"],
        [{ props: {} }, "/data/props"],
      ],
    ],
    [
      "visitor_spike",
      { current_visitors: 250 },
      { threshold: 100, baseline: 12.5, top_sources: sources(10), top_pages: pages(10) },
      [
        [{ current_visitors: -1 }, "/data/current_visitors"],
        [{ top_sources: sources(11) }, "/data/top_sources"],
        [{ top_pages: pages(11) }, "/data/top_pages"],
        [{ top_sources: [{ source: "s".repeat(501), visitors: 1 }] }, "/data/top_sources/0/source"],
        [{ top_pages: [{ page: "s".repeat(501), visitors: 1 }] }, "/data/top_pages/0/page"],
        [{ top_pages: [{ page: "/", visitors: -1 }] }, "/data/top_pages/0/visitors"],
        [{ top_pages: [{ page: "/", visitors: 1, more: 1 }] }, "/data/top_pages/0/more"],
        [{ window_hours: 1 }, "/data/window_hours"],
      ],
    ],
    ["visitor_drop", { current_visitors: 0 }, { threshold: 1, window_hours: 12 }, [
      [{ current_visitors: 0.5 }, "/data/current_visitors"],
      [{ baseline: 1 }, "/data/baseline"],
    ]],
    [
      "custom_event",
      { event_name: "e".repeat(500), visitor_count: 1 },
      {
        event_count: 4,
        path: "/",
        props: { ...pairs(17), text: "t".repeat(500), yes: true, part: 0.5 },
        ...WINDOW,
      },
      [
        [{ event_name: "e".repeat(501) }, "/data/event_name"],
        [{ props: pairs(21) }, "/data/props"],
        [{ props: { a: "t".repeat(501) } }, "/data/props/a"],
        [{ props: { ["n".repeat(501)]: 1 } }, `/data/props/${"n".repeat(501)}`],
        [{ props: JSON.parse('{"__proto__": 1}') }, "/data/props/__proto__"],
        [{ props: { a: null } }, "/data/props/a"],
        [{ props: { a: {} } }, "/data/props/a"],
        [{ goal_name: "x" }, "/data/goal_name"],
      ],
    ],
    ["error_condition", { error_type: "t".repeat(500), message: "m".repeat(2000) }, { details: pairs(20) }, [
      [{ error_type: "t".repeat(501) }, "/data/error_type"],
      [{ message: "m".repeat(2001) }, "/data/message"],
      [{ details: pairs(21) }, "/data/details"],
      [{ details: { a: [] } }, "/data/details/a"],
    ]],
  ];

/** The keys that are personal data, written anew from the contract. */
const PERSONAL_KEYS = [
  ...["ip", "ipaddress", "remoteip", "remoteaddr", "clientip", "xforwardedfor", "useragent", "ua", "user"],
  ...["userid", "username", "visitorid", "sessionid", "session", "clientid", "customerid", "accountid"],
  ...["orderid", "invoiceid", "ticketid", "distinctid", "deviceid", "cookie", "fingerprint", "email", "mail"],
  ...["phone", "tel", "firstname", "lastname", "fullname", "address", "street", "postcode", "zip", "token"],
  ...["password", "secret", "apikey", "salt", "passport", "iban", "gclid", "gbraid", "wbraid", "msclkid"],
  ...["fbclid", "twclid"],
];

/** A custom event with these properties. */
function custom({ event }: Stage, props: Data): Record<string, unknown> {
  return event({ event: "custom_event", data: { event_name: "Download", visitor_count: 1, props } });
}

section("the kinds of events", {
  "each kind takes its required fields alone, all optional ones, and strings, counts, pairs and lists at their limits":
    async ({ ask, event }) => {
      for (const [name, required, optional] of KINDS) {
        await ask(202, "POST", "/v1/events", event({ event: name, data: required }));
        await ask(202, "POST", "/v1/events", event({ event: name, data: { ...required, ...optional } }));
      }
      for (const goal_type of ["event", "page", "scroll", "revenue"]) {
        await ask(
          202,
          "POST",
          "/v1/events",
          event({ data: { goal_name: "x", visitor_count: 1, goal_type } }),
        );
      }
    },
  "each kind is refused without one of its required fields, one beyond a limit, and with what it does not know":
    async ({ event, refused }) => {
      for (const [name, required, , faults] of KINDS) {
        for (const field of Object.keys(required)) {
          const { [field]: _, ...data } = required;
          const posted = event({ event: name, data });
          assertEquals(await refused("validation_failed", "POST", "/v1/events", posted), [`/data/${field}`]);
        }
        for (const [fault, pointer] of [...faults, [{ colour: "red" }, "/data/colour"] as const]) {
          const posted = event({ event: name, data: { ...required, ...fault } });
          assertEquals(await refused("validation_failed", "POST", "/v1/events", posted), [pointer], name);
        }
      }
    },
  "all four keys are required, and there is no fifth": async ({ event, refused }) => {
    for (const name of ["event", "site_id", "timestamp", "data"]) {
      const { [name]: _, ...rest } = event();
      assertEquals(await refused("validation_failed", "POST", "/v1/events", rest), [`/${name}`]);
    }
    assertEquals(await refused("validation_failed", "POST", "/v1/events", event({ more: 1 })), ["/more"]);
    assertEquals(await refused("validation_failed", "POST", "/v1/events", event({ event: "test" })), [
      "/event",
    ]);
  },
  "timestamp is RFC 3339 with an offset, at most 24 h ahead": async ({ ask, event, refused }) => {
    const ahead = (ms: number): string => new Date(Date.now() + 24 * 3_600_000 + ms).toISOString();
    const good = [
      "2026-02-25T12:00:00Z",
      "2026-02-25T12:00:00.123456+05:30",
      "1999-12-31T23:59:59-00:00",
      ahead(-100),
    ];
    for (const timestamp of good) await ask(202, "POST", "/v1/events", event({ timestamp }));
    const bad = [
      "2026-02-25T12:00:00",
      "2026-02-25T12:00Z",
      "2026-02-25",
      "2026-02-30T12:00:00Z",
      "now",
      1,
      ahead(60_000),
    ];
    for (const timestamp of bad) {
      assertEquals(await refused("validation_failed", "POST", "/v1/events", event({ timestamp })), [
        "/timestamp",
      ]);
    }
  },
  "query string and fragment are cut off path and page": async (stage) => {
    const { webhook, ask, event } = stage;
    await using receiver = startReceiver();
    await webhook(receiver.url, { events: ["goal_completion", "visitor_spike"] });
    const path = "/signup?email=jane@example.org#top";
    await ask(202, "POST", "/v1/events", event({ data: { goal_name: "x", visitor_count: 1, path } }));
    const top_pages = [{ page: "/a#b", visitors: 1 }];
    await ask(
      202,
      "POST",
      "/v1/events",
      event({ event: "visitor_spike", data: { current_visitors: 99, top_pages } }),
    );
    await receiver.received(2);
    const sent = receiver.requests.map(({ text }) => JSON.parse(text).data);
    assertEquals(sent.find((data) => "path" in data).path, "/signup");
    assertEquals(sent.find((data) => "top_pages" in data).top_pages, [{ page: "/a", visitors: 1 }]);
  },
});

section("personal data", {
  "the list of keys is the published one, and each is refused however it is spelled": async (stage) => {
    const types = await stage.ask<{ personal_keys: string[] }>(200, "GET", "/v1/event-types");
    assertEquals(types.personal_keys.toSorted(), PERSONAL_KEYS.toSorted());
    const spelled = PERSONAL_KEYS.flatMap((
      key,
    ) => [key, key.toUpperCase(), [...key].join("_"), [...key].join("-")]);
    const events = [stage.event(), ...spelled.map((key) => custom(stage, { [key]: "x" }))];
    const { results } = await stage.ask<{ results: { error?: { code: string } }[] }>(
      202,
      "POST",
      "/v1/events/batch",
      { events },
    );
    assertEquals(results.map(({ error }) => error?.code), [undefined, ...spelled.map(() => "personal_data")]);
  },
  "addresses and card numbers are refused in strings and keys, also percent-encoded, and never echoed":
    async (stage) => {
      const table = [
        "203.0.113.7",
        "2001:db8::1",
        "jane@example.org",
        "jane%40example.org",
        "jane%2540example.org",
        "4111 1111 1111 1111",
      ];
      for (const value of table) {
        for (
          const [props, pointer] of [[{ a: `seen ${value} here` }, /^\/data\/props\/a$/], [
            { [value]: 1 },
            /^\/data\/props/,
          ]] as const
        ) {
          const { status, json, text } = await stage.call("POST", "/v1/events", custom(stage, props));
          assertEquals([status, json.code, pointer.test(json.errors?.[0]?.path ?? "")], [
            422,
            "personal_data",
            true,
          ], value);
          for (const form of [value, encodeURIComponent(value), "jane"]) {
            assertEquals(text.includes(form), false, value);
          }
        }
      }
      const error = stage.event({
        event: "error_condition",
        data: { error_type: "x", message: "jane@example.org" },
      });
      assertEquals(await stage.refused("personal_data", "POST", "/v1/events", error), ["/data/message"]);
    },
  "what only looks like it passes": async (stage) => {
    for (const value of ["DB::Exception", "12:30:45", "1.2.3", "logo@2x", "@2x", "4111 1111 1111 1112"]) {
      await stage.ask(202, "POST", "/v1/events", custom(stage, { a: value }));
    }
  },
});
