/**
 * Whose name it is: the registrable domain of a host name by the public suffix list
 * (https://publicsuffix.org/list/): the suffix, below which anybody may register, and one label more.
 *
 * Both parts of the list count: the suffixes of registries (co.uk), and those of companies that give names
 * below their own to others (github.io, a cloud's regions, dynamic DNS): their tenants are strangers.
 *
 * public_suffix_table.ts has the rules of each TLD that has any, parted by commas and sorted. A rule is its
 * labels without the TLD, from right to left, parted by spaces: `amazonaws compute *` is
 * `*.compute.amazonaws.com`. `*` stands for any label, `!` begins an exception, which counts before all
 * others; else the longest rule does, and any TLD is a suffix. The table is searched as it is, never parsed:
 * in spawn mode a process that lives for one mail would pay for that.
 */
import { publicSuffixes } from "./public_suffix_table.ts";

/**
 * The registrable domain of a host name in lower case. Undefined where the name is itself a suffix, or no
 * host name.
 */
export function registrableDomain(name: string): string | undefined {
  if (name.startsWith(".") || name.endsWith(".") || name.includes("..")) return undefined;
  const dot = name.lastIndexOf(".");
  if (dot === -1) return undefined;
  const suffix = suffixStart(name, dot);
  return suffix === 0 ? undefined : name.slice(name.lastIndexOf(".", suffix - 2) + 1);
}

/** Where the public suffix begins; `dot` is the one before the TLD. */
function suffixStart(name: string, dot: number): number {
  const tld = name.slice(dot + 1);
  let suffix = dot + 1;
  const rules = Object.hasOwn(publicSuffixes, tld) ? publicSuffixes[tld] : undefined;
  if (rules === undefined) return suffix;
  let parent = ""; // the labels so far, each with a space behind it
  let firstBelow = 0; // where the first rule below them is; a space, `!`, `*` are sorted before all else
  for (let end = dot; end > 0;) {
    const start = name.lastIndexOf(".", end - 1) + 1;
    const label = name.slice(start, end);
    const rule = parent + label;
    const at = find(rules, rule);
    const isRule = isAt(rules, at, rule);
    if (isRule) suffix = start;
    else if ("!*".includes(rules.charAt(firstBelow + parent.length))) {
      if (has(rules, `${parent}!${label}`)) return end + 1;
      if (has(rules, `${parent}*`)) suffix = start;
    }
    parent = `${rule} `;
    firstBelow = isRule ? at + rule.length + 1 : at;
    if (!rules.startsWith(parent, firstBelow)) break;
    end = start - 1;
  }
  return suffix;
}

function has(rules: string, rule: string): boolean {
  return isAt(rules, find(rules, rule), rule);
}

function isAt(rules: string, at: number, rule: string): boolean {
  const end = at + rule.length;
  return rules.startsWith(rule, at) && (end === rules.length || rules.charAt(end) === ",");
}

/** Where a rule is, or else the next one that is sorted behind it: a binary search in the text. */
function find(rules: string, rule: string): number {
  let low = 0;
  let high = rules.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const start = rules.lastIndexOf(",", middle - 1) + 1;
    const comma = rules.indexOf(",", middle);
    const end = comma === -1 ? rules.length : comma;
    if (rules.slice(start, end) < rule) low = end + 1;
    else high = start;
  }
  return low;
}
