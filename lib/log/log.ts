/**
 * What greylist says: one method per event, so that every line has one home and one level.
 *
 * A line of text is `message: name=value, name=value`. Decisions have no message, and postgrey's fields in
 * postgrey's order, so that what reads postgrey's lines reads ours. As JSON the fields are members. Values
 * that come from outside are escaped here: one value stays one word on one line (escape.ts).
 *
 * LogTape does levels, JSON and the bounded queue in front of a slow or dead destination: logging never
 * holds up an answer, and what does not fit is counted and told once there is room again.
 */
import {
  configureSync,
  fromAsyncSink,
  getJsonLinesFormatter,
  getLogger,
  type LogLevel,
  type LogRecord,
} from "@logtape/logtape";
import { escapeForLog, escapeText } from "./escape.ts";
import type { PolicyRequest } from "../protocol/codec.ts";
import type { StoreObserver } from "../stores/store.ts";

/** What was decided about one request, for the log. */
export interface DecisionRecord {
  readonly action: "greylist" | "pass";
  /** In postgrey's words, where postgrey has them. */
  readonly reason: string;
  /** Seconds from the first attempt to the accepted one. */
  readonly delaySeconds?: number | undefined;
  readonly request: PolicyRequest;
  /** What identifies the triplet, when the store was asked, and which store that is. */
  readonly id?: string;
  readonly store?: string;
  /** Why the store could not be asked: a process of spawn mode may not live to see it called down. */
  readonly problem?: string;
}

/** Where lines go. Rejects when a line could not be written. */
export interface Destination {
  /** @param line without a line break; @param level for those destinations that file by it */
  write(line: string, level: LogLevel): Promise<void>;
  close(): void;
}

export type LogFormat = "text" | "json";
export type Threshold = "debug" | "info" | "warning" | "error";

/** The events. */
export interface Log extends StoreObserver {
  decision(record: DecisionRecord): void;
  /** A request that greylisting has nothing to say about; of interest only when looking closely. */
  notAsked(reason: string, request: PolicyRequest): void;
  /** The client has shown often enough that its mail comes back. In postgrey's words. */
  clientEarnedWhitelist(request: PolicyRequest): void;
  reloaded(what: "configuration" | "lists"): void;
  /** A new configuration was not taken, and why. */
  reloadRefused(problems: readonly string[]): void;
  /** Settings whose new values only a restart makes effective. */
  restartWanted(settings: readonly string[]): void;
  /** @param hint what to try next, if there is something */
  listening(endpoints: readonly string[], store: string, hint?: string): void;
  stopping(signal: string): void;
  stopped(): void;
  /** The peer broke the protocol; its connection is closed without a reply. */
  protocolError(peer: string, problem: string): void;
  connectionError(peer: string, problem: string): void;
  idleTimeout(peer: string): void;
  tooManyConnections(limit: number): void;
  /** The limit of open files leaves room for fewer connections than were asked for. */
  fewDescriptors(wanted: number, possible: number): void;
  acceptError(endpoint: string, problem: string): void;
  unreadableEntry(key: string): void;
  configurationProblem(problem: string): void;
  internalError(error: unknown): void;
}

type Fields = Readonly<Record<string, string | number>>;

/** An open log. `flush` settles when all that was said has been written, or after `milliseconds`. */
export interface OpenLog {
  readonly log: Log;
  flush(milliseconds: number): Promise<void>;
}

/** How many lines may wait for their destination. */
const maxQueuedLines = 10_000;

/** Opens the process's log (LogTape keeps one configuration a process). */
export function openLog(
  destination: Destination,
  options: {
    readonly threshold: Threshold;
    readonly format: LogFormat;
    /** Told once, when a line could not be written for the first time. */
    readonly onFailure?: (problem: string) => void;
  },
): OpenLog {
  const line = options.format === "json" ? jsonLine : textLine;
  let lost = 0, failed = false;
  // Past the queue, which is full when lines are lost.
  const reportLoss = async (after: LogRecord) => {
    const lines = lost, text = "log lines were lost";
    lost = 0;
    const loss = { ...after, message: [text], rawMessage: text, properties: { lines } };
    try {
      await destination.write(line({ ...loss, level: "warning" }), "warning");
    } catch {
      // As above: it is told later.
      lost += lines;
    }
  };
  const sink = fromAsyncSink(
    async (record) => {
      try {
        await destination.write(line(record), record.level);
      } catch (error) {
        // The mail matters more than the line; the loss is counted, and told when there is a log again.
        lost++;
        if (!failed) options.onFailure?.(error instanceof Error ? error.message : String(error));
        failed = true;
        return;
      }
      if (lost > 0) await reportLoss(record);
    },
    { maxQueueSize: maxQueuedLines, overflow: "drop-newest", onDrop: ({ count }) => lost += count },
  );
  configureSync({
    reset: true,
    // Not the sink itself: with something to dispose of, LogTape would want an asynchronous configure.
    sinks: { destination: (record) => sink(record) },
    loggers: [
      { category: "greylist", sinks: ["destination"], lowestLevel: options.threshold },
      // LogTape tells its own troubles to the console by default: under spawn(8) that is smtpd.
      { category: ["logtape", "meta"], sinks: [], lowestLevel: "fatal" },
    ],
  });
  const logger = getLogger("greylist");
  const emit = (level: "debug" | "info" | "warning" | "error", text: string, fields: Fields) =>
    logger[level](text, fields);
  return {
    log: eventsOf(emit, () => logger.isEnabledFor("debug")),
    async flush(milliseconds) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const timeout = new Promise<void>((resolve) => timer = setTimeout(resolve, milliseconds));
      await Promise.race([sink.drain(), timeout]);
      clearTimeout(timer);
    },
  };
}

type Emit = (level: Threshold, text: string, fields: Fields) => void;

function eventsOf(emit: Emit, debugging: () => boolean): Log {
  return {
    decision: ({ action, reason, delaySeconds, request, id, store, problem }) =>
      emit("info", "", {
        action,
        reason,
        ...(delaySeconds === undefined ? {} : { delay: delaySeconds }),
        ...requestFields(request),
        ...(id === undefined ? {} : { id }),
        ...(store === undefined ? {} : { store }),
        ...(problem === undefined ? {} : { problem: escapeText(problem) }),
      }),
    notAsked: (reason, request) =>
      debugging() && emit("debug", "nothing to decide", { reason, ...requestFields(request) }),
    clientEarnedWhitelist: (request) => {
      const name = escapeForLog(request.get("client_name") || "unknown");
      const address = escapeForLog(request.get("client_address") ?? "");
      emit("info", `whitelisted: ${name}[${address}]`, {});
    },
    reloaded: (what) => emit("info", `took the new ${what}`, {}),
    reloadRefused: (problems) => {
      for (const problem of problems) emit("error", escapeText(problem), {});
      emit("error", "what was read before stays in force", {});
    },
    restartWanted: (settings) =>
      emit("warning", `only a restart changes ${settings.join(", ")}`, {}),
    listening: (endpoints, store, hint) => {
      const where = `listening on ${endpoints.join(", ")}, with the state in ${store}`;
      emit("info", hint === undefined ? where : `${where}; ${hint}`, {});
    },
    stopping: (signal) => emit("info", `${signal}: finishing what is in flight`, {}),
    stopped: () => emit("info", "stopped", {}),
    protocolError: (peer, problem) => emit("warning", `closed ${peer}: ${escapeText(problem)}`, {}),
    connectionError: (peer, problem) => emit("info", `lost ${peer}: ${escapeText(problem)}`, {}),
    idleTimeout: (peer) => emit("debug", `closed ${peer}: idle for too long`, {}),
    tooManyConnections: (limit) =>
      emit("warning", `refused a connection: all of max-connections (${limit}) are at work`, {}),
    fewDescriptors: (wanted, possible) =>
      emit(
        "warning",
        `max-connections is ${possible}, not ${wanted}: more would exceed the limit of open files`,
        {},
      ),
    acceptError: (endpoint, problem) =>
      emit("error", `Cannot accept on ${endpoint}: ${escapeText(problem)}`, {}),
    unreadableEntry: (key) => emit("warning", "forgot an entry that could not be read", { key }),
    configurationProblem: (problem) => emit("error", escapeText(problem), {}),
    internalError: (error) =>
      emit("error", "internal error, please report it", {
        error: escapeText(error instanceof Error ? error.stack ?? error.message : String(error)),
      }),
    down: (server, why) => emit("warning", `store ${server} is not usable: ${escapeText(why)}`, {}),
    up: (server, downSeconds) =>
      emit("info", `store ${server} is usable again after ${Math.round(downSeconds)} s`, {}),
  };
}

/** postgrey's fields behind the reason, empty ones left out. */
function requestFields(request: PolicyRequest): Fields {
  const fields: Record<string, string> = {};
  for (const name of ["client_name", "client_address", "sender", "recipient"]) {
    const value = request.get(name);
    if (value) fields[name] = escapeForLog(value);
  }
  return fields;
}

function textLine(record: LogRecord): string {
  const fields = Object.entries(record.properties).map(([name, value]) => `${name}=${value}`);
  const text = String(record.rawMessage);
  return [...(text === "" ? [] : [text]), ...(fields.length === 0 ? [] : [fields.join(", ")])]
    .join(": ");
}

const formatJson = getJsonLinesFormatter({ message: "template", properties: "flatten" });

function jsonLine(record: LogRecord): string {
  return formatJson(record).trimEnd();
}
