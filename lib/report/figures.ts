/** The figures of a report, as --json prints them: all that the other forms show is taken from here. Pure. */
import { escapeForLog } from "../log/escape.ts";
import type { ReadSoFar } from "./sources.ts";
import type { Counts } from "./ranking.ts";
import { type Hour, named, type Tally, type Wait } from "./tally.ts";
import type { Trouble } from "./troubles.ts";
import type { WaitClass } from "./waits.ts";

/** Names of clients, senders and recipients are escaped as in the log. Times are UNIX seconds. */
export interface Figures {
  /** From the first decision to the last; undefined if none tells its time. */
  readonly period: { readonly from: number; readonly to: number } | undefined;
  readonly read: {
    readonly bytes: number;
    readonly lines: number;
    readonly linesTooLong: number;
    readonly linesWithoutTime: number;
    readonly problems: readonly string[];
  };
  readonly decisions: Hour & { readonly all: number };
  /** Mails that had to wait, one for each recipient. */
  readonly waiting: {
    readonly mails: number;
    readonly cameBack: number;
    readonly neverCameBack: number;
    /** Deferred so late that their retry window was not over at the end. */
    readonly mayStillCome: number;
    readonly retryWindowSeconds: number;
  };
  /** How long those waited that came back, in seconds. */
  readonly waits: {
    readonly median: number | undefined;
    readonly p90: number | undefined;
    readonly p99: number | undefined;
    readonly longest: number | undefined;
    readonly distribution: readonly WaitClass[];
  };
  /** What was let through at once, by what, the most first. */
  readonly rules: readonly Rule[];
  readonly suspicions: readonly { readonly reason: string; readonly deferred: number }[];
  readonly waitedLongest: readonly Wait[];
  readonly triedMost: readonly (Counts & { readonly client: string })[];
  readonly storeFailures: { readonly deferred: number; readonly letThrough: number };
  readonly troubles: readonly Trouble[];
  readonly hours: readonly (Hour & { readonly from: number })[];
  /** What is not exact, and why. */
  readonly approximate: readonly string[];
}

export interface Rule {
  readonly reason: string;
  readonly mails: number;
  /** Seconds of waiting, had each of them waited for the median; undefined where that is no merit, or not known. */
  readonly savedSeconds: number | undefined;
}

/** Reasons that let mail through because something is missing, not because somebody is known. */
const noMerit: readonly string[] = ["store failure", "client address unknown"];

export function figuresOf(
  tally: Tally,
  read: ReadSoFar,
  windowSeconds: number,
  leftOut = 0,
): Figures {
  const { waits, waiting, decisions, longest, clients } = tally;
  const { neverCameBack, mayStillCome } = waiting.remaining(tally.last);
  const median = waits.percentile(0.5);
  const byNumber = <T extends { readonly mails: number }>(list: readonly T[]) =>
    list.toSorted((a, b) => b.mails - a.mails);
  return {
    period: tally.first <= tally.last ? { from: tally.first, to: tally.last } : undefined,
    read: {
      bytes: read.bytes,
      lines: read.lines,
      linesTooLong: read.tooLong,
      linesWithoutTime: read.withoutTime,
      problems: read.problems,
    },
    decisions: {
      all: decisions.deferred + decisions.accepted + decisions.letThrough,
      ...decisions,
    },
    waiting: {
      mails: waits.total + neverCameBack + mayStillCome,
      cameBack: waits.total,
      neverCameBack,
      mayStillCome,
      retryWindowSeconds: windowSeconds,
    },
    waits: {
      median,
      p90: waits.percentile(0.9),
      p99: waits.percentile(0.99),
      longest: longest[0]?.seconds,
      distribution: waits.distribution(),
    },
    rules: byNumber([...tally.letThroughBy].map(([reason, mails]) => ({
      reason: escaped(reason),
      mails,
      savedSeconds: noMerit.includes(reason) || median === undefined ? undefined : mails * median,
    }))),
    suspicions: byNumber(
      [...tally.suspicions].map(([reason, mails]) => ({ reason: escaped(reason), mails })),
    ).map(({ reason, mails }) => ({ reason, deferred: mails })),
    waitedLongest: longest.map((wait) => ({
      ...wait,
      client: escapeForLog(wait.client),
      sender: escapeForLog(wait.sender),
      recipient: escapeForLog(wait.recipient),
    })),
    triedMost: clients.first(named).map(({ name, ...counts }) => ({
      client: escapeForLog(name),
      ...counts,
    })),
    storeFailures: {
      deferred: tally.storeFailures.deferred,
      letThrough: tally.storeFailures.letThrough + tally.storeFailures.accepted,
    },
    troubles: tally.troubles.all().map((trouble) => ({
      ...trouble,
      what: escaped(trouble.what),
      why: trouble.why && escaped(trouble.why),
    })),
    hours: [...tally.hours].sort(([a], [b]) => a - b)
      .map(([hour, counts]) => ({ from: hour * 3600, ...counts })),
    approximate: approximations(tally, leftOut),
  };
}

/** A text of ours, whose blanks may stay; but a log can be anybody's. */
function escaped(text: string): string {
  return text.split(" ").map(escapeForLog).join(" ");
}

function approximations({ waiting, clients, withoutHour }: Tally, leftOut: number): string[] {
  const found: string[] = [];
  if (waiting.share > 1) {
    found.push(
      `So many mails waited at once that only one of ${waiting.share} was followed: how many came back, never did, or may ` +
        "still come, how long they waited, and by what mail passed that came back without a delay, are estimates.",
    );
  }
  if (clients.missing > 0) {
    found.push(
      `So many clients were deferred that those seen least were forgotten: the numbers of each client may be up to ` +
        `${clients.missing} too low.`,
    );
  }
  if (withoutHour > 0) {
    found.push(`${withoutHour} decisions are in no hour: their time is not known.`);
  }
  if (leftOut > 0) {
    found.push(`${leftOut} lines without a time are left out: they may be of this period.`);
  }
  return found;
}
