/**
 * What greylist says: one method per event, so that every line has one home and one level. Pure.
 *
 * Decisions have no message, and postgrey's fields in postgrey's order, so that what reads postgrey's lines
 * reads ours. Values that come from outside are escaped here (escape.ts).
 */
import { traceOf } from "../error.ts";
import { escapeForLog, escapeText, escapeWord, type FieldName } from "./escape.ts";
import type { Level } from "./queue.ts";
import type { Client } from "../identity/client.ts";
import { type NotAsked, type Reason, reasonInWords } from "./reasons.ts";
import type { PolicyRequest } from "../protocol/codec.ts";
import type { ListsObserver } from "../dns/lists.ts";
import type { DnsObserver } from "../dns/resolver.ts";
import type { StoreObserver } from "../stores/store.ts";

/** What was decided about one request, for the log. */
export interface DecisionRecord {
  readonly action: "greylist" | "pass";
  readonly reason: Reason;
  /** Seconds from the first attempt to the accepted one. */
  readonly delaySeconds?: number | undefined;
  readonly request: PolicyRequest;
  /** The list's entry that decided: its file and line, or its zone in DNS. */
  readonly entry?: string | undefined;
  /** Why its client is suspicious, when only such clients wait. */
  readonly suspicion?: string | undefined;
  /** Who the client was taken for, when that was asked. */
  readonly client?: Client | undefined;
  /** What identifies the triplet, when the store was asked, and which store that is. */
  readonly id?: string;
  readonly store?: string;
  /** Why the store could not be asked: a process of spawn mode may not live to see it called down. */
  readonly problem?: string;
}

/** The events. */
export interface Log extends StoreObserver, DnsObserver, ListsObserver {
  decision(record: DecisionRecord): void;
  /**
   * A request that greylisting has nothing to say about. If it is about mail, it is told once a minute at most for
   * each reason, with the number of those that were left out; at level debug each is told.
   */
  notAsked(reason: NotAsked, request: PolicyRequest): void;
  /** The client has shown often enough that its mail comes back. In postgrey's words. */
  clientEarnedWhitelist(request: PolicyRequest): void;
  /** A user has written to so many addresses that no more are learned in this hour; told by a hash of the name. */
  correspondentsRefused(userHash: string): void;
  reloaded(what: "configuration" | "lists"): void;
  /** A new configuration was not taken, and why. */
  reloadRefused(problems: readonly string[]): void;
  /** Settings whose new values only a restart makes effective. */
  restartWanted(settings: readonly string[]): void;
  /** @param hint what to try next, if there is something */
  listening(endpoints: readonly string[], store: string, hint?: string): void;
  metricsAt(endpoint: string): void;
  /** Mail is answered all the same. */
  noMetrics(endpoint: string, why: string): void;
  stopping(signal: string): void;
  stopped(): void;
  /** The peer broke the protocol; its connection is closed without a reply. */
  protocolError(peer: string, problem: string): void;
  connectionError(peer: string, problem: string): void;
  idleTimeout(peer: string): void;
  tooManyConnections(limit: number): void;
  /** The limit of open files leaves room for fewer connections than were asked for. */
  fewDescriptors(wanted: number, possible: number): void;
  acceptError(endpoint: string, problem: string): void;
  unreadableEntry(key: string): void;
  configurationProblem(problem: string): void;
  configurationWarning(warning: string): void;
  internalError(error: unknown): void;
}

/** What a line in JSON says of a client beyond what a line of text does. */
type ClientField = "identity" | "client_kind" | "client_is_generic" | "client_why";

export type Fields = Readonly<Partial<Record<FieldName | ClientField, string | number | boolean>>>;

/** States in which Postfix has no mail to ask about. */
const mailless: readonly string[] = ["VRFY", "ETRN"];

/** How often, in milliseconds, the log at level info says for one reason that mail was not asked about. */
const notAskedInterval = 60_000;

/** Says a line: a text, and fields; a decision has no text. */
export type Emit = (level: Level, text: string, fields: Fields) => void;

export interface LogOptions {
  /** Whether lines of a level are written at all; what is not is not even put into words. */
  readonly isWritten: (level: Level) => boolean;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /** Whether a decision says who the client was taken for. */
  readonly withClient: boolean;
}

/** The log whose lines `emit` takes. */
export function createLog(emit: Emit, { isWritten, now, withClient }: LogOptions): Log {
  /** For each reason: when it was told, and how often it was not since then. */
  const notAsked = new Map<NotAsked, { readonly at: number; omitted: number }>();
  return {
    decision(record) {
      if (!isWritten("info")) return;
      const fields = decisionFields(record);
      const { client } = record;
      emit(
        "info",
        "",
        client === undefined || !withClient ? fields : {
          ...fields,
          ...clientFields(client),
        },
      );
    },
    notAsked(reason, request) {
      const told = notAsked.get(reason);
      // Without a client it is a probe, as that of the image's health check.
      const isMail = !mailless.includes(request.get("protocol_state") ?? "") &&
        Boolean(request.get("client_address"));
      const isDue = told === undefined || now() - told.at >= notAskedInterval;
      const say = (level: Level, more: Fields) =>
        emit(level, "nothing to decide", { reason, ...requestFields(request), ...more });
      if (isMail && isDue) {
        notAsked.set(reason, { at: now(), omitted: 0 });
        say("info", told === undefined || told.omitted === 0 ? {} : { omitted: told.omitted });
      } else if (isWritten("debug")) say("debug", {});
      else if (told !== undefined && isMail) told.omitted++;
    },
    clientEarnedWhitelist: (request) => {
      const name = escapeForLog(request.get("client_name") || "unknown");
      const address = escapeForLog(request.get("client_address") ?? "");
      emit("info", `whitelisted: ${name}[${address}]`, {});
    },
    // No field: `user=` is in many a VERP sender, which would be escaped there.
    correspondentsRefused: (userHash) =>
      emit(
        "warning",
        `user ${userHash} has written to many addresses: no more are learned in this hour`,
        {},
      ),
    reloaded: (what) => emit("info", `took the new ${what}`, {}),
    reloadRefused: (problems) => {
      for (const problem of problems) emit("error", escapeText(problem), {});
      emit("error", "what was read before stays in force", {});
    },
    restartWanted: (settings) =>
      emit("warning", `only a restart changes ${settings.join(", ")}`, {}),
    listening: (endpoints, store, hint) => {
      const where = `listening on ${endpoints.join(", ")}, with the state in ${store}`;
      emit("info", hint === undefined ? where : `${where}; ${hint}`, {});
    },
    metricsAt: (endpoint) => emit("info", `metrics are at ${endpoint}`, {}),
    noMetrics: (endpoint, why) =>
      emit("error", `Cannot serve metrics on ${endpoint}: ${escapeText(why)}`, {}),
    stopping: (signal) => emit("info", `${signal}: finishing what is in flight`, {}),
    stopped: () => emit("info", "stopped", {}),
    protocolError: (peer, problem) => emit("warning", `closed ${peer}: ${escapeText(problem)}`, {}),
    connectionError: (peer, problem) => emit("info", `lost ${peer}: ${escapeText(problem)}`, {}),
    idleTimeout: (peer) => emit("debug", `closed ${peer}: idle for too long`, {}),
    tooManyConnections: (limit) =>
      emit("warning", `refused a connection: all of max-connections (${limit}) are at work`, {}),
    fewDescriptors: (wanted, possible) =>
      emit(
        "warning",
        `max-connections is ${possible}, not ${wanted}: more would exceed the limit of open files`,
        {},
      ),
    acceptError: (endpoint, problem) =>
      emit("error", `Cannot accept on ${endpoint}: ${escapeText(problem)}`, {}),
    unreadableEntry: (key) => emit("warning", "forgot an entry that could not be read", { key }),
    configurationProblem: (problem) => emit("error", escapeText(problem), {}),
    configurationWarning: (warning) => emit("warning", escapeText(warning), {}),
    internalError: (error) =>
      emit("error", "internal error, please report it", {
        error: escapeText(traceOf(error)),
      }),
    down: (server, why) => emit("warning", `store ${server} is not usable: ${escapeText(why)}`, {}),
    dnsDown: () => emit("warning", "DNS does not answer: nobody waits for it any more", {}),
    dnsUp: (downSeconds) =>
      emit("info", `DNS answers again after ${Math.round(downSeconds)} s`, {}),
    dnsListUnusable: (zone, why) =>
      emit("warning", `the list ${zone} is of no use: ${escapeText(why)}`, {}),
    up: (server, downSeconds) =>
      emit("info", `store ${server} is usable again after ${Math.round(downSeconds)} s`, {}),
  };
}

/** In the order in which they are written. */
function decisionFields(record: DecisionRecord): Fields {
  const { action, reason, delaySeconds, entry, suspicion, id, store, problem } = record;
  const fields: Partial<Record<FieldName, string | number>> = {
    action,
    reason: reasonInWords(reason),
  };
  if (delaySeconds !== undefined) fields.delay = delaySeconds;
  Object.assign(fields, requestFields(record.request));
  if (entry !== undefined) fields.entry = escapeWord(entry);
  if (suspicion !== undefined) fields.suspicion = suspicion;
  if (id !== undefined) fields.id = id;
  if (store !== undefined) fields.store = store;
  if (problem !== undefined) fields.problem = escapeText(problem);
  return fields;
}

function clientFields({ identity, kind, isGeneric, reason }: Client): Fields {
  return {
    identity: escapeForLog(identity),
    client_kind: kind,
    client_is_generic: isGeneric,
    client_why: escapeText(reason),
  };
}

/** postgrey's fields behind the reason, empty ones left out. */
function requestFields(request: PolicyRequest): Fields {
  const fields: Partial<Record<FieldName, string>> = {};
  for (const name of ["client_name", "client_address", "sender", "recipient"] as const) {
    const value = request.get(name);
    if (value) fields[name] = escapeForLog(value);
  }
  return fields;
}
