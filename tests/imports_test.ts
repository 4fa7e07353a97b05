import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const root = new URL("../", import.meta.url);

/** Every module of the program, and what it imports: a path from the root, or a bare specifier. */
const graph = new Map<string, { specifier: string; typeOnly: boolean; onDemand: boolean }[]>();
for (const name of ["main.ts", ...readdirSync(new URL("lib", root), { recursive: true })]) {
  const path = name === "main.ts" ? "main.ts" : `lib/${String(name).replaceAll("\\", "/")}`;
  if (!path.endsWith(".ts") || path.endsWith(".d.ts")) continue;
  const text = readFileSync(new URL(path, root), "utf8");
  const statements = text.matchAll(
    /^(?:import|export)\s+(type\s+)?(?:[^"';]*?\s+from\s+)?"([^"]+)"|\bimport\("([^"]+)"\)/gm,
  );
  graph.set(
    path,
    [...statements].map(([, type, fixed, dynamic]) => {
      const specifier = fixed ?? dynamic ?? "";
      return {
        specifier: specifier.startsWith(".")
          ? new URL(specifier, new URL(path, root)).pathname.slice(root.pathname.length)
          : specifier,
        typeOnly: type !== undefined,
        onDemand: dynamic !== undefined,
      };
    }),
  );
}

const importers = (specifier: string | RegExp) =>
  [...graph].filter(([, imports]) =>
    imports.some((i) =>
      typeof specifier === "string" ? i.specifier === specifier : specifier.test(i.specifier)
    )
  ).map(([path]) => path).sort();

/** The rooms, from the top: an import points further down, or stays in its room. */
const rooms = [
  "main.ts",
  "lib/commands/",
  "lib/report/",
  "lib/server/",
  "lib/config/",
  "lib/moves/",
  "lib/metrics/",
  "lib/greylist/",
  "lib/log/",
  "lib/stores/",
  "lib/lists/",
  "lib/dns/",
  "lib/identity/",
  "lib/protocol/",
  "lib/",
];

test("doc/architecture.md shows the rooms in this order", () => {
  const text = readFileSync(new URL("doc/architecture.md", root), "utf8");
  const [, picture = ""] = /```\n(main\.ts[^]*?)```/.exec(text) ?? [];
  assert.deepEqual(picture.match(/^(?:main\.ts|lib\/\S*)/gm), rooms);
});

test("tests/unit has a folder for each room that has tests, and for nothing else", () => {
  for (const { name } of readdirSync(new URL("tests/unit", root), { withFileTypes: true })) {
    const room = name.endsWith("_test.ts") ? "lib/" : `lib/${name}/`;
    assert.ok(rooms.includes(room), `tests/unit/${name}`);
  }
});

/** Rooms and modules without clock, I/O or runtime; a room's name stands for all in it. */
const pure = [
  "lib/address.ts",
  "lib/config/config.ts",
  "lib/config/environment.ts",
  "lib/config/file.ts",
  "lib/config/flags.ts",
  "lib/config/help.ts",
  "lib/config/raw.ts",
  "lib/config/secrets.ts",
  "lib/config/sense.ts",
  "lib/config/settings.ts",
  "lib/config/suggestion.ts",
  "lib/config/units.ts",
  "lib/dns/cache.ts",
  "lib/dns/error.ts",
  "lib/dns/lanes.ts",
  "lib/dns/message.ts",
  "lib/dns/name_server.ts",
  "lib/dns/outage.ts",
  "lib/dns/spf_record.ts",
  "lib/dns/vouching.ts",
  "lib/dns/zones.ts",
  "lib/endpoint.ts",
  "lib/error.ts",
  "lib/greylist/census.ts",
  "lib/greylist/decide.ts",
  "lib/greylist/inquiry.ts",
  "lib/greylist/instances.ts",
  "lib/greylist/merge.ts",
  "lib/greylist/knowledge.ts",
  "lib/greylist/quota.ts",
  "lib/greylist/record_words.ts",
  "lib/greylist/records.ts",
  "lib/greylist/release.ts",
  "lib/greylist/suspicion.ts",
  "lib/greylist/trust.ts",
  "lib/identity/",
  "lib/lists/addresses.ts",
  "lib/lists/clients.ts",
  "lib/lists/domains.ts",
  "lib/lists/lines.ts",
  "lib/lists/patterns.ts",
  "lib/lists/places.ts",
  "lib/lists/prefixes.ts",
  "lib/lists/reading.ts",
  "lib/lists/recipients.ts",
  "lib/lists/senders.ts",
  "lib/lists/sources.ts",
  "lib/lists/survey.ts",
  "lib/log/escape.ts",
  "lib/log/line.ts",
  "lib/log/log.ts",
  "lib/log/postfix_line.ts",
  "lib/log/reasons.ts",
  "lib/log/stamp.ts",
  "lib/log/target.ts",
  "lib/metrics/counting_log.ts",
  "lib/metrics/counts.ts",
  "lib/metrics/table.ts",
  "lib/protocol/",
  "lib/recent.ts",
  "lib/report/ranking.ts",
  "lib/report/tally.ts",
  "lib/report/troubles.ts",
  "lib/report/waiting.ts",
  "lib/report/waits.ts",
  "lib/report/words.ts",
  "lib/stores/address.ts",
  "lib/stores/breaker.ts",
  "lib/stores/expiry_queue.ts",
  "lib/stores/rendezvous.ts",
  "lib/version.ts",
];

const isIn = (path: string, place: string) =>
  place.endsWith("/") ? path.startsWith(place) : path === place;
const isPure = (path: string) => pure.some((place) => isIn(path, place));

test("the graph has been read", () => {
  const imports = (path: string, what: string) =>
    graph.get(path)?.some(({ specifier }) => specifier === what);
  assert.ok(imports("main.ts", "lib/commands/commands.ts"));
  assert.ok(imports("lib/commands/commands.ts", "lib/commands/serve.ts"));
  for (const place of [...pure, ...rooms]) {
    assert.ok([...graph.keys()].some((path) => isIn(path, place)), `nothing is in ${place}`);
  }
});

test("pure modules import only pure modules, pure packages, and what is pure of node", () => {
  for (const [path, imports] of graph) {
    if (!isPure(path)) continue;
    for (const { specifier, typeOnly } of imports) {
      const known = typeOnly || isPure(specifier) ||
        ["fastest-levenshtein", "ipaddr.js", "dns-packet", "node:url", "node:util"].includes(
          specifier,
        ) ||
        specifier.startsWith("@noble/hashes/");
      assert.ok(known, `${path}: ${specifier}`);
    }
  }
});

test("pure modules know no clock and no runtime", () => {
  for (const path of graph.keys()) {
    if (!isPure(path)) continue;
    const text = readFileSync(new URL(path, root), "utf8").replace(/\/\*[^]*?\*\/|\/\/.*/g, "");
    assert.doesNotMatch(text, /\b(?:Deno|process|performance)\.|Date\.now|Math\.random/, path);
  }
});

test("imports point one way, down the list of rooms", () => {
  const floor = (path: string) => rooms.findIndex((room) => isIn(path, room));
  for (const [path, imports] of graph) {
    for (const { specifier } of imports) {
      if (!graph.has(specifier)) continue;
      assert.ok(floor(path) <= floor(specifier), `${path} imports ${specifier}`);
    }
  }
});

test("no module imports itself by a detour", () => {
  const visit = (path: string, above: readonly string[]): void => {
    assert.ok(!above.includes(path), [...above, path].join(" -> "));
    for (const { specifier, typeOnly } of graph.get(path) ?? []) {
      if (!typeOnly && graph.has(specifier)) visit(specifier, [...above, path]);
    }
  };
  for (const path of graph.keys()) visit(path, []);
});

/** The packages of npm that the program is made of, the module that names each, and whether only who wants it loads it. */
const packages: readonly { name: string; namedBy: string; whenWanted: boolean }[] = [
  { name: "@logtape/logtape", namedBy: "lib/log/open.ts", whenWanted: false },
  { name: "@noble/hashes", namedBy: "lib/identity/hash.ts", whenWanted: false },
  { name: "@observablehq/plot", namedBy: "lib/report/pictures.ts", whenWanted: true },
  { name: "dns-packet", namedBy: "lib/dns/message.ts", whenWanted: true },
  { name: "fastest-levenshtein", namedBy: "lib/config/suggestion.ts", whenWanted: false },
  { name: "ipaddr.js", namedBy: "any", whenWanted: false },
  { name: "linkedom", namedBy: "lib/report/pictures.ts", whenWanted: true },
  { name: "mailauth", namedBy: "lib/dns/spf.ts", whenWanted: true },
  { name: "memjs", namedBy: "lib/stores/memcached_connection.ts", whenWanted: true },
  { name: "prom-client", namedBy: "lib/metrics/pages.ts", whenWanted: true },
  { name: "re2js", namedBy: "lib/lists/regex.ts", whenWanted: true },
];

const isOf = (specifier: string, name: string) =>
  specifier === name || specifier.startsWith(`${name}/`);

test("every package that is imported is in the table of packages, and pinned in deno.json", () => {
  const bare = [...graph.values()].flat().map(({ specifier }) => specifier)
    .filter((specifier) => !specifier.startsWith("node:") && !graph.has(specifier));
  for (const specifier of bare) {
    assert.ok(packages.some(({ name }) => isOf(specifier, name)), specifier);
  }
  const { imports } = JSON.parse(readFileSync(new URL("deno.json", root), "utf8"));
  for (const [name, from] of Object.entries(imports)) {
    assert.match(String(from), /^npm:.+@[0-9]+\.[0-9]+\.[0-9]+\/?$/, name);
  }
});

test("a start loads no store, no pattern engine and nothing of DNS: who wants them loads them", () => {
  const loaded = new Set<string>();
  const load = (path: string): void => {
    loaded.add(path);
    for (const { specifier, typeOnly, onDemand } of graph.get(path) ?? []) {
      if (!typeOnly && !onDemand && !loaded.has(specifier)) load(specifier);
    }
  };
  load("lib/commands/serve.ts");
  assert.ok(loaded.has("lib/greylist/decide.ts"));
  for (const { name, whenWanted } of packages) {
    if (whenWanted) assert.ok(![...loaded].some((path) => isOf(path, name)), name);
  }
  assert.ok(!loaded.has("node:sqlite"));
});

test("one module names each thing that is to be named once", () => {
  for (const { name, namedBy } of packages) {
    const found = [...graph].filter(([, all]) => all.some(({ specifier }) => isOf(specifier, name)))
      .map(([path]) => path);
    if (namedBy === "any") assert.ok(found.length > 0, name);
    else assert.deepEqual(found, [namedBy], name);
  }
  assert.deepEqual(importers("node:sqlite"), [
    "lib/stores/sqlite_file.ts",
    "lib/stores/sqlite_rows.ts",
  ]);
  const using = (pattern: RegExp) =>
    [...graph.keys()].filter((path) => {
      const text = readFileSync(new URL(path, root), "utf8").replace(/\/\*[^]*?\*\/|\/\/.*/g, "");
      return pattern.test(text);
    });
  assert.deepEqual(using(/\bDeno\./).sort(), ["lib/descriptor.ts", "lib/log/syslog.ts"]);
  assert.deepEqual(using(/\bconsole\./), []);
  assert.deepEqual(using(/instanceof Error \?/), ["lib/error.ts"]);
  assert.deepEqual(using(/\bprocess\.(?:argv|env|exit)\b/), ["main.ts"]);
});

test("no module is longer than 300 lines, but the table of settings and what is generated", () => {
  const long = [...graph.keys()].filter((path) =>
    readFileSync(new URL(path, root), "utf8").split("\n").length > 301
  );
  assert.deepEqual(long.sort(), ["lib/config/settings.ts", "lib/identity/public_suffix_table.ts"]);
});
