/** Addresses of clients, senders and recipients, as strangers choose them, on their way into a key. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { groupsOf } from "../../lib/address.ts";
import {
  clientNetwork,
  lowerCase,
  normalizeRecipient,
  normalizeSender,
  tripletMaterial,
} from "../../lib/identity/triplet.ts";
import { identifyClient } from "../../lib/identity/client.ts";
import { correspondentsWith } from "../../lib/identity/correspondents.ts";
import { normalizeRecipientBy } from "../../lib/identity/recipient.ts";
import { normalizeSenderFully } from "../../lib/identity/sender.ts";
import { request, scene, subjectOptions } from "../support/policy.ts";
import { file, mutated, target } from "./target.ts";

const senders = [
  "",
  "alice@example.org",
  "Alice.B+list=x@Example.ORG",
  "prvs=1234abcdef=alice@example.org",
  "prvs=alice=1234abcdef@example.org",
  "btv1==012abcdef0==alice@example.org",
  "SRS0=HHH=TT=example.org=alice@forwarder.example",
  "SRS1=HHH=forwarder.example==HHH=TT=example.org=alice@other.example",
  "bounce-123456-7890_list=robin=example.com@lists.example.org",
  "owner-users+M2A3F@lists.example.org",
  "0100018f2e5a-9c3d4b2a-1111-2222-3333-444455556666-000000@eu-west-1.bounces.example",
  '"a b"@c@d',
  "gr\xc3\xbc\xc3\x9fe@m\xc3\xbcnchen.example",
  "MAILER-DAEMON",
];

const addresses = [
  ...["192.0.2.1", "010.0.0.1", "255.255.255.255", "unknown", ""],
  ...["2001:db8::1", "2001:DB8:0:0:0:0:0:1", "::", "::1", "::ffff:192.0.2.1", "fe80::1%eth0"],
  ...["64:ff9b::192.0.2.1", "2002:c000:0201::1", "[2001:db8::1]", "::ffff:c000:201"],
];

/** A line break is the one byte that the codec never lets through. */
const withoutBreaks = (texts: fc.Arbitrary<string>) =>
  texts.map((text) => text.replaceAll("\n", ""));

export const normalisation = target(
  "normalisation",
  fc.tuple(withoutBreaks(mutated(senders)), withoutBreaks(mutated(senders))),
  ([sender, recipient]) => {
    const normal = normalizeSender(sender);
    assert.ok(normal.length <= sender.length, "grows");
    assert.doesNotMatch(normal, /[A-Z\n]/);
    assert.equal(normal === "", sender === "", "only the null sender has no name");
    assert.equal(normalizeSender(lowerCase(sender)), normal, "case matters");
    const mailbox = normalizeRecipient(recipient);
    assert.equal(normalizeRecipient(mailbox), mailbox, "twice is once");
    const parts = tripletMaterial("192.0.2.0/24", sender, recipient, "client,sender,recipient")
      .split("\n");
    assert.deepEqual(parts, ["triplet", "192.0.2.0/24", normal, mailbox]);
  },
);

export const clients = target(
  "client addresses",
  fc.tuple(mutated(addresses), fc.integer({ min: 1, max: 32 }), fc.integer({ min: 1, max: 128 })),
  ([address, ipv4, ipv6]) => {
    const network = clientNetwork(address, { ipv4, ipv6 });
    const groups = groupsOf(address);
    assert.equal(network === undefined, groups === undefined, "lists and keys disagree");
    if (network === undefined || groups === undefined) return;
    const [whole = "", length] = network.split("/");
    assert.equal(length, String(groups.length === 2 ? ipv4 : ipv6));
    assert.equal(clientNetwork(whole, { ipv4, ipv6 }), network, "a network is its own");
    const host = clientNetwork(address, { ipv4: 32, ipv6: 128 })?.split("/")[0] ?? "";
    assert.deepEqual(groupsOf(host), groups, "lists and keys read another address");
  },
);

/** The columns of a table of facts. */
const columns = (name: string) =>
  file(name).split("\n").filter((line) => /^[^#]/.test(line)).map((line) => line.split("\t"));

const streams = columns("tests/unit/identity/senders.tsv");
const people = streams.map(([, , recipient = ""]) => recipient);

export const streamsOfMail = target(
  "senders of streams",
  fc.record({
    sender: withoutBreaks(mutated(streams.flatMap((columns) => columns.slice(3)), people)),
    recipient: withoutBreaks(mutated(people)),
    clientName: mutated(["unknown", "mail29.atl98.rsgsv.example", "mx.example.org"]),
    delimiters: fc.constantFrom("+", "+-", ""),
  }),
  ({ sender, ...context }) => {
    const normal = normalizeSenderFully(sender, context);
    assert.equal(normalizeSenderFully(normal, context), normal, "twice is once");
    assert.equal(normalizeSenderFully(lowerCase(sender), context), normal, "case matters");
    assert.equal(normal === "", sender === "", "only the null sender has no name");
    assert.doesNotMatch(normal, /[A-Z\n]/);
  },
);

const mailboxes = ["robin@example.com", "Robin+x@Example.com", "r", '"a b"@c@d', ""];
const pairs = correspondentsWith(subjectOptions);

export const correspondents = target(
  "letters and answers",
  fc.record({
    outside: withoutBreaks(
      mutated([...senders, ...streams.flatMap((columns) => columns.slice(3))]),
    ),
    ours: withoutBreaks(mutated(mailboxes)),
    user: withoutBreaks(mutated(["robin", "robin@example.com"])).map((user) => user || "robin"),
  }),
  async ({ outside, ours, user }) => {
    const key = pairs.pairKey(outside, ours);
    assert.equal(key === undefined, outside === "" || ours === "");
    assert.match(key ?? "gl1:w0123456789012345678901", /^gl1:w[\w-]{22}$/);
    assert.match(pairs.userHash(user), /^[\w-]{22}$/);
    assert.equal(pairs.pairKey(lowerCase(outside), lowerCase(ours)), key, "case matters");
    const mailbox = normalizeRecipientBy(ours, "+");
    if (mailbox !== "") assert.equal(pairs.pairKey(outside, mailbox), key, "an extension matters");

    const { policy, learning, decisions, events } = scene({ correspondents: pairs });
    const parties = (from: string, to: string) => ({ sender: from, recipient: to });
    await policy.answer(request({ ...parties(ours, outside), sasl_username: user }));
    await learning.settled(1000);
    assert.deepEqual(decisions(), []);
    await policy.answer(request(parties(outside, ours)));
    assert.deepEqual(decisions(), [key === undefined ? "greylist new" : "pass correspondent"]);
    assert.deepEqual(events.filter(([method]) => method === "internalError"), []);
  },
);

const hosts = columns("tests/unit/identity/names.tsv");

export const names = target(
  "names of clients",
  fc.tuple(
    mutated(hosts.map(([, , name = ""]) => name)),
    fc.oneof(mutated(addresses), fc.constantFrom(...hosts.map(([, , , address = ""]) => address))),
  ),
  ([name, address]) => {
    const client = identifyClient(name, address);
    assert.equal(client === undefined, groupsOf(address) === undefined);
    if (client === undefined) return;
    const unnamed = identifyClient("unknown", address);
    assert.equal(
      client.addressIdentity,
      unnamed?.identity,
      "its address is another one by its name",
    );
    assert.equal(client.kind === "address", client.identity === client.addressIdentity);
    for (const identity of [client.identity, client.addressIdentity]) {
      assert.match(identity, /^[amng]:[^A-Z\n]{1,300}$/);
    }
    const inCapitals = identifyClient(
      name.replace(/[a-z]/g, (letter) => letter.toUpperCase()),
      address,
    );
    if (name !== "unknown") assert.equal(inCapitals?.identity, client.identity, "case matters");
  },
);
