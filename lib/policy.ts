/**
 * One request in, one action out. The one place that knows the order of the rules, what a store that fails
 * means for the mail, and what time it is.
 *
 * 1. A state other than RCPT, or a client that has authenticated: nothing to say.
 * 2. A client address that is none: nothing to say, logged.
 * 3. The triplet's entry is read, greylist.ts decides, and what it wants written is written before the
 *    answer: a first attempt that was not remembered must not be deferred, or the mail would wait for ever.
 * 4. The store fails, or has not answered within the store timeout (in total, not for each operation):
 *    the answer is on-store-failure's. A bug of ours counts as such a failure: it must not hold mail.
 *
 * The header goes to the first recipient of a transaction that passes for the first time: Postfix adds it
 * once for every PREPEND.
 */
import { decide, decodeEntry, encodeEntry, type Rules } from "./greylist.ts";
import type { KeyOf } from "./keys.ts";
import type { Log } from "./log.ts";
import type { Action, PolicyRequest } from "./protocol.ts";
import { dateForHeader, domainForReply, type Template } from "./reply.ts";
import { type Store, StoreError } from "./stores/store.ts";
import { clientNetwork, type IdentifyBy, type Prefixes, tripletMaterial } from "./triplet.ts";

/** How requests are judged and answered. */
export interface PolicyOptions {
  readonly rules: Rules;
  readonly identifyBy: IdentifyBy;
  readonly prefixes: Prefixes;
  readonly keyOf: KeyOf;
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
  /** The time, in UNIX seconds. */
  readonly now: () => number;
}

/** Answers requests. */
export interface Policy {
  /** Never rejects, and settles soon after the store timeout at the latest. */
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
}

const dunno: Action = { kind: "dunno" };

/** How many recent transactions are remembered as having their header. One smtpd has one at a time. */
const maxRememberedInstances = 1000;

export function createPolicy(options: PolicyOptions, parts: PolicyParts): Policy {
  const { store, log } = parts;
  const withHeader = new Set<string>();

  return { answer };

  async function answer(request: PolicyRequest): Promise<Action> {
    if (request.get("protocol_state") !== "RCPT") return pass(request, "not at RCPT");
    if (request.get("sasl_username")) return pass(request, "authenticated client");
    const now = Math.floor(parts.now());
    const network = clientNetwork(request.get("client_address") ?? "", options.prefixes);
    if (network === undefined) {
      return act({ verdict: "pass", reason: "client address unknown" }, request, now);
    }
    return act(await ask(request, network, now).catch(failed), request, now);
  }

  function pass(request: PolicyRequest, reason: string): Action {
    log.notAsked(reason, request);
    return dunno;
  }

  /** What the triplet's entry says. Rejects when the store fails. */
  async function ask(request: PolicyRequest, network: string, now: number): Promise<Finding> {
    const deadline = performance.now() + options.storeTimeoutMilliseconds;
    const sender = request.get("sender") ?? "", recipient = request.get("recipient") ?? "";
    const key = options.keyOf(tripletMaterial(network, sender, recipient, options.identifyBy));
    const stored = await store.get(key, deadline);
    const entry = stored === undefined ? undefined : decodeEntry(stored);
    if (stored !== undefined && entry === undefined) {
      log.unreadableEntry(key);
      await store.delete(key, deadline);
      throw new StoreError(`the entry of ${key} could not be read`);
    }
    const decision = decide(entry, now, options.rules);
    if (decision.write !== undefined) {
      const { entry, ttlSeconds } = decision.write;
      const written = store.put(key, encodeEntry(entry), ttlSeconds, deadline);
      // A pass stands whether it can be remembered or not; the store has told the log already.
      await (decision.verdict === "pass" ? written.catch(onlyStoreErrors) : written);
    }
    if (decision.verdict === "pass") {
      return {
        verdict: "pass",
        reason: "triplet found",
        ...(decision.waited === undefined ? {} : { waited: decision.waited }),
      };
    }
    const { missing } = decision;
    const reason = decision.reason === "new" ? "new" : `early-retry (${missing}s missing)`;
    return { verdict: "defer", reason, missing };
  }

  function failed(error: unknown): Finding {
    if (!(error instanceof StoreError)) log.internalError(error);
    const verdict = options.onStoreFailure === "accept" ? "pass" : "defer";
    return { verdict, reason: "store failure", missing: options.rules.delaySeconds };
  }

  /** Logs a finding and turns it into what Postfix is told. */
  function act(finding: Finding, request: PolicyRequest, now: number): Action {
    log.decision({
      action: finding.verdict === "pass" ? "pass" : "greylist",
      reason: finding.reason,
      delaySeconds: finding.waited,
      request,
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
    if (options.header === undefined || !claimHeader(request.get("instance") ?? "")) return dunno;
    const header = options.header({
      t: String(waited),
      v: options.version,
      h: options.hostname,
      d: dateForHeader(now),
    });
    return { kind: "prepend", header };
  }

  /** Whether this recipient is the one of its transaction that gets the header. */
  function claimHeader(instance: string): boolean {
    if (instance === "") return true;
    if (withHeader.has(instance)) return false;
    withHeader.add(instance);
    for (const oldest of withHeader) {
      if (withHeader.size <= maxRememberedInstances) break;
      withHeader.delete(oldest);
    }
    return true;
  }
}

function onlyStoreErrors(error: unknown): void {
  if (!(error instanceof StoreError)) throw error;
}
