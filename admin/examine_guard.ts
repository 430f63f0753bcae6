/**
 * What the operator lets webhooks reach, in words.
 *
 * Owns which permissions are worth a warning. Whether an address is allowed is decided by the guard itself.
 *
 * @module
 */
import { type Check, fail, ok, warn } from "./checks.ts";

/** What the guard goes by. */
export type GuardFacts =
  | {
    /** The addresses of this machine, which are forbidden unless a network allows them. */
    readonly own_addresses: readonly string[];
    /** Whether a webhook may be sent to an address. */
    allows(address: string): boolean;
  }
  /** Why it can't be put together. */
  | { readonly problem: string };

/** Where clouds hand out credentials to whoever asks from inside. */
const METADATA: readonly { readonly address: string; readonly whose: string }[] = [
  { address: "169.254.169.254", whose: "the cloud's metadata service" },
  { address: "fd00:ec2::254", whose: "the cloud's metadata service" },
  { address: "168.63.129.16", whose: "Azure's host agent" },
  { address: "100.100.100.200", whose: "Alibaba's metadata service" },
];

const LOOPBACK = ["127.0.0.1", "::1"];

/**
 * Looks at the outbound guard.
 *
 * @param config What the operator allowed.
 * @param guard What the guard goes by.
 * @returns What is allowed, and a warning for everything that should not be.
 */
export function guardChecks(
  config: {
    readonly allow_networks: readonly { readonly text: string }[];
    readonly allow_http: boolean;
    readonly sender: "pinned" | "fetch";
  },
  guard: GuardFacts,
): Check[] {
  if ("problem" in guard) {
    return [
      fail(
        "guard",
        guard.problem,
        "The service does not start without it: give --allow-sys=networkInterfaces.",
      ),
    ];
  }
  const { allow_networks, allow_http, sender } = config;
  const networks = allow_networks.map(({ text }) => text).join(", ");
  const summary = networks === "" ? "public addresses only" : `public addresses, and ${networks}`;
  const warnings = [
    ...METADATA.filter(({ address }) => guard.allows(address)).map(({ address, whose }) =>
      warn(
        "guard",
        `TIDINGS_ALLOW_NETWORKS lets webhooks reach ${address}, ${whose}`,
        "Whoever may create a webhook may read this machine's credentials: name smaller networks.",
      )
    ),
    ...ownChecks(guard),
    ...(allow_http
      ? [warn(
        "guard",
        "TIDINGS_ALLOW_HTTP lets events go to public addresses without encryption",
        "Unset it once all receivers have https; addresses in TIDINGS_ALLOW_NETWORKS don't need it.",
      )]
      : []),
    ...(sender === "fetch"
      ? [warn(
        "guard",
        "TIDINGS_SENDER=fetch looks a name up twice, so the second address is not checked",
        "Use pinned, the default, where raw connections are allowed.",
      )]
      : []),
  ];
  return [
    ok("guard", `webhooks reach ${summary}; this machine has ${guard.own_addresses.length} addresses`),
    ...warnings,
  ];
}

function ownChecks({ own_addresses, allows }: Exclude<GuardFacts, { readonly problem: string }>): Check[] {
  const reached = [...new Set([...LOOPBACK, ...own_addresses])].filter(allows);
  return reached.length === 0 ? [] : [warn(
    "guard",
    `TIDINGS_ALLOW_NETWORKS lets webhooks reach this machine itself (${reached.join(", ")})`,
    "Fine on a developer's machine. Elsewhere every service that listens here can be posted to.",
  )];
}
