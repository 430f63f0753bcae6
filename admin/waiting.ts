/**
 * What is said while one call takes long, such as the import of a large document or the removal of a site.
 *
 * Owns that line. How far a call is only its service knows, so it says for how long it has been waited.
 *
 * @module
 */
import type { Backend } from "./backend.ts";
import type { Understood, World } from "./verb.ts";

/** Before the first line, and between two: nobody wonders earlier. */
const QUIET_MS = 5000;

/**
 * A backend that says so while a call takes long.
 *
 * @param backend What is called.
 * @param to Who is told, and the timer.
 * @returns The same, telling.
 */
export function toldWhileWaiting(
  backend: Backend,
  { say, after }: Pick<Understood, "say"> & Pick<World, "after">,
): Backend {
  return {
    ...backend,
    async call<Answer>(...asked: Parameters<Backend["call"]>): Promise<Answer> {
      let waited_ms = 0;
      const tick = (): void => {
        waited_ms += QUIET_MS;
        say(`Still at it after ${waited_ms / 1000} s.`);
        cancel = after(QUIET_MS, tick);
      };
      let cancel = after(QUIET_MS, tick);
      try {
        return await backend.call<Answer>(...asked);
      } finally {
        cancel();
      }
    },
  };
}
