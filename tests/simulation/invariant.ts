/**
 * What an invariant is: a name, what it says, and where it looks.
 *
 * @module
 */
import type { Webhook } from "../../lib/webhook.ts";
import type { Changes } from "./mirror.ts";
import type { SimProcess } from "./sim_process.ts";
import type { Send, World } from "./world.ts";

/** An atomic operation that took effect. */
export interface Commit {
  readonly by: SimProcess;
  readonly changes: Changes;
  /** By the clock of the process. */
  readonly now: number;
  /** By the world's time. */
  readonly world_at: number;
}

/** What was wrong. */
export interface Violation {
  readonly invariant: string;
  readonly what: string;
}

/** Something that must hold whatever happens. Each place returns what is wrong, or null. */
export interface Invariant {
  readonly name: string;
  /** For a reader of a failure. */
  readonly says: string;
  /** After a commit took effect; the mirror shows it. */
  readonly onCommit?: (world: World, commit: Commit) => string | null;
  /** Right before a request is signed. */
  readonly onSign?: (world: World, process: SimProcess, webhook: Webhook) => string | null;
  /** When a request goes out, before it is entered among the sends. */
  readonly onSend?: (world: World, send: Send) => string | null;
  /** When its answer reaches its process. Only learns. */
  readonly onAnswer?: (world: World, send: Send) => void;
  /** When a caller was told that an event is accepted. */
  readonly onPromise?: (world: World, event_id: string, queued: number) => string | null;
  readonly afterStep?: (world: World) => string | null;
  /** When everything has been well for long enough. */
  readonly atEnd?: (world: World) => string | null | Promise<string | null>;
}
