/**
 * What SPF says of a client, case by case: judged in memory (tests/unit/dns) and with a real name server
 * (tests/integration). No two cases have a domain in common, so that one server can hold all of them.
 */
import type { SpfVerdict } from "../../lib/dns/spf.ts";
import type { DnsRecord } from "./dns_server.ts";

export interface SpfCase {
  readonly title: string;
  readonly records: readonly DnsRecord[];
  /** `192.0.2.1` by default. */
  readonly address?: string;
  readonly isGeneric?: boolean;
  /** `user@` the first record's name by default. */
  readonly sender?: string;
  /** `helo.example` by default. */
  readonly helo?: string;
  readonly result: SpfVerdict["result"];
  /** The domain that vouches. */
  readonly vouches?: string;
  /** Of a pass: whether it is everybody's. */
  readonly passesAll?: boolean;
  readonly why?: string;
}

const spf = (name: string, terms: string): DnsRecord => [name, "TXT", `v=spf1 ${terms}`];
const times = (count: number, text: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => text(index)).join(" ");

const networks: readonly SpfCase[] = [
  {
    title: "a network that the domain names",
    records: [spf("n1.example", "ip4:192.0.2.0/24 -all")],
    result: "pass",
    vouches: "n1.example",
    why: "pass by ip4 of /24",
  },
  {
    title: "a network of IPv6, as wide as may be",
    records: [spf("n2.example", "ip6:2001:db8::/32 -all")],
    address: "2001:db8:1::1",
    result: "pass",
    vouches: "n2.example",
  },
  {
    title: "a network of IPv6 that is too wide",
    records: [spf("n3.example", "ip6:2001:db8::/31 -all")],
    address: "2001:db8:1::1",
    result: "pass",
    why: "pass by ip6 of /31, wider than /32",
  },
  {
    title: "a /14, which the largest senders have",
    records: [spf("n4.example", "+ip4:192.0.2.0/14 ~all")],
    result: "pass",
    vouches: "n4.example",
  },
  {
    title: "a /13",
    records: [spf("n5.example", "ip4:192.0.2.0/13 ~all")],
    result: "pass",
    why: "pass by ip4 of /13, wider than /14",
  },
  {
    title: "a wide network before a narrow one: the first that matches counts",
    records: [spf("n6.example", "ip4:192.0.0.0/8 ip4:192.0.2.1 -all")],
    result: "pass",
  },
  {
    title: "all addresses, in a network's words",
    records: [spf("n7.example", "ip4:0.0.0.0/0 -all")],
    result: "pass",
    passesAll: true,
    why: "pass for all addresses",
  },
  {
    title: "everybody",
    records: [spf("n8.example", "a:nowhere.n8.example +all")],
    result: "pass",
    passesAll: true,
  },
  {
    title: "everybody, said in an included record",
    records: [spf("n9.example", "include:in.n9.example -all"), spf("in.n9.example", "all")],
    result: "pass",
    passesAll: true,
  },
  {
    title: "everybody, said in a record that is led to",
    records: [spf("n10.example", "redirect=in.n10.example"), spf("in.n10.example", "all")],
    result: "pass",
    passesAll: true,
  },
  {
    title: "everybody, said without a qualifier that passes",
    records: [spf("n11.example", "?all")],
    result: "neutral",
  },
  {
    title: "the client is not listed",
    records: [spf("n12.example", "ip4:198.51.100.0/24 -all")],
    result: "fail",
    why: "fail",
  },
  {
    title: "the client is not listed, as far as is known",
    records: [spf("n13.example", "ip4:198.51.100.0/24 ~all")],
    result: "softfail",
  },
  {
    title: "the client is shut out before its network is let in",
    records: [spf("n14.example", "-ip4:192.0.2.1 ip4:192.0.2.0/24 -all")],
    result: "fail",
  },
  { title: "no record", records: [["n15.example", "TXT", "v=spf10 all"]], result: "none" },
  {
    title: "a client in a provider's pool",
    records: [spf("n16.example", "ip4:192.0.2.0/24 -all")],
    isGeneric: true,
    result: "pass",
    why: "pass by ip4 of /24, of a client with a generic name",
  },
  {
    title: "an IPv4 client, mapped into IPv6",
    records: [spf("n17.example", "ip4:192.0.2.0/24 -all")],
    address: "::ffff:192.0.2.1",
    result: "pass",
    vouches: "n17.example",
  },
  {
    title: "an IPv4 client behind NAT64",
    records: [spf("n18.example", "ip4:192.0.2.0/24 -all")],
    address: "64:ff9b::c000:201",
    result: "pass",
    vouches: "n18.example",
  },
  {
    title: "a client at a private address, behind a gateway of our own",
    records: [spf("n19.example", "ip4:172.16.0.0/12 -all")],
    address: "172.17.0.1",
    result: "none",
    why: "a private address",
  },
];

const hosts: readonly SpfCase[] = [
  {
    title: "the domain's own host",
    records: [spf("h1.example", "a -all"), ["h1.example", "A", "192.0.2.1"]],
    result: "pass",
    vouches: "h1.example",
    why: "pass by a of /32",
  },
  {
    title: "another host, and the network around it",
    records: [spf("h2.example", "a:mail.h2.example/24 -all"), [
      "mail.h2.example",
      "A",
      "192.0.2.9",
    ]],
    result: "pass",
    vouches: "h2.example",
  },
  {
    title: "a host and the /8 around it",
    records: [spf("h3.example", "a:mail.h3.example/8 -all"), ["mail.h3.example", "A", "192.0.2.9"]],
    result: "pass",
    why: "pass by a of /8, wider than /14",
  },
  {
    title: "a host, and a prefix for each family",
    records: [
      spf("h4.example", "a:mail.h4.example/16//64 -all"),
      ["mail.h4.example", "AAAA", "2001:db8::9"],
    ],
    address: "2001:db8::1",
    result: "pass",
    vouches: "h4.example",
    why: "pass by a of /64",
  },
  {
    title: "a host of IPv6 and the /16 around it",
    records: [
      spf("h5.example", "a:mail.h5.example//16 -all"),
      ["mail.h5.example", "AAAA", "2001:db8::9"],
    ],
    address: "2001:db8::1",
    result: "pass",
  },
  {
    title: "the second of its mail exchangers",
    records: [
      spf("h6.example", "mx -all"),
      ["h6.example", "MX", "10 mx1.h6.example"],
      ["h6.example", "MX", "20 MX2.h6.example"],
      ["mx1.h6.example", "A", "198.51.100.1"],
      ["mx2.h6.example", "A", "192.0.2.1"],
    ],
    result: "pass",
    vouches: "h6.example",
    why: "pass by mx of /32",
  },
  {
    title: "its mail exchangers, and all the world beside them",
    records: [
      spf("h7.example", "mx/0 -all"),
      ["h7.example", "MX", "10 mx.h7.example"],
      ["mx.h7.example", "A", "198.51.100.1"],
    ],
    result: "pass",
    passesAll: true,
  },
  {
    title: "a domain that takes no mail",
    records: [spf("h8.example", "mx -all"), ["h8.example", "MX", "0 ."]],
    result: "fail",
  },
];

const ways: readonly SpfCase[] = [
  {
    title: "a record that the domain's includes another's",
    records: [
      spf("w1.example", "include:in.w1.example ~all"),
      spf("in.w1.example", "ip4:192.0.2.1"),
    ],
    result: "pass",
    vouches: "w1.example",
    why: "pass by ip4 of /32",
  },
  {
    title: "a record that includes one that leads to a third, in any case and with dots",
    records: [
      spf("w2.example", "INCLUDE:IN.w2.example. ~all"),
      spf("in.w2.example", "Redirect=More.In.w2.example."),
      spf("more.in.w2.example", "A:HOST.w2.example/24"),
      ["host.w2.example", "A", "192.0.2.9"],
    ],
    result: "pass",
    vouches: "w2.example",
  },
  {
    title: "a host of an included record without a name is the included domain",
    records: [
      spf("w3.example", "include:in.w3.example ~all"),
      spf("in.w3.example", "a"),
      ["in.w3.example", "A", "192.0.2.1"],
    ],
    result: "pass",
    vouches: "w3.example",
  },
  {
    title: "what an included record shuts out is not shut out",
    records: [
      spf("w4.example", "include:in.w4.example ip4:192.0.2.1 -all"),
      spf("in.w4.example", "-ip4:192.0.2.0/24"),
    ],
    result: "pass",
    vouches: "w4.example",
  },
  {
    title: "a record that is included only to shut out",
    records: [
      spf("w5.example", "-include:in.w5.example +all"),
      spf("in.w5.example", "ip4:192.0.2.1"),
    ],
    result: "fail",
  },
  {
    title: "an alias has the record",
    records: [["w6.example", "CNAME", "in.w6.example"], spf("in.w6.example", "ip4:192.0.2.1 -all")],
    result: "pass",
    vouches: "w6.example",
  },
  {
    title: "a record in several strings, one of them in the middle of a term",
    records: [["w7.example", "TXT", "v=spf1 ip4:192.0", ".2.1 -all"]],
    result: "pass",
    vouches: "w7.example",
  },
  {
    title: "a record of 500 characters, beside other texts",
    records: [
      spf("w8.example", `${times(25, (i) => `ip4:198.51.100.${100 + i}`)} ip4:192.0.2.1 -all`),
      ["w8.example", "TXT", "x".repeat(500)],
      ["w8.example", "TXT", "\xff\x00\x80"],
    ],
    result: "pass",
    vouches: "w8.example",
  },
];

const macros: readonly SpfCase[] = [
  {
    title: "a host whose name is the client's address",
    records: [
      spf("m1.example", "a:%{i}.bots.m1.example -all"),
      ["192.0.2.1.bots.m1.example", "A", "192.0.2.1"],
    ],
    result: "pass",
    why: "pass by exists, ptr or a macro",
  },
  {
    title: "anything that exists for the client",
    records: [
      spf("m2.example", "exists:%{i}.bots.m2.example -all"),
      ["192.0.2.1.bots.m2.example", "A", "127.0.0.2"],
    ],
    result: "pass",
  },
  {
    title: "anything that exists at all",
    records: [spf("m3.example", "exists:yes.m3.example -all"), [
      "yes.m3.example",
      "A",
      "127.0.0.2",
    ]],
    result: "pass",
  },
  {
    title: "a record made for the client",
    records: [
      spf("m4.example", "include:%{i}.bots.m4.example -all"),
      spf("192.0.2.1.bots.m4.example", "ip4:192.0.2.1"),
    ],
    result: "pass",
  },
  {
    title: "a record made for the client, further down",
    records: [
      spf("m5.example", "include:in.m5.example -all"),
      spf("in.m5.example", "redirect=%{i}.bots.m5.example"),
      spf("192.0.2.1.bots.m5.example", "ip4:192.0.2.1"),
    ],
    result: "pass",
  },
  {
    title: "mail exchangers made for the client",
    records: [
      spf("m6.example", "mx:%{ir}.bots.m6.example -all"),
      ["1.2.0.192.bots.m6.example", "MX", "1 host.m6.example"],
      ["host.m6.example", "A", "192.0.2.1"],
    ],
    result: "pass",
  },
  {
    title: "a client whose name is in the domain",
    records: [
      spf("m7.example", "ptr -all"),
      ["7.2.0.192.in-addr.arpa", "PTR", "host.m7.example"],
      ["host.m7.example", "A", "192.0.2.7"],
    ],
    address: "192.0.2.7",
    result: "pass",
  },
  {
    title: "a macro that only says which domain it is",
    records: [
      spf("m8.example", "include:_spf.%{d} -all"),
      spf("_spf.m8.example", "ip4:192.0.2.1"),
    ],
    result: "pass",
  },
  {
    title: "macros that do not match, before a network that does",
    records: [
      spf(
        "m9.example",
        "exists:%{i}.no.m9.example include:in.m9.example ip4:192.0.2.0/24 -all",
      ),
      spf("in.m9.example", "exists:%{l}.yes.m9.example -all"),
    ],
    result: "pass",
    vouches: "m9.example",
  },
  {
    title: "macros that match, and a network that would",
    records: [
      spf("m10.example", "?exists:%{i}.m10.example ip4:192.0.2.0/24 -all"),
      ["192.0.2.1.m10.example", "A", "127.0.0.2"],
    ],
    result: "neutral",
  },
];

const many: readonly SpfCase[] = [
  {
    title: "ten /8s beside the network that matches",
    records: [spf("c1.example", `ip4:192.0.2.0/24 ${times(10, (i) => `ip4:${i + 40}.0.0.0/8`)}`)],
    result: "pass",
    why: "pass by ip4 of /24, one of 167772416 addresses",
  },
  {
    title: "2^20 addresses",
    records: [
      spf("c2.example", "ip4:192.0.2.0/14 ip4:40.0.0.0/14 ip4:41.0.0.0/14 ip4:42.0.0.0/14 -all"),
    ],
    result: "pass",
    vouches: "c2.example",
  },
  {
    title: "one address more than 2^20",
    records: [
      spf("c3.example", `${times(4, (i) => `ip4:4${i}.0.0.0/14`)} ip4:192.0.2.1 -all`),
    ],
    result: "pass",
    why: "pass by ip4 of /32, one of 1048577 addresses",
  },
  {
    title: "ten /8s that do not pass",
    records: [
      spf("c4.example", `ip4:192.0.2.1 ${times(10, (i) => `?ip4:${i + 40}.0.0.0/8`)} -all`),
    ],
    result: "pass",
    vouches: "c4.example",
  },
  {
    title: "too many in a record that is read before the match",
    records: [
      spf("c5.example", "include:in.c5.example ip4:192.0.2.1 -all"),
      spf("in.c5.example", times(5, (i) => `ip4:4${i}.0.0.0/14`)),
    ],
    result: "pass",
  },
  {
    title: "too many in a record that is not read any more",
    records: [
      spf("c6.example", "ip4:192.0.2.1 include:in.c6.example -all"),
      spf("in.c6.example", times(5, (i) => `ip4:4${i}.0.0.0/14`)),
    ],
    result: "pass",
    vouches: "c6.example",
  },
  {
    title: "too many around the addresses of one name",
    records: [
      spf("c7.example", "a/14 -all"),
      ...[192, 193, 194, 195, 196].map((first): DnsRecord => ["c7.example", "A", `${first}.0.2.9`]),
    ],
    result: "pass",
    why: "pass by a of /14, one of 1310720 addresses",
  },
  {
    title: "too many around mail exchangers that nobody has asked for",
    records: [spf("c8.example", `ip4:192.0.2.1 ${times(5, (i) => `mx:m${i}.c8.example/14`)}`)],
    result: "pass",
  },
];

const limits: readonly SpfCase[] = [
  {
    title: "ten lookups",
    records: [
      spf("l1.example", `${times(10, (i) => `a:a${i}.l1.example`)} ip4:192.0.2.1 -all`),
      ...Array.from({ length: 10 }, (_, i): DnsRecord => [`a${i}.l1.example`, "A", "192.0.2.9"]),
    ],
    result: "pass",
    vouches: "l1.example",
  },
  {
    title: "eleven lookups",
    records: [
      spf("l2.example", `${times(11, (i) => `a:a${i}.l2.example`)} ip4:192.0.2.1 -all`),
      ...Array.from({ length: 11 }, (_, i): DnsRecord => [`a${i}.l2.example`, "A", "192.0.2.9"]),
    ],
    result: "permerror",
  },
  {
    title: "two lookups that find nothing",
    records: [spf("l3.example", "a:no1.l3.example a:no2.l3.example ip4:192.0.2.1 -all")],
    result: "pass",
    vouches: "l3.example",
  },
  {
    title: "three lookups that find nothing",
    records: [
      spf("l4.example", "a:no1.l4.example a:no2.l4.example a:no3.l4.example ip4:192.0.2.1"),
    ],
    result: "permerror",
  },
  {
    title: "eleven mail exchangers, of which the last is the client",
    records: [
      spf("l10.example", "mx -all"),
      ...Array.from({ length: 11 }, (_, i): DnsRecord[] => [
        ["l10.example", "MX", `${10 + i} mx${i}.l10.example`],
        [`mx${i}.l10.example`, "A", i === 10 ? "192.0.2.1" : "192.0.2.9"],
      ]).flat(),
    ],
    result: "permerror",
  },
  {
    title: "mail exchangers that have no address count as none of the two",
    records: [
      spf("l11.example", "mx ip4:192.0.2.1 -all"),
      ...Array.from(
        { length: 5 },
        (_, i): DnsRecord => ["l11.example", "MX", `10 mx${i}.l11.example`],
      ),
    ],
    result: "pass",
    vouches: "l11.example",
  },
  {
    title: "a record that includes itself",
    records: [spf("l5.example", "include:l5.example ip4:192.0.2.1")],
    result: "permerror",
  },
  {
    title: "a record that includes itself behind a match by a macro",
    records: [
      spf("l6.example", "exists:yes.l6.example include:l6.example -all"),
      ["yes.l6.example", "A", "127.0.0.2"],
    ],
    result: "pass",
    why: "pass by exists, ptr or a macro",
  },
  {
    title: "two records that lead to each other",
    records: [
      spf("l7.example", "redirect=in.l7.example"),
      spf("in.l7.example", "redirect=l7.example"),
    ],
    result: "permerror",
  },
  {
    title: "a record of 10,000 terms",
    records: [spf("l8.example", `${times(5000, () => "a")} ${times(5000, () => "mx")}`)],
    result: "permerror",
    why: "records that are too long",
  },
  {
    title: "a name with a thousand addresses",
    records: [
      spf("l9.example", "a -all"),
      ...Array.from({ length: 1000 }, (_, i): DnsRecord => [
        "l9.example",
        "A",
        `198.51.${100 + (i >> 8)}.${i & 255}`,
      ]),
    ],
    result: "permerror",
    why: "records that are too long",
  },
];

const broken: readonly SpfCase[] = [
  {
    title: "two records",
    records: [spf("b1.example", "ip4:192.0.2.1"), spf("b1.example", "ip4:192.0.2.1")],
    result: "permerror",
  },
  {
    title: "a mistake behind the match",
    records: [spf("b2.example", "ip4:192.0.2.1 ip4:192.0.2.256 -all")],
    result: "permerror",
  },
  {
    title: "a prefix with a zero before it",
    records: [spf("b9.example", "ip4:192.0.2.1/032 -all")],
    result: "permerror",
  },
  {
    title: "a prefix that is too long",
    records: [spf("b10.example", "a/33 ip4:192.0.2.1 -all")],
    result: "permerror",
  },
  {
    title: "two redirects",
    records: [spf("b11.example", "ip4:192.0.2.1 redirect=a.example redirect=a.example")],
    result: "permerror",
  },
  {
    title: "modifiers that nobody knows, and several spaces",
    records: [spf("b12.example", "x=  y-z.1=%{d}/a:b   ip4:192.0.2.1 ")],
    result: "pass",
    vouches: "b12.example",
  },
  {
    title: "a macro that does not exist",
    records: [spf("b13.example", "ip4:192.0.2.1 a:%{x}.example")],
    result: "permerror",
  },
  {
    title: "a record that says nothing",
    records: [["b14.example", "TXT", "v=spf1"]],
    result: "neutral",
  },
  {
    title: "a mechanism that does not exist",
    records: [spf("b3.example", "ip:192.0.2.1 -all")],
    result: "permerror",
  },
  {
    title: "bytes that are no ASCII",
    records: [spf("b4.example", "ip4:192.0.2.1 a:m\xfcnchen.b4.example -all")],
    result: "permerror",
  },
  {
    title: "an included name with a label of 64 bytes",
    records: [spf("b5.example", `include:${"x".repeat(64)}.b5.example ip4:192.0.2.1 -all`)],
    result: "permerror",
  },
  {
    title: "a host's name with a label of 64 bytes is nobody's",
    records: [spf("b6.example", `a:${"x".repeat(64)}.b6.example ip4:192.0.2.1 -all`)],
    result: "pass",
    vouches: "b6.example",
  },
  {
    title: "a macro that makes a name of several hundred bytes",
    records: [spf("b7.example", `exists:${"%{l}.".repeat(20)}b7.example ip4:192.0.2.1 -all`)],
    sender: `${"x".repeat(40)}@b7.example`,
    result: "pass",
    vouches: "b7.example",
  },
  {
    title: "no record where another says that there is one",
    records: [spf("b8.example", "include:no.b8.example ip4:192.0.2.1 -all")],
    result: "permerror",
  },
];

const senders: readonly SpfCase[] = [
  {
    title: "a sender in capitals, with a dot at the end",
    records: [spf("s1.example", "ip4:192.0.2.1 -all")],
    sender: "User@S1.EXAMPLE.",
    result: "pass",
    vouches: "s1.example",
  },
  {
    title: "a sender at a domain that is not ASCII",
    records: [spf("xn--mnchen-3ya.s2.example", "ip4:192.0.2.1 -all")],
    sender: "gr\xc3\xbc\xc3\x9fe@M\xc3\xbcnchen.s2.example",
    result: "pass",
    vouches: "xn--mnchen-3ya.s2.example",
  },
  {
    title: "a sender that is no UTF-8",
    records: [],
    sender: "user@m\xfcnchen.s3.example",
    result: "none",
    why: "no domain to ask about",
  },
  {
    title: "a sender that is not ASCII does not match its macro",
    records: [
      spf("s4.example", "exists:%{l}.yes.s4.example ip4:192.0.2.1 -all"),
    ],
    sender: "gr\xc3\xbc\xc3\x9fe@s4.example",
    result: "pass",
    vouches: "s4.example",
  },
  {
    title: "a quoted sender with an at sign",
    records: [spf("s5.example", "ip4:192.0.2.1 -all")],
    sender: '"a@b.example c"@s5.example',
    result: "pass",
    vouches: "s5.example",
  },
  ...["root", "@", "a@", "a@localhost", "a@[192.0.2.1]", "a@[IPv6:2001:db8::1]", "a@192.0.2.1"].map(
    (sender): SpfCase => ({
      title: `the sender ${sender}`,
      records: [],
      sender,
      result: "none",
      why: "no domain to ask about",
    }),
  ),
  {
    title: "a sender with a label of 64 bytes",
    records: [],
    sender: `user@${"x".repeat(64)}.s6.example`,
    result: "none",
  },
  {
    title: "a sender of 600 bytes",
    records: [spf("s7.example", "ip4:192.0.2.1 -all")],
    sender: `${"x".repeat(600)}@s7.example`,
    result: "none",
    why: "no domain to ask about",
  },
  {
    title: "the null sender, by its HELO",
    records: [spf("mx.s8.example", "a -all"), ["mx.s8.example", "A", "192.0.2.1"]],
    sender: "",
    helo: "MX.s8.example",
    result: "pass",
    vouches: "mx.s8.example",
  },
  {
    title: "the null sender, by a HELO that may not",
    records: [spf("mx.s9.example", "a -all"), ["mx.s9.example", "A", "192.0.2.2"]],
    sender: "",
    helo: "mx.s9.example",
    result: "fail",
  },
  ...["[192.0.2.1]", "192.0.2.1", "localhost", "", "a b.example", "x\x00.example"].map(
    (helo): SpfCase => ({
      title: `the null sender, by the HELO "${helo.replace("\0", "NUL")}"`,
      records: [],
      sender: "",
      helo,
      result: "none",
    }),
  ),
];

export const spfCases: readonly SpfCase[] = [
  ...networks,
  ...hosts,
  ...ways,
  ...macros,
  ...many,
  ...limits,
  ...broken,
  ...senders,
];

/** What a case asks, and what is to come of it. */
export function subjectOf({ address, isGeneric, sender, helo, records }: SpfCase) {
  return {
    address: address ?? "192.0.2.1",
    isGeneric: isGeneric ?? false,
    sender: sender ?? `user@${records[0]?.[0]}`,
    helo: helo ?? "helo.example",
  };
}

export function expectedOf({ result, vouches, passesAll, why }: SpfCase, got: SpfVerdict) {
  const isOwnPass = result === "pass" && passesAll !== true;
  return { result, isOwnPass, vouches, why: why ?? got.why };
}
