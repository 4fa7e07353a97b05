/**
 * The process's log: levels and JSON (LogTape's), and a queue in front of the destination.
 *
 * A line of text is `message: name=value, name=value`; as JSON the fields are members.
 */
import { configureSync, getJsonLinesFormatter, getLogger, type LogRecord } from "@logtape/logtape";
import { createLog, type Fields, type Log } from "./log.ts";
import { type Destination, type Level, LineQueue } from "./queue.ts";

export type LogFormat = "text" | "json";

const category = ["greylist"];

/** An open log. */
export interface OpenLog {
  readonly log: Log;
  /** Settles when all that was said has been written, or after `milliseconds`. */
  flush(milliseconds: number): Promise<void>;
  /** The same; then closes the destination. */
  close(milliseconds: number): Promise<void>;
}

/**
 * Opens the process's log (LogTape keeps one configuration a process).
 *
 * @param destination undefined: lines go nowhere
 */
export function openLog(
  destination: Destination | undefined,
  options: {
    readonly threshold: Level;
    readonly format: LogFormat;
    /** Milliseconds of a monotonic clock. */
    readonly now: () => number;
    /** Told once, when a line could not be written for the first time. */
    readonly onFailure?: (problem: string) => void;
  },
): OpenLog {
  const { now } = options;
  if (destination === undefined) {
    const nothing = () => Promise.resolve();
    return {
      log: createLog(() => {}, { isWritten: () => false, now }),
      flush: nothing,
      close: nothing,
    };
  }
  const format = options.format === "json" ? jsonLine : textLine;
  const queue = new LineQueue(destination, {
    lossLine: (lines) => format(recordOf("warning", "log lines were lost", { lines })),
    onFailure: options.onFailure ?? (() => {}),
    now,
  });
  const push = (record: LogRecord) =>
    // Nothing is ever said at LogTape's other levels, fatal and trace.
    queue.push(format(record), record.level as Level, new Date(record.timestamp));
  configureSync({
    reset: true,
    sinks: { queue: push },
    loggers: [
      { category, sinks: ["queue"], lowestLevel: options.threshold },
      // LogTape tells its own troubles to the console by default: under spawn(8) that is smtpd.
      { category: ["logtape", "meta"], sinks: [], lowestLevel: "fatal" },
    ],
  });
  const logger = getLogger(category);
  const isWritten = (level: Level) => logger.isEnabledFor(level);
  const emit = (level: Level, text: string, fields: Fields) => {
    // Of decisions there are thousands a second, of all else a few an hour.
    if (text === "") push(recordOf(level, text, fields));
    else logger[level](text, fields);
  };
  const flush = (milliseconds: number) => queue.flush(milliseconds);
  return {
    log: createLog(emit, { isWritten, now }),
    flush,
    close: (milliseconds) => flush(milliseconds).then(() => destination.close()),
  };
}

function recordOf(level: Level, text: string, fields: Fields): LogRecord {
  const timestamp = Date.now();
  return { category, level, message: [text], rawMessage: text, timestamp, properties: fields };
}

function textLine({ rawMessage, properties }: LogRecord): string {
  let fields = "";
  for (const name in properties) {
    fields += `${fields === "" ? "" : ", "}${name}=${properties[name]}`;
  }
  const text = String(rawMessage);
  return text === "" ? fields : fields === "" ? text : `${text}: ${fields}`;
}

const formatJson = getJsonLinesFormatter({ message: "template", properties: "flatten" });

function jsonLine(record: LogRecord): string {
  return formatJson(record).trimEnd();
}
