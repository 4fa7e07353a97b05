/**
 * What becomes of a request that no list decides: by what is remembered, by the rules, and, before somebody has to
 * wait, by DNS.
 *
 * 1. What is known is read in one round trip, and decide.ts decides; if the mail would wait, and the store has other
 *    copies, once more with what they know.
 * 2. If the mail would be deferred, DNS is asked, if it is to be (inquiry.ts). Who passes by that earns nothing.
 * 3. Where the sender's domain vouches for the client, what stands under the domain is read, too, and it is decided
 *    again. Of a mail that passes for the first time the waiting triplet says whether it did: DNS is not asked again.
 * 4. What was decided is written.
 *
 * store-timeout is for all that is waited for the store; what DNS takes does not count.
 */
import type { Dns } from "../dns/open.ts";
import type { Correspondents } from "../identity/correspondents.ts";
import type { Client } from "../identity/client.ts";
import type { Attributes, Subject, SubjectOf } from "../identity/subject.ts";
import type { Lists } from "../lists/read.ts";
import type { Log } from "../log/log.ts";
import type { Reason } from "../log/reasons.ts";
import type { PolicyRequest } from "../protocol/codec.ts";
import type { Deadline, Store } from "../stores/store.ts";
import { decide, type Decision } from "./decide.ts";
import { createInquiry, type InquiryOptions, type Outcome } from "./inquiry.ts";
import type { Known, Rules } from "./knowledge.ts";
import {
  createRecall,
  type Recall,
  type Wanted,
  type WantedOfDomain,
  withDomain,
} from "./recall.ts";
import { hasUnasked, type Recollection } from "./recollection.ts";

export interface JudgeOptions {
  readonly rules: Rules;
  /** Whether a sender that has passed once passes for every recipient. */
  readonly senders: boolean;
  readonly lists: Lists;
  readonly subjectOf: SubjectOf;
  /** Undefined: whom our users write to is neither learned nor asked for. */
  readonly correspondents: Correspondents | undefined;
  /** What is asked before somebody has to wait. */
  readonly inquiry: Omit<InquiryOptions, "senders">;
  readonly storeTimeoutMilliseconds: number;
  readonly hostname: string;
}

export interface JudgeParts {
  readonly store: Store;
  readonly log: Log;
  /** Undefined: DNS is not asked. */
  readonly dns?: Dns | undefined;
}

/** What was found out about a request that greylisting has a say in. */
export interface Finding {
  readonly verdict: "defer" | "pass";
  readonly reason: Reason;
  /** Seconds until a retry passes; for the text of a deferral. */
  readonly missing?: number;
  /** Seconds since the first attempt, when this is the first to pass. */
  readonly waited?: number;
  /** The list's entry that decided: its file and line, or its zone. */
  readonly entry?: string;
  /** Why the client is suspicious, when only such clients wait. */
  readonly suspicion?: string | undefined;
  /** Who the client was taken for. */
  readonly client?: Client;
  /** Identifies the triplet in the log, when the store was asked. */
  readonly id?: string;
  /** What is wrong with the store. */
  readonly problem?: string;
}

/** How much of the store timeout is left for writing when other copies are asked. */
const shareForWriting = 1 / 4;

/** Judges a request at `now` (UNIX seconds, with their fraction). Rejects when the store fails. */
export type Judge = (request: PolicyRequest, now: number) => Promise<Finding>;

export function createJudge(options: JudgeOptions, parts: JudgeParts): Judge {
  const { clientPasses } = options.rules;
  const recall = createRecall(parts.store, parts.log);
  const weigh = createWeighing(options, parts, recall);

  return async (request, now) => {
    const weighed = await weigh(request, now);
    if (weighed === undefined) return noClient;
    const { decision, outcome, read, wanted, deadline } = weighed;
    if (outcome?.verdict !== "pass") {
      await recall.write(decision.changes, read, wanted, now, deadline);
      if (decision.verdict === "pass") tellOfClient(decision, read.known, request);
    }
    return findingOf(weighed);
  };

  /** Tells when the client has just earned its place. */
  function tellOfClient({ changes }: Decision, known: Known, request: PolicyRequest): void {
    for (const change of changes) {
      if (change.kind !== "client" || change.record.passes !== clientPasses) continue;
      if (known.client?.record?.passes !== change.record.passes) {
        parts.log.clientEarnedWhitelist(request);
      }
    }
  }
}

/** What a request comes to, and by what; nothing of it is written yet. */
export interface Weighed {
  readonly subject: Subject;
  readonly wanted: Wanted;
  readonly read: Recollection;
  /** By what is known, and by the rules. */
  readonly decision: Decision;
  /** What DNS says, if it was asked. Where it says "pass", that counts. */
  readonly outcome: Outcome | undefined;
  /** By when what was decided is to be written. */
  readonly deadline: Deadline;
}

/** Weighs a request; undefined where its client has no address. Rejects when the store fails. */
export type Weigh = (request: PolicyRequest, now: number) => Promise<Weighed | undefined>;

export function createWeighing(
  options: JudgeOptions,
  parts: {
    readonly dns?: Dns | undefined;
    readonly log: Pick<Log, "internalError">;
  },
  recall: Recall,
): Weigh {
  const { lists, rules } = options;
  const inquire = createInquiry({ ...options.inquiry, senders: lists.sendersBySpf }, parts.dns);

  return async (request, now) => {
    const subject = options.subjectOf(partiesOf(request));
    if (subject === undefined) return undefined;
    const asked = wantedOf(request, subject);
    let { wanted } = asked;
    let deadline = performance.now() + options.storeTimeoutMilliseconds;
    const decideOn = ({ known }: Recollection) => decide(known, asked.earns, now, rules);
    let read = await recall.read(wanted, deadline), decision = decideOn(read);
    const isSettled = () => !needsAllCopies(decision) || !hasUnasked(read);
    const askOtherCopies = async () => {
      const until = deadline - options.storeTimeoutMilliseconds * shareForWriting;
      read = await recall.readRest(read, { now, ...rules }, until);
      decision = decideOn(read);
    };
    if (!isSettled()) await askOtherCopies();
    let vouching = decision.verdict === "pass" && decision.vouched
      ? subject.vouchingDomain()
      : undefined;
    let outcome: Outcome | undefined;
    if (decision.verdict === "defer") {
      const began = performance.now();
      outcome = await inquireInto(request, subject);
      deadline += performance.now() - began;
      vouching = outcome?.verdict === "wait" ? outcome.vouching : undefined;
    }
    if (vouching !== undefined) {
      const ofDomain = asked.under(vouching);
      read = await recall.readDomain(ofDomain, read, deadline);
      wanted = withDomain(wanted, ofDomain);
      decision = decideOn(read);
      if (!isSettled()) await askOtherCopies();
    }
    return { subject, wanted, read, decision, outcome, deadline };
  };

  /** What is to be read of a request, and of a domain that vouches for its client; and what it can earn. */
  function wantedOf(request: PolicyRequest, subject: Subject) {
    const { keys } = subject;
    const earns = lists.neverAutoWhitelisted.match(clientOf(request)) === undefined;
    const sender = earns && options.senders && subject.senderEarns;
    const domain = earns && subject.earns && rules.domainSenders > 0;
    const clientEarns = earns && rules.clientPasses > 0;
    const pair = options.correspondents?.pairKey(
      request.get("sender") ?? "",
      request.get("recipient") ?? "",
    );
    const wanted: Wanted = {
      senders: sender ? keys.senders : undefined,
      triplets: keys.triplets,
      domain: domain ? keys.domain : undefined,
      client: clientEarns && subject.earns ? keys.client : undefined,
      // Whoever has an address book can forge a pair: it counts only where something tells that this is no bot.
      correspondent: subject.isNamed ? pair : undefined,
      releaseTriplet: subject.releaseTriplet,
      releaseClient: clientEarns ? subject.releaseClient : undefined,
    };
    const under = (vouching: string): WantedOfDomain => {
      const { senders, triplets, domain: scope } = subject.keysUnder(vouching);
      return {
        senders: sender ? senders : undefined,
        triplets,
        domain: domain ? scope : undefined,
        correspondent: subject.isNamed ? undefined : pair,
      };
    };
    const domainSender = wanted.domain === undefined ? undefined : keys.senderHash;
    return { wanted, under, earns: { sender, domainSender } };
  }

  /** What DNS says of a client whose mail would be deferred; a bug there is no information. */
  async function inquireInto(
    request: PolicyRequest,
    { client }: Subject,
  ): Promise<Outcome | undefined> {
    try {
      return await inquire?.({
        client,
        address: request.get("client_address") ?? "",
        helo: request.get("helo_name"),
        sender: request.get("sender") ?? "",
        recipient: request.get("recipient") ?? "",
        serverAddress: request.get("server_address") ?? "",
        hostname: options.hostname,
      });
    } catch (error) {
      parts.log.internalError(error);
      return undefined;
    }
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

const noClient: Finding = { verdict: "pass", reason: { kind: "client address unknown" } };

/** What it has come to. */
export function findingOf(weighed: Weighed | undefined): Finding {
  if (weighed === undefined) return noClient;
  const { decision, outcome, subject: { client, keys: { id } } } = weighed;
  if (outcome?.verdict === "pass") return { ...outcome, client, id };
  const suspicion = outcome?.suspicion;
  if (decision.verdict === "defer") {
    const { verdict, reason: kind, missing } = decision;
    const reason = kind === "early-retry" ? { kind, missing } : { kind };
    return { verdict, reason, missing, suspicion, client, id };
  }
  const { verdict, reason, waited } = decision;
  return {
    verdict,
    reason: { kind: reason },
    ...(waited === undefined ? {} : { waited }),
    suspicion,
    client,
    id,
  };
}

/** Between whom a request's mail is. */
export function partiesOf(request: PolicyRequest): Attributes {
  return {
    ...clientOf(request),
    sender: request.get("sender") ?? "",
    recipient: request.get("recipient") ?? "",
    helo: request.get("helo_name"),
  };
}

export function clientOf(request: PolicyRequest): { name: string; address: string } {
  return {
    name: request.get("client_name") ?? "",
    address: request.get("client_address") ?? "",
  };
}
