/**
 * The environment of a program that a test, or a measurement, starts.
 *
 * @module
 */

/**
 * The environment of this process, as far as it says nothing to Tidings.
 *
 * @returns Its variables, but for those that Tidings reads as settings.
 */
export function inheritedEnvironment(): Record<string, string> {
  const variables = Object.entries(Deno.env.toObject());
  return Object.fromEntries(variables.filter(([name]) => !/^(TIDINGS_|PORT$)/.test(name)));
}
