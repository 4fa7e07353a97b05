/**
 * One request in, one action out. The one place that knows the order of the rules, what a store that fails
 * means for the mail, and what time it is.
 *
 * 1. A state that is neither RCPT nor missing, or a client that has authenticated: nothing to say. With
 *    learn-correspondents it is learned, beside the answer, whom the latter writes to.
 * 2. Whitelisted clients, senders and recipients, and recipients that are not to be greylisted: pass. It earns
 *    nothing: only mail that waited and came back proves anything.
 * 3. A client address that is none: pass, logged.
 * 4. What is known is read in one round trip, and decide.ts decides; if the mail would wait, and the store has
 *    other copies, once more with what they know. What it wants written is written before the answer: a first
 *    attempt that was not remembered must not be deferred, or the mail would wait for ever.
 * 5. The store fails, or has not answered within the store timeout (in total, not for each operation):
 *    the answer is on-store-failure's. A bug of ours counts as such a failure: it must not hold mail.
 *
 * The header goes to the first recipient of a transaction that passes for the first time: Postfix adds it
 * once for every PREPEND.
 */
import type { Rule } from "../lists/lines.ts";
import type { Lists } from "../lists/read.ts";
import type { Log } from "../log/log.ts";
import type { Action, PolicyRequest } from "../protocol/codec.ts";
import { dateForHeader, domainForReply, type Template } from "../protocol/reply.ts";
import { type Store, StoreError } from "../stores/store.ts";
import type { Subject, SubjectOf } from "../identity/subject.ts";
import type { Correspondents } from "../identity/correspondents.ts";
import type { Dns } from "../dns/open.ts";
import { decide, type Decision, type Rules } from "./decide.ts";
import { createInquiry, type InquiryOptions, type Outcome } from "./inquiry.ts";
import type { Instances } from "./instances.ts";
import type { Learning } from "./learning.ts";
import { createRecall } from "./recall.ts";
import type { Recollection } from "./recollection.ts";

/** How requests are judged and answered. */
export interface PolicyOptions {
  readonly rules: Rules;
  /** Whether a sender that has passed once passes for every recipient. */
  readonly senders: boolean;
  readonly lists: Lists;
  readonly subjectOf: SubjectOf;
  /** Undefined: whom our users write to is neither learned nor asked for. */
  readonly correspondents: Correspondents | undefined;
  /** What is asked before somebody has to wait. */
  readonly inquiry: InquiryOptions;
  readonly storeTimeoutMilliseconds: number;
  readonly onStoreFailure: "accept" | "defer";
  /** Decide, remember and log as usual, but let everything pass. */
  readonly dryRun: boolean;
  /** DEFER_IF_PERMIT or a 4xx code. */
  readonly deferKeyword: string;
  readonly deferText: Template<"text">;
  /** Undefined: no header. */
  readonly header: Template<"header"> | undefined;
  readonly version: string;
  readonly hostname: string;
}

/** What a policy works with. */
export interface PolicyParts {
  readonly store: Store;
  readonly log: Log;
  /** The time, in UNIX seconds; fractions count. */
  readonly now: () => number;
  /** The transactions that have their header; kept when the options change. */
  readonly instances: Instances;
  /** What is being learned; kept, too. */
  readonly learning: Learning;
  /** Undefined: DNS is not asked. */
  readonly dns?: Dns | undefined;
}

/** Answers requests. */
export interface Policy {
  /** Never rejects, and settles soon after store-timeout and dns-timeout together at the latest. */
  answer(request: PolicyRequest): Promise<Action>;
}

/** What was found out about a request that greylisting has a say in. */
interface Finding {
  readonly verdict: "defer" | "pass";
  readonly reason: string;
  /** Seconds until a retry passes; for the text of a deferral. */
  readonly missing?: number;
  /** Seconds since the first attempt, when this is the first to pass. */
  readonly waited?: number;
  /** The list's entry that decided: its file and line. */
  readonly entry?: string;
  /** Why the client is suspicious, when only such clients wait. */
  readonly suspicion?: string | undefined;
  /** Identifies the triplet in the log, when the store was asked. */
  readonly id?: string;
  /** What is wrong with the store. */
  readonly problem?: string;
}

/** How much of the store timeout is left for writing when other copies are asked. */
const shareForWriting = 1 / 4;

const dunno: Action = { kind: "dunno" };

export function createPolicy(options: PolicyOptions, parts: PolicyParts): Policy {
  const { lists, rules } = options;
  const { store, log } = parts;
  const recall = createRecall(store, log);
  const inquire = createInquiry(options.inquiry, parts.dns);

  return { answer };

  async function answer(request: PolicyRequest): Promise<Action> {
    // Without a state it is RCPT, as for postgrey, sqlgrey and Postfix's greylist.pl.
    if ((request.get("protocol_state") || "RCPT") !== "RCPT") {
      return nothingToSay(request, "not at RCPT");
    }
    const user = request.get("sasl_username");
    if (user) {
      learn(request, user);
      return nothingToSay(request, "authenticated client");
    }
    const now = parts.now();
    try {
      return act(listed(request) ?? await ask(request, now), request, now);
    } catch (error) {
      return act(failed(error), request, now);
    }
  }

  function nothingToSay(request: PolicyRequest, reason: string): Action {
    log.notAsked(reason, request);
    return dunno;
  }

  function learn(request: PolicyRequest, user: string): void {
    const { correspondents } = options;
    if (correspondents === undefined) return;
    const sender = request.get("sender") ?? "", recipient = request.get("recipient") ?? "";
    parts.learning.learn({ user, sender, recipient }, {
      correspondents,
      maxAgeSeconds: rules.maxAgeSeconds,
      now: parts.now(),
      deadline: performance.now() + options.storeTimeoutMilliseconds,
    });
  }

  /** What is known without having seen the triplet before. */
  function listed(request: PolicyRequest): Finding | undefined {
    const client = clientOf(request), recipient = request.get("recipient") ?? "";
    const passed = (reason: string, rule: Rule | undefined): Finding | undefined =>
      rule && { verdict: "pass", reason, entry: `${rule.file}:${rule.line}` };
    const found = passed("client whitelist", lists.clients.match(client)) ??
      passed("sender whitelist", lists.senders.match(request.get("sender") ?? "")) ??
      passed("recipient whitelist", lists.recipients.match(recipient));
    if (found !== undefined) return found;
    if (lists.greylisted === undefined || lists.greylisted.match(recipient)) return undefined;
    return { verdict: "pass", reason: "recipient not greylisted" };
  }

  /** What the store knows, and what the rules make of it. Rejects when the store fails. */
  async function ask(request: PolicyRequest, now: number): Promise<Finding> {
    const client = clientOf(request);
    const from = request.get("sender") ?? "", to = request.get("recipient") ?? "";
    const subject = options.subjectOf({ ...client, sender: from, recipient: to });
    if (subject === undefined) return { verdict: "pass", reason: "client address unknown" };
    const deadline = performance.now() + options.storeTimeoutMilliseconds;
    const { keys } = subject;
    const earns = lists.neverAutoWhitelisted.match(client) === undefined;
    const sender = earns && options.senders && subject.senderEarns;
    const domain = earns && subject.earns && rules.domainSenders > 0;
    const clientEarns = earns && rules.clientPasses > 0;
    // Whoever has an address book can forge a pair: it counts only where something tells that this is no bot.
    const mayAnswer = subject.isNamed;
    const wanted = {
      senders: sender ? keys.senders : undefined,
      triplets: keys.triplets,
      domain: domain ? keys.domain : undefined,
      client: clientEarns && subject.earns ? keys.client : undefined,
      correspondent: mayAnswer ? options.correspondents?.pairKey(from, to) : undefined,
      releaseTriplet: subject.releaseTriplet,
      releaseClient: clientEarns ? subject.releaseClient : undefined,
    };
    const domainSender = wanted.domain === undefined ? undefined : keys.senderHash;
    const judge = ({ known }: Recollection) => decide(known, { sender, domainSender }, now, rules);
    let read = await recall.read(wanted, deadline), decision = judge(read);
    if (needsAllCopies(decision)) {
      const until = deadline - options.storeTimeoutMilliseconds * shareForWriting;
      read = await recall.readRest(read, { now, ...rules }, until);
      decision = judge(read);
    }
    const { known } = read, { changes } = decision;
    if (decision.verdict === "defer") {
      const began = performance.now();
      const outcome = await asked(request, subject);
      if (outcome?.verdict === "pass") return { ...outcome, id: keys.id };
      await recall.write(changes, read, wanted, now, deadline + performance.now() - began);
      const { verdict, missing } = decision, { suspicion } = outcome ?? {};
      const reason = decision.reason === "new" ? "new" : `early-retry (${missing}s missing)`;
      return { verdict, reason, missing, suspicion, id: keys.id };
    }
    await recall.write(changes, read, wanted, now, deadline);
    for (const change of changes) {
      if (change.kind !== "client" || change.record.passes !== rules.clientPasses) continue;
      if (known.client?.record?.passes !== change.record.passes) log.clientEarnedWhitelist(request);
    }
    const { verdict, reason, waited } = decision;
    return { verdict, reason, id: keys.id, ...(waited === undefined ? {} : { waited }) };
  }

  /** What DNS says of a client whose mail would be deferred; a bug there is no information. */
  async function asked(request: PolicyRequest, { client }: Subject): Promise<Outcome | undefined> {
    try {
      return await inquire?.({
        client,
        address: request.get("client_address") ?? "",
        helo: request.get("helo_name"),
        recipient: request.get("recipient") ?? "",
        serverAddress: request.get("server_address") ?? "",
        hostname: options.hostname,
      });
    } catch (error) {
      log.internalError(error);
      return undefined;
    }
  }

  function failed(error: unknown): Finding {
    if (!(error instanceof StoreError)) log.internalError(error);
    const verdict = options.onStoreFailure === "accept" ? "pass" : "defer";
    const problem = error instanceof Error ? error.message : String(error);
    return { verdict, reason: "store failure", missing: rules.delaySeconds, problem };
  }

  /** Logs a finding and turns it into what Postfix is told. */
  function act(finding: Finding, request: PolicyRequest, now: number): Action {
    log.decision({
      action: finding.verdict === "pass" ? "pass" : "greylist",
      reason: finding.reason,
      delaySeconds: finding.waited,
      request,
      entry: finding.entry,
      suspicion: finding.suspicion,
      ...(finding.id === undefined ? {} : { id: finding.id, store: store.name }),
      ...(finding.problem === undefined ? {} : { problem: finding.problem }),
    });
    if (options.dryRun) return dunno;
    if (finding.verdict === "defer") return deferral(finding.missing ?? 0, request);
    return finding.waited === undefined ? dunno : firstPass(finding.waited, request, now);
  }

  function deferral(missing: number, request: PolicyRequest): Action {
    const text = options.deferText({
      s: String(missing),
      r: domainForReply(request.get("recipient") ?? ""),
      v: options.version,
      h: options.hostname,
    });
    return { kind: "defer", keyword: options.deferKeyword, text };
  }

  function firstPass(waited: number, request: PolicyRequest, now: number): Action {
    const { header } = options;
    if (header === undefined || !parts.instances.claim(request.get("instance") ?? "")) return dunno;
    const text = header({
      t: String(waited),
      v: options.version,
      h: options.hostname,
      d: dateForHeader(Math.floor(now)),
    });
    return { kind: "prepend", header: text };
  }
}

/**
 * Whether what one copy says is not enough: before a mail waits, and before a count that is written to all
 * copies goes on from what one of them has.
 */
function needsAllCopies({ verdict, changes }: Decision): boolean {
  return verdict === "defer" ||
    changes.some(({ kind }) => kind === "client" || kind === "domain");
}

function clientOf(request: PolicyRequest): { name: string; address: string } {
  return {
    name: request.get("client_name") ?? "",
    address: request.get("client_address") ?? "",
  };
}
