/**
 * Garbage, collected when a test says so.
 *
 * Owns the way to V8's collector. What a `WeakRef` still finds afterwards is held by somebody.
 *
 * @module
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Collects what nobody holds. */
export async function collectGarbage(): Promise<void> {
  // A `WeakRef` holds what it was made with until the task is over.
  await new Promise((resolve) => void setTimeout(resolve, 0));
  // Only a context that is made after the flag was set knows `gc`.
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
}
