/**
 * What sqlgrey 1.8 knew, from its SQLite file.
 *
 *     connect(sender_name, sender_domain, src, rcpt, first_seen)           waits         → T
 *     from_awl(sender_name, sender_domain, src, first_seen, last_seen)     has passed    → S
 *     domain_awl(sender_domain, src, first_seen, last_seen)                all passes    → D
 *
 * - Times are UNIX seconds. src is a client's address; the first three octets of one; or, of IPv6, four groups, which
 *   are a /64, as a whole address is to us. Of IPv6 the groups have four digits.
 * - Three octets have a place only where clients are known by such networks.
 * - The null sender is `-undef-`, on both sides of the @.
 * - In from_awl the sender is without its extension, and has `#` for what sqlgrey takes for a token, and `RCPT` for the
 *   recipient. Ours has a token of its own there, for which a number is put: two digits, because the time in an address
 *   of SRS has two characters. A tag of BATV, of which sqlgrey leaves a `#`, goes. What it cut and we keep (`info-de`,
 *   as that is hexadecimal) cannot be known again.
 */
import { isIP } from "node:net";
import { messageOf } from "../error.ts";
import { files } from "../files.ts";
import { type SubjectOptions, subjectsWith } from "../identity/subject.ts";
import type { Times } from "../greylist/merge.ts";
import { renewalSeconds } from "../greylist/trust.ts";
import { bytesOf, openRows, type Row, type SqliteRows } from "../stores/sqlite_rows.ts";
import { type Finding, type Findings, found, SourceError } from "./finding.ts";
import { domainForm, senderForm, tripletForm } from "./item.ts";

export interface SqlgreyOptions {
  readonly subjects: SubjectOptions;
  readonly times: Pick<Times, "maxAgeSeconds" | "retryWindowSeconds">;
}

/** A row of any of the tables, as byte strings and UNIX seconds. */
export interface Known {
  readonly table: "connect" | "from_awl" | "domain_awl";
  readonly name: string;
  readonly domain: string;
  readonly source: string;
  readonly recipient: string;
  readonly first: number;
  readonly last: number;
}

/** No part of an address is longer; SQLite keeps whatever length it is given. */
const longestPart = 1024;

/** As texts, which may be of no UTF-8, come out of SQLite unharmed; of those that are too long, one byte too many. */
const text = (column: string) =>
  `substr(CAST(${column} AS BLOB), 1, ${longestPart + 1}) AS ${column}`;

const columns: Readonly<Record<Known["table"], readonly string[]>> = {
  connect: [text("sender_name"), text("sender_domain"), text("src"), text("rcpt"), "first_seen"],
  from_awl: [text("sender_name"), text("sender_domain"), text("src"), "first_seen", "last_seen"],
  domain_awl: [text("sender_domain"), text("src"), "first_seen", "last_seen"],
};

/** So many rows are read at once: some milliseconds. */
const pieceRows = 1000;

/** The entries of a file. Fails with a SourceError. */
export async function* sqlgreySource(file: string, options: SqlgreyOptions): Findings {
  const findingOf = sqlgreyFindings(options);
  if (!files.exists(file)) throw new SourceError("there is no such file", true);
  let rows: SqliteRows | undefined;
  try {
    rows = await openRows(file);
    for (const table of ["domain_awl", "from_awl", "connect"] as const) {
      const sql = `SELECT rowid AS place, ${columns[table].join(", ")} FROM ${table} ` +
        `WHERE rowid > ? ORDER BY rowid LIMIT ${pieceRows}`;
      for (let place = -1;;) {
        const piece = rows.all(sql, place);
        if (piece.length === 0) break;
        place = Number(piece.at(-1)?.["place"]);
        yield piece.map((row) => {
          const known = knownOf(table, row);
          const where = `${table}, row ${row["place"]}`;
          return known === undefined
            ? { where, bad: "no entry of sqlgrey" }
            : findingOf(known) ?? { where, bad: "no client's address" };
        });
      }
    }
  } catch (error) {
    const why = messageOf(error);
    throw new SourceError(`${why}; want the SQLite file of sqlgrey`);
  } finally {
    rows?.close();
  }
}

function knownOf(table: Known["table"], row: Row): Known | undefined {
  const part = (name: string) => {
    const text = name in row ? bytesOf(row[name]) : "";
    return (text?.length ?? 0) > longestPart ? undefined : text;
  };
  const name = part("sender_name"), domain = part("sender_domain");
  const source = part("src"), recipient = part("rcpt");
  const first = timeOf(row["first_seen"]);
  const last = "last_seen" in row ? timeOf(row["last_seen"]) : first;
  if (name === undefined || domain === undefined || source === undefined) return undefined;
  if (recipient === undefined || first === undefined || last === undefined) return undefined;
  return { table, name, domain, source, recipient, first, last };
}

function timeOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value < 1e12
    ? value
    : undefined;
}

/** Gives what becomes of an entry; undefined for one without an address. */
export function sqlgreyFindings(options: SqlgreyOptions): (known: Known) => Finding | undefined {
  const { subjects, times } = options;
  const subjectOf = subjectsWith(subjects);
  const bySmallNetwork = subjects.clientIdentity === "network" && subjects.prefixes.ipv4 === 24;
  return (known) => {
    const { table, source, recipient, first, last } = known;
    const isNetwork = /^\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(source);
    if (isNetwork && (!bySmallNetwork || table === "domain_awl")) {
      return { leftOut: `of three octets (${table})` };
    }
    const subject = subjectOf({
      name: "",
      address: isNetwork ? `${source}.0` : addressOf(source),
      sender: senderOf(known),
      recipient,
    });
    if (subject === undefined) return undefined;
    const { keys, senderEarns, earns } = subject;
    const use = { seen: last, until: last + times.maxAgeSeconds + renewalSeconds };
    switch (table) {
      case "connect": {
        const until = first + times.retryWindowSeconds + 1, key = keys.triplets[0] ?? "";
        return found(key, tripletForm, { state: "waiting", first, until });
      }
      case "from_awl":
        if (!senderEarns) return { leftOut: "of clients or senders that can earn nothing" };
        return found(keys.senders[0] ?? "", senderForm, { first, ...use });
      case "domain_awl":
        if (!earns || keys.domain === undefined) {
          return { leftOut: "of clients or domains that can earn nothing" };
        }
        return found(keys.domain, domainForm, { senders: "passed", ...use });
    }
  };
}

function addressOf(source: string): string {
  if (isIP(source) !== 0) return source;
  return /^[0-9a-f]{4}(?::[0-9a-f]{4}){3}$/i.test(source) ? `${source}::` : "";
}

function senderOf({ table, name, domain }: Known): string {
  const local = table === "from_awl" ? restored(name) : name;
  if (domain !== missing) return `${local}@${domain}`;
  return name === missing ? "" : local;
}

const missing = "-undef-";

/** A name that we normalise as what sqlgrey had before it. A `#` in the middle of a word is the sender's own. */
function restored(name: string): string {
  return name.replace(/^prvs=#=|^btv1==#==/, "")
    .replace(/RCPT|(?<=^|[._/=-])#(?=[._/=-]|$)/g, "00");
}
