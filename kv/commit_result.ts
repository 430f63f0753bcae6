/**
 * What comes of a commit: for each member, and for the atomic operation that it shares.
 *
 * @module
 */
import type { WrittenLease } from "./group_lease.ts";

/** What came of a member: written, or one of its checks failed. */
export type CommitResult =
  | {
    readonly ok: true;
    readonly versionstamp: string;
    /** The leases of all members of its group, if any has one. */
    readonly lease?: WrittenLease;
  }
  | { readonly ok: false };

/** An atomic operation that was written. */
export interface Committed {
  readonly outcome: "committed";
  readonly versionstamp: string;
  readonly lease: WrittenLease | null;
}

/** What came of one atomic operation. */
export type Attempt =
  | Committed
  | { readonly outcome: "conflict" }
  | { readonly outcome: "given_up" }
  | { readonly outcome: "fault" | "outage"; readonly error: unknown };
