/** Settings that can be read, but make no sense, each or together. Pure. */
import type { RawSettings } from "./raw.ts";
import type { Config, SettingName } from "./settings.ts";
import { formatDuration } from "./units.ts";

const daySeconds = 86_400;

/** The default of Postfix's smtpd_policy_service_timeout. */
const postfixWaitsSeconds = 100;

/** What cannot work. */
export function contradictions(config: Config, raw: RawSettings): string[] {
  const problems: string[] = [];
  if (config.delay >= config.retryWindow) {
    problems.push(
      `${placeOf(raw, "delay", "retry-window")}: delay (${
        formatDuration(config.delay)
      }) is not shorter than retry-window ` +
        `(${formatDuration(config.retryWindow)}): no mail could ever pass`,
    );
  }
  if (config.whitelistSendersSpf.length > 0 && !config.spf) {
    problems.push(
      `${placeOf(raw, "whitelist-senders-spf")}: whitelist-senders-spf needs spf = yes: ` +
        `without it no mail has passed SPF`,
    );
  }
  if (config.mode !== "spawn") return problems;
  if (config.store.kind === "memory") {
    problems.push(
      `${
        placeOf(raw, "store")
      }: store = memory does not go with mode = spawn: every spawn(8) process would have a memory ` +
        `of its own, forgotten at its end; want memcached or sqlite`,
    );
  }
  if (config.log.kind === "stderr") {
    problems.push(
      `${
        placeOf(raw, "log")
      }: log = stderr does not go with mode = spawn: there it is the connection to Postfix; ` +
        `want syslog, a file or none`,
    );
  }
  return problems;
}

/** What works, but was hardly meant (a number without a unit is seconds, and days to postgrey), or does nothing. */
export function doubts(config: Config, raw: RawSettings): string[] {
  const warnings: string[] = [];
  const { maxAge, retryWindow, storeTimeout, dnsTimeout } = config;
  /** Where the first of them that is not the default was set, and as what. */
  const set = (...names: SettingName[]) => {
    const name = names.find((name) => raw.has(name));
    const texts = (name && raw.get(name)?.texts) ?? [];
    return `${placeOf(raw, ...names)}: ${name} = ${texts.join(", ")}`;
  };
  if (maxAge < daySeconds) {
    warnings.push(
      `${set("max-age")} is ${formatDuration(maxAge)}: who passed is forgotten within a day; ` +
        `days are written as 35d`,
    );
  } else if (maxAge < retryWindow) {
    warnings.push(
      `${set("max-age", "retry-window")}: max-age (${formatDuration(maxAge)}) is shorter than ` +
        `retry-window (${formatDuration(retryWindow)}): who passed is forgotten before who tried`,
    );
  }
  if (storeTimeout >= postfixWaitsSeconds) {
    warnings.push(
      `${set("store-timeout")} is ${formatDuration(storeTimeout)}: Postfix waits ` +
        `${postfixWaitsSeconds}s for an answer, unless smtpd_policy_service_timeout says otherwise`,
    );
  }
  if (config.dryRun) warnings.push(`${set("dry-run")}: all mail passes, whatever the log says`);
  const servers = config.store.kind === "memcached" ? config.store.servers.length : undefined;
  if (raw.has("store-copies") && servers === undefined) {
    warnings.push(`${set("store-copies")} counts only with a store of several Memcached servers`);
  } else if (raw.has("store-copies") && servers !== undefined && config.storeCopies > servers) {
    warnings.push(
      `${set("store-copies")} is more than there are servers (${servers}): ` +
        `each entry is kept on all of them`,
    );
  }
  if (config.metrics !== undefined && config.mode === "spawn") {
    warnings.push(
      `${set("metrics")} counts only with mode = daemon: ` +
        `a process of spawn mode lives no longer than its smtpd`,
    );
  }
  if (
    asksDns(config) && storeTimeout < postfixWaitsSeconds &&
    storeTimeout + dnsTimeout >= postfixWaitsSeconds
  ) {
    warnings.push(
      `${set("dns-timeout", "store-timeout")}: together with store-timeout that is ` +
        `${formatDuration(storeTimeout + dnsTimeout)}, and Postfix waits ${postfixWaitsSeconds}s`,
    );
  }
  if (config.dnsbl.length > 0 && config.greylist === "all") {
    warnings.push(`${set("dnsbl")} counts only with greylist = suspicious: now everybody waits`);
  }
  for (const name of ["ipv4-prefix", "ipv6-prefix"] as const) {
    if (!raw.has(name) || config.clientIdentity === "network") continue;
    warnings.push(
      `${set(name)} counts only with client-identity = network, and for what 0.1.0 has remembered`,
    );
  }
  const earnsBySender = config.autoWhitelistSenders > 0 || config.autoWhitelistDomains > 0;
  if (config.identifyBy === "client,recipient" && earnsBySender) {
    warnings.push(
      `${set("identify-by")} leaves the sender out: no sender and no domain is remembered, ` +
        `whatever auto-whitelist-senders and auto-whitelist-domains say`,
    );
  }
  return warnings;
}

/** Where the first of them that is not the default was set. */
function placeOf(raw: RawSettings, ...names: readonly SettingName[]): string {
  return names.map((name) => raw.get(name)?.where).find((where) => where !== undefined) ??
    "default";
}

/** Whether DNS is to be asked about anything. */
export function asksDns({ greylist, spf, dnswl, dnsbl }: Config): boolean {
  return spf || dnswl.length > 0 || (greylist === "suspicious" && dnsbl.length > 0);
}
