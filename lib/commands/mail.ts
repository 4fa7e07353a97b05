/**
 * Which mail a command is about: options name it, or a line of the log does, ours or Postfix's, which `--log-line` or
 * standard input has. An option counts over what the line says. All are byte strings, as in a request.
 */
import { Buffer } from "node:buffer";
import process from "node:process";
import type { CommandLine } from "../config/flags.ts";
import { parseAddress } from "../address.ts";
import { escapeForLog } from "../log/escape.ts";
import { bytesOf, readLine } from "../log/line.ts";
import { readPostfixLine } from "../log/postfix_line.ts";
import { tell } from "./terminal.ts";

/** Undefined: nobody has said. */
export interface Mail {
  readonly client: string;
  readonly clientName: string | undefined;
  readonly helo: string | undefined;
  readonly sender: string | undefined;
  readonly recipient: string | undefined;
  /** How the line identifies its triplet. */
  readonly id: string | undefined;
  /** Whether a line of the log has named it. */
  readonly isOfLine: boolean;
  /** What Postfix has said to the client, by that line. */
  readonly reply: string | undefined;
}

export type Parts = Partial<{ -readonly [part in keyof Mail]: Mail[part] }>;

const lines =
  'a whole line of a decision, "action=…", or Postfix\'s "NOQUEUE: reject: RCPT from …"';

/** The mail, or what is wrong. Waits for standard input where nothing else names a client. */
export async function readMail({ options }: CommandLine): Promise<Mail | { problem: string }> {
  const given = options.get("log-line");
  let parts: Parts = {};
  if (given !== undefined) {
    const read = partsOf(bytesOf(given));
    if (read === undefined) return { problem: `--log-line: it names no client; want ${lines}` };
    parts = read;
  } else if (!options.has("client")) {
    if (process.stdin.isTTY) return { problem: `want --client, or --log-line with ${lines}` };
    const read = await lastOf(process.stdin);
    if (read === undefined) {
      return {
        problem: `standard input: no line of it names a client; want --client, or ${lines}, ` +
          "as from: grep kim@firma.example /var/log/mail.log | greylist explain",
      };
    }
    parts = read;
  }
  const option = (name: string) => {
    const text = options.get(name);
    return text === undefined ? undefined : bytesOf(text);
  };
  const address = (name: "sender" | "recipient") => option(name)?.replace(/^<(.*)>$/s, "$1");
  const mail = {
    client: option("client") ?? parts.client ?? "",
    clientName: option("client-name") ?? parts.clientName,
    helo: option("helo") ?? parts.helo,
    sender: address("sender") ?? parts.sender,
    recipient: address("recipient") ?? parts.recipient,
    id: parts.id,
    isOfLine: Object.keys(parts).length > 0,
    reply: parts.reply,
  };
  for (const [name, value] of Object.entries(mail)) {
    if (/[\n\0]/.test(String(value ?? ""))) {
      return { problem: `${name}: want one line, without a NUL` };
    }
  }
  if (parseAddress(mail.client) !== undefined) return mail;
  if (!options.has("client")) {
    return {
      problem: `the line has no whole address of a client, as if it were cut off; want ${lines}`,
    };
  }
  return { problem: "--client: want an IPv4 or IPv6 address, as 203.0.113.9 or 2001:db8::9" };
}

/** What a line of the log says of a mail; undefined if it names no client. Never throws. */
export function partsOf(line: string): Parts | undefined {
  const refused = readPostfixLine(line);
  if (refused !== undefined) {
    const { clientAddress: client, ...rest } = refused;
    return { client, ...rest };
  }
  const { fields } = readLine(line) ?? {};
  if (fields?.client_address === undefined) return undefined;
  return {
    client: fields.client_address,
    // A log leaves out what is empty.
    clientName: fields.client_name ?? "unknown",
    sender: fields.sender ?? "",
    recipient: fields.recipient,
    id: fields.id,
  };
}

/** No line of a log is longer. */
const longestLine = 65_536;

/** So many clients are told apart at the most. */
const mostClients = 1000;

/** The last line of a text that names a client, in bounded memory. That there were others is told. */
async function lastOf(input: AsyncIterable<Uint8Array | string>): Promise<Parts | undefined> {
  let rest = "", found: Parts | undefined;
  const clients = new Set<string>();
  const take = (line: string) => {
    const read = partsOf(line.replace(/\r$/, ""));
    if (read === undefined) return;
    found = read;
    if (clients.size < mostClients) clients.add(read.client ?? "");
  };
  for await (const piece of input) {
    const lines = (rest + Buffer.from(piece).toString("latin1")).split("\n");
    rest = (lines.pop() ?? "").slice(0, longestLine);
    lines.forEach(take);
  }
  take(rest);
  if (clients.size > 1) {
    const others = clients.size - 1, many = others === mostClients - 1 ? " or more" : "";
    tell([
      `note: the last line counts, of ${escapeForLog(found?.client ?? "")}; ` +
      `the lines name ${others}${many} other client${others === 1 ? "" : "s"}`,
    ]);
  }
  return found;
}
