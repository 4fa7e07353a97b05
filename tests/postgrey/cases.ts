/**
 * What postgrey and greylist are both asked, and what each has to answer.
 *
 * A case is a sequence of requests with times in seconds since its beginning. Every request has an
 * expected answer; where postgrey's is another one, it stands behind it, and the case names the
 * paragraph of doc/from-postgrey.md that explains why.
 *
 * Answers are written as
 *
 *     pass         DUNNO
 *     header N     PREPEND X-Greylist: delayed N s
 *     defer N      DEFER_IF_PERMIT 4.2.0 wait N s for D, where D is the recipient's domain
 *     nothing      no answer: the connection is closed
 *
 * and otherwise as they are. Unless a request says otherwise, a case has a client network, a sender and
 * a recipient of its own, and every request is a transaction of its own.
 */

/** Attributes that differ from the usual ones; undefined leaves one out. */
export type Attributes = Readonly<Record<string, string | undefined>>;

/** Time, attributes, the answer, and postgrey's if it is another one. */
export type Step = readonly [at: number, attributes: Attributes, answer: string, postgrey?: string];

export interface Case {
  readonly title: string;
  readonly steps: readonly Step[];
  /** The heading in doc/from-postgrey.md. Given if, and only if, an answer differs. */
  readonly difference?: string;
}

/** Cases that are put to servers set up in the same way. */
export interface Setup {
  readonly title: string;
  /** greylist is without the settings that give postgrey's ways. */
  readonly byDefault?: true;
  /** Flags for postgrey, and those that mean the same to greylist. */
  readonly postgrey: readonly string[];
  readonly greylist: readonly string[];
  /** The files that both read. */
  readonly clients?: string;
  readonly recipients?: string;
  readonly cases: readonly Case[];
}

/** A request as Postfix sends it, with a network and addresses that no other case has. */
export function requestFor(
  caseNumber: number,
  step: number,
  changes: Attributes,
): Record<string, string> {
  const attributes: Attributes = {
    request: "smtpd_access_policy",
    protocol_state: "RCPT",
    protocol_name: "ESMTP",
    client_address: `198.18.${caseNumber}.9`,
    client_name: "unknown",
    reverse_client_name: "unknown",
    helo_name: "mx.example.net",
    sender: `sender@case-${caseNumber}x.example`,
    recipient: "user@example.org",
    recipient_count: "0",
    // postgrey begins its line with it, which tells what the line is about.
    queue_id: `${caseNumber}-${step}`,
    instance: `${caseNumber}.${step}`,
    size: "0",
    etrn_domain: "",
    sasl_username: "",
    ...changes,
  };
  return Object.fromEntries(
    Object.entries(attributes).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value]]
    ),
  );
}

const minute = 60, hour = 60 * minute, day = 24 * hour;

const client = (address: string, name = "unknown") => ({
  client_address: address,
  client_name: name,
});
const from = (sender: string) => ({ sender });
const to = (recipient: string) => ({ recipient });
const named = (name: string) => ({ client_name: name });

const timing: Case[] = [
  {
    title: "a first attempt is deferred, and so is a second one that is early",
    steps: [
      [0, {}, "defer 300"],
      [1, {}, "defer 299"],
      [299, {}, "defer 1"],
    ],
  },
  {
    title: "an attempt after the delay passes, with a header",
    steps: [[0, {}, "defer 300"], [300, {}, "header 300"]],
  },
  {
    title: "once passed, the next mails pass without a delay and without a header",
    steps: [[0, {}, "defer 300"], [437, {}, "header 437"], [438, {}, "pass"], [day, {}, "pass"]],
  },
  {
    title: "early attempts do not move the time of the first",
    steps: [
      [0, {}, "defer 300"],
      [100, {}, "defer 200"],
      [200, {}, "defer 100"],
      [299, {}, "defer 1"],
      [300, {}, "header 300"],
    ],
  },
  {
    title: "two attempts in one second are two attempts",
    steps: [[0, {}, "defer 300"], [0, {}, "defer 300"], [300, {}, "header 300"]],
  },
  {
    title: "a second attempt at the end of the retry window passes",
    steps: [[0, {}, "defer 300"], [2 * day, {}, `header ${2 * day}`]],
  },
  {
    title: "after the retry window it begins anew",
    steps: [
      [0, {}, "defer 300"],
      [2 * day + 1, {}, "defer 300"],
      [2 * day + 300, {}, "defer 1"],
      [2 * day + 301, {}, "header 300"],
    ],
  },
  {
    title: "the retry window counts from the first attempt, not from the last",
    steps: [
      [0, {}, "defer 300"],
      [10, {}, "defer 290"],
      [2 * day + 5, {}, "defer 300"],
    ],
  },
  {
    title: "a passed triplet is remembered for 35 days after its last use",
    steps: [
      [0, {}, "defer 300"],
      [300, {}, "header 300"],
      [30 * day, {}, "pass"],
      [60 * day, {}, "pass"],
    ],
  },
  {
    title: "a passed triplet unused for longer than 35 days",
    difference: "max-age is kept to the second",
    steps: [
      [0, {}, "defer 300"],
      [300, {}, "header 300"],
      [40 * day, {}, "defer 300", "pass"],
    ],
  },
  {
    title: "a waiting triplet when the clock is set back",
    steps: [
      [hour, {}, "defer 300"],
      [0, {}, "defer 300"],
      [300, {}, "header 300"],
    ],
  },
  {
    title: "a passed triplet when the clock is set back",
    difference: "A clock that is set back does not undo a pass",
    steps: [
      [hour, {}, "defer 300"],
      [hour + 300, {}, "header 300"],
      [0, {}, "pass", "defer 300"],
    ],
  },
];

const header: Case[] = [
  {
    title: "of several recipients in one transaction only the first one's header is added",
    steps: [
      [0, to("a@example.org"), "defer 300"],
      [0, to("b@example.org"), "defer 300"],
      [400, { ...to("a@example.org"), instance: "one" }, "header 400"],
      [400, { ...to("b@example.org"), instance: "one" }, "pass"],
    ],
  },
  {
    title: "two transactions have a header each",
    steps: [
      [0, to("a@example.org"), "defer 300"],
      [0, to("b@example.org"), "defer 300"],
      [400, { ...to("a@example.org"), instance: "two" }, "header 400"],
      [400, { ...to("b@example.org"), instance: "three" }, "header 400"],
    ],
  },
  {
    title: "a request without an instance has a header of its own",
    steps: [
      [0, to("a@example.org"), "defer 300"],
      [0, to("b@example.org"), "defer 300"],
      [400, { ...to("a@example.org"), instance: undefined }, "header 400"],
      [400, { ...to("b@example.org"), instance: undefined }, "header 400"],
    ],
  },
  {
    title: "requests with an empty instance",
    difference: "An empty instance is none",
    steps: [
      [0, to("a@example.org"), "defer 300"],
      [0, to("b@example.org"), "defer 300"],
      [400, { ...to("a@example.org"), instance: "" }, "header 400"],
      [400, { ...to("b@example.org"), instance: "" }, "header 400", "pass"],
    ],
  },
  {
    title: "eleven transactions later the first one's recipients are still known",
    difference: "More transactions are remembered for the header",
    steps: [
      ...Array.from({ length: 12 }, (_, i): Step => [0, to(`r${i}@example.org`), "defer 300"]),
      ...Array.from(
        { length: 11 },
        (_, i): Step => [400, { ...to(`r${i}@example.org`), instance: `many${i}` }, "header 400"],
      ),
      [400, { ...to("r11@example.org"), instance: "many0" }, "pass", "header 400"],
    ],
  },
];

const identity: Case[] = [
  {
    title: "a neighbour in the same /24 is the same client",
    steps: [
      [0, client("192.0.2.1"), "defer 300"],
      [300, client("192.0.2.254"), "header 300"],
    ],
  },
  {
    title: "a client in another /24 is another one",
    steps: [
      [0, client("198.51.100.1"), "defer 300"],
      [300, client("198.51.101.1"), "defer 300"],
    ],
  },
  {
    title: "of an IPv6 address the first 64 bits count, however it is written",
    steps: [
      [0, client("2001:db8:1:2::1"), "defer 300"],
      [300, client("2001:DB8:1:2:ffff::2"), "header 300"],
      [301, client("2001:db8:1:3::1"), "defer 300"],
    ],
  },
  {
    title: "IPv4 clients in IPv6 notation",
    difference: "Mapped IPv4 addresses are IPv4 addresses",
    steps: [
      [0, client("::ffff:203.0.113.1"), "defer 300"],
      [300, client("::ffff:198.19.0.1"), "defer 300", "header 300"],
      [301, client("203.0.113.2"), "header 301", "defer 300"],
    ],
  },
  {
    title: "the client's name does not identify it",
    steps: [
      [0, named("a.example.net"), "defer 300"],
      [300, named("b.example.com"), "header 300"],
    ],
  },
  {
    title: "another sender or another recipient is another triplet",
    steps: [
      [0, {}, "defer 300"],
      [300, from("other@example.net"), "defer 300"],
      [300, to("other@example.org"), "defer 300"],
      [300, {}, "header 300"],
    ],
  },
  {
    title: "upper and lower case do not matter",
    steps: [
      [0, { ...from("Some.One@Example.NET"), ...to("User@Example.org") }, "defer 300"],
      [300, { ...from("some.one@example.net"), ...to("uSER@eXAMPLE.ORG") }, "header 300"],
    ],
  },
  {
    title: "the null sender is a sender",
    steps: [[0, from(""), "defer 300"], [300, from(""), "header 300"]],
  },
  {
    title: "the sender's extension does not matter",
    steps: [
      [0, from("list+token1@example.net"), "defer 300"],
      [300, from("list+token2@example.net"), "header 300"],
      [301, from("list@example.net"), "pass"],
    ],
  },
  {
    title: "numbers that are words of the sender do not matter",
    steps: [
      [0, from("bounce-123-456@example.net"), "defer 300"],
      [300, from("bounce-7-89@example.net"), "header 300"],
      [301, from("bounce-7@example.net"), "defer 300"],
    ],
  },
  {
    title: "numbers that are parts of words do, and so do those in the domain",
    steps: [
      [0, from("a1b2@example.net"), "defer 300"],
      [300, from("a1b3@example.net"), "defer 300"],
      [300, from("bounce_1@example.net"), "defer 300"],
      [600, from("bounce_2@example.net"), "defer 300"],
      [600, from("x@1.example.net"), "defer 300"],
      [900, from("x@2.example.net"), "defer 300"],
    ],
  },
  {
    title: "a sender with # in the place of its number",
    difference: "A number never looks like another character",
    steps: [
      [0, from("bounce-1@example.net"), "defer 300"],
      [300, from("bounce-#@example.net"), "defer 300", "header 300"],
    ],
  },
  {
    title: "BATV tags do not matter",
    steps: [
      [0, from("prvs=0123456789=user@example.net"), "defer 300"],
      [300, from("prvs=9876543210=user@example.net"), "header 300"],
      [301, from("user@example.net"), "pass"],
    ],
  },
  {
    title: "senders rewritten by SRS",
    difference: "SRS senders are recognised",
    steps: [
      [0, from("SRS0=HHHH=AB=example.com=user@example.net"), "defer 300"],
      [300, from("SRS0=KKKK=AC=example.com=user@example.net"), "header 300", "defer 300"],
      [301, from("SRS0=KKKK=AC=example.com=other@example.net"), "defer 300"],
    ],
  },
  {
    title: "the recipient's extension",
    difference: "The recipient's extension does not matter",
    steps: [
      [0, to("user+one@example.org"), "defer 300"],
      [300, to("user+two@example.org"), "header 300", "defer 300"],
      [301, to("user@example.org"), "pass", "defer 300"],
    ],
  },
  {
    title: "a sender without a domain",
    difference: "Addresses are split at the last @",
    steps: [
      [0, from("bounce-1"), "defer 300"],
      [300, from("bounce-2"), "header 300", "defer 300"],
    ],
  },
  {
    title: "a sender with an @ in its local part",
    difference: "Addresses are split at the last @",
    steps: [
      [0, from("a@x-1@example.net"), "defer 300"],
      [300, from("a@x-2@example.net"), "header 300", "defer 300"],
    ],
  },
  {
    title: "an extension of a user without a name",
    difference: "An address that begins with + has no extension",
    steps: [
      [0, from("+one@example.net"), "defer 300"],
      [300, from("+two@example.net"), "defer 300", "header 300"],
    ],
  },
  {
    title: "a final dot makes another domain",
    steps: [
      [0, to("user@example.org."), "defer 300"],
      [300, to("user@example.org"), "defer 300"],
    ],
  },
  {
    title: "addresses that differ only behind their 512th byte",
    difference: "Long addresses count in full",
    steps: [
      [
        0,
        to(`${"x".repeat(520)}a@example.org`),
        "defer 300",
        `DEFER_IF_PERMIT 4.2.0 wait 300 s for ${"x".repeat(512)}`,
      ],
      [300, to(`${"x".repeat(520)}b@example.org`), "defer 300", "header 300"],
    ],
  },
  {
    title: "bytes that are no ASCII are told apart",
    steps: [
      [0, from("\xc3\xa9@example.net"), "defer 300"],
      [300, from("\xe3\xa9@example.net"), "defer 300"],
      [300, from("\xc3\xa9@example.net"), "header 300"],
    ],
  },
];

const requests: Case[] = [
  {
    title: "a text from the recipient in the answer is only ever a domain",
    difference: "Nothing but a domain goes into the answer",
    steps: [
      [0, to("user@[192.0.2.1]"), "DEFER_IF_PERMIT 4.2.0 wait 300 s for unknown", "defer 300"],
      [0, to("user@b\xe9\x07"), "DEFER_IF_PERMIT 4.2.0 wait 300 s for unknown", "defer 300"],
      [0, to("User@Example.ORG"), "defer 300"],
    ],
  },
  {
    title: "states other than RCPT",
    difference: "Only RCPT is greylisted",
    steps: [
      [0, { protocol_state: "VRFY" }, "pass", "defer 300"],
      [0, { protocol_state: "DATA", ...to("") }, "pass", "DEFER_IF_PERMIT 4.2.0 wait 300 s for "],
      [0, { protocol_state: "END-OF-MESSAGE", ...from("a@b") }, "pass", "defer 300"],
    ],
  },
  {
    title: "a request without a state",
    steps: [
      [0, { protocol_state: undefined }, "defer 300"],
      [1, { protocol_state: "" }, "defer 299"],
    ],
  },
  {
    title: "a client that has authenticated",
    difference: "Authenticated clients are not greylisted",
    steps: [[0, { sasl_username: "somebody" }, "pass", "defer 300"]],
  },
  {
    title: "a request that lacks an attribute",
    difference: "What is missing counts as empty",
    steps: [
      [0, { sender: undefined }, "defer 300", "pass"],
      [0, { recipient: undefined }, "DEFER_IF_PERMIT 4.2.0 wait 300 s for unknown", "pass"],
      [0, { client_name: undefined }, "defer 300", "pass"],
    ],
  },
  {
    title: "a Postfix before 2.3, which sends no etrn_domain",
    difference: "The text is sent as it is set",
    steps: [[
      0,
      { etrn_domain: undefined },
      "defer 300",
      "DEFER_IF_PERMIT wait 300 s for example.org",
    ]],
  },
];

const clientLists: Case[] = [
  {
    title: "a client whose name is in the list passes, and so does one below it",
    steps: [
      [0, named("listed.example"), "pass"],
      [0, named("MX1.Listed.Example"), "pass"],
      [0, named("notlisted.example"), "defer 300"],
      [0, { ...named("listed.example.net"), ...from("b@example.net") }, "defer 300"],
    ],
  },
  {
    title: "a client whose name matches a pattern in the list passes",
    steps: [
      [0, named("MTA2.pool.example"), "pass"],
      [0, named("mta3.pool.example"), "defer 300"],
    ],
  },
  {
    title: "an address, three octets, and networks in the list",
    steps: [
      [0, client("203.0.113.5"), "pass"],
      [0, client("203.0.113.6"), "defer 300"],
      [0, client("198.51.7.200"), "pass"],
      [0, client("198.51.8.1"), "defer 300"],
      [0, client("172.16.31.255"), "pass"],
      [0, client("172.16.32.0"), "defer 300"],
    ],
  },
  {
    title: "IPv6 addresses and networks in the list",
    steps: [
      [0, client("2001:db8:77:0:ffff::1"), "pass"],
      [0, client("2001:db8:78::1"), "defer 300"],
      [0, client("2001:db8:99::5"), "pass"],
      [0, client("2001:db8:99::6"), "defer 300"],
    ],
  },
  {
    title: "two octets in the list",
    difference: "Two octets are a /16",
    steps: [[0, client("10.250.0.1"), "pass"], [0, client("10.250.5.1"), "pass", "defer 300"]],
  },
  {
    title: "a mapped address and an IPv4 network in the list",
    difference: "Mapped IPv4 addresses are IPv4 addresses",
    steps: [[0, client("::ffff:203.0.113.5"), "pass", "defer 300"]],
  },
  {
    title: "a name with a final dot in the list",
    difference: "The final dot of a name does not matter",
    steps: [
      [0, named("mx.dotted.example"), "pass", "defer 300"],
      [0, { ...to("user@dot.example."), ...from("c@example.net") }, "pass", "defer 300"],
    ],
  },
];

const recipientLists: Case[] = [
  {
    title: "a user at any domain",
    steps: [
      [0, to("postmaster@example.org"), "pass"],
      [0, to("PostMaster@mx.example.com"), "pass"],
      [0, to("postmaster+x@example.com"), "pass"],
      [0, to("postmaster+@example.com"), "defer 300"],
      [0, to("thepostmaster@example.org"), "defer 300"],
    ],
  },
  {
    title: "a user at one domain",
    steps: [
      [0, to("vip@one.example"), "pass"],
      [0, to("vip+a+b@ONE.example"), "pass"],
      [0, to("vip@mx.one.example"), "defer 300"],
      [0, to("xvip@one.example"), "defer 300"],
    ],
  },
  {
    title: "a domain and those below it",
    steps: [
      [0, to("any@dot.example"), "pass"],
      [0, to("any@sub.Dot.Example"), "pass"],
      [0, to("any@anotherdot.example"), "defer 300"],
    ],
  },
  {
    title: "a pattern, on the whole address",
    steps: [
      [0, to("Team-7@two.example"), "pass"],
      [0, to("team-x@two.example"), "defer 300"],
    ],
  },
  {
    title: "a user without a domain",
    difference: "A recipient without a domain is a user of this host",
    steps: [
      [0, to("postmaster"), "pass", "defer 300"],
      [0, to("any.dot.example"), "defer 300", "pass"],
    ],
  },
  {
    title: "a quoted local part with an @ in it",
    difference: "Addresses are split at the last @",
    steps: [[0, to("postmaster@x@example.org"), "defer 300", "pass"]],
  },
];

const earned: Case[] = [
  {
    title: "a client is let through once enough of its triplets have passed, one an hour",
    steps: [
      [0, from("a@example.net"), "defer 300"],
      [300, from("a@example.net"), "header 300"],
      [hour, from("b@example.net"), "defer 300"],
      [hour + 300, from("b@example.net"), "header 300"],
      [hour + 301, from("c@example.net"), "pass"],
    ],
  },
  {
    title: "several within an hour count once",
    steps: [
      [0, from("a@example.net"), "defer 300"],
      [0, from("b@example.net"), "defer 300"],
      [300, from("a@example.net"), "header 300"],
      [hour + 299, from("b@example.net"), `header ${hour + 299}`],
      [hour + 300, from("c@example.net"), "defer 300"],
    ],
  },
  {
    title: "further mails of a passed triplet count nothing",
    steps: [
      [0, from("a@example.net"), "defer 300"],
      [300, from("a@example.net"), "header 300"],
      [2 * hour, from("a@example.net"), "pass"],
      [4 * hour, from("a@example.net"), "pass"],
      [4 * hour, from("b@example.net"), "defer 300"],
    ],
  },
  {
    title: "what one address has earned, its neighbour has not",
    steps: [
      [0, { ...client("192.0.2.1"), ...from("a@example.net") }, "defer 300"],
      [300, { ...client("192.0.2.1"), ...from("a@example.net") }, "header 300"],
      [hour, { ...client("192.0.2.1"), ...from("b@example.net") }, "defer 300"],
      [hour + 300, { ...client("192.0.2.1"), ...from("b@example.net") }, "header 300"],
      [hour + 301, { ...client("192.0.2.1"), ...from("c@example.net") }, "pass"],
      [hour + 301, { ...client("192.0.2.9"), ...from("c@example.net") }, "defer 300"],
    ],
  },
];

const earnedOtherwise: Case[] = [
  {
    title: "what one IPv6 address has earned, and another one of its /64",
    difference: "An IPv6 client earns the auto-whitelist with its /64",
    steps: [
      [0, { ...client("2001:db8::1"), ...from("a@example.net") }, "defer 300"],
      [300, { ...client("2001:db8::1"), ...from("a@example.net") }, "header 300"],
      [hour, { ...client("2001:db8::1"), ...from("b@example.net") }, "defer 300"],
      [hour + 300, { ...client("2001:db8::1"), ...from("b@example.net") }, "header 300"],
      [hour + 301, { ...client("2001:db8::2"), ...from("c@example.net") }, "pass", "defer 300"],
    ],
  },
  {
    title: "a client of which one mail in ten comes back",
    difference: "The auto-whitelist is for clients whose mail comes back",
    steps: [
      [0, from("a@example.net"), "defer 300"],
      [300, from("a@example.net"), "header 300"],
      ...Array.from(
        { length: 20 },
        (_, i): Step => [hour, to(`r${i}@example.org`), "defer 300"],
      ),
      [hour + 300, to("r0@example.org"), "header 300"],
      [hour + 301, from("c@example.net"), "defer 300", "pass"],
    ],
  },
  {
    title: "a client at a private address",
    difference: "Clients at private addresses are known by their triplets only",
    steps: [
      [0, { ...client("10.0.0.1"), ...from("a@example.net") }, "defer 300"],
      [300, { ...client("10.0.0.1"), ...from("a@example.net") }, "header 300"],
      [hour, { ...client("10.0.0.1"), ...from("b@example.net") }, "defer 300"],
      [hour + 300, { ...client("10.0.0.1"), ...from("b@example.net") }, "header 300"],
      [hour + 301, { ...client("10.0.0.1"), ...from("c@example.net") }, "defer 300", "pass"],
    ],
  },
];

/** Who is recognised, and by what, where greylist is not told to do as postgrey. */
const recognised: Case[] = [
  {
    title: "a neighbour in the same /24, without a name",
    difference: "A neighbour is a stranger",
    steps: [
      [0, client("192.0.2.1"), "defer 300"],
      [300, client("192.0.2.254"), "defer 300", "header 300"],
      [301, client("192.0.2.1"), "header 301", "pass"],
    ],
  },
  {
    title: "the hosts of a pool in several networks",
    difference: "A client is known by its verified name",
    steps: [
      [0, client("198.51.100.1", "mail1.out.example.net"), "defer 300"],
      [300, client("203.0.113.1", "mail2.out.example.net"), "header 300", "defer 300"],
    ],
  },
  {
    title: "a sender that has passed, and another recipient",
    difference: "A sender that has passed passes for every recipient",
    steps: [
      [0, {}, "defer 300"],
      [300, {}, "header 300"],
      [301, to("other@example.org"), "pass", "defer 300"],
    ],
  },
  {
    title: "two senders of a domain that have passed, and a third one",
    difference: "A domain passes after two of its senders",
    steps: [
      [0, from("a@firm.example"), "defer 300"],
      [300, from("a@firm.example"), "header 300"],
      [600, from("b@firm.example"), "defer 300"],
      [900, from("b@firm.example"), "header 300"],
      [901, from("c@firm.example"), "pass", "defer 300"],
      [901, from("c@other.example"), "defer 300"],
    ],
  },
  {
    title: "senders that are new with each mail",
    difference: "More of a sender may change from mail to mail",
    steps: [
      [0, from("news-8f3e21bc90aa@lists.example"), "defer 300"],
      [300, from("news-77d0c2e4b1f5@lists.example"), "header 300", "defer 300"],
      [301, from("other-77d0c2e4b1f5@lists.example"), "defer 300"],
    ],
  },
];

export const setups: readonly Setup[] = [
  {
    title: "as they come",
    postgrey: [],
    greylist: [],
    cases: [...timing, ...header, ...identity, ...requests],
  },
  {
    title: "with greylist's defaults",
    byDefault: true,
    postgrey: [],
    greylist: [],
    cases: recognised,
  },
  {
    title: "with lists",
    postgrey: [],
    greylist: [],
    clients: [
      "# clients",
      "listed.example   # with a comment",
      "/^mta[12]\\.pool\\.example$/",
      "203.0.113.5",
      "198.51.7",
      "172.16.16.0/20",
      "10.250",
      "2001:DB8:77::/48",
      "2001:db8:99::5",
      "dotted.example.",
    ].join("\n"),
    recipients: [
      "postmaster@",
      "vip@One.example",
      "dot.example",
      "/^team-\\d+@two\\.example$/",
    ].join("\n"),
    cases: [...clientLists, ...recipientLists],
  },
  {
    title: "with the auto-whitelist at two",
    postgrey: ["--auto-whitelist-clients=2"],
    greylist: ["--auto-whitelist", "2"],
    cases: earned,
  },
  {
    title: "with the auto-whitelist at two, where it is earned otherwise",
    postgrey: ["--auto-whitelist-clients=2"],
    greylist: ["--auto-whitelist", "2"],
    cases: earnedOtherwise,
  },
  {
    title: "without the auto-whitelist",
    postgrey: ["--auto-whitelist-clients=0"],
    greylist: ["--auto-whitelist", "0"],
    cases: [{
      title: "nothing is earned",
      steps: [
        ...Array.from({ length: 6 }, (_, i): Step[] => [
          [2 * i * hour, from(`s${i}@${"abcdef"[i]}.example`), "defer 300"],
          [2 * i * hour + 300, from(`s${i}@${"abcdef"[i]}.example`), "header 300"],
        ]).flat(),
        [20 * hour, from("last@example.net"), "defer 300"],
      ],
    }],
  },
  {
    title: "with other times",
    postgrey: ["--delay=60", "--retry-window=6h", "--max-age=1"],
    greylist: ["--delay", "60", "--retry-window", "6h", "--max-age", "1d"],
    cases: [
      {
        title: "the delay is what was set",
        steps: [[0, {}, "defer 60"], [59, {}, "defer 1"], [60, {}, "header 60"]],
      },
      {
        title: "the retry window is what was set",
        steps: [[0, {}, "defer 60"], [6 * hour + 1, {}, "defer 60"], [
          12 * hour,
          {},
          "header 21599",
        ]],
      },
    ],
  },
  {
    title: "without a delay",
    postgrey: ["--delay=0"],
    greylist: ["--delay", "0"],
    cases: [{
      title: "the second attempt passes, however soon",
      difference: "A delay of 0 is possible",
      steps: [
        [0, {}, "defer 0", "defer 300"],
        [0, {}, "header 0", "defer 300"],
        [1, {}, "pass", "defer 299"],
      ],
    }],
  },
  {
    title: "with other networks",
    postgrey: ["--ipv4cidr=16", "--ipv6cidr=48"],
    greylist: ["--ipv4-prefix", "16", "--ipv6-prefix", "48"],
    cases: [{
      title: "so many bits of an address count",
      steps: [
        [0, client("192.0.2.1"), "defer 300"],
        [300, client("192.0.77.1"), "header 300"],
        [300, client("192.1.2.1"), "defer 300"],
        [300, client("2001:db8:5:1::1"), "defer 300"],
        [600, client("2001:db8:5:2::1"), "header 300"],
      ],
    }],
  },
  {
    title: "by host",
    postgrey: ["--lookup-by-host"],
    greylist: ["--ipv4-prefix", "32", "--ipv6-prefix", "128"],
    cases: [{
      title: "the whole address counts",
      steps: [
        [0, client("192.0.2.1"), "defer 300"],
        [300, client("192.0.2.2"), "defer 300"],
        [300, client("192.0.2.1"), "header 300"],
        [300, client("2001:db8::1"), "defer 300"],
        [600, client("2001:db8::2"), "defer 300"],
        [600, client("2001:db8::1"), "header 300"],
      ],
    }],
  },
  {
    title: "with another action",
    postgrey: ["--greylist-action=451"],
    greylist: ["--action", "451"],
    cases: [{
      title: "the action is what was set",
      steps: [[0, {}, "451 4.2.0 wait 300 s for example.org"], [300, {}, "header 300"]],
    }],
  },
  {
    title: "with hashed keys",
    postgrey: ["--privacy"],
    greylist: [],
    cases: [{
      title: "the answers are the same",
      steps: [[0, {}, "defer 300"], [300, {}, "header 300"], [301, {}, "pass"]],
    }],
  },
  {
    title: "after what ends postgrey",
    postgrey: [],
    greylist: [],
    cases: [{
      title: "a client address that is none",
      difference: "No request ends the server",
      steps: [
        [0, client("unknown"), "pass", "nothing"],
        [0, {}, "defer 300", "nothing"],
      ],
    }],
  },
];
