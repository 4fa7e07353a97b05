/**
 * `greylist explain`: what would be answered to a mail now, by which rule, and when that changes. It decides as the
 * server does, by the same code, and changes nothing.
 *
 * Exit status: 0, the mail passes; 75, it waits; 64, it is not said which mail; 66, the state is not there; 69, it is out
 * of reach, and what is explained is what a server answers then; 78.
 */
import {
  concluded,
  type Conclusion,
  type FoundRecord,
  outOfReach,
  recordsWeighed,
  settled,
  unanswered,
} from "../greylist/explanation.ts";
import { createWeighing, findingOf, partiesOf } from "../greylist/judge.ts";
import { listed } from "../greylist/listed.ts";
import { findingOfFailure } from "../greylist/policy.ts";
import { createRecall } from "../greylist/recall.ts";
import type { Subject } from "../identity/subject.ts";
import { placeOf } from "../lists/lines.ts";
import { escapeForLog, escapeText } from "../log/escape.ts";
import { reasonInWords } from "../log/reasons.ts";
import { readOnly } from "../stores/read_only.ts";
import { StoreError } from "../stores/store.ts";
import { type Asking, withAsking } from "./asking.ts";
import type { Given } from "./command.ts";
import { refuse } from "./refuse.ts";
import { exitDeferred, exitUnavailable, exitUsage } from "./statuses.ts";
import { print, tell } from "./terminal.ts";

export async function explain(given: Given): Promise<number> {
  const { line } = given;
  if (line.problems.length > 0) return await refuse(line.problems);
  return await withAsking(given, async (asking) => {
    const { sender, recipient } = asking.mail;
    if (sender === undefined || recipient === undefined) {
      tell(["want --sender and --recipient; --sender '' is the null sender"]);
      return exitUsage;
    }
    const explained = await explanationOf(asking);
    if (line.switches.has("json")) print(JSON.stringify(inJson(asking, explained)));
    else for (const text of inWords(asking, explained)) print(text);
    const { verdict, problem } = explained.conclusion;
    if (problem !== undefined) return exitUnavailable;
    return verdict === "pass" || asking.options.dryRun ? 0 : exitDeferred;
  });
}

interface Explained {
  readonly conclusion: Conclusion;
  /** Who the client is, and what its mail is known by; undefined where a list has decided. */
  readonly identity: Identity | undefined;
  readonly records: readonly FoundRecord[];
  /** What is not looked for, and why. */
  readonly notes: readonly string[];
}

interface Identity {
  readonly identities: readonly string[];
  readonly why: string;
  readonly sender: string;
  readonly recipient: string;
  readonly id: string;
}

async function explanationOf(asking: Asking): Promise<Explained> {
  const { request, options, now } = asking, { rules, lists } = options;
  const notes: string[] = [];
  if (asking.mail.reply?.includes("Server configuration problem")) {
    notes.push("the line is Postfix's own refusal: it had no answer from greylist");
  }
  const found = listed(request, lists);
  if (found !== undefined) {
    return { conclusion: settled(found), identity: undefined, records: [], notes };
  }
  const told = {
    unreadableEntry: (key: string) =>
      void notes.push(`the record of ${key} cannot be read: a server forgets it`),
    internalError: (error: unknown) => {
      throw error;
    },
  };
  const recall = createRecall(readOnly(asking.store), told);
  const weigh = createWeighing(options, { dns: asking.dns, log: told }, recall);
  const weighed = await weigh(request, now).catch((error) => {
    if (error instanceof StoreError) return error;
    throw error;
  });
  const subject = options.subjectOf(partiesOf(request));
  if (weighed === undefined || subject === undefined) {
    return { conclusion: settled(findingOf(undefined)), identity: undefined, records: [], notes };
  }
  const identity = identityOf(subject);
  notes.push(...notesOn(asking, subject));
  if (weighed instanceof StoreError) {
    notes.push(`the store is out of reach: ${weighed.message}`);
    const conclusion = unanswered(findingOfFailure(options, weighed.message, identity.id));
    return { conclusion, identity, records: [], notes };
  }
  for (const what of outOfReach(weighed.wanted, weighed.read.entries)) {
    notes.push(`the record of the ${what} is out of reach, and does not count`);
  }
  if (asking.dns === undefined) {
    notes.push("DNS is not asked about mail: the settings name nothing to ask");
  } else if (weighed.decision.verdict === "pass") notes.push("DNS is not asked about who passes");
  return {
    conclusion: concluded(weighed, now, rules),
    identity,
    records: recordsWeighed(weighed, now, rules),
    notes,
  };
}

function identityOf(subject: Subject): Identity {
  const { identities, sender, recipient } = subject.words(), { client, keys } = subject;
  return {
    identities,
    why: `step ${client.step}: ${client.reason}`,
    sender,
    recipient,
    id: keys.id,
  };
}

/** What is to be known beside of how a mail is taken. */
function notesOn({ mail, clientName, options }: Asking, { client, keys }: Subject): string[] {
  const notes: string[] = [];
  const never = options.lists.neverAutoWhitelisted.match({
    name: clientName,
    address: mail.client,
  });
  if (never !== undefined) notes.push(`the client earns nothing: ${placeOf(never)}`);
  if (client.isPrivate) notes.push("the client earns nothing: its address is a private one");
  if (mail.helo === undefined && options.inquiry.onlySuspicious) {
    notes.push("what its HELO says is left out: --helo tells it");
  }
  if (mail.id !== undefined && mail.id !== keys.id) {
    const id = escapeForLog(mail.id);
    notes.push(`the log has another id, ${id}: other settings, or another name of the client`);
  }
  return notes;
}

/** `\0` stands for what changes from mail to mail. */
function known(text: string): string {
  return text === "" ? "<>" : escapeForLog(text.replaceAll("\0", "#"));
}

function inWords(asking: Asking, { conclusion, identity, records, notes }: Explained): string[] {
  const { mail, clientName, isLookedUp, asked, spf } = asking;
  const lines: string[] = [];
  const add = (title: string, text: string) => lines.push(`${title.padEnd(11)}${text}`);
  const name = escapeForLog(clientName);
  const how = isLookedUp ? " (looked up: PTR, then forward)" : "";
  add("client", `${name}[${escapeForLog(mail.client)}]${how}`);
  add("sender", known(mail.sender ?? ""));
  add("recipient", known(mail.recipient ?? ""));
  add(
    "lists",
    conclusion.entry === undefined || identity !== undefined
      ? conclusion.reason.kind === "recipient not greylisted"
        ? "the recipient is not among those that are greylisted"
        : "none of ours decides"
      : `${reasonInWords(conclusion.reason)}, ${escapeText(conclusion.entry)}`,
  );
  if (identity !== undefined) {
    add(
      "known as",
      `${identity.identities.map(escapeForLog).join(" and ")} (${escapeText(identity.why)})`,
    );
    add(
      "",
      `sender ${known(identity.sender)}, recipient ${known(identity.recipient)}, id ${identity.id}`,
    );
  }
  for (const { kind, of, words } of records) {
    add("record", `${kind} (${escapeText(of)}): ${words?.says ?? "none"}`);
  }
  for (const { type, name, answer } of asked) add("DNS", escapeText(`${type} ${name}: ${answer}`));
  for (const { result, why, vouches } of spf) {
    add(
      "SPF",
      escapeText(`${result} (${why})${vouches === undefined ? "" : `, ${vouches} vouches`}`),
    );
  }
  for (const note of notes) add("note", escapeText(note));
  const { verdict, reason, entry, suspicion, changes } = conclusion;
  const because = [reasonInWords(reason), entry, suspicion]
    .filter((text) => text !== undefined).map(escapeText);
  add("now", `${verdict === "pass" ? "passes" : "is deferred"}: ${because.join(", ")}`);
  if (asking.options.dryRun && verdict === "defer") add("", "but passes, because of dry-run");
  add("changes", changes);
  return lines;
}

/** Times are UNIX seconds; texts as in the log. */
function inJson(asking: Asking, { conclusion, identity, records, notes }: Explained) {
  const { mail, clientName, isLookedUp, asked, spf, now } = asking;
  return {
    now: Math.floor(now),
    client_address: escapeForLog(mail.client),
    client_name: escapeForLog(clientName),
    client_name_looked_up: isLookedUp,
    sender: escapeForLog(mail.sender ?? ""),
    recipient: escapeForLog(mail.recipient ?? ""),
    ...identity && {
      known_as: {
        identities: identity.identities.map(escapeForLog),
        why: identity.why,
        sender: known(identity.sender),
        recipient: known(identity.recipient),
      },
    },
    records: records.map(({ kind, of, key, words }) => ({
      kind,
      of: escapeText(of),
      key,
      ...words === undefined ? {} : { says: words.says, passes: words.passes, until: words.until },
    })),
    dns: asked,
    spf,
    notes,
    action: conclusion.verdict === "pass" ? "pass" : "greylist",
    reason: reasonInWords(conclusion.reason),
    entry: conclusion.entry,
    suspicion: conclusion.suspicion,
    id: conclusion.id,
    changes: conclusion.changes,
    passes_from: conclusion.passesFrom,
    until: conclusion.until,
  };
}
