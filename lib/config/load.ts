/**
 * All that is read before anything starts, and again at a reload: settings, secrets and lists, or every
 * problem in them.
 */
import * as os from "node:os";
import { loadConfig, type Refused, type Sources } from "./config.ts";
import { correspondentsWith } from "../identity/correspondents.ts";
import { type SubjectOptions, subjectsWith } from "../identity/subject.ts";
import { type Lists, readLists } from "../lists/read.ts";
import type { ListFiles } from "../lists/sources.ts";
import type { PolicyOptions } from "../greylist/policy.ts";
import { deferralTemplate, headerTemplate } from "../protocol/reply.ts";
import type { Secrets } from "./secrets.ts";
import type { Config } from "./settings.ts";
import { version } from "../version.ts";

/** Everything that there is to know before the start. */
export interface Setup {
  readonly config: Config;
  readonly secrets: Secrets;
  readonly lists: Lists;
}

export type Loaded = { readonly setup: Setup; readonly warnings: readonly string[] } | Refused;

/** Reads everything. */
export async function load(sources: Sources & ListFiles): Promise<Loaded> {
  const read = loadConfig(sources), { config } = read;
  const { lists, problems: inLists, warnings: doubts } = await readLists(config, sources);
  const warnings = [...read.warnings, ...doubts];
  const problems = "problems" in read ? [...read.problems, ...inLists] : inLists;
  if ("problems" in read || problems.length > 0) return { problems, warnings, config };
  return { setup: { config, secrets: read.secrets, lists }, warnings };
}

/** How a setup wants clients, senders and recipients recognised. */
export function subjectOptions({ config, secrets }: Omit<Setup, "lists">): SubjectOptions {
  return {
    clientIdentity: config.clientIdentity,
    identifyBy: config.identifyBy,
    normalizeSenders: config.normalizeSenders,
    recipientDelimiter: config.recipientDelimiter,
    prefixes: { ipv4: config.ipv4Prefix, ipv6: config.ipv6Prefix },
    keyPrefix: config.keyPrefix,
    ...(secrets.key === undefined ? {} : { secret: secrets.key }),
  };
}

/** How a setup wants requests judged. */
export function policyOptions(setup: Setup): PolicyOptions {
  const { config, lists } = setup, identity = subjectOptions(setup);
  return {
    rules: {
      delaySeconds: config.delay,
      retryWindowSeconds: config.retryWindow,
      maxAgeSeconds: config.maxAge,
      clientPasses: config.autoWhitelist,
      domainSenders: config.autoWhitelistDomains,
    },
    senders: config.autoWhitelistSenders === 1,
    lists,
    subjectOf: subjectsWith(identity),
    correspondents: config.learnCorrespondents ? correspondentsWith(identity) : undefined,
    inquiry: {
      onlySuspicious: config.greylist === "suspicious",
      goodLists: config.dnswl,
      badLists: config.dnsbl,
    },
    storeTimeoutMilliseconds: config.storeTimeout * 1000,
    onStoreFailure: config.onStoreFailure,
    dryRun: config.dryRun,
    deferKeyword: config.action,
    deferText: deferralTemplate(config.action, config.text),
    header: config.header === undefined ? undefined : headerTemplate(config.header),
    version,
    hostname: os.hostname(),
  };
}
