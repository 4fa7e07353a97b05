/**
 * THE table of metrics: their names, after Prometheus' conventions, what they mean, and where their values come from.
 * doc/monitoring.md has each of them; a test compares. Pure.
 *
 * Every series is there from the start, at 0, so that a rate is right from the first event on; and none comes
 * with what clients send.
 */
import { recordKinds } from "../greylist/records.ts";
import { reasonKinds } from "../log/reasons.ts";
import { type Counts, type Histogram, storeOperations } from "./counts.ts";

/** What there is to know of a process. */
export interface Observed {
  readonly counts: Counts;
  readonly connections: number;
  readonly linesLost: number;
  readonly version: string;
  /** What runs it: `deno 2.9.6`. */
  readonly runtime: string;
  /** UNIX seconds. */
  readonly startedAt: number;
}

type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
  /** In place of the metric's own: of the parts of a histogram. */
  readonly metricName?: string;
}

export interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly samples: (observed: Observed, name: string) => readonly Sample[];
}

/** Reasons for which mail is deferred; all but the first two may let it pass, too, or nothing else. */
const deferring: readonly string[] = ["new", "early-retry", "store failure"];
const onlyDeferring = deferring.slice(0, 2);

export const metrics: readonly Metric[] = [
  {
    name: "greylist_decisions_total",
    type: "counter",
    help: "Requests that were decided, by action and reason.",
    samples: ({ counts: { deferred, passed } }) =>
      reasonKinds.flatMap((reason) => [
        ...deferring.includes(reason)
          ? [{ labels: { action: "greylist", reason }, value: deferred[reason] }]
          : [],
        ...onlyDeferring.includes(reason)
          ? []
          : [{ labels: { action: "pass", reason }, value: passed[reason] }],
      ]),
  },
  {
    name: "greylist_not_asked_total",
    type: "counter",
    help: "Requests that greylisting has nothing to say about, by reason.",
    samples: ({ counts }) => byLabel("reason", counts.notAsked),
  },
  {
    name: "greylist_answer_duration_seconds",
    type: "histogram",
    help: "How long Postfix waited for answers.",
    samples: ({ counts }, name) => ofHistogram(name, counts.answerSeconds),
  },
  {
    name: "greylist_waited_seconds",
    type: "histogram",
    help: "How long mail that was accepted after waiting had waited since its first attempt.",
    samples: ({ counts }, name) => ofHistogram(name, counts.waitedSeconds),
  },
  {
    name: "greylist_store_operation_duration_seconds",
    type: "histogram",
    help: "How long the store took, by operation.",
    samples: ({ counts }, name) =>
      storeOperations.flatMap((operation) =>
        ofHistogram(name, counts.storeSeconds[operation], { operation })
      ),
  },
  {
    name: "greylist_store_errors_total",
    type: "counter",
    help: "Operations of the store that failed or came too late, by operation.",
    samples: ({ counts }) => byLabel("operation", counts.storeErrors),
  },
  {
    name: "greylist_store_down",
    type: "gauge",
    help: "Servers or parts of the store that are not usable.",
    samples: ({ counts }) => one(counts.storeDown.size),
  },
  {
    name: "greylist_entries_written_total",
    type: "counter",
    help: "Entries that were written, new or renewed, by what they remember.",
    samples: ({ counts: { written } }) =>
      recordKinds.map((kind) => ({ labels: { kind }, value: written[kind] })),
  },
  {
    name: "greylist_clients_trusted_total",
    type: "counter",
    help: "Clients that have earned their place in the auto-whitelist.",
    samples: ({ counts }) => one(counts.clientsTrusted),
  },
  {
    name: "greylist_dns_question_duration_seconds",
    type: "histogram",
    help: "How long questions to name servers took, those without an answer included.",
    samples: ({ counts }, name) => ofHistogram(name, counts.dnsSeconds),
  },
  {
    name: "greylist_dns_unanswered_total",
    type: "counter",
    help: "Questions to name servers that got no answer in time.",
    samples: ({ counts }) => one(counts.dnsUnanswered),
  },
  {
    name: "greylist_dns_down",
    type: "gauge",
    help: "1 while DNS does not answer at all, and nobody waits for it.",
    samples: ({ counts }) => one(Number(counts.dnsIsDown)),
  },
  {
    name: "greylist_connections",
    type: "gauge",
    help: "Open connections from Postfix.",
    samples: ({ connections }) => one(connections),
  },
  {
    name: "greylist_connections_refused_total",
    type: "counter",
    help: "Connections that were refused because all of max-connections were at work.",
    samples: ({ counts }) => one(counts.refused),
  },
  {
    name: "greylist_protocol_errors_total",
    type: "counter",
    help: "Connections that were closed because of what was sent.",
    samples: ({ counts }) => one(counts.protocolErrors),
  },
  {
    name: "greylist_reloads_total",
    type: "counter",
    help: "Reloads of the configuration or the lists, by result.",
    samples: ({ counts }) =>
      byLabel("result", { taken: counts.reloads, refused: counts.reloadsRefused }),
  },
  {
    name: "greylist_log_lines_lost_total",
    type: "counter",
    help: "Lines of the log that could not be written.",
    samples: ({ linesLost }) => one(linesLost),
  },
  {
    name: "greylist_internal_errors_total",
    type: "counter",
    help: "Bugs of greylist that were met; the log has each.",
    samples: ({ counts }) => one(counts.internalErrors),
  },
  {
    name: "greylist_build_info",
    type: "gauge",
    help: "Always 1; its labels tell the version and what runs it.",
    samples: ({ version, runtime }) => [{ labels: { version, runtime }, value: 1 }],
  },
  {
    name: "process_start_time_seconds",
    type: "gauge",
    help: "When the process was started, in UNIX seconds.",
    samples: ({ startedAt }) => one(startedAt),
  },
];

function one(value: number): Sample[] {
  return [{ labels: {}, value }];
}

function byLabel(label: string, values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values).map(([name, value]) => ({ labels: { [label]: name }, value }));
}

function ofHistogram(name: string, histogram: Histogram, labels: Labels = {}): Sample[] {
  let count = 0;
  const buckets = histogram.buckets.map((inBucket, place) => {
    const le = String(histogram.bounds[place] ?? "+Inf");
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count += inBucket };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: histogram.sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
