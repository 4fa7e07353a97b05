/**
 * `greylist forget`: takes away what is remembered of a mail, of a sender from a client, or of a client.
 *
 * - Of a mail: every record by which it would pass or has waited, under each identity and the sender's domain, and what
 *   0.1.0 knows of it. Of a sender: that it has passed. Of a client: its place in the auto-whitelist, and in 0.1.0's.
 *   With --domain, the place of the sender's domain, too.
 * - What is wider than asked for stays, and is told.
 *
 * Exit status: 0; 64; 66, 69, also when not all copies could be told; 78.
 */
import { type FoundRecord, type Owners, ownersOf, recordsOf } from "../greylist/explanation.ts";
import type { Subject } from "../identity/subject.ts";
import { escapeText } from "../log/escape.ts";
import { type Asking, withAsking } from "./asking.ts";
import type { Given } from "./command.ts";
import { refuse } from "./refuse.ts";
import { Changing, readAll, type Scope, scopeOf } from "./scope.ts";
import { exitUsage } from "./statuses.ts";
import { print, tell } from "./terminal.ts";

export async function forget(given: Given): Promise<number> {
  const { line } = given;
  if (line.problems.length > 0) return await refuse(line.problems);
  return await withAsking(given, async (asking) => {
    const asked = scopeOf(asking);
    if (typeof asked === "number") return asked;
    const { scope, subject } = asked, withDomain = line.switches.has("domain");
    if (withDomain && scope === "client") {
      tell(["--domain: want --sender, whose domain it is"]);
      return exitUsage;
    }
    const changing = new Changing(asking), forgotten: FoundRecord[] = [], stays: FoundRecord[] = [];
    for (const found of await everything(asking, subject, scope)) {
      if (isIn(scope, withDomain, found.kind)) {
        await changing.delete(found.key);
        if (found.words !== undefined) forgotten.push(found);
      } else if (found.words?.passes) stays.push(found);
    }
    if (line.switches.has("json")) {
      print(JSON.stringify({ forgotten: forgotten.map(inJson), stays: stays.map(inJson) }));
    } else {
      if (forgotten.length === 0) print(`there was nothing to forget${narrower[scope]}`);
      for (const found of forgotten) print(`forgot    ${inWords(found)}`);
      for (const found of stays) print(`stays     ${inWords(found)}${wayOf(found.kind)}`);
    }
    return changing.end();
  });
}

/** What is known of less than was asked about has keys that cannot be found from it. */
const narrower: Readonly<Record<Scope, string>> = {
  client: " of the client as a whole; what one mail has left wants --sender and --recipient, too",
  sender: " of this sender from this client; what one mail has left wants --recipient, too",
  triplet: "",
};

function isIn(scope: Scope, withDomain: boolean, kind: FoundRecord["kind"]): boolean {
  switch (kind) {
    case "client":
    case "0.1.0's client":
      return scope === "client";
    case "domain":
      return withDomain;
    case "sender":
      return scope !== "client";
    case "triplet":
    case "0.1.0's triplet":
    case "correspondent":
      return scope === "triplet";
  }
}

function wayOf(kind: FoundRecord["kind"]): string {
  if (kind === "domain") return "; --domain forgets it, too";
  return kind === "client" || kind === "0.1.0's client" ? "; --client alone forgets it" : "";
}

/** All that there may be of the scope, and what is wider, whatever the settings let count. */
async function everything(asking: Asking, subject: Subject, scope: Scope): Promise<FoundRecord[]> {
  const { mail, now, options: { rules, correspondents } } = asking;
  const { keys } = subject, domain = subject.vouchingDomain();
  const isMail = scope === "triplet", hasSender = scope !== "client";
  const elsewhere = {
    client: keys.client,
    releaseClient: subject.releaseClient,
    releaseTriplet: isMail ? subject.releaseTriplet : undefined,
    correspondent: isMail
      ? correspondents?.pairKey(mail.sender ?? "", mail.recipient ?? "")
      : undefined,
  };
  const nowhere = {
    client: undefined,
    releaseClient: undefined,
    releaseTriplet: undefined,
    correspondent: undefined,
  };
  const read = async (
    { senders, triplets, domain }: typeof keys | ReturnType<Subject["keysUnder"]>,
    rest: typeof elsewhere | typeof nowhere,
    owners: Owners,
  ) => {
    const wanted = {
      ...rest,
      senders: hasSender ? senders : undefined,
      triplets: isMail ? triplets : [],
      domain: hasSender ? domain : undefined,
    };
    return recordsOf(await readAll(asking, wanted), owners, now, rules);
  };
  const own = await read(keys, elsewhere, ownersOf(subject, false));
  if (domain === undefined || !hasSender) return own;
  const owners = ownersOf(subject, true);
  const vouching = { ...owners, identities: owners.identities.slice(-1) };
  return [...own, ...await read(subject.keysUnder(domain), nowhere, vouching)];
}

function inWords({ kind, of, words }: FoundRecord): string {
  return `${kind} (${escapeText(of)}): ${words?.says}`;
}

function inJson({ kind, of, key, words }: FoundRecord) {
  return { kind, of: escapeText(of), key, says: words?.says };
}
