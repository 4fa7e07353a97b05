/**
 * THE table of settings. Flags, environment variables, the configuration file, --help, the sample
 * configuration, the manual pages, completion and the tables of doc/settings.md all come from it.
 *
 * A setting called `retry-window` is `--retry-window 2d`, `GREYLIST_RETRY_WINDOW=2d`, and
 * `retry-window = 2d` in the file. Durations are in seconds once parsed, sizes in bytes.
 *
 * Long, because it is a table. To add a setting: add a row, from which its name in Config (`retryWindow`) and its
 * type follow, and go on as CONTRIBUTING.md says.
 */
import { parseNameServer } from "../dns/name_server.ts";
import { parseAllowZone, parseBlockZone } from "../dns/zones.ts";
import type { ListFile } from "../lists/sources.ts";
import { parseLogTarget, syslogPath } from "../log/target.ts";
import { deferralTemplate, headerTemplate, macroHelp } from "../protocol/reply.ts";
import { memoryEntries, parseStoreAddress, type StoreAddress } from "../stores/address.ts";
import { parseDuration, parseInteger, parseSize } from "./units.ts";
import { type Endpoint, parseEndpoint } from "../endpoint.ts";

/** What every row has. */
export interface Setting {
  /** How many values it takes: none (a switch), one, or a list that may be given several times. */
  readonly takes: "switch" | "one" | "list";
  /** Reads one value. Throws RangeError with what was wanted and what was given. */
  readonly parse: ((text: string) => unknown) & {
    /** All that it reads, where these are a few words. */
    readonly choices?: readonly string[];
  };
  /** The default as one would write it; where it depends on the mode, for each mode. */
  readonly fallback: string | Readonly<Record<Mode, string>> | undefined;
  /** What a value is called in --help. */
  readonly placeholder: string;
  /** A value that is not the default, as one would write it in the file, for the manual. */
  readonly example: string;
  /** One sentence, without a full stop. */
  readonly help: string;
  /** SIGHUP makes a new value effective; or whether it does, where that depends on both values. */
  readonly reloadable?: true | ((before: never, next: never) => boolean);
  /** On the first row of a group: what its settings are about. */
  readonly begins?: string;
}

export const modes = ["spawn", "daemon"] as const;
export type Mode = (typeof modes)[number];

function oneOf<const Choices extends readonly string[]>(...choices: Choices) {
  const parse = (text: string): Choices[number] => {
    const found = choices.find((choice) => choice === text);
    if (found !== undefined) return found;
    throw new RangeError(
      `want ${choices.map((choice) => `"${choice}"`).join(" or ")}, got "${text}"`,
    );
  };
  return Object.assign(parse, { choices });
}

function absolutePath(text: string): string {
  if (!text.startsWith("/")) throw new RangeError(`want an absolute path, got "${text}"`);
  return text;
}

function listFile(text: string): ListFile {
  const optional = text.startsWith("?");
  const path = optional ? text.slice(1) : text;
  if (path.startsWith("/")) return { path, optional };
  throw new RangeError(
    `want an absolute path, with ? before it if it need not exist, got "${text}"`,
  );
}

function yesOrNo(text: string): boolean {
  return oneOf("yes", "no")(text) === "yes";
}

function integer(lowest: number, highest: number) {
  return (text: string) => parseInteger(text, lowest, highest);
}

/** A duration that greylisting counts with: whole seconds. */
function wholeSeconds(text: string): number {
  const seconds = parseDuration(text);
  if (!Number.isInteger(seconds)) throw new RangeError(`want whole seconds, got "${text}"`);
  return seconds;
}

/** A duration that must not be nothing. */
function someTime(text: string): number {
  const seconds = parseDuration(text);
  if (seconds === 0) throw new RangeError(`want more than nothing, got "${text}"`);
  return seconds;
}

function requestSize(text: string): number {
  const bytes = parseSize(text);
  // Postfix sends up to 9 kB: long addresses, certificate names, policy_context.
  if (bytes < 16 * 1024) throw new RangeError(`want at least 16 KiB, got "${text}"`);
  return bytes;
}

function keyPrefix(text: string): string {
  // Memcached allows 250 bytes, of which the rest of the longest key takes 91.
  if (/^[!-~]{0,100}$/.test(text)) return text;
  throw new RangeError(
    `want at most 100 printable ASCII characters without a blank, got "${text}"`,
  );
}

function delimiters(text: string): string {
  // An @ ends the local part, in which alone they are looked for.
  if (/^[!-?A-~]*$/.test(text)) return text;
  throw new RangeError(`want printable ASCII characters without @ and blanks, got "${text}"`);
}

function metricsEndpoint(text: string): Extract<Endpoint, { kind: "inet" }> | undefined {
  if (text === "none") return undefined;
  const endpoint = text.startsWith("unix:") ? undefined : parseEndpoint(text);
  if (endpoint?.kind === "inet") return endpoint;
  throw new RangeError(`want inet:host:port or none, got "${text}"`);
}

function logIdent(text: string): string {
  // What syslog readers take for a program's name, as postfix/smtpd; RFC 5424 allows 48 characters.
  if (/^[\w./-]{1,48}$/.test(text)) return text;
  throw new RangeError(`want 1 to 48 letters, digits, "_", ".", "/" or "-", got "${text}"`);
}

function deferKeyword(text: string): string {
  if (/^(?:DEFER_IF_PERMIT|DEFER|4\d\d)$/.test(text)) return text;
  throw new RangeError(`want DEFER_IF_PERMIT, DEFER or a 4xx code, got "${text}"`);
}

function deferText(text: string): string {
  deferralTemplate("DEFER_IF_PERMIT", text);
  return text;
}

function header(text: string): string | undefined {
  if (text === "none") return undefined;
  headerTemplate(text);
  return text;
}

export const settings = {
  mode: {
    begins: "where it runs",
    takes: "one",
    parse: oneOf(...modes),
    fallback: "spawn",
    placeholder: "MODE",
    example: "daemon",
    help: "spawn: serve one Postfix process on stdin and stdout; daemon: listen",
  },
  config: {
    takes: "one",
    parse: absolutePath,
    fallback: undefined,
    placeholder: "FILE",
    example: "/etc/greylist/mx2.conf",
    help: "configuration file (/etc/greylist/greylist.conf, if it is there)",
  },
  listen: {
    takes: "list",
    parse: parseEndpoint,
    fallback: "inet:127.0.0.1:10023",
    placeholder: "ENDPOINT",
    example: "inet:127.0.0.1:10023, unix:/run/greylist/socket",
    help: "where the daemon listens: inet:host:port or unix:/path; may be given several times",
  },
  store: {
    begins: "state",
    takes: "one",
    parse: parseStoreAddress,
    fallback: "memcached:127.0.0.1:11211",
    placeholder: "STORE",
    example: "sqlite:/var/lib/greylist/greylist.db",
    help: "where the state is: memcached:host:port,…, sqlite:/path, or memory (daemon only)",
    // Other servers, not another store.
    reloadable: (before: StoreAddress, next: StoreAddress) =>
      before.kind === "memcached" && next.kind === "memcached",
  },
  "store-copies": {
    takes: "one",
    parse: integer(1, 100),
    fallback: "2",
    placeholder: "NUMBER",
    example: "1",
    help:
      "on how many of several Memcached servers each entry is kept; 1: losing one loses its share",
    reloadable: true,
  },
  "store-timeout": {
    takes: "one",
    parse: someTime,
    fallback: "500ms",
    placeholder: "TIME",
    example: "1s",
    help: "the most that a request waits for the store, in total",
  },
  "on-store-failure": {
    takes: "one",
    parse: oneOf("accept", "defer"),
    fallback: "accept",
    placeholder: "ANSWER",
    example: "defer",
    help: "what happens to mail while the store fails: accept or defer",
    reloadable: true,
  },
  "memory-entries": {
    takes: "one",
    parse: integer(1, memoryEntries.most),
    fallback: `${memoryEntries.usual}`,
    placeholder: "NUMBER",
    example: "1000000",
    help: "how many entries the store memory holds; when it is full, what expires first is evicted",
  },
  "memcached-auth-file": {
    takes: "one",
    parse: absolutePath,
    fallback: undefined,
    placeholder: "FILE",
    example: "/etc/greylist/memcached_auth",
    help: "file with user:password for memcached's SASL authentication",
  },
  "key-prefix": {
    takes: "one",
    parse: keyPrefix,
    fallback: "gl1:",
    placeholder: "TEXT",
    example: "mx-example:",
    help: "what all keys in the store begin with",
  },
  "key-secret-file": {
    takes: "one",
    parse: absolutePath,
    fallback: undefined,
    placeholder: "FILE",
    example: "/etc/greylist/secret",
    help: "file with at least 16 bytes; keys are then HMAC-SHA-256 under it, else SHA-256",
  },
  "identify-by": {
    begins: "who is who",
    takes: "one",
    parse: oneOf("client,sender,recipient", "client,recipient"),
    fallback: "client,sender,recipient",
    placeholder: "PARTS",
    example: "client,recipient",
    help: "what makes two attempts the same; client,recipient leaves the sender out",
    reloadable: true,
  },
  "client-identity": {
    takes: "one",
    parse: oneOf("name", "network"),
    fallback: "name",
    placeholder: "WAY",
    example: "network",
    help:
      "what a client is known by: its verified name and its address, or its network as in 0.1.0",
    reloadable: true,
  },
  "normalize-senders": {
    takes: "one",
    parse: oneOf("full", "postgrey"),
    fallback: "full",
    placeholder: "HOW",
    example: "postgrey",
    help:
      "what of a sender may change from mail to mail: full, or postgrey for what postgrey takes out",
    reloadable: true,
  },
  "recipient-delimiter": {
    takes: "one",
    parse: delimiters,
    fallback: "+",
    placeholder: "CHARACTERS",
    example: "+-",
    help:
      "what begins an extension of a recipient, as in Postfix; several: the first that is found",
    reloadable: true,
  },
  delay: {
    begins: "who waits, and how long",
    takes: "one",
    parse: wholeSeconds,
    fallback: "5m",
    placeholder: "TIME",
    example: "10m",
    help: "how long a new triplet is deferred; 0: until its second attempt",
    reloadable: true,
  },
  "retry-window": {
    takes: "one",
    parse: wholeSeconds,
    fallback: "2d",
    placeholder: "TIME",
    example: "1d",
    help: "a retry after this counts as a first attempt",
    reloadable: true,
  },
  "max-age": {
    takes: "one",
    parse: wholeSeconds,
    fallback: "35d",
    placeholder: "TIME",
    example: "60d",
    help: "how long a triplet that passed is remembered after its last use",
    reloadable: true,
  },
  "ipv4-prefix": {
    takes: "one",
    parse: integer(1, 32),
    fallback: "24",
    placeholder: "BITS",
    example: "32",
    help: "how much of an IPv4 address is a network, for client-identity = network",
    reloadable: true,
  },
  "ipv6-prefix": {
    takes: "one",
    parse: integer(1, 128),
    fallback: "64",
    placeholder: "BITS",
    example: "56",
    help: "how much of an IPv6 address is a network, for client-identity = network",
    reloadable: true,
  },
  "auto-whitelist-senders": {
    takes: "one",
    parse: integer(0, 1),
    fallback: "1",
    placeholder: "NUMBER",
    example: "0",
    help: "1: a sender that has passed once from this client passes for every recipient; 0: off",
    reloadable: true,
  },
  "auto-whitelist-domains": {
    takes: "one",
    parse: integer(0, 20),
    fallback: "2",
    placeholder: "NUMBER",
    example: "3",
    help: "a domain of which so many senders have passed from this client is let through; 0: off",
    reloadable: true,
  },
  "auto-whitelist": {
    takes: "one",
    parse: integer(0, 1_000_000),
    fallback: "5",
    placeholder: "NUMBER",
    example: "0",
    help:
      "an address whose mail came back in so many hours, and mostly does, is let through; 0: off",
    reloadable: true,
  },
  "auto-whitelist-except": {
    takes: "list",
    parse: listFile,
    fallback: undefined,
    placeholder: "FILE",
    example: "/etc/greylist/never_trusted",
    help: "lists of clients that never earn any of these, written as whitelist-clients",
    reloadable: true,
  },
  "whitelist-clients": {
    begins: "who never waits",
    takes: "list",
    parse: listFile,
    fallback: "?/etc/greylist/whitelist_clients, ?/etc/greylist/whitelist_clients.local",
    placeholder: "FILE",
    example: "/etc/greylist/whitelist_clients.d",
    help:
      "lists of clients that are never greylisted: files, or folders of them; one behind ? need not be there",
    reloadable: true,
  },
  "whitelist-senders": {
    takes: "list",
    parse: listFile,
    fallback: "?/etc/greylist/whitelist_senders",
    placeholder: "FILE",
    example: "/etc/greylist/whitelist_senders",
    help:
      "lists of senders that are never greylisted; anybody can forge a sender, and so pass from everywhere",
    reloadable: true,
  },
  "whitelist-senders-spf": {
    takes: "list",
    parse: listFile,
    fallback: undefined,
    placeholder: "FILE",
    example: "/etc/greylist/partners",
    help: "the same of senders, but only where SPF passes their mail; needs spf = yes",
    reloadable: true,
  },
  "whitelist-recipients": {
    takes: "list",
    parse: listFile,
    fallback: "?/etc/greylist/whitelist_recipients, ?/etc/greylist/whitelist_recipients.local",
    placeholder: "FILE",
    example: "/etc/greylist/whitelist_recipients",
    help: "lists of recipients that are never greylisted",
    reloadable: true,
  },
  "greylist-recipients": {
    takes: "list",
    parse: listFile,
    fallback: undefined,
    placeholder: "FILE",
    example: "/etc/greylist/those_who_want_it",
    help: "lists of the only recipients that are greylisted; none: all are",
    reloadable: true,
  },
  "learn-correspondents": {
    takes: "switch",
    parse: yesOrNo,
    fallback: "no",
    placeholder: "",
    example: "yes",
    help: "whoever an authenticated user has written to may answer without waiting, for max-age",
    reloadable: true,
  },
  greylist: {
    begins: "asking before somebody waits",
    takes: "one",
    parse: oneOf("all", "suspicious"),
    fallback: "all",
    placeholder: "WHOM",
    example: "suspicious",
    help: "who waits: all, or only clients that look suspicious by name, HELO, SPF and dnsbl",
    reloadable: true,
  },
  spf: {
    takes: "switch",
    parse: yesOrNo,
    fallback: "no",
    placeholder: "",
    example: "yes",
    help:
      "recognise mail by its sender's domain, too, where the domain's SPF vouches for the client",
    reloadable: true,
  },
  dnswl: {
    takes: "list",
    parse: parseAllowZone,
    fallback: undefined,
    placeholder: "ZONE",
    example: "list.dnswl.org>=1",
    help:
      "lists in DNS whose clients do not wait, with the least trust: list.dnswl.org>=1; none: off",
    reloadable: true,
  },
  dnsbl: {
    takes: "list",
    parse: parseBlockZone,
    fallback: undefined,
    placeholder: "ZONE",
    example: "bl.example=127.0.0.[4..11]",
    help:
      "lists in DNS whose clients are suspicious, with codes as in Postfix: bl.example=127.0.0.[4..11]",
    reloadable: true,
  },
  "dns-servers": {
    takes: "list",
    parse: parseNameServer,
    fallback: undefined,
    placeholder: "SERVER",
    example: "127.0.0.1, [::1]:5353",
    help: "name servers, as 192.0.2.53, 127.0.0.1:5354 or [::1]:53; none: those of resolv.conf",
    reloadable: true,
  },
  "dns-timeout": {
    takes: "one",
    parse: someTime,
    fallback: "2s",
    placeholder: "TIME",
    example: "1s",
    help: "the most that a request waits for DNS, in total",
    reloadable: true,
  },
  action: {
    begins: "what is said",
    takes: "one",
    parse: deferKeyword,
    fallback: "DEFER_IF_PERMIT",
    placeholder: "KEYWORD",
    example: "451",
    help: "how Postfix is told to defer: DEFER_IF_PERMIT, DEFER or a 4xx code",
    reloadable: true,
  },
  text: {
    takes: "one",
    parse: deferText,
    fallback: "4.2.0 Greylisted, please try again in %s seconds",
    placeholder: "TEXT",
    example: "4.7.1 Greylisted for %r, please try again in %s seconds",
    help: `what the sending server is told; ${macroHelp("text")}`,
    reloadable: true,
  },
  header: {
    takes: "one",
    parse: header,
    fallback: "X-Greylist: delayed %t seconds by greylist-%v at %h; %d",
    placeholder: "HEADER",
    example: "none",
    help: `what a delayed mail is marked with; ${macroHelp("header")}; or none`,
    reloadable: true,
  },
  "dry-run": {
    takes: "switch",
    parse: yesOrNo,
    fallback: "no",
    placeholder: "",
    example: "yes",
    help: "decide, remember and log as usual, but let everything pass",
    reloadable: true,
  },
  log: {
    begins: "the log",
    takes: "one",
    parse: parseLogTarget,
    fallback: { spawn: "syslog", daemon: "stderr" },
    placeholder: "WHERE",
    example: "file:/var/log/greylist.log",
    help:
      `syslog (${syslogPath}, facility mail), syslog:/socket, stderr, file:/path (a regular file), none`,
  },
  "log-level": {
    takes: "one",
    parse: oneOf("debug", "info", "warning", "error"),
    fallback: "info",
    placeholder: "LEVEL",
    example: "warning",
    help: "the least that is logged: debug, info, warning or error",
  },
  "log-format": {
    takes: "one",
    parse: oneOf("text", "json", "postgrey"),
    fallback: "text",
    placeholder: "FORMAT",
    example: "json",
    help:
      "text, in postgrey's words; json, one object a line; or postgrey: its fields and no others",
  },
  "log-ident": {
    takes: "one",
    parse: logIdent,
    fallback: "greylist",
    placeholder: "NAME",
    example: "postgrey",
    help:
      "our name in syslog and in front of lines in files; what reads postgrey's log wants postgrey",
  },
  metrics: {
    begins: "watching it",
    takes: "one",
    parse: metricsEndpoint,
    fallback: "none",
    placeholder: "ENDPOINT",
    example: "inet:127.0.0.1:9323",
    help:
      "where the daemon serves /metrics for Prometheus and /healthz: inet:127.0.0.1:9323; or none",
  },
  "max-connections": {
    begins: "limits",
    takes: "one",
    parse: integer(1, 1_000_000),
    fallback: "1000",
    placeholder: "NUMBER",
    example: "200",
    help: "how many connections the daemon serves at a time; an idle one makes room",
  },
  "idle-timeout": {
    takes: "one",
    parse: someTime,
    fallback: "20m",
    placeholder: "TIME",
    example: "10m",
    help: "a connection that completes no request for this long is closed",
  },
  "max-request-size": {
    takes: "one",
    parse: requestSize,
    fallback: "64 KiB",
    placeholder: "SIZE",
    example: "128 KiB",
    help: "a longer request is not answered, and its connection closed",
  },
} as const satisfies Readonly<Record<string, Setting>>;

export type SettingName = keyof typeof settings;

export const settingNames = Object.keys(settings) as readonly SettingName[];

type Camel<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : Name;

type ValueOf<Row extends Setting> = Row["takes"] extends "list"
  ? readonly ReturnType<Row["parse"]>[]
  : Row["fallback"] extends undefined ? ReturnType<Row["parse"]> | undefined
  : ReturnType<Row["parse"]>;

/** Every setting's value: durations in seconds, sizes in bytes. */
export type Config = {
  readonly [Name in SettingName as Camel<Name>]: ValueOf<(typeof settings)[Name]>;
};

/** `retry-window` → `retryWindow`. */
export function configKey<Name extends SettingName>(name: Name): Camel<Name> {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()) as Camel<Name>;
}

/** `retry-window` → `GREYLIST_RETRY_WINDOW`. */
export function environmentName(name: SettingName): string {
  return `GREYLIST_${name.toUpperCase().replaceAll("-", "_")}`;
}

/** The default as written, in a mode. */
export function fallbackOf(name: SettingName, mode: Mode): string | undefined {
  const { fallback }: Setting = settings[name];
  return typeof fallback === "object" ? fallback[mode] : fallback;
}
