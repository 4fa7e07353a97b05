/**
 * One request in, one action out. The one place that knows the order of the rules, what a store that fails
 * means for the mail, and what time it is.
 *
 * 1. A state that is neither RCPT nor missing, or a client that has authenticated: nothing to say. With
 *    learn-correspondents it is learned, beside the answer, whom the latter writes to.
 * 2. Whitelisted clients, senders and recipients, and recipients that are not to be greylisted: pass. It earns
 *    nothing: only mail that waited and came back proves anything.
 * 3. A client address that is none: pass, logged.
 * 4. Anything else is judged by what is remembered, and by DNS before somebody has to wait (judge.ts). What was
 *    decided is written before the answer: a first attempt that was not remembered must not be deferred, or the
 *    mail would wait for ever.
 * 5. The store fails, or has not answered within the store timeout (in total, not for each operation):
 *    the answer is on-store-failure's. A bug of ours counts as such a failure: it must not hold mail.
 *
 * The header goes to the first recipient of a transaction that passes for the first time: Postfix adds it
 * once for every PREPEND.
 */
import { messageOf } from "../error.ts";
import type { NotAsked } from "../log/reasons.ts";
import type { Action, PolicyRequest } from "../protocol/codec.ts";
import { dateForHeader, domainForReply, type Template } from "../protocol/reply.ts";
import { StoreError } from "../stores/store.ts";
import type { Instances } from "./instances.ts";
import {
  createJudge,
  type Finding,
  type JudgeOptions,
  type JudgeParts,
  partiesOf,
} from "./judge.ts";
import type { Learning } from "./learning.ts";
import { listed } from "./listed.ts";

/** How requests are judged and answered. */
export interface PolicyOptions extends JudgeOptions {
  readonly onStoreFailure: "accept" | "defer";
  /** Decide, remember and log as usual, but let everything pass. */
  readonly dryRun: boolean;
  /** DEFER_IF_PERMIT or a 4xx code. */
  readonly deferKeyword: string;
  readonly deferText: Template<"text">;
  /** Undefined: no header. */
  readonly header: Template<"header"> | undefined;
  readonly version: string;
}

/** What a policy works with. */
export interface PolicyParts extends JudgeParts {
  /** The time, in UNIX seconds; fractions count. */
  readonly clock: () => number;
  /** The transactions that have their header; kept when the options change. */
  readonly instances: Instances;
  /** What is being learned; kept, too. */
  readonly learning: Learning;
}

/** Answers requests. */
export interface Policy {
  /** Never rejects, and settles soon after store-timeout and dns-timeout together at the latest. */
  answer(request: PolicyRequest): Promise<Action>;
}

/** What becomes of a request when the store has failed. */
export function findingOfFailure(
  { onStoreFailure, rules }: Pick<PolicyOptions, "onStoreFailure" | "rules">,
  problem: string,
  id: string | undefined,
): Finding {
  return {
    verdict: onStoreFailure === "accept" ? "pass" : "defer",
    reason: { kind: "store failure" },
    missing: rules.delaySeconds,
    problem,
    ...(id === undefined ? {} : { id }),
  };
}

const dunno: Action = { kind: "dunno" };

export function createPolicy(options: PolicyOptions, parts: PolicyParts): Policy {
  const { lists, rules } = options;
  const { store, log } = parts;
  const judge = createJudge(options, parts);

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
    const now = parts.clock();
    try {
      return act(listed(request, lists) ?? await judge(request, now), request, now);
    } catch (error) {
      return act(failed(error, request), request, now);
    }
  }

  function nothingToSay(request: PolicyRequest, reason: NotAsked): Action {
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
      now: parts.clock(),
      deadline: performance.now() + options.storeTimeoutMilliseconds,
    });
  }

  function failed(error: unknown, request: PolicyRequest): Finding {
    const isStores = error instanceof StoreError;
    if (!isStores) log.internalError(error);
    // What the store had to be asked about: a report finds the mail again by it.
    const id = isStores ? options.subjectOf(partiesOf(request))?.keys.id : undefined;
    return findingOfFailure(options, messageOf(error), id);
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
      client: finding.client,
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
