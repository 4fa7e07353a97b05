/** The mails of the model test: few enough that the same ones come again and again. */
import fc from "fast-check";
import type { DnsRecord } from "../support/dns_server.ts";
import type { Client, Letter, Mail, Party } from "./reference.ts";

const unnamed = (host: string, network: string, ...addresses: string[]): Client[] =>
  addresses.map((address) => ({ address, name: "unknown", host, network }));

const ofMailers = (host: string, network: string, name: string): Client => ({
  ...{ address: host, name, host, network },
  known: { as: "the mailers of example.org", domain: "example.org" },
  mayAnswer: true,
});

/** What DNS says: example.org vouches for these clients, and of all others it says nothing. */
export const zone: readonly DnsRecord[] = [
  ["example.org", "TXT", "v=spf1 ip4:192.0.2.0/24 ip4:203.0.113.77 ip6:2001:db8:0:1::/64 ?all"],
];

const ofItsDomain = (client: Client): Client => ({ ...client, vouchedBy: "example.org" });

const clients: readonly Client[] = [
  ...unnamed("192.0.2.1", "192.0.2.0/24", "192.0.2.1", "::ffff:192.0.2.1").map(ofItsDomain),
  ...unnamed("192.0.2.200", "192.0.2.0/24", "192.0.2.200").map(ofItsDomain),
  ...unnamed("2001:db8:0:1::/64", "2001:db8:0:1::/64", "2001:db8:0:1::1", "2001:DB8:0:1:2::1")
    .map(ofItsDomain),
  ofMailers("198.51.100.7", "198.51.100.0/24", "mail1.example.org"),
  ofItsDomain(ofMailers("203.0.113.77", "203.0.113.0/24", "MAIL2.example.org")),
  // Its name is unknown now and then.
  ...unnamed("203.0.113.77", "203.0.113.0/24", "203.0.113.77").map(ofItsDomain),
  {
    ...{ address: "198.51.100.9", host: "198.51.100.9", network: "198.51.100.0/24" },
    ...{ name: "heron.b.example", known: { as: "heron.b.example", domain: "b.example" } },
    mayAnswer: true,
  },
  // Its provider gave it that name; many may stand behind the other.
  {
    ...{ address: "198.51.100.20", host: "198.51.100.20", network: "198.51.100.0/24" },
    name: "198-51-100-20.dyn.isp.example",
  },
  {
    ...{ address: "10.0.0.6", host: "10.0.0.6", network: "10.0.0.0/24", earnsNothing: true },
    ...{ name: "gate.b.example", known: { as: "gate.b.example", domain: "b.example" } },
  },
  ...unnamed("10.0.0.5", "10.0.0.0/24", "10.0.0.5").map((one) => ({ ...one, earnsNothing: true })),
  ...unnamed("203.0.113.5", "203.0.113.0/24", "203.0.113.5")
    .map((one) => ({ ...one, earnsNothing: true })),
];

const party = (is: string, ...sent: string[]): Party[] => sent.map((each) => ({ sent: each, is }));

const senders: readonly Party[] = [
  ...party("alice@example.org", "alice@example.org", "Alice+list@Example.org"),
  ...party("alice@example.org", "prvs=0123456789=alice@example.org"),
  ...party("bob@example.org", "bob@example.org"),
  ...party("bounce-#@example.org", "bounce-1@example.org", "bounce-22@example.org"),
  ...party("kim@b.example", "kim@b.example"),
  ...party("", ""),
];

const recipients: readonly Party[] = [
  ...party("robin@example.com", "robin@example.com", "Robin+x@example.com"),
  ...party("kim@example.com", "kim@example.com"),
];

/** Files for the settings of the same names. */
export const lists = {
  "whitelist-clients": "mx.friend.example\n",
  "whitelist-recipients": "postmaster@\n",
  "auto-whitelist-except": "203.0.113.5\n203.0.113.200\n198.18.0.0/15\n",
};

/** A client on auto-whitelist-except that sends none of these mails. */
export const probingClient = "203.0.113.200";

/** Another each time, on that list too, from which a correspondent may answer. */
export function answeringClient(n: number): Record<string, string> {
  const client_name = `heron.${n}.example`, client_address = `198.18.${n >> 8}.${n & 255}`;
  // Suspicious, so that it passes for nothing else.
  return { client_name, client_address, helo_name: "localhost" };
}

/** What lets a mail pass before anything is asked. */
const exemptions: readonly Readonly<Record<string, string>>[] = [
  { client_name: "mx.friend.example" },
  { recipient: "postmaster@example.com" },
  { protocol_state: "DATA" },
  { sasl_username: "alice" },
];

export const mails: fc.Arbitrary<Mail> = fc.record({
  client: fc.constantFrom(...clients),
  sender: fc.constantFrom(...senders),
  recipient: fc.constantFrom(...recipients),
  attributes: fc.oneof(
    { weight: 20, arbitrary: fc.constant({}) },
    // What other clients than smtpd leave out.
    { weight: 1, arbitrary: fc.constant({ protocol_state: "" }) },
    { weight: 1, arbitrary: fc.constantFrom(...exemptions) },
  ),
}).map((mail) => ({ ...mail, exempt: exemptions.includes(mail.attributes) }));

export const letters: fc.Arbitrary<Letter> = fc.record({
  // Bounces are sent, too.
  from: fc.constantFrom(...recipients, ...recipients, ...party("", "")),
  to: fc.constantFrom(...senders.filter(({ is }) => is !== "")),
});

/** The attributes of a request for a letter; from anywhere. */
export function attributesOfLetter({ from, to }: Letter): Record<string, string> {
  const client = { client_address: "203.0.113.60", client_name: "unknown" };
  return { ...client, sender: from.sent, recipient: to.sent, sasl_username: "alice" };
}

/** The attributes of a request for this mail. */
export function attributesOf(mail: Mail, transaction: string): Record<string, string> {
  return {
    client_address: mail.client.address,
    client_name: mail.client.name,
    sender: mail.sender.sent,
    recipient: mail.recipient.sent,
    instance: transaction,
    ...mail.attributes,
  };
}

/** For people. */
export function describeMail({ client, sender, recipient, attributes }: Mail): string {
  const more = Object.entries(attributes).map(([name, value]) => `, ${name}=${value}`).join("");
  const from = client.name === "unknown" ? client.address : `${client.name} (${client.address})`;
  return `${from}: ${sender.sent || "<>"} to ${recipient.sent}${more}`;
}

export function describeLetter({ from, to }: Letter): string {
  return `a user writes from ${from.sent || "<>"} to ${to.sent}`;
}
