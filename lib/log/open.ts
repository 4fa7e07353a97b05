/**
 * The process's log: levels and JSON (LogTape's), and a queue in front of the destination.
 *
 * A line of text is `message: name=value, name=value`; as JSON the fields are members. In postgrey's format a
 * decision has postgrey's fields only, because readers of its log take all behind `recipient=` for the recipient.
 */
import { configureSync, getJsonLinesFormatter, getLogger, type LogRecord } from "@logtape/logtape";
import { postgreyFieldNames } from "./escape.ts";
import { createLog, type Fields, type Log } from "./log.ts";
import { type Destination, type Level, LineQueue } from "./queue.ts";

export type LogFormat = "text" | "json" | "postgrey";

const category = ["greylist"];

/** An open log. */
export interface OpenLog {
  readonly log: Log;
  /** How many lines could not be written so far. */
  readonly linesLost: number;
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
      log: createLog(() => {}, { isWritten: () => false, now, withClient: false }),
      linesLost: 0,
      flush: nothing,
      close: nothing,
    };
  }
  const format = formatters[options.format];
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
    log: createLog(emit, { isWritten, now, withClient: options.format === "json" }),
    get linesLost() {
      return queue.lostInAll;
    },
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

function postgreyLine(record: LogRecord): string {
  if (record.rawMessage !== "") return textLine(record);
  const properties: Record<string, unknown> = {};
  for (const name of postgreyFieldNames) {
    if (name in record.properties) properties[name] = record.properties[name];
  }
  return textLine({ ...record, properties });
}

const formatJson = getJsonLinesFormatter({ message: "template", properties: "flatten" });

function jsonLine(record: LogRecord): string {
  return formatJson(record).trimEnd();
}

const formatters = { text: textLine, json: jsonLine, postgrey: postgreyLine } as const;
