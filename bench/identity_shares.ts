/**
 * What share of the clients of a table, by kind, is recognised as it should be, and what share of the senders.
 * The tables are tests/unit/identity/names.tsv and senders.tsv, or others of their form.
 *
 * - pool: mailers of a large sender, which should be one.
 * - single: an ordinary server, which should be known by its name.
 * - dynamic: an access provider's customer, who should be known by his address.
 * - hosting, shared: a hosting provider's machines, each of which should stand for itself.
 */
import { readFileSync } from "node:fs";
import { type Client, identifyClient } from "../lib/identity/client.ts";
import { normalizeSenderFully } from "../lib/identity/sender.ts";

interface Row {
  readonly kind: string;
  readonly owner: string;
  readonly name: string;
  readonly address: string;
  readonly client: Client;
}

/** How many of how many; `wrong` lists the others, for people to read. */
export interface Share {
  readonly right: number;
  readonly all: number;
  readonly wrong: readonly string[];
}

/** The lines of a table, comments left out, each as its fields. */
function readTable(path: string | URL): string[][] {
  return readFileSync(path, "latin1").split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split("\t"));
}

export function readClients(path: string | URL): Row[] {
  return readTable(path).map(([kind = "", owner = "", name = "", address = ""]) => {
    const client = identifyClient(name, address);
    if (client === undefined) throw new Error(`${path}: no address: ${address}`);
    return { kind, owner, name, address, client };
  });
}

/** The shares of a table of clients, each with what it is a share of. */
export function clientShares(rows: readonly Row[]): [what: string, share: Share][] {
  return [
    ["of the pairs of one pool are one", poolPairs(rows)],
    ["of access providers' customers are their address", known(rows, ["dynamic"], ["address"])],
    [
      "of hosting providers' machines are their address or name",
      known(rows, ["hosting", "shared"], ["address", "name"]),
    ],
    [
      "of ordinary servers are known by name",
      known(rows, ["single"], ["name", "mailers", "hosts"]),
    ],
    ["of pools and ordinary servers look like no customer", customers(rows, false)],
    ["of customers look like one", customers(rows, true)],
    ["of the pairs of customers are two", strangers(rows)],
    ["of the groups and names are no customer's and somebody else's", groups(rows)],
  ];
}

/** The same of a table of senders. */
export function senderShares(streams: readonly Stream[]): [what: string, share: Share][] {
  return [
    ["of the streams are one", rightStreams(streams, "one")],
    ["of the pairs of people and lists are two", rightStreams(streams, "apart")],
  ];
}

/** Pairs of mailers of one pool that are one. */
function poolPairs(rows: readonly Row[]): Share {
  let right = 0;
  let all = 0;
  const wrong: string[] = [];
  for (const [owner, pool] of byOwner(rows.filter(({ kind }) => kind === "pool"))) {
    const pairs = pairsOf(pool);
    const same = pairs.filter(isOne);
    all += pairs.length;
    right += same.length;
    if (same.length < pairs.length) {
      wrong.push(`${owner}, ${same.length} of ${pairs.length}: ${pool.map(told).join(", ")}`);
    }
  }
  return { right, all, wrong };
}

/** Clients of these kinds that are known as one of the wanted ones. */
function known(
  rows: readonly Row[],
  kinds: readonly string[],
  wanted: readonly Client["kind"][],
): Share {
  const asked = rows.filter(({ kind }) => kinds.includes(kind));
  const wrong = asked.filter(({ client }) => !wanted.includes(client.kind));
  return { right: asked.length - wrong.length, all: asked.length, wrong: wrong.map(told) };
}

/** Clients that look like customers where they are, and do not where they are none. */
function customers(rows: readonly Row[], are: boolean): Share {
  const asked = rows.filter((row) => isCustomer(row) === are);
  const wrong = asked.filter(({ client }) => client.looksLikeCustomer !== are);
  return { right: asked.length - wrong.length, all: asked.length, wrong: wrong.map(told) };
}

/** Pairs of customers of access and hosting providers, on addresses of their own, that are not one. */
function strangers(rows: readonly Row[]): Share {
  const pairs = pairsOf(rows.filter(isCustomer)).filter(([a, b]) =>
    a.client.addressIdentity !== b.client.addressIdentity
  );
  const wrong = pairs.filter(isOne);
  return { right: pairs.length - wrong.length, all: pairs.length, wrong: wrong.flat().map(told) };
}

/** Groups and names that a customer shares with nobody of another owner. */
function groups(rows: readonly Row[]): Share {
  const members = Map.groupBy(
    rows.filter(({ client }) => client.kind !== "address"),
    ({ client }) => client.identity,
  );
  const wrong = [...members.values()].filter((group) =>
    group.some(isCustomer) && byOwner(group).size > 1
  );
  return {
    right: members.size - wrong.length,
    all: members.size,
    wrong: wrong.map((group) => group.map(told).join(", ")),
  };
}

/** Two senders: `one` for two mails of a stream, `apart` for two people or lists. */
export interface Stream {
  readonly kind: string;
  readonly form: string;
  readonly recipient: string;
  readonly senders: readonly [string, string];
  /** What came out wrong, for people to read. */
  readonly wrong: string | undefined;
}

export function readStreams(path: string | URL): Stream[] {
  return readTable(path).map(([kind = "", form = "", recipient = "", first = "", second = ""]) => {
    const context = { recipient, clientName: "unknown", delimiters: "+" };
    const [a, b] = [first, second].map((sender) => normalizeSenderFully(sender, context));
    const wrong = (a === b) === (kind === "one")
      ? undefined
      : `${first} is ${a}, ${second} is ${b}`;
    return { kind, form, recipient, senders: [first, second], wrong };
  });
}

function rightStreams(streams: readonly Stream[], kind: string): Share {
  const asked = streams.filter((stream) => stream.kind === kind);
  const wrong = asked.flatMap((stream) => stream.wrong ?? []);
  return { right: asked.length - wrong.length, all: asked.length, wrong };
}

const isCustomer = ({ kind }: Row) => ["dynamic", "hosting", "shared"].includes(kind);

const isOne = ([a, b]: readonly [Row, Row]) => a.client.identity === b.client.identity;

function byOwner(rows: readonly Row[]): Map<string, Row[]> {
  return Map.groupBy(rows, ({ kind, owner, name }) => kind === "single" ? name : owner);
}

function pairsOf(rows: readonly Row[]): [Row, Row][] {
  return rows.flatMap((a, i) => rows.slice(0, i).map((b): [Row, Row] => [a, b]));
}

function told({ name, address, client }: Row): string {
  return `${name} ${address} is ${client.identity} (step ${client.step}: ${client.reason})`;
}
