/**
 * The parts of the Prometheus client that are used.
 *
 * Owns which of its files are loaded. It must never load its index: that opens a `BroadcastChannel` for the workers of a
 * cluster, which nothing here has, and which ends a process on Deno Deploy, whose release of Deno has it behind a flag.
 *
 * @module
 */
import type * as client from "@prometheus-io/client";
import CounterClass from "@prometheus-io/client/lib/counter.js";
import GaugeClass from "@prometheus-io/client/lib/gauge.js";
import HistogramClass from "@prometheus-io/client/lib/histogram.js";
import RegistryClass from "@prometheus-io/client/lib/registry.js";

/** What goes up only. */
export const Counter: typeof client.Counter = CounterClass;
/** What goes up only. */
export type Counter<Label extends string = string> = client.Counter<Label>;

/** What goes up and down. */
export const Gauge: typeof client.Gauge = GaugeClass;
/** What goes up and down. */
export type Gauge<Label extends string = string> = client.Gauge<Label>;

/** How often something was how large. */
export const Histogram: typeof client.Histogram = HistogramClass;
/** How often something was how large. */
export type Histogram<Label extends string = string> = client.Histogram<Label>;

/** All of them, and their text. */
export const Registry: typeof client.Registry = RegistryClass;
/** All of them, and their text. */
export type Registry = client.Registry;
