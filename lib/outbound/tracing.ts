/**
 * Whether this process traces: Deno's own support for OpenTelemetry (`OTEL_DENO=true`).
 *
 * Owns what is loaded for it: nothing, unless the process was started to trace.
 *
 * @module
 */
import type { Tracing } from "../tracing.ts";

/**
 * Where the API of OpenTelemetry, in its first major version, finds what is registered with it. Deno registers its provider
 * there before the program begins.
 */
const REGISTERED = Symbol.for("opentelemetry.js.api.1");

/**
 * Makes the tracer.
 *
 * @param version Of this release.
 * @param nameOf What a site is called today.
 * @returns The tracer; null unless the process was started to trace: then nothing is spent on it.
 */
export async function createTracing(
  version: string,
  nameOf: (site_id: string) => string,
): Promise<Tracing | null> {
  if (!(REGISTERED in globalThis)) return null;
  const { OpenTelemetry } = await import("./open_telemetry.ts");
  return new OpenTelemetry(version, nameOf);
}
