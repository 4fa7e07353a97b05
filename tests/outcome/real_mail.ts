/** Real mail that should hardly wait: companies, mailing services, pools. */
import { type Case, day, type Host, host, hour, mail, minute, numbers, person } from "./traffic.ts";
import { type Letter, times, token, turned, user } from "./traffic.ts";

/** A little more than an hour: passes are counted once an hour. */
const anHour = 61 * minute;

export const office = host("192.0.2.25", "mx.firma.example");

/** Mail of a company's people, an hour apart. */
export const company = (count: number) =>
  times(count, (n) => mail(n * anHour, office, person(n), user(n)));

const companies: Case[] = [
  {
    title: "one sender to twelve recipients, a day apart",
    mails: times(12, (n) => mail(n * day, office, person(0), user(n))),
  },
  { title: "twelve senders of a company, an hour apart", mails: company(12) },
  {
    title: "a server whose name comes and goes, twelve mails",
    mails: times(12, (n) => {
      const hosts = [office, host(office.address)];
      return mail(n * day, turned(hosts, n), person(0), user(n));
    }),
  },
  {
    title: "a hosting server: a mail to 30 recipients, then mail of twelve domains",
    deferrals: 5,
    mails: [
      mail(0, webHost(), "verein@kunde.example", times(30, (n) => `mitglied${n}@example.org`)),
      ...times(
        12,
        (n) =>
          mail(day + n * anHour, webHost(), `info@kunde-${"abcdefghijkl"[n]}.example`, user(n)),
      ),
    ],
  },
];

function webHost(): Host {
  return host("192.0.2.80", "srv12.hosting.example");
}

const random = numbers(1);
const lower = "0123456789abcdefghijklmnopqrstuvwxyz";
const digits = (length: number) => token(random, length, lower.slice(0, 10));
const hex = (length: number) => token(random, length, lower.slice(0, 16));
const uuid = () => [8, 4, 4, 4, 12].map(hex).join("-");

/** Twelve mails, a day apart, each to another recipient and from another sender of one stream. */
const verp = (form: string, sender: (recipient: string) => string): Case => ({
  title: `VERP: ${form}`,
  mails: times(12, (n) => {
    const from = host("192.0.2.40", "mta1.versand.example");
    return mail(n * day, from, sender(user(n).replace("@", "=")), user(n));
  }),
});

/** Twelve mails, a day apart, to one recipient and from one sender with a tag that changes. */
const tagged = (title: string, from: Host, sender: () => string): Case => ({
  title: `${title} with a new tag each day, twelve days`,
  mails: times(12, (n) => mail(n * day, from, sender(), user(0))),
});

const tags: Case[] = [
  verp("news-HEX", () => `news-${hex(16)}@rundbrief.example`),
  verp("bounces+N-HEX-RECIPIENT", (recipient) => {
    return `bounces+848413-${hex(4)}-${recipient}@sgmail.hub.example`;
  }),
  verp("bounce-mc.usN_N.N-RECIPIENT, and the host in the domain", (recipient) => {
    const domain = `mail${digits(2)}.atl${digits(2)}.rsgsv.example`;
    return `bounce-mc.us3_15512345.${digits(6)}-${recipient}@${domain}`;
  }),
  verp("HEX-UUID-000000", () => `010201${hex(10)}-${uuid()}-000000@eu-west-1.post.example`),
  verp("bounce-N_HTML-N-N-N-N", () => {
    const list = `${digits(4)}_HTML-${digits(9)}-${digits(6)}`;
    return `bounce-${list}-7290543-${digits(5)}@bounce.exakt.example`;
  }),
  verp("s-TOKEN", () => `s-${token(random, 47, lower)}@bounce.netzwerk.example`),
  tagged("BATV", office, () => `prvs=${digits(4)}${hex(6)}=${person(0)}`),
  tagged("SRS", host("192.0.2.50", "relay.alumni.example"), () => {
    const hash = token(random, 4, lower),
      time = token(random, 2, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
    return `SRS0=${hash}=${time}=bank.example=konto@alumni.example`;
  }),
];

/** Twenty hosts, each in a network of its own. */
const pool = (name: (n: number) => string, address = (n: number) => `198.18.${7 * n}.${20 + n}`) =>
  times(20, (n) => host(address(n), name(n)));

/** Each attempt comes from another host, and each mail begins at another one. */
const pooled = (hosts: readonly Host[], count: number, sender: (n: number) => string) =>
  times(count, (n) => mail(n * 5 * hour, turned(hosts, 11 * n), sender(n), user(n)));

const pools: Case[] = [
  {
    title: "a pool over 20 networks, names differ in one label, four mails",
    mails: pooled(
      pool((n) => `mail${10 + n}.outbound.pool.example`),
      4,
      (n) => person(n, "pool.example"),
    ),
  },
  {
    title: "a pool over 20 networks, names differ in two labels, four mails",
    mails: pooled(
      pool((n) => `o${1 + n % 3}.ptr${6980 + 131 * n}.mailer.example`),
      4,
      () => "news@mailer.example",
    ),
  },
  {
    title: "an IPv6 pool over 20 networks, four mails",
    mails: pooled(
      pool(
        (n) => `mail-x${(0x52a + n).toString(16)}.pool.example`,
        (n) => `2001:db8:${(7 * n).toString(16)}:20::${(0x52a + n).toString(16)}`,
      ),
      4,
      (n) => person(n, "pool.example"),
    ),
  },
  {
    title: "a company's twelve senders behind a large pool of another name",
    deferrals: 12,
    mails: pooled(pool((n) => `mail-am6eur05on20${10 + n}.outbound.schutz.example`), 12, person),
  },
];

/** What no name tells: only a domain that vouches for its hosts makes them one. */
const nameless: Case[] = [
  {
    title: "a pool over 20 networks, without names, four mails",
    shown: true,
    mails: pooled(pool(() => "unknown"), 4, (n) => person(n, "pool.example")),
  },
];

/** Twelve people, each with a mail server of their own. */
const friend = (n: number) => {
  const domain = `freunde-${"abcdefghijkl"[n]}.example`;
  return { address: person(n, domain), host: host(`198.18.${9 * n}.25`, `mx.${domain}`) };
};

/** Each of our users writes to one of them. */
export const toFriends: readonly Letter[] = times(
  12,
  (n) => ({ at: n * hour, sender: user(n), recipient: friend(n).address }),
);

const answers: Case[] = [
  {
    title: "answers of people whom we wrote to, a minute to four days later",
    letters: toFriends,
    deferrals: 0,
    mails: times(12, (n) => {
      const { address, host } = friend(n);
      return mail(n * hour + minute * 2.2 ** n, host, address, user(n));
    }),
  },
];

export const realMail: readonly Case[] = [
  ...companies,
  ...tags,
  ...pools,
  ...nameless,
  ...answers,
];
