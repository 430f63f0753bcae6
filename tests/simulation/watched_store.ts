/**
 * A fake database that tells of every atomic operation at the moment it takes effect.
 *
 * Owns the moment: whoever watches sees what is committed, in its order, and nothing that is not.
 *
 * @module
 */
import { FakeStore, type FakeStoreOptions, type FakeWrite } from "../helpers/fake_kv_store.ts";

/** Called right after an operation took effect. */
export type OnApplied = (write: FakeWrite) => void;

/** See the module. */
export class WatchedStore extends FakeStore {
  readonly #onApplied: OnApplied;

  /**
   * @param options As of every fake store.
   * @param onApplied Must not throw, and must not write.
   */
  constructor(options: FakeStoreOptions, onApplied: OnApplied) {
    super(options);
    this.#onApplied = onApplied;
  }

  override apply(write: FakeWrite, now_ms: number): string | null {
    const versionstamp = super.apply(write, now_ms);
    if (versionstamp !== null) this.#onApplied(write);
    return versionstamp;
  }
}
