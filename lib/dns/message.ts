/**
 * Questions to a name server and its answers, as bytes (RFC 1035). The one module that names dns-packet. Pure.
 *
 * - An answer counts only if it has the question's id, name and type; all else is rubbish, of whoever sent it.
 * - Of an answer only the records of the type that was asked for count, at the name that was asked for or at
 *   the end of its CNAMEs. A loop of those ends nowhere, which is no data.
 * - It may be kept as long as the shortest time to live on the way; "there is none" as long as the zone's SOA
 *   says (RFC 2308), or a minute; ten minutes at most.
 * - Texts are byte strings: what is in a TXT record is a stranger's, and need not be UTF-8.
 */
import type { Buffer } from "node:buffer";
// @ts-types="./dns-packet.d.ts"
import dnsPacket, { type AnyRecord, type Packet } from "dns-packet";
import { groupsOf } from "../address.ts";

export interface Question {
  /** In lower case, without a dot at its end; `.` is the root. */
  readonly name: string;
  readonly type: QuestionType;
}

/** What there is of each type, in the shapes of node:dns/promises. */
export interface RecordsOf {
  /** Each record is one or several strings, of bytes. */
  readonly TXT: string[][];
  readonly MX: { priority: number; exchange: string }[];
  readonly A: string[];
  readonly AAAA: string[];
  readonly PTR: string[];
  readonly NS: string[];
}

export type QuestionType = keyof RecordsOf;
export type Records = RecordsOf[QuestionType];

export type Answer =
  | { readonly kind: "found"; readonly records: Records; readonly ttlSeconds: number }
  /** The name does not exist, or has no such record. */
  | {
    readonly kind: "none";
    readonly code: "ENOTFOUND" | "ENODATA";
    readonly ttlSeconds: number;
  }
  /** The server answers that it cannot, or will not, answer. */
  | { readonly kind: "refused"; readonly code: "ESERVFAIL" | "EREFUSED" };

/** What fits in a datagram wherever it goes: the recommendation of DNS flag day 2020. */
const datagramBytes = 1232;

const longestKeptSeconds = 600;
const negativeSeconds = 60;

/** No chain of CNAMEs that is meant to be followed is as long. */
const mostAliases = 16;

// Printable ASCII; more than host names have, because SPF's macros put what they like into a name.
const NAME = /^[!-\-/-~]{1,63}(?:\.[!-\-/-~]{1,63})*$/;
const LONGEST_NAME = 253;

/** A question, or undefined for a name that DNS cannot have. */
export function questionOf(name: string, type: QuestionType): Question | undefined {
  const canonical = canonicalName(name);
  if (canonical.length > LONGEST_NAME || !NAME.test(canonical)) return undefined;
  return { name: canonical, type };
}

function canonicalName(name: string): string {
  const lower = name.toLowerCase();
  return lower.length > 1 && lower.endsWith(".") ? lower.slice(0, -1) : lower;
}

/** The bytes of a question. Recursion is asked for, and EDNS, so that few answers are cut off. */
export function encodeQuestion(id: number, { name, type }: Question): Buffer {
  return dnsPacket.encode({
    type: "query",
    id,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ name, type }],
    additionals: [{ type: "OPT", name: ".", udpPayloadSize: datagramBytes }],
  });
}

/** What bytes say to a question; "truncated" when only TCP can bring it, undefined for rubbish. */
export function decodeAnswer(
  bytes: Uint8Array,
  id: number,
  question: Question,
): Answer | "truncated" | undefined {
  let packet: Packet;
  try {
    packet = dnsPacket.decode(bytes);
  } catch {
    return undefined; // however it is broken, it is no answer
  }
  if (packet.type !== "response" || packet.id !== id || !repeats(packet, question)) {
    return undefined;
  }
  if (packet.flag_tc) return "truncated";
  if (packet.rcode !== "NOERROR" && packet.rcode !== "NXDOMAIN") {
    return { kind: "refused", code: packet.rcode === "REFUSED" ? "EREFUSED" : "ESERVFAIL" };
  }
  const { records, ttlSeconds } = recordsFor(question, packet.answers);
  if (records.length > 0) return { kind: "found", records: records as Records, ttlSeconds };
  const code = packet.rcode === "NXDOMAIN" ? "ENOTFOUND" : "ENODATA";
  return { kind: "none", code, ttlSeconds: negativeTime(packet.authorities) };
}

/** Some servers leave the question out of a refusal. */
function repeats(packet: Packet, question: Question): boolean {
  const [repeated, ...more] = packet.questions;
  if (repeated === undefined) return packet.rcode !== "NOERROR" && packet.rcode !== "NXDOMAIN";
  return more.length === 0 && repeated.type === question.type &&
    canonicalName(repeated.name) === question.name;
}

function recordsFor(
  { name, type }: Question,
  answers: readonly AnyRecord[],
): { records: unknown[]; ttlSeconds: number } {
  let at = name, ttlSeconds = longestKeptSeconds;
  for (let aliases = 0; aliases <= mostAliases; aliases++) {
    const here = answers.filter((record) => canonicalName(record.name) === at);
    const wanted = here.filter((record) => record.type === type);
    const records = wanted.flatMap((record) => valueOf(type, record.data) ?? []);
    if (records.length > 0) {
      return { records, ttlSeconds: Math.min(ttlSeconds, ...wanted.map(timeOf)) };
    }
    const alias = here.find((record) => record.type === "CNAME");
    if (alias === undefined || typeof alias.data !== "string") break;
    ttlSeconds = Math.min(ttlSeconds, timeOf(alias));
    at = canonicalName(alias.data);
  }
  return { records: [], ttlSeconds };
}

/** One value, in brackets against flattening; undefined for what is none. */
function valueOf(type: QuestionType, data: unknown): [unknown] | undefined {
  switch (type) {
    case "TXT": {
      const parts = Array.isArray(data) ? data : [data];
      return [parts.map((part: Uint8Array) => latin1(part))];
    }
    case "MX": {
      const { preference, exchange } = data as { preference?: unknown; exchange?: unknown };
      if (typeof preference !== "number" || typeof exchange !== "string") return undefined;
      // RFC 7505's "." is the empty name in node's shape.
      return [{ priority: preference, exchange: exchange === "." ? "" : exchange }];
    }
    case "A":
    case "AAAA":
      // dns-packet reads an address of two bytes as 192.0.undefined.undefined.
      return typeof data === "string" && groupsOf(data) !== undefined ? [data] : undefined;
    default:
      return typeof data === "string" ? [data] : undefined;
  }
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes); // 255 at most
}

function timeOf({ ttl = 0 }: AnyRecord): number {
  return ttl < 2 ** 31 ? ttl : 0;
}

function negativeTime(authorities: readonly AnyRecord[]): number {
  const soa = authorities.find(({ type }) => type === "SOA");
  if (soa === undefined) return negativeSeconds;
  const { minimum } = soa.data as { minimum?: unknown };
  const seconds = typeof minimum === "number" ? minimum : negativeSeconds;
  return Math.min(longestKeptSeconds, timeOf(soa), seconds);
}
