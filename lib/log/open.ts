/**
 * The process's log: levels and JSON (LogTape's), and a queue in front of the destination.
 *
 * A line of text is `message: name=value, name=value`; as JSON the fields are members.
 */
import { configureSync, getJsonLinesFormatter, getLogger, type LogRecord } from "@logtape/logtape";
import { createLog, type Log } from "./log.ts";
import { type Destination, type Level, LineQueue } from "./queue.ts";

export type LogFormat = "text" | "json";

/** An open log. */
export interface OpenLog {
  readonly log: Log;
  /** Settles when all that was said has been written, or after `milliseconds`. */
  flush(milliseconds: number): Promise<void>;
  /** The same; then lets go of the destination. */
  close(milliseconds: number): Promise<void>;
}

/** Opens the process's log (LogTape keeps one configuration a process). */
export function openLog(
  destination: Destination,
  options: {
    readonly threshold: Level;
    readonly format: LogFormat;
    /** Milliseconds of a monotonic clock. */
    readonly now: () => number;
    /** Told once, when a line could not be written for the first time. */
    readonly onFailure?: (problem: string) => void;
  },
): OpenLog {
  const format = options.format === "json" ? jsonLine : textLine;
  const queue = new LineQueue(destination, {
    lossLine: (lines) => format(lossRecord(lines)),
    onFailure: options.onFailure ?? (() => {}),
    now: options.now,
  });
  configureSync({
    reset: true,
    sinks: {
      // Nothing is ever said at LogTape's other levels, fatal and trace.
      queue: (record) =>
        queue.push(format(record), record.level as Level, new Date(record.timestamp)),
    },
    loggers: [
      { category: "greylist", sinks: ["queue"], lowestLevel: options.threshold },
      // LogTape tells its own troubles to the console by default: under spawn(8) that is smtpd.
      { category: ["logtape", "meta"], sinks: [], lowestLevel: "fatal" },
    ],
  });
  const logger = getLogger("greylist");
  const flush = (milliseconds: number) => queue.flush(milliseconds);
  return {
    log: createLog((level, text, fields) => logger[level](text, fields), {
      debugging: () => logger.isEnabledFor("debug"),
      now: options.now,
    }),
    flush,
    close: (milliseconds) => flush(milliseconds).then(() => destination.close()),
  };
}

function lossRecord(lines: number): LogRecord {
  const text = "log lines were lost";
  return {
    category: ["greylist"],
    level: "warning",
    message: [text],
    rawMessage: text,
    timestamp: Date.now(),
    properties: { lines },
  };
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
