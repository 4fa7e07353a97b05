/**
 * Counts what the lines of a log say. Pure, and bounded in memory, however long the log is.
 *
 * - A mail here is one to one recipient, because each waits for itself. Our lines have an `id` that tells it from
 *   others; postgrey's are told apart as postgrey does it, by the client's network, the sender and the recipient.
 * - A mail has come back if it passes with a delay, or, for whatever reason, within its retry window.
 */
import { clientNetwork, normalizeSender } from "../identity/triplet.ts";
import type { LineEvent } from "../log/line.ts";
import { Ranking } from "./ranking.ts";
import { Troubles } from "./troubles.ts";
import type { WaitingMails } from "./waiting.ts";
import { Waits } from "./waits.ts";

/** What became of the mails of an hour. */
export interface Hour {
  deferred: number;
  accepted: number;
  letThrough: number;
}

/** A mail that came back; its parts are byte strings. */
export interface Wait {
  readonly seconds: number;
  /** When it was accepted, in UNIX seconds; undefined if the line does not tell. */
  readonly at: number | undefined;
  readonly client: string;
  readonly sender: string;
  readonly recipient: string;
}

/** How many are named of those who waited longest and who tried most. */
export const named = 10;

/** Eleven years; and what is more than all the reasons there are. */
const mostHours = 100_000, mostReasons = 50;

export class Tally {
  readonly decisions: Hour = { deferred: 0, accepted: 0, letThrough: 0 };
  /** By hours since 1970. */
  readonly hours = new Map<number, Hour>();
  /** Decisions that are in none of them. */
  withoutHour = 0;
  readonly waits = new Waits();
  /** The longest first. */
  readonly longest: Wait[] = [];
  readonly clients = new Ranking();
  /** What was let through at once, by reason; and why clients were suspicious, of those deferred. */
  readonly letThroughBy = new Map<string, number>();
  readonly suspicions = new Map<string, number>();
  readonly troubles = new Troubles();
  /** Decisions that a store failure made. */
  readonly storeFailures: Hour = { deferred: 0, accepted: 0, letThrough: 0 };
  first = Infinity;
  last = -Infinity;

  constructor(readonly waiting: WaitingMails) {}

  /** Counts a line. @param at when it was said, in UNIX seconds; undefined if nobody knows */
  take(event: LineEvent, at: number | undefined): void {
    const { text, fields } = event;
    if (text !== "") return void this.troubles.take(event);
    if (fields.action !== "greylist" && fields.action !== "pass") return;
    if (at !== undefined) {
      this.first = Math.min(this.first, at);
      this.last = Math.max(this.last, at);
    }
    const kind = fields.action === "greylist" ? this.#defer(event, at) : this.#pass(event, at);
    this.decisions[kind]++;
    this.#hourOf(at)[kind]++;
    if (fields.reason === "store failure") this.storeFailures[kind]++;
  }

  #defer({ fields }: LineEvent, at: number | undefined): keyof Hour {
    this.waiting.defer(keyOf(fields), at ?? this.#lastKnown());
    const counts = this.clients.of(clientOf(fields));
    counts.deferred++;
    if (fields.reason === "new") counts.mails++;
    if (fields.suspicion !== undefined) count(this.suspicions, fields.suspicion);
    return "deferred";
  }

  #pass({ fields }: LineEvent, at: number | undefined): keyof Hour {
    const told = /^\d{1,9}$/.test(fields.delay ?? "") ? Number(fields.delay) : undefined;
    const seconds = this.waiting.pass(keyOf(fields), at ?? this.#lastKnown(), told);
    if (seconds === undefined) {
      count(this.letThroughBy, fields.reason ?? "");
      return "letThrough";
    }
    this.waits.add(seconds, told === undefined ? this.waiting.share : 1);
    this.clients.of(clientOf(fields)).cameBack++;
    this.#rank({
      seconds: Math.floor(seconds),
      at,
      client: clientOf(fields),
      sender: fields.sender ?? "",
      recipient: fields.recipient ?? "",
    });
    return "accepted";
  }

  #lastKnown(): number {
    return Math.max(0, this.last);
  }

  #hourOf(at: number | undefined): Hour {
    const hour = at === undefined ? undefined : Math.floor(at / 3600);
    let found = hour === undefined ? undefined : this.hours.get(hour);
    if (found === undefined) {
      found = { deferred: 0, accepted: 0, letThrough: 0 };
      if (hour !== undefined && this.hours.size < mostHours) this.hours.set(hour, found);
      else this.withoutHour++;
    }
    return found;
  }

  #rank(wait: Wait): void {
    const last = this.longest[named - 1];
    if (last !== undefined && wait.seconds <= last.seconds) return;
    const place = this.longest.findIndex(({ seconds }) => seconds < wait.seconds);
    this.longest.splice(place < 0 ? this.longest.length : place, 0, wait);
    this.longest.length = Math.min(named, this.longest.length);
  }
}

type Fields = LineEvent["fields"];

function keyOf(fields: Fields): string {
  if (fields.id !== undefined) return fields.id;
  const { client_address: address = "", sender = "", recipient = "" } = fields;
  const network = clientNetwork(address, { ipv4: 24, ipv6: 64 }) ?? address;
  return `${network} ${normalizeSender(sender)} ${recipient.toLowerCase()}`;
}

/** What a name of DNS and an address have at most; a log may have anything. */
const longestName = 255, longestAddress = 45;

/** As a text of its own: a slice would keep the piece of the log alive that it is from. */
function clientOf({ client_name = "unknown", client_address = "" }: Fields): string {
  const name = client_name.slice(0, longestName), address = client_address.slice(0, longestAddress);
  return [name, "[", address, "]"].join("");
}

function count(counts: Map<string, number>, what: string): void {
  const name = counts.has(what) || counts.size < mostReasons ? what : "others";
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
