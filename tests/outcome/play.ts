/** Plays a case against a server: its clock moves from attempt to attempt, and what was deferred comes back. */
import { request } from "../support/greylist.ts";
import type { Letter, Mail } from "./traffic.ts";

/** What a case came to. */
export interface Outcome {
  /** Of real mails: those that were deferred at all, all their attempts that were, and those that never got in. */
  readonly delayed: number;
  readonly deferrals: number;
  readonly lost: number;
  /** Of the bots' mails: those that got in. */
  readonly letIn: number;
}

/** A server that knows nothing yet. */
export interface Server {
  /** Moves its clock to so many seconds after the beginning. */
  moveTo(seconds: number): void;
  /** The whole reply to one request. */
  ask(request: string): Promise<string>;
}

/** One attempt that is due. */
interface Attempt {
  readonly mail: Mail;
  readonly at: number;
  /** How many were before it. */
  readonly number: number;
  /** Those that were deferred, or all at first. */
  readonly recipients: readonly string[];
}

/** Plays all mails of a case in the order of time, with the letters that are written before each. */
export async function play(
  mails: readonly Mail[],
  server: Server,
  letters: readonly Letter[] = [],
): Promise<Outcome> {
  const unwritten = letters.toSorted((a, b) => b.at - a.at);
  const delayed = new Set<Mail>(), letIn = new Set<Mail>();
  let deferrals = 0, lost = 0, asked = 0;
  const due: Attempt[] = mails.map((mail) => (
    { mail, at: mail.at, number: 0, recipients: mail.recipients }
  ));
  for (;;) {
    due.sort((a, b) => a.at - b.at);
    const attempt = due.shift();
    if (attempt === undefined) break;
    const { mail, number } = attempt;
    for (let next = unwritten.at(-1); next && next.at <= attempt.at; next = unwritten.at(-1)) {
      await write(server, next);
      unwritten.pop();
    }
    server.moveTo(attempt.at);
    asked++;
    const waiting = [];
    for (const recipient of attempt.recipients) {
      if (await defers(server, attempt, recipient, String(asked))) waiting.push(recipient);
    }
    if (mail.bot && waiting.length < attempt.recipients.length) letIn.add(mail);
    if (waiting.length === 0) continue;
    // One deferral, however many of its recipients have to wait.
    if (!mail.bot) {
      delayed.add(mail);
      deferrals++;
    }
    const next = mail.attempts[number + 1];
    if (next === undefined) lost += mail.bot ? 0 : 1;
    else due.push({ mail, at: mail.at + next, number: number + 1, recipients: waiting });
  }
  return { delayed: delayed.size, deferrals, lost, letIn: letIn.size };
}

async function write(server: Server, { at, sender, recipient }: Letter): Promise<void> {
  server.moveTo(at);
  const from = { client_address: "192.0.2.9", client_name: "unknown", sasl_username: sender };
  const reply = await server.ask(request({ ...from, sender, recipient }));
  if (!/^action=dunno\n\n$/i.test(reply)) throw new Error(`a letter is answered by ${reply}`);
}

async function defers(
  server: Server,
  { mail, number }: Attempt,
  recipient: string,
  instance: string,
): Promise<boolean> {
  const from = mail.hosts[number % mail.hosts.length];
  if (from === undefined) throw new Error(`no host has a mail of ${mail.sender}`);
  const { address, name } = from;
  const reply = await server.ask(request({
    client_address: address,
    client_name: name,
    reverse_client_name: name,
    helo_name: name === "unknown" ? `[${address}]` : name,
    sender: mail.sender,
    recipient,
    instance,
    etrn_domain: "",
  }));
  if (/^action=(dunno|prepend .*)\n\n$/i.test(reply)) return false;
  if (/^action=defer_if_permit .*\n\n$/i.test(reply)) return true;
  throw new Error(`neither passed nor deferred: ${JSON.stringify(reply)}`);
}
