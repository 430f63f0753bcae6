/**
 * The part of `Deno.Kv` that this room uses, so that a fake can stand in for it.
 *
 * Owns a type only: a real `Deno.Kv` is a {@linkcode Database} as it is, without a wrapper.
 *
 * @module
 */

/**
 * A key-value database as `Deno.openKv` opens it: a file, memory, or a KV server.
 *
 * Every value this room stores is a `Uint8Array` that the caller encoded, so that its size is known to the byte, or a
 * `Deno.KvU64` for sums. `watch` is left out (it isn't woken across processes on one file), and so are the single
 * `set` and `delete`: every write goes through the committer.
 */
export interface Database
  extends Pick<Deno.Kv, "get" | "getMany" | "atomic" | "enqueue" | "listenQueue" | "close"> {
  /** As `Deno.Kv` has it, but for the cursor: this room goes on by keys. */
  list<T = unknown>(
    selector: Deno.KvListSelector,
    options?: Deno.KvListOptions,
  ): AsyncIterable<Deno.KvEntry<T>>;
}
