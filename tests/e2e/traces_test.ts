/**
 * Traces through Deno's own support for OpenTelemetry: from the request that brings an event to the attempt at each webhook,
 * as a collector gets them.
 *
 * @module
 */
import { assert, assertEquals, assertFalse } from "@std/assert";
import { goal, until } from "../helpers/api.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startProcess, temporaryFile } from "../helpers/service.ts";

/** A span, as OTLP has it in JSON. */
interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[];
}

interface Collector extends AsyncDisposable {
  readonly url: string;
  readonly spans: readonly Span[];
  /** Everything it was sent. */
  readonly texts: readonly string[];
}

function startCollector(): Collector {
  const spans: Span[] = [];
  const texts: string[] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const text = await request.text();
    texts.push(text);
    const { resourceSpans = [] } = JSON.parse(text) as {
      resourceSpans?: { scopeSpans: { spans: Span[] }[] }[];
    };
    for (const { scopeSpans } of resourceSpans) spans.push(...scopeSpans.flatMap((scope) => scope.spans));
    return Response.json({});
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    spans,
    texts,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function attribute({ attributes }: Span, key: string): unknown {
  const value = attributes.find((one) => one.key === key)?.value;
  return value === undefined ? undefined : Object.values(value)[0];
}

Deno.test("a first attempt is in the trace of the request that brought its event, a retry in one of its own", async () => {
  await using collector = startCollector();
  await using file = await temporaryFile();
  await using receiver = startReceiver({ respond: [500, 200] });
  await using service = await startProcess({
    kv: file.path,
    env: {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_BSP_SCHEDULE_DELAY: "50",
    },
  });
  await service.webhook(`${receiver.url}marker-path?marker=query`);
  const { id } = await service.post(goal(1));
  const { trace_attempts: [first, second], request, commit } = await until(() => {
    const trace_attempts = collector.spans.filter(({ name }) => name === "attempt");
    const trace_id = trace_attempts[0]?.traceId;
    const of_trace = collector.spans.filter(({ traceId }) => traceId === trace_id);
    const request = of_trace.find(({ name }) => name === "POST");
    const commit = of_trace.find(({ name }) => name === "commit");
    if (trace_attempts.length < 2 || request === undefined || commit === undefined) return null;
    return { trace_attempts, request, commit };
  }, "the spans of the request, the commit and both attempts arrive");
  assert(first !== undefined && second !== undefined);

  assertEquals(attribute(request, "url.path"), "/v1/events");
  assertEquals([first.parentSpanId, commit.parentSpanId], [request.spanId, request.spanId]);
  assertEquals(attribute(commit, "tidings.events"), 1);
  assertEquals([attribute(first, "tidings.event_id"), attribute(second, "tidings.event_id")], [id, id]);
  assertEquals(attribute(first, "tidings.outcome"), "retry");
  assertEquals(attribute(second, "tidings.outcome"), "delivered");
  assertFalse(second.traceId === first.traceId);
  assertEquals(second.parentSpanId, "");
  const told = collector.texts.join("");
  assertFalse(told.includes("marker"), "of a receiver's URL a span names the host alone");
  assertFalse(told.includes("tdk_") || told.includes("whsec_"));
  // What is traced changes nothing for the receiver: the pinned sender passes no context on.
  assertFalse(receiver.requests.some(({ headers }) => headers.has("traceparent")));
});
