/**
 * `deno task suffixes`: makes lib/identity/public_suffix_table.ts from the public suffix list in tldts
 * (npm). To be run after an update of tldts: until then tests/unit/identity/public_suffix_test.ts fails.
 */
import * as fs from "node:fs";
// The list itself: tldts exports no way to go through its rules.
import * as trie from "../node_modules/tldts/dist/es6/src/data/trie.js";

/** Every rule, such as `co.uk`, `*.ck`, `!www.ck`; in Unicode and, where that differs, in punycode too. */
export function readRules(): string[] {
  const starts: number[] = [];
  let end = 0;
  for (const length of trie.edgeLength) {
    starts.push(end);
    end += length;
  }
  const rules: string[] = [];
  const walk = (node: number, name: string, mark: string) => {
    if (trie.nodeFlags[node] !== 0) rules.push(mark + name);
    for (let edge = trie.edgeStart[node] ?? 0; edge < (trie.edgeStart[node + 1] ?? 0); edge++) {
      const start = starts[edge] ?? 0;
      const label = trie.labelText.slice(start, start + (trie.edgeLength[edge] ?? 0));
      walk(trie.edgeChild[edge] ?? 0, name === "" ? label : `${label}.${name}`, mark);
    }
  };
  walk(trie.rulesRoot, "", "");
  walk(trie.exceptionsRoot, "", "!");
  return rules;
}

/** The whole module. A rule is written as the bytes of its UTF-8, which is how names are held here. */
export function tableModule(): string {
  const rulesOf = new Map<string, string[]>();
  for (const rule of readRules()) {
    const [tld = "", ...labels] = rule.replace(/^!/, "").split(".").reverse().map(bytesOf);
    if (labels.length === 0) continue; // any TLD is a suffix, as the list itself says
    if (labels.slice(0, -1).includes("*")) {
      throw new Error(`a * that is not the first label: ${rule}`);
    }
    if (rule.startsWith("!")) labels.push(`!${labels.pop()}`);
    rulesOf.set(tld, [...rulesOf.get(tld) ?? [], labels.join(" ")]);
  }
  const rows = [...rulesOf].sort(([a], [b]) => a < b ? -1 : 1).map(([tld, rules]) =>
    `  "${escaped(tld)}": "${escaped(rules.sort().join(","))}",\n`
  );
  return `// Made by \`deno task suffixes\` from the public suffix list in tldts; not to be edited. The list is
// https://publicsuffix.org/list/, under the Mozilla Public License 2.0. public_suffix.ts says what it means.
export const publicSuffixes: Readonly<Record<string, string>> = {
${rows.join("")}};
`;
}

function bytesOf(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

function escaped(bytes: string): string {
  return bytes.replace(/[\x80-\xff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`);
}

if (import.meta.main) {
  fs.writeFileSync(
    new URL("../lib/identity/public_suffix_table.ts", import.meta.url),
    tableModule(),
  );
}
