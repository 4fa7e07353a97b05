/** A report as text. Pure. */
import type { Figures } from "./figures.ts";
import { duration, moment, number, percent } from "./words.ts";

export function reportText(figures: Figures): string {
  const sections = [
    [heading(figures)],
    decisions(figures),
    waiting(figures),
    rules(figures),
    suspicions(figures),
    waitedLongest(figures),
    triedMost(figures),
    troubles(figures),
    figures.approximate.length === 0 ? [] : ["Not exact", ...figures.approximate.map(indented)],
  ];
  return sections.filter((lines) => lines.length > 0).map((lines) => lines.join("\n")).join("\n\n");
}

/** From when to when, and what was read. */
export function heading({ period, read, decisions }: Figures): string {
  const from = period === undefined
    ? "Greylisting"
    : `Greylisting from ${moment(period.from)} to ${moment(period.to)}`;
  const left = read.linesTooLong > 0 ? `, ${number(read.linesTooLong)} too long` : "";
  return `${from}: ${counted(decisions.all, "decision")} in ${
    counted(read.lines, "line")
  } of log${left}`;
}

function decisions({ decisions: { all, deferred, accepted, letThrough } }: Figures): string[] {
  return ["Decisions"].concat(columns([
    ["deferred", number(deferred), percent(deferred, all)],
    ["accepted after waiting", number(accepted), percent(accepted, all)],
    ["let through at once", number(letThrough), percent(letThrough, all)],
  ]));
}

function waiting({ waiting, waits }: Figures): string[] {
  const { mails, cameBack, neverCameBack, mayStillCome, retryWindowSeconds } = waiting;
  if (mails === 0) return [];
  const lines = columns([
    ["came back", number(cameBack), percent(cameBack, mails)],
    ["never came back", number(neverCameBack), percent(neverCameBack, mails)],
    [
      `may still come (within ${duration(retryWindowSeconds)})`,
      number(mayStillCome),
      percent(mayStillCome, mails),
    ],
  ]);
  const { median, p90, p99, longest } = waits;
  if (median !== undefined) {
    const after = `after ${duration(median)} (median), ${duration(p90 ?? 0)} (90 %), ` +
      `${duration(p99 ?? 0)} (99 %), ${duration(longest ?? 0)} (longest)`;
    lines.push(indented(`came back ${after}`));
  }
  return [`Mails that had to wait, one for each recipient: ${number(mails)}`, ...lines];
}

function rules({ rules, waits: { median }, decisions }: Figures): string[] {
  if (rules.length === 0) return [];
  const head = median === undefined
    ? "Let through at once, by what"
    : `Let through at once, by what; and how long they would have waited, at ${
      duration(median)
    } each`;
  return [head].concat(columns(rules.map(({ reason, mails, savedSeconds }) => [
    reason,
    number(mails),
    percent(mails, decisions.letThrough),
    savedSeconds === undefined ? "" : duration(savedSeconds),
  ])));
}

function suspicions({ suspicions, decisions }: Figures): string[] {
  if (suspicions.length === 0) return [];
  return ["Deferred because the client is suspicious, by why"].concat(
    columns(suspicions.map(({ reason, deferred }) => [
      reason,
      number(deferred),
      percent(deferred, decisions.deferred),
    ])),
  );
}

function waitedLongest({ waitedLongest }: Figures): string[] {
  if (waitedLongest.length === 0) return [];
  return ["Waited longest"].concat(
    waitedLongest.map(({ seconds, at, client, sender, recipient }) =>
      indented(
        `${duration(seconds)}${at === undefined ? "" : `, until ${moment(at)}`}: ` +
          `${client} <${sender}> to <${recipient}>`,
      )
    ),
  );
}

function triedMost({ triedMost }: Figures): string[] {
  if (triedMost.length === 0) return [];
  return ["Deferred most often"].concat(
    triedMost.map(({ client, deferred, mails, cameBack }) =>
      indented(
        `${client}: ${counted(deferred, "time")}, with ${counted(mails, "mail")}, of which ` +
          `${number(cameBack)} came back`,
      )
    ),
  );
}

function troubles(figures: Figures): string[] {
  const lines = troubleLines(figures);
  return ["Store, DNS and log"].concat((lines.length > 0 ? lines : ["no trouble"]).map(indented));
}

/** A line for each thing that went wrong. */
export function troubleLines({ troubles, storeFailures, read }: Figures): string[] {
  const { deferred, letThrough } = storeFailures;
  const lines = troubles.map(({ what, times, downSeconds, why }) => {
    const down = downSeconds > 0 ? `, for ${duration(downSeconds)} in all` : "";
    if (what === "log lines") return `${counted(times, "line")} of log lost`;
    if (what === "internal errors") return counted(times, "internal error");
    return `${what}: failed ${counted(times, "time")}${down}${
      why === undefined ? "" : ` (${why})`
    }`;
  });
  if (deferred + letThrough > 0) {
    lines.push(
      `without a store, ${counted(letThrough, "mail")} let through and ${
        number(deferred)
      } deferred`,
    );
  }
  return [...lines, ...read.problems.map((problem) => `not read to its end: ${problem}`)];
}

export function counted(n: number, what: string): string {
  return `${number(n)} ${what}${n === 1 ? "" : "s"}`;
}

function indented(line: string): string {
  return `  ${line}`;
}

/** The first column to the left, the others to the right. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, n) => Math.max(...rows.map((row) => row[n]?.length ?? 0)));
  return rows.map((row) =>
    indented(
      row.map((cell, n) => {
        const width = widths[n] ?? 0;
        return n === 0 ? cell.padEnd(width) : cell.padStart(width + 2);
      }).join(""),
    ).trimEnd()
  );
}
