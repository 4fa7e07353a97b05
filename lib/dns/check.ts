/** Whether DNS can be asked as a configuration wants: for who wants to know before the mail does. */
import { exchange } from "./exchange.ts";
import { type Answer, type Question, questionOf } from "./message.ts";
import { formatNameServer, type NameServer } from "./name_server.ts";
import { systemServers } from "./open.ts";
import { isProblem, nameIn, type Zone } from "./zones.ts";

export interface DnsToCheck {
  /** None: those of resolv.conf. */
  readonly servers: readonly NameServer[];
  readonly zones: readonly Zone[];
  readonly timeoutMilliseconds: number;
}

/** Every list has an entry for it (RFC 5782 section 5). */
const testPoint = [127, 0, 0, 2];

/** A line for each server that does not answer, and each list that does not have its test point. Never rejects. */
export async function checkDns(
  { servers, zones, timeoutMilliseconds }: DnsToCheck,
): Promise<string[]> {
  const asked = servers.length > 0 ? servers : systemServers()();
  const ask = async (question: Question | undefined, of: readonly NameServer[]) =>
    question && (await exchange(question, of, timeoutMilliseconds).reply)?.answer;
  const dead = await Promise.all(asked.map(async (server) => {
    const answer = await ask({ name: ".", type: "NS" }, [server]);
    return answer === undefined ? [`dns-servers: ${formatNameServer(server)} does not answer`] : [];
  }));
  // Nothing would be said about a list that its own silence does not say.
  if (dead.every((lines) => lines.length > 0)) return dead.flat();
  const lists = await Promise.all(zones.map(async (zone) => {
    const why = missing(zone, await ask(questionOf(nameIn(zone, testPoint), "A"), asked));
    if (why === undefined) return [];
    const name = zone.lists === "good" ? "dnswl" : "dnsbl";
    return [`${name}: ${zone.name} ${why}, want its test point ${testPoint.join(".")}`];
  }));
  return [...dead.flat(), ...lists.flat()];
}

function missing(zone: Zone, answer: Answer | undefined): string | undefined {
  if (answer === undefined) return "does not answer";
  if (answer.kind !== "found") return `answers ${answer.code}`;
  const problem = answer.records.map(String).find((address) => isProblem(zone, address));
  return problem === undefined ? undefined : `answers ${problem}`;
}
