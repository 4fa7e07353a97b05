/**
 * THE table of commands: the command line and --help come from it. To add one: add a row, and a file beside
 * this one. That is loaded only when the command is asked for, because start-up counts.
 */
import type { Command } from "./command.ts";

type Name =
  | "serve"
  | "import"
  | "export"
  | "check-config"
  | "check-list"
  | "query"
  | "explain"
  | "forget"
  | "allow"
  | "stats"
  | "report"
  | "sample-config"
  | "help"
  | "version";

/** By which a command is told of which mail it is (mail.ts). */
const mailOptions = {
  client: "ADDRESS",
  "client-name": "NAME",
  helo: "NAME",
  sender: "ADDRESS",
  recipient: "ADDRESS",
  "log-line": "LINE",
} as const;

/** What the switches and options of commands say, for the manual pages. */
export const optionsInWords: Readonly<Record<string, string>> = {
  client: "the client's address",
  "client-name": "its verified name, or unknown; without it all but query ask DNS as Postfix does",
  helo: "what it calls itself",
  sender: "the sender; the empty text is the null sender",
  recipient: "the recipient",
  "log-line": "a line of the log, ours or Postfix's, that says which mail is meant",
  json: "print JSON",
  state: "the protocol state to ask in, by default RCPT; in CONNECT nothing is remembered",
  server: "whom to ask: inet:host:port or unix:/path; by default the first of listen",
  domain: "forget the place of the sender's domain, too",
  for: "how long it passes; by default max-age",
  from: "whose state it is: postgrey's, as db_dump prints it, or sqlgrey's; without it an export",
  strict: "exit with 1 for warnings",
  clients: "it is a list of clients, whatever its name says",
  senders: "it is a list of senders",
  recipients: "it is a list of recipients",
  since: "what was said from then on: 2026-11-26, 2026-11-26 10:00, or 7d for so long ago",
  until: "what was said before then",
  html: "write a page with pictures into this file",
};

export const commands: Readonly<Record<Name, Command>> = {
  serve: {
    usage: "greylist [SETTING]…",
    summary: "serve Postfix; by default on stdin and stdout",
    switches: [],
    run: async (given) => (await import("./serve.ts")).serve(given),
  },
  import: {
    usage: "greylist import [--from PROGRAM] FILE…",
    summary: "bring in an export, or another program's state",
    switches: [],
    options: { from: "postgrey or sqlgrey" },
    takesWords: true,
    run: async (given) => (await import("./import.ts")).importState(given),
  },
  export: {
    usage: "greylist export [SETTING]…",
    summary: "print the state, to be imported elsewhere",
    switches: [],
    run: async (given) => (await import("./export.ts")).exportState(given),
  },
  "check-config": {
    usage: "greylist check-config [--strict] [SETTING]…",
    summary: "say what is wrong; --strict: 1 for warnings",
    switches: ["strict"],
    run: async (given) => (await import("./check_config.ts")).checkConfig(given),
  },
  "check-list": {
    usage: "greylist check-list [--strict] [--KIND] FILE…",
    summary: "say which entries of a list do nothing",
    switches: ["strict", "clients", "senders", "recipients"],
    takesWords: true,
    run: async (given) => (await import("./check_list.ts")).checkList(given),
  },
  query: {
    usage: "greylist query MAIL [--server SERVER]",
    summary: "ask a running server as Postfix would",
    switches: ["json"],
    options: { ...mailOptions, state: "STATE", server: "ENDPOINT" },
    run: async (given) => (await import("./query.ts")).query(given),
  },
  explain: {
    usage: "greylist explain MAIL",
    summary: "say what would be answered, and why",
    switches: ["json"],
    options: mailOptions,
    run: async (given) => (await import("./explain.ts")).explain(given),
  },
  forget: {
    usage: "greylist forget MAIL [--domain]",
    summary: "take away what is remembered of it",
    switches: ["json", "domain"],
    options: mailOptions,
    run: async (given) => (await import("./forget.ts")).forget(given),
  },
  allow: {
    usage: "greylist allow MAIL [--for TIME]",
    summary: "let it pass until then; by default for max-age",
    switches: ["json"],
    options: { ...mailOptions, for: "TIME" },
    run: async (given) => (await import("./allow.ts")).allow(given),
  },
  stats: {
    usage: "greylist stats",
    summary: "count what a SQLite file holds",
    switches: ["json"],
    options: {},
    run: async (given) => (await import("./stats.ts")).stats(given),
  },
  report: {
    usage: "greylist report [--html FILE] [FILE…]",
    summary: "say what became of mail, from its logs",
    switches: ["json"],
    options: { since: "TIME", until: "TIME", html: "FILE" },
    takesWords: true,
    run: async (given) => (await import("./report.ts")).report(given),
  },
  "sample-config": {
    usage: "greylist sample-config",
    summary: "print a configuration file with all defaults",
    switches: [],
    text: async () => (await import("./sample_config.ts")).sampleConfig(),
  },
  help: {
    usage: "greylist --help",
    summary: "print this",
    switches: [],
    text: async () => (await import("./help.ts")).helpText(Object.values(commands)),
  },
  version: {
    usage: "greylist --version",
    summary: "print the version",
    switches: [],
    text: async () => (await import("./version.ts")).versionText(),
  },
};
