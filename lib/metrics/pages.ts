/**
 * What the metrics' port answers: /metrics for Prometheus, in prom-client's words, and /healthz as JSON.
 *
 * /healthz says 200 as long as requests are answered, and 503 while stopping. A store or DNS that is down is told,
 * but changes nothing: greylist works without them, and an orchestrator must not kill it for that.
 */
import { type Metric as OfPromClient, Registry } from "prom-client";
import { metrics, type Observed } from "./table.ts";

/** An answer in HTTP. */
export interface Page {
  readonly status: number;
  /** Its media type. */
  readonly type: string;
  readonly body: string;
}

export interface Health {
  readonly isStopping: boolean;
  /** The store's name, and whether DNS is asked at all. */
  readonly store: string;
  readonly asksDns: boolean;
}

/** Gives the page at a path, if there is one. */
export type PageAt = (path: string) => Promise<Page | undefined>;

export function createPages(observed: () => Observed, health: () => Health): PageAt {
  const registry = new Registry();
  for (const { name, type, help, samples } of metrics) {
    // Its own counters and histograms would be another copy of the numbers; all it asks of a metric is this.
    const metric = { name, get: () => ({ name, type, help, values: samples(observed(), name) }) };
    registry.registerMetric(metric as unknown as OfPromClient<string>);
  }
  return async (path) => {
    switch (path) {
      case "/metrics":
        return { status: 200, type: registry.contentType, body: await registry.metrics() };
      case "/healthz":
        return healthPage(observed(), health());
      default:
        return undefined;
    }
  };
}

function healthPage(
  { counts, version, connections }: Observed,
  { isStopping, store, asksDns }: Health,
): Page {
  const body = {
    status: isStopping ? "stopping" : "ok",
    version,
    connections,
    store: { name: store, down: [...counts.storeDown] },
    dns: !asksDns ? "not asked" : counts.dnsIsDown ? "down" : "up",
  };
  return {
    status: isStopping ? 503 : 200,
    type: "application/json",
    body: `${JSON.stringify(body)}\n`,
  };
}
