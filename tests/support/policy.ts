/** A policy as tests want it: a clock that is set by hand, a store in memory, and a log that is kept. */
import type { DecisionRecord, Log } from "../../lib/log/log.ts";
import { reasonInWords } from "../../lib/log/reasons.ts";
import { type SubjectOptions, subjectsWith } from "../../lib/identity/subject.ts";
import type { Dns } from "../../lib/dns/open.ts";
import { createPolicy, type Policy, type PolicyOptions } from "../../lib/greylist/policy.ts";
import { Instances } from "../../lib/greylist/instances.ts";
import { Learning } from "../../lib/greylist/learning.ts";
import { deferralTemplate, headerTemplate } from "../../lib/protocol/reply.ts";
import { MemoryStore } from "../../lib/stores/memory.ts";
import { readClientList } from "../../lib/lists/clients.ts";
import type { Reading } from "../../lib/lists/reading.ts";
import { readRecipientList } from "../../lib/lists/recipients.ts";
import { readSenderList } from "../../lib/lists/senders.ts";
import type { Store } from "../../lib/stores/store.ts";

/** A list of clients; of senders; of recipients. Without patterns, which would need an engine. */
export const clientList = (text: string) => atOnce(readClientList([{ file: "/list", text }])).list;
export const senderList = (text: string) => atOnce(readSenderList([{ file: "/list", text }])).list;
export const recipientList = (text: string) =>
  atOnce(readRecipientList([{ file: "/list", text }])).list;

function atOnce<Result>(reading: Reading<Result>): Result {
  let step = reading.next();
  while (step.done !== true) step = reading.next();
  return step.value;
}

/** The settings' defaults of who is who. */
export const subjectOptions: SubjectOptions = {
  clientIdentity: "name",
  identifyBy: "client,sender,recipient",
  normalizeSenders: "full",
  recipientDelimiter: "+",
  prefixes: { ipv4: 24, ipv6: 64 },
  keyPrefix: "gl1:",
};

/** Who is who with other settings. */
export const subjects = (options: Partial<SubjectOptions>) =>
  subjectsWith({ ...subjectOptions, ...options });

/** The settings' defaults, with a short text and header. */
export const policyOptions: PolicyOptions = {
  rules: {
    delaySeconds: 300,
    retryWindowSeconds: 172_800,
    maxAgeSeconds: 3_024_000,
    clientPasses: 5,
    domainSenders: 2,
  },
  senders: true,
  lists: {
    clients: clientList(""),
    senders: senderList(""),
    sendersBySpf: senderList(""),
    recipients: recipientList(""),
    greylisted: undefined,
    neverAutoWhitelisted: clientList(""),
  },
  subjectOf: subjects({}),
  correspondents: undefined,
  inquiry: { onlySuspicious: false, goodLists: [], badLists: [] },
  storeTimeoutMilliseconds: 500,
  onStoreFailure: "accept",
  dryRun: false,
  deferKeyword: "DEFER_IF_PERMIT",
  deferText: deferralTemplate("DEFER_IF_PERMIT", "4.2.0 Greylisted for %s seconds"),
  header: headerTemplate("X-Greylist: delayed %t seconds by greylist-%v at %h"),
  version: "0",
  hostname: "mail.example.com",
};

/** One event that was logged: the method and its arguments. */
export type Event = readonly [method: string, ...args: unknown[]];

/** A log that keeps what it is told. */
export function recordingLog(): { log: Log; events: Event[] } {
  const events: Event[] = [];
  const log = new Proxy({} as Log, {
    get: (_, method) => (...args: unknown[]) => void events.push([String(method), ...args]),
  });
  return { log, events };
}

/** A policy with its surroundings. */
export interface Scene {
  readonly policy: Policy;
  readonly learning: Learning;
  readonly store: Store;
  readonly clock: { now: number };
  readonly events: Event[];
  /** What each decision so far was, as in the log: `greylist new`. */
  decisions(): string[];
}

/** Sets up a policy; without a store of its own it has one in memory that goes by the same clock. */
export function scene(
  options: Partial<PolicyOptions> = {},
  storeAt?: (clock: { now: number }) => Store,
  dns?: Dns,
): Scene {
  const clock = { now: 1_700_000_000 };
  const store = storeAt?.(clock) ?? new MemoryStore(() => clock.now, 10_000);
  const { log, events } = recordingLog();
  const learning = new Learning(store, log);
  const policy = createPolicy({ ...policyOptions, ...options }, {
    store,
    log,
    clock: () => clock.now,
    instances: new Instances(),
    learning,
    dns,
  });
  const decisions = () =>
    events.filter(([method]) => method === "decision").map(([, record]) => {
      const { action, reason } = record as DecisionRecord;
      return `${action} ${reasonInWords(reason)}`;
    });
  return { policy, learning, store, clock, events, decisions };
}

/** A request at RCPT as Postfix sends it, with changes. */
export function request(changes: Readonly<Record<string, string>> = {}): Map<string, string> {
  return new Map(Object.entries({
    request: "smtpd_access_policy",
    protocol_state: "RCPT",
    protocol_name: "ESMTP",
    client_address: "192.0.2.1",
    client_name: "mx.example.org",
    reverse_client_name: "mx.example.org",
    helo_name: "mx.example.org",
    sender: "alice@example.org",
    recipient: "robin@example.com",
    instance: "1a2b.5f0.1.0",
    sasl_username: "",
    ...changes,
  }));
}
