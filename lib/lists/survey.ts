/**
 * What there is to be said of a list that can be read: how many entries of which form it has, and which of them
 * do nothing, because another one says the same or more, or because nobody is ever like that.
 *
 * An entry is compared with the others of its form, and a mail address with domains; what a regular expression
 * matches is not compared with anything.
 */
import { untaggedSender } from "../identity/sender.ts";
import type { Lines, Rule } from "./lines.ts";
import { describeWarning, type Problem, quoted } from "./reading.ts";

/** What kind of list it is. */
export type Kind = "clients" | "senders" | "recipients";

/** What is known of an entry that is no pattern. */
export interface Facts {
  /** What it is, in the plural. */
  readonly form: "names" | "addresses" | "networks" | "users" | "domains";
  /** The place of the first entry that means the same; its own, if it is that. */
  readonly first: number | undefined;
  /** The place of another entry that holds all that this one does. */
  readonly above: number | undefined;
  /** Why it never matches. */
  readonly never?: string | undefined;
}

/** A list as far as it can be asked about its entries. */
export interface Surveyable {
  readonly lines: Lines;
  facts(entry: string): Facts;
}

export interface Survey {
  /** How many entries that can be read have a form. */
  readonly forms: ReadonlyMap<string, number>;
  /** What is wrong with those that do nothing, a line each, in order. */
  readonly remarks: readonly string[];
}

/**
 * Looks at every entry but those of `problems`.
 *
 * @param list all of it has been read
 */
export function surveyList(
  kind: Kind,
  list: Surveyable,
  problems: readonly Problem[],
): Survey {
  const { lines } = list, forms = new Map<string, number>(), remarks: string[] = [];
  const unread = new Set(problems.map(whereOf)), patterns = new Map<string, number>();
  const say = (rule: Rule, doubt: string) => remarks.push(describeWarning({ ...rule, doubt }));
  const told = (place: number) => {
    const rule = lines.rule(place);
    return `${whereOf(rule)}: ${quoted(rule.text)}`;
  };
  for (let place = 0; place < lines.count; place++) {
    const rule = lines.rule(place), entry = rule.text;
    if (entry === "" || unread.has(whereOf(rule))) continue;
    const isPattern = entry.startsWith("/");
    if (isPattern && !patterns.has(entry)) patterns.set(entry, place);
    const { form, first, above, never }: Partial<Facts> = isPattern
      ? { first: patterns.get(entry) }
      : list.facts(entry);
    const name = form ?? "patterns";
    forms.set(name, (forms.get(name) ?? 0) + 1);
    const why = never ?? neverMatches(kind, entry);
    if (first !== undefined && first !== place) say(rule, `says the same as ${told(first)}`);
    else if (above !== undefined) say(rule, `adds nothing: it stands below ${told(above)}`);
    else if (why !== undefined) say(rule, `never matches: ${why}`);
  }
  return { forms, remarks };
}

/** Why nothing ever matches an entry, as far as the entry itself tells. */
function neverMatches(kind: Kind, entry: string): string | undefined {
  if (entry.startsWith("/")) {
    if (kind === "clients") return wantsAt(entry) ? "no client's name has an @" : undefined;
    return /^\/\^@/.test(entry) ? "no address begins with an @" : undefined;
  }
  return kind === "senders" && untaggedSender(entry) !== undefined
    ? "a tag of BATV or SRS changes from mail to mail; write the address without it"
    : undefined;
}

/** Whether an `@` is in all that matches a pattern: it stands by itself, outside of what may be left out. */
function wantsAt(pattern: string): boolean {
  const plain = pattern.replace(/\\./g, "").replace(/\[\^?\]?[^\]]*\]/g, "");
  return /@(?![?*{])/.test(plain) && !/[|]|\)[?*{]/.test(plain);
}

function whereOf({ file, line }: Rule): string {
  return `${file}:${line}`;
}
