/**
 * A part of the product in which some methods are others.
 *
 * @module
 */

/**
 * Puts methods before those of an object, which stays as it is.
 *
 * @param whole The object; its getters go on to tell the moment.
 * @param methods What is different.
 * @returns The same but for these.
 */
export function changed<Whole extends object>(whole: Whole, methods: Partial<Whole>): Whole {
  return Object.create(whole, Object.getOwnPropertyDescriptors(methods));
}
