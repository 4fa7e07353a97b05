/**
 * What the cases are made of: hosts, mails that are tried again as real servers do, and bots that are not.
 *
 * Addresses are those that are set aside for documents and benchmarks (RFC 5737, RFC 2544, RFC 3849), domains are
 * below .example: nobody's list names them.
 */

/** A host as Postfix tells of it. */
export interface Host {
  readonly address: string;
  /** The verified name, or `unknown`. */
  readonly name: string;
}

/** One mail and those who bring it. */
export interface Mail {
  /** When it is first tried, in seconds since the beginning of the case. */
  readonly at: number;
  /** The first attempt comes from the first of these, the next from the next, and so on in turn. */
  readonly hosts: readonly Host[];
  readonly sender: string;
  readonly recipients: readonly string[];
  /** When it is tried, in seconds since the first attempt; once it is in, no more. */
  readonly attempts: readonly number[];
  readonly bot: boolean;
}

/** What one of our users, who has authenticated, writes. */
export interface Letter {
  /** In seconds since the beginning of the case. */
  readonly at: number;
  readonly sender: string;
  readonly recipient: string;
}

/** One entry of the comparison. It meets servers that know nothing yet. */
export interface Case {
  readonly title: string;
  readonly mails: readonly Mail[];
  /** Asked about where somebody learns of them; before mails of the same time. */
  readonly letters?: readonly Letter[];
  /** How many deferrals of its real mail are all right; 2 if not given. */
  readonly deferrals?: number;
  /** Its bots are neighbours of somebody who is known: none may get in, whatever other programs do. */
  readonly neighbours?: true;
  /** Somebody else forwards its real mail: the senders' domains do not know those hosts. */
  readonly forwarded?: true;
  /** Not judged: there is nothing to gain, or only at another's cost. */
  readonly shown?: true;
}

export const minute = 60, hour = 60 * minute, day = 24 * hour;

/**
 * When a real server tries, in seconds since its first attempt: after ten minutes, 20, 40, 80, … 85 hours, then it gives
 * up. Postfix, Exim and sendmail try more often, but what counts is whether the second attempt is recognised.
 */
export const retries: readonly number[] = [
  0,
  ...times(10, (n) => 10 * minute * 2 ** n),
];

/** `make(0)`, `make(1)`, … */
export function times<T>(count: number, make: (n: number) => T): T[] {
  return Array.from({ length: count }, (_, n) => make(n));
}

/** A host with a verified name, or without one. */
export const host = (address: string, name = "unknown"): Host => ({ address, name });

const users = "anna bela cleo dora emil fred gina hugo ines jan kim lena".split(" ");
const people = "max nora olga paul rosa sven tina ulli vera willi yara zeno".split(" ");

/** The nth of twelve recipients here; and of twelve people who write, each with a name that nobody here has. */
export const user = (n: number): string => `${users[n % 12]}@example.org`;
export const person = (n: number, domain = "firma.example"): string =>
  `${people[n % 12]}.meier@${domain}`;

/** A real mail from one server, or from several in turn. */
export function mail(
  at: number,
  from: Host | readonly Host[],
  sender: string,
  to: string | readonly string[],
): Mail {
  return {
    at,
    hosts: [from].flat(),
    sender,
    recipients: [to].flat(),
    attempts: retries,
    bot: false,
  };
}

/** A bot's mail: tried once, unless told otherwise. */
export function bot(at: number, from: Host, sender: string, to: string, attempts = [0]): Mail {
  return { at, hosts: [from], sender, recipients: [to], attempts, bot: true };
}

/** The same list, begun elsewhere: the hosts of a pool that a mail meets when `n` others were before it. */
export function turned<T>(list: readonly T[], n: number): T[] {
  const start = n % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}

/** Numbers below `limit` that look random and are the same each time (Park and Miller's generator). */
export function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => (state = state * 48271 % 0x7fffffff) % limit;
}

/** Random letters or digits, of those in `from`. */
export const token = (random: (limit: number) => number, length: number, from: string): string =>
  times(length, () => from[random(from.length)]).join("");
