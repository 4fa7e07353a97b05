/** Bots that should not get in, also beside somebody who is known, and what no rule can tell from real mail. */
import { bot, type Case, day, type Host, host, hour, mail, minute, numbers } from "./traffic.ts";
import { person, times, token, turned, user } from "./traffic.ts";
import { company, toFriends } from "./real_mail.ts";

/** Twelve hosts with one envelope, ten minutes apart, each trying once. */
const inTurn = (hostAt: (n: number) => Host) =>
  times(12, (n) => bot(n * 10 * minute, hostAt(n), "winner@lotto.example", user(0)));

/** An access provider's customers in one /24, with the address in the name. */
const dynamic = (form: string, label: (octets: readonly number[]) => string): Case => ({
  title: `a dynamic /24, names with the address, ${form}`,
  mails: inTurn((n) => {
    const octets = [198, 51, 100, 17 + 19 * n];
    return host(octets.join("."), `${label(octets)}.nord.zugang.example`);
  }),
});

const padded = (octet: number) => String(octet).padStart(3, "0");
const hex = (octet: number) => octet.toString(16).padStart(2, "0");

const customers: Case[] = [
  dynamic("decimal", (octets) => octets.join("-")),
  dynamic("padded", (octets) => `p${octets.map(padded).join("")}`),
  dynamic("reversed", (octets) => octets.toReversed().join(".")),
  dynamic("hexadecimal", (octets) => `p${octets.map(hex).join("")}`),
  {
    title: "a provider's customers over twelve networks, numbers in the name",
    mails: inTurn((n) => host(`198.18.${5 * n}.${30 + n}`, `kunde-${40817 + n}.zugang.example`)),
  },
  {
    title: "a /24 without names",
    mails: inTurn((n) => host(`198.51.100.${17 + 19 * n}`)),
  },
  {
    title: "a hosting provider's customers in one /24, default names",
    mails: inTurn((n) => host(`198.51.100.${17 + 19 * n}`, defaultName(n))),
  },
  {
    title: "a hosting provider's customers over twelve networks, default names",
    mails: inTurn((n) => host(`198.18.${5 * n}.${30 + n}`, defaultName(n))),
  },
];

/** `vmi1204510.vserver.example`, `vps-fb0796a0.vserver.example` */
function defaultName(n: number): string {
  const label = n % 2 === 0 ? `vmi12045${10 + n}` : `vps-${(0xfb077fb1 + 7919 * n).toString(16)}`;
  return `${label}.vserver.example`;
}

/** Twelve hosts beside one in the same /24: every third without a name. */
const neighbours = (network: string, last: number) =>
  times(12, (n) => host(`${network}.${last + 1 + n}`, n % 3 === 0 ? "unknown" : defaultName(n)));

const known: Case[] = [
  {
    title: "free-mail that a hosting customer forwards, then its neighbours forge the domain",
    forwarded: true,
    neighbours: true,
    mails: [
      ...["ada", "ben"].map((name, n) =>
        mail(n * day, host("198.51.100.40", defaultName(0)), `${name}@gpost.example`, user(0))
      ),
      // The very mails that are known, and others of the domain.
      ...neighbours("198.51.100", 40).map((from, n) =>
        bot(3 * day + n * hour, from, `${n < 6 ? "ada" : `winner${n}`}@gpost.example`, user(0))
      ),
    ],
  },
  {
    title: "a company that is known, then its neighbours forge its senders",
    neighbours: true,
    mails: [
      ...company(12),
      ...neighbours("192.0.2", 25).map((from, n) =>
        bot(2 * day + n * hour, from, person(n), user(n))
      ),
    ],
  },
  {
    title: "a company that is known, then bots anywhere forge its senders",
    mails: [
      ...company(12),
      ...times(
        12,
        (n) => bot(2 * day + n * hour, host(`198.18.${5 * n}.${30 + n}`), person(n), user(n)),
      ),
    ],
  },
];

const forgers: Case[] = [
  {
    title: "bots that forge answers of people whom we wrote to, from dynamic hosts",
    neighbours: true,
    letters: toFriends,
    mails: toFriends.map(({ at, sender, recipient }, n) => {
      const octets = [198, 51, 100, 17 + 19 * n];
      const from = host(octets.join("."), `${octets.join("-")}.nord.zugang.example`);
      return bot(at + 13 * hour, n % 3 === 0 ? host(from.address) : from, recipient, sender);
    }),
  },
];

const random = numbers(2);
const letters = (length: number) => token(random, length, "abcdefghijklmnopqrstuvwxyz");

const anybody: Case[] = [
  {
    title: "200 bots at random",
    mails: times(200, (n) => {
      const octets = [198, 18 + random(2), random(256), 1 + random(254)];
      const name = [
        "unknown",
        `${octets.join("-")}.${letters(4)}.zugang.example`,
        `vps${random(100000)}.vserver.example`,
      ][random(3)];
      const sender = `${letters(6)}@${letters(8)}.example`;
      return bot(n * 7 * minute, host(octets.join("."), name), sender, user(random(12)));
    }),
  },
];

const shown: Case[] = [
  {
    title: "a bot that tries again, once",
    shown: true,
    mails: [bot(0, host("198.51.100.17"), "winner@lotto.example", user(0), [0, 10 * minute])],
  },
  {
    title: "ten hosts of one /24, without names, that retry in turn, four mails",
    shown: true,
    mails: times(4, (n) => {
      const hosts = times(10, (i) => host(`203.0.113.${20 + i}`));
      return mail(n * day, turned(hosts, n), person(n), user(n));
    }),
  },
];

export const bots: readonly Case[] = [...customers, ...known, ...forgers, ...anybody, ...shown];
