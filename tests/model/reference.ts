/**
 * The rules of doc/design.md ("The decision") and doc/state.md in their plainest form, for the model test to
 * compare the program with. Nothing here comes from lib/, and it knows no store: a record that is too old does
 * not count, whether a store still has it or not.
 *
 * To change a rule: change `judge`. A mail that depends on more records names them in `recordsOf`.
 */

/** Who a client is, as a person would say it (mails.ts). */
export interface Client {
  /** client_address and client_name. */
  readonly address: string;
  readonly name: string;
  /** What its name says: a host, or the mailers of a domain. */
  readonly known?: { readonly as: string; readonly domain: string };
  /** Its whole address, and its network. */
  readonly host: string;
  readonly network: string;
  /** At a private address, or on auto-whitelist-except. */
  readonly earnsNothing?: boolean;
  /** Nobody gives its name to customers, and its address is a public one. */
  readonly mayAnswer?: boolean;
  /** The domain whose SPF vouches for it. */
  readonly vouchedBy?: string;
}

/** A sender or recipient, as it is sent and whom that means. */
export interface Party {
  readonly sent: string;
  readonly is: string;
}

export interface Mail {
  readonly client: Client;
  readonly sender: Party;
  readonly recipient: Party;
  /** Attributes in place of those of an ordinary mail. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Whether a list, the state of the protocol or a login lets it pass. */
  readonly exempt: boolean;
}

/** What a user who has authenticated writes. */
export interface Letter {
  readonly from: Party;
  readonly to: Party;
}

/** The settings that the rules go by; times in seconds. */
export interface Settings {
  readonly delay: number;
  readonly "retry-window": number;
  readonly "max-age": number;
  readonly "auto-whitelist": number;
  readonly "auto-whitelist-senders": number;
  readonly "auto-whitelist-domains": number;
  readonly "client-identity": "name" | "network";
  readonly "identify-by": "client,sender,recipient" | "client,recipient";
  readonly "learn-correspondents": "yes" | "no";
  readonly greylist: "all" | "suspicious";
  readonly spf: "yes" | "no";
}

/** What is remembered under a name. Times are UNIX seconds, rounded up. */
export interface Value {
  /** Of what waits: since when, and whether a domain vouched for it. */
  readonly waiting?: number;
  readonly vouched?: boolean;
  /** Of anything else: when its use was last written down. */
  readonly seen?: number;
  /** Of a domain: its senders that have passed. */
  readonly senders?: readonly string[];
  /** Of a client. */
  readonly counts?: {
    readonly tried: number;
    readonly returned: number;
    readonly halved: number;
    readonly passes: number;
  };
}

/** `defer N`: in N seconds; `header N`: passes, and gets the header that says N; `pass`. */
export type Answer = string;

export interface Judgement {
  readonly answer: Answer;
  /** Undefined: taken away. */
  readonly writes: ReadonlyMap<string, Value | undefined>;
}

const anHour = 3600, sevenDays = 7 * 86_400;

/** The name of the record of an address outside and one of ours; undefined where there is none. */
export function pairOf(outside: Party, ours: Party, settings: Settings): string | undefined {
  if (settings["learn-correspondents"] === "no" || outside.is === "" || ours.is === "") return;
  return `W ${outside.is} ${ours.is}`;
}

/**
 * The names of the records of a mail; those that it has no part in are missing. `underDomain`: the sender's domain
 * vouches for it.
 */
function names({ client, sender, recipient }: Mail, settings: Settings, underDomain: boolean) {
  const byName = settings["client-identity"] === "name";
  const bySender = settings["identify-by"] === "client,sender,recipient";
  const from = bySender ? sender.is : "anybody";
  const isNull = from === "";
  const named = isNull || client.known === undefined ? [] : [client.known.as];
  const vouching = `SPF of ${sender.is.split("@")[1]}`;
  const identities = [
    ...byName ? [...named, client.host] : [client.network],
    ...underDomain ? [vouching] : [],
  ];
  const domain = from.includes("@") ? from.split("@")[1] : undefined;
  const earns = client.earnsNothing !== true;
  const ownDomain = byName && client.known !== undefined && client.known.domain === domain;
  const ownScope = ownDomain && client.known !== undefined ? client.known.as : client.host;
  const scope = underDomain ? vouching : ownScope;
  return {
    from,
    senders: earns && bySender && settings["auto-whitelist-senders"] === 1 && (byName || !isNull)
      ? identities.map((identity) => `S ${identity} ${from}`)
      : [],
    triplets: identities.map((identity) => `T ${identity} ${from} ${recipient.is}`),
    domain: earns && domain !== undefined && settings["auto-whitelist-domains"] > 0
      ? `D ${scope} ${domain}`
      : undefined,
    client: earns && settings["auto-whitelist"] > 0 ? `C ${client.host}` : undefined,
    correspondent: client.mayAnswer || underDomain
      ? pairOf(sender, recipient, settings)
      : undefined,
  };
}

/** The names of the records that the answer to this mail depends on. */
export function recordsOf(mail: Mail, settings: Settings): readonly string[] {
  if (mail.exempt) return [];
  const mayBeVouched = settings.spf === "yes" && mail.sender.is.includes("@");
  const all = (mayBeVouched ? [false, true] : [false]).flatMap((underDomain) => {
    const { senders, triplets, domain, client, correspondent } = names(mail, settings, underDomain);
    return [...senders, ...triplets, domain, client, correspondent];
  });
  return [...new Set(all.filter((name) => name !== undefined))];
}

/** Whether the answer does without this record when the store fails just then. */
export function isOptional(name: string): boolean {
  return /^[CW] /.test(name);
}

/** What a letter leaves under its pair at `now`, given what was there. */
export function learned(value: Value | undefined, now: number, settings: Settings): Value {
  const seen = value?.seen;
  if (value === undefined || seen === undefined || isOver(value, now, settings)) {
    return { seen: Math.ceil(now) };
  }
  return seen >= now + 1 || now - seen >= anHour ? { seen: Math.ceil(now) } : value;
}

/** The answer at `now`, and what is remembered then. */
export function judge(
  known: ReadonlyMap<string, Value | undefined>,
  mail: Mail,
  now: number,
  settings: Settings,
): Judgement {
  const plain = judgeAs(known, mail, now, settings, false);
  const vouches = settings.spf === "yes" && mail.client.vouchedBy !== undefined &&
    mail.client.vouchedBy === mail.sender.is.split("@")[1];
  const isDomains = plain.answer.startsWith("defer") ? vouches : plain.waitedVouched === true;
  return isDomains ? judgeAs(known, mail, now, settings, true) : plain;
}

/** The same by the client's own identities, or by the domain that vouches for it as well. */
function judgeAs(
  known: ReadonlyMap<string, Value | undefined>,
  mail: Mail,
  now: number,
  settings: Settings,
  underDomain: boolean,
): Judgement & { readonly waitedVouched?: boolean } {
  const writes = new Map<string, Value | undefined>();
  const says = (answer: Answer): Judgement => ({ answer, writes });
  if (mail.exempt) return says("pass");

  const { delay } = settings;
  const { from, senders, triplets, domain, client, correspondent } = names(
    mail,
    settings,
    underDomain,
  );
  const rounded = Math.ceil(now);
  // What is ahead by more than rounding comes from another host's clock, and counts as now.
  const isAhead = (time: number) => time >= now + 1;
  const anHourAfter = (time: number) => isAhead(time) || now - time >= anHour;
  /** A record that still counts. */
  const live = (name: string | undefined) => {
    const value = name === undefined ? undefined : known.get(name);
    return value === undefined || isOver(value, now, settings) ? undefined : value;
  };
  const renew = (names: readonly string[]) => {
    for (const name of names) {
      const value = live(name);
      if (value?.seen !== undefined && anHourAfter(value.seen)) {
        writes.set(name, { ...value, seen: rounded });
      }
    }
  };
  const comesBack = (tried: number, returned: number) => tried < 20 || returned >= tried / 2;
  const countForClient = (event: "tried" | "returned") => {
    if (client === undefined) return;
    const { counts, seen } = live(client) ?? {};
    if (counts === undefined || seen === undefined) {
      if (event === "tried") return;
      const first = { tried: 1, returned: 1, halved: rounded, passes: 1 };
      return void writes.set(client, { seen: rounded, counts: first });
    }
    let { tried, returned, halved, passes } = counts, last = seen;
    if (event === "tried") tried++;
    else {
      returned = Math.min(returned + 1, tried);
      if (comesBack(tried, returned) && anHourAfter(seen)) {
        passes++;
        last = rounded;
      }
    }
    if (tried >= 1000 || Math.abs(rounded - halved) >= sevenDays) {
      [tried, returned, halved] = [Math.floor(tried / 2), Math.floor(returned / 2), rounded];
    }
    writes.set(client, { seen: last, counts: { tried, returned, halved, passes } });
  };
  const wait = (since: number): Value =>
    underDomain ? { waiting: since, vouched: true } : { waiting: since };
  const begin = () => {
    for (const name of triplets) writes.set(name, wait(rounded));
    return says(`defer ${delay === 0 ? 0 : Math.ceil(rounded + delay - now)}`);
  };
  const takeAwayWaiting = () => {
    for (const name of triplets) {
      if (known.get(name)?.waiting !== undefined) writes.set(name, undefined);
    }
  };

  const since = triplets.map((name) => live(name)?.waiting ?? Infinity);
  const ageOf = (time: number) => Math.max(0, now - time);
  const hasWaited = (time: number) => time !== Infinity && !isAhead(time) && ageOf(time) >= delay;
  const waitingSince = Math.min(...since);
  const waited = ageOf(waitingSince);
  const cameBack = hasWaited(waitingSince);

  const trusted = (renewed: readonly string[]) => {
    renew(renewed);
    // What waits under another identity alone may have come back already, from another host.
    const own = since[0] ?? Infinity;
    if (!hasWaited(own)) return says("pass");
    takeAwayWaiting();
    if (client !== undefined) writes.delete(client);
    countForClient("returned");
    return says(`header ${Math.floor(ageOf(own))}`);
  };
  if (senders.some(live)) return trusted(senders);
  const domainSenders = live(domain)?.senders ?? [];
  if (domain !== undefined && domainSenders.length >= settings["auto-whitelist-domains"]) {
    return trusted([domain]);
  }
  const earned = live(client)?.counts;
  if (client !== undefined && earned !== undefined) {
    const hasEarned = earned.passes >= settings["auto-whitelist"];
    if (hasEarned && comesBack(earned.tried, earned.returned)) return trusted([client]);
  }
  if (triplets.some((name) => live(name)?.seen !== undefined)) {
    renew(triplets);
    return says("pass");
  }
  if (live(correspondent) !== undefined) return says("pass");
  // It would have to wait.
  const isSuspicious = mail.client.known === undefined;
  if (!cameBack && settings.greylist === "suspicious" && !isSuspicious) return says("pass");
  if (waitingSince !== Infinity && isAhead(waitingSince)) return begin();
  if (waitingSince !== Infinity && !cameBack) {
    for (const name of underDomain ? triplets : []) {
      if (!live(name)?.vouched) writes.set(name, wait(waitingSince));
    }
    return says(`defer ${Math.ceil(waitingSince + delay - now)}`);
  }
  if (!cameBack) {
    countForClient("tried");
    return begin();
  }
  const waitedVouched = triplets.some((name) => live(name)?.vouched === true);
  for (const name of senders.length > 0 ? senders : triplets) writes.set(name, { seen: rounded });
  if (senders.length > 0) takeAwayWaiting();
  countForClient("returned");
  if (domain !== undefined && !domainSenders.includes(from)) {
    writes.set(domain, { seen: rounded, senders: [...domainSenders, from] });
  }
  return { ...says(`header ${Math.floor(waited)}`), waitedVouched };
}

/** Whether a value does not count any more at `now`, so that a store may have let go of it. */
export function isOver({ waiting, seen }: Value, now: number, settings: Settings): boolean {
  if (waiting !== undefined) return now - waiting > settings["retry-window"];
  return seen === undefined || now - seen > settings["max-age"];
}
