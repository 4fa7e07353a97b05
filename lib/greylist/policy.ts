/**
 * One request in, one action out. The one place that knows the order of the rules, what a store that fails
 * means for the mail, and what time it is.
 *
 * 1. A state other than RCPT, or a client that has authenticated: nothing to say.
 * 2. A client address that is none: nothing to say, logged.
 * 3. Whitelisted clients and recipients, recipients that are not to be greylisted, and clients in the
 *    auto-whitelist: pass.
 * 4. The triplet's entry is read, greylist.ts decides, and what it wants written is written before the
 *    answer: a first attempt that was not remembered must not be deferred, or the mail would wait for ever.
 * 5. The store fails, or has not answered within the store timeout (in total, not for each operation):
 *    the answer is on-store-failure's. A bug of ours counts as such a failure: it must not hold mail.
 *    The auto-whitelist only ever lets pass; without its entry a client counts as unknown there.
 *
 * The header goes to the first recipient of a transaction that passes for the first time: Postfix adds it
 * once for every PREPEND.
 */
import {
  type AutoWhitelistRules,
  type ClientEntry,
  clientTtlSeconds,
  credit,
  decodeClient,
  encodeClient,
  whitelisted,
} from "./auto_whitelist.ts";
import { decide, decodeEntry, encodeEntry, type Rules } from "./decide.ts";
import type { KeyOf } from "../identity/keys.ts";
import type { Instances } from "./instances.ts";
import type { Log } from "../log/log.ts";
import type { Action, PolicyRequest } from "../protocol/codec.ts";
import { dateForHeader, domainForReply, type Template } from "../protocol/reply.ts";
import type { Lists } from "../lists/read.ts";
import { type Deadline, type Store, StoreError } from "../stores/store.ts";
import {
  clientMaterial,
  clientNetwork,
  type IdentifyBy,
  type Prefixes,
  tripletMaterial,
} from "../identity/triplet.ts";

/** How requests are judged and answered. */
export interface PolicyOptions {
  readonly rules: Rules;
  readonly autoWhitelist: AutoWhitelistRules;
  readonly lists: Lists;
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
  /** The time, in UNIX seconds; fractions count. */
  readonly now: () => number;
  /** The transactions that have their header; kept when the options change. */
  readonly instances: Instances;
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
  /** The key of the triplet, when the store was asked. */
  readonly key?: string;
  /** What is wrong with the store. */
  readonly problem?: string;
}

const dunno: Action = { kind: "dunno" };

export function createPolicy(options: PolicyOptions, parts: PolicyParts): Policy {
  const { lists } = options;
  const { store, log } = parts;

  return { answer };

  async function answer(request: PolicyRequest): Promise<Action> {
    if (request.get("protocol_state") !== "RCPT") return nothingToSay(request, "not at RCPT");
    if (request.get("sasl_username")) return nothingToSay(request, "authenticated client");
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

  /** What is known without having seen the triplet before. */
  function listed(request: PolicyRequest): Finding | undefined {
    const client = clientOf(request), recipient = request.get("recipient") ?? "";
    const pass = (reason: string): Finding => ({ verdict: "pass", reason });
    if (lists.clients.match(client) !== undefined) return pass("client whitelist");
    if (lists.recipients.match(recipient) !== undefined) return pass("recipient whitelist");
    if (lists.greylisted !== undefined && lists.greylisted.match(recipient) === undefined) {
      return pass("recipient not greylisted");
    }
    return undefined;
  }

  /** What the store knows. Rejects when it fails. */
  async function ask(request: PolicyRequest, now: number): Promise<Finding> {
    const client = clientOf(request);
    const network = clientNetwork(client.address, options.prefixes);
    if (network === undefined) return { verdict: "pass", reason: "client address unknown" };
    const deadline = performance.now() + options.storeTimeoutMilliseconds;
    const sender = request.get("sender") ?? "", recipient = request.get("recipient") ?? "";
    const key = options.keyOf(tripletMaterial(network, sender, recipient, options.identifyBy));
    const mayEarn = options.autoWhitelist.passes > 0 &&
      lists.neverAutoWhitelisted.match(client) === undefined;
    const clientKey = mayEarn ? options.keyOf(clientMaterial(network)) : undefined;
    // Both at once: it is one round trip. They may be on different servers, of which the client's must
    // not use up the time of the triplet's.
    const clientDeadline = deadline - options.storeTimeoutMilliseconds / 2;
    const [entry, known] = await Promise.all([
      read(key, decodeEntry, deadline),
      clientKey === undefined ? undefined : readClient(clientKey, clientDeadline),
    ]);
    if (clientKey !== undefined && known !== undefined) {
      const place = whitelisted(known.entry, now, options.autoWhitelist);
      if (place?.write !== undefined) await remember(clientKey, place.write, deadline);
      if (place !== undefined) return { verdict: "pass", reason: "client AWL", key };
    }
    const decision = decide(entry, now, options.rules);
    if (decision.write !== undefined) {
      const { entry, ttlSeconds } = decision.write;
      const written = store.put(key, encodeEntry(entry), ttlSeconds, deadline);
      // A pass stands whether it can be remembered or not; the store has told the log already.
      await (decision.verdict === "pass" ? written.catch(onlyStoreErrors) : written);
    }
    if (decision.verdict === "defer") {
      const { missing } = decision;
      const reason = decision.reason === "new" ? "new" : `early-retry (${missing}s missing)`;
      return { verdict: "defer", reason, missing, key };
    }
    if (decision.waited === undefined) return { verdict: "pass", reason: "triplet found", key };
    if (clientKey !== undefined && known !== undefined) {
      const earned = credit(known.entry, now, options.autoWhitelist);
      if (earned !== undefined) await remember(clientKey, earned, deadline);
      if (earned?.passes === options.autoWhitelist.passes) log.clientEarnedWhitelist(request);
    }
    return { verdict: "pass", reason: "triplet found", waited: decision.waited, key };
  }

  /** The entry under a key. Rejects when the store fails, or what it has is no entry. */
  async function read<Kind>(
    key: string,
    decode: (text: string) => Kind | undefined,
    deadline: Deadline,
  ): Promise<Kind | undefined> {
    const stored = await store.get(key, deadline);
    if (stored === undefined) return undefined;
    const entry = decode(stored);
    if (entry !== undefined) return entry;
    log.unreadableEntry(key);
    await store.delete(key, deadline);
    throw new StoreError(`the entry of ${key} could not be read`);
  }

  /** What is known of a client; undefined when that could not be found out, which is not nothing. */
  async function readClient(
    key: string,
    deadline: Deadline,
  ): Promise<{ readonly entry: ClientEntry | undefined } | undefined> {
    try {
      return { entry: await read(key, decodeClient, deadline) };
    } catch (error) {
      return onlyStoreErrors(error);
    }
  }

  /** Stores what is known of a client; what cannot be stored is not worth an answer's being late. */
  async function remember(key: string, entry: ClientEntry, deadline: Deadline): Promise<void> {
    const ttlSeconds = clientTtlSeconds(options.autoWhitelist);
    await store.put(key, encodeClient(entry), ttlSeconds, deadline).catch(onlyStoreErrors);
  }

  function failed(error: unknown): Finding {
    if (!(error instanceof StoreError)) log.internalError(error);
    const verdict = options.onStoreFailure === "accept" ? "pass" : "defer";
    const problem = error instanceof Error ? error.message : String(error);
    return { verdict, reason: "store failure", missing: options.rules.delaySeconds, problem };
  }

  /** Logs a finding and turns it into what Postfix is told. */
  function act(finding: Finding, request: PolicyRequest, now: number): Action {
    log.decision({
      action: finding.verdict === "pass" ? "pass" : "greylist",
      reason: finding.reason,
      delaySeconds: finding.waited,
      request,
      ...(finding.key === undefined ? {} : { key: finding.key, store: store.name }),
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
      d: dateForHeader(now),
    });
    return { kind: "prepend", header: text };
  }
}

function clientOf(request: PolicyRequest): { name: string; address: string } {
  return {
    name: request.get("client_name") ?? "",
    address: request.get("client_address") ?? "",
  };
}

function onlyStoreErrors(error: unknown): undefined {
  if (!(error instanceof StoreError)) throw error;
}
