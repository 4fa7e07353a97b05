import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const root = new URL("../", import.meta.url);

/** Every module of the program, and what it imports: a path from the root, or a bare specifier. */
const graph = new Map<string, { specifier: string; typeOnly: boolean }[]>();
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

/** No clock, no I/O, no runtime. */
const pure = [
  "lib/auto_whitelist.ts",
  "lib/breaker.ts",
  "lib/config_file.ts",
  "lib/escape.ts",
  "lib/greylist.ts",
  "lib/log/target.ts",
  "lib/protocol.ts",
  "lib/reply.ts",
  "lib/settings.ts",
  "lib/help.ts",
  "lib/stores/address.ts",
  "lib/stores/rendezvous.ts",
  "lib/triplet.ts",
  "lib/units.ts",
  "lib/version.ts",
  "lib/whitelist/clients.ts",
  "lib/whitelist/domains.ts",
  "lib/whitelist/lines.ts",
  "lib/whitelist/patterns.ts",
  "lib/whitelist/prefixes.ts",
  "lib/whitelist/recipients.ts",
];

test("the graph has been read", () => {
  assert.ok(graph.get("main.ts")?.some(({ specifier }) => specifier === "lib/setup.ts"));
  assert.ok(graph.get("main.ts")?.some(({ specifier }) => specifier === "lib/commands/serve.ts"));
  for (const path of pure) assert.ok(graph.has(path), path);
});

test("pure modules import only pure modules, and ipaddr.js", () => {
  for (const path of pure) {
    for (const { specifier } of graph.get(path) ?? []) {
      assert.ok(pure.includes(specifier) || specifier === "ipaddr.js", `${path}: ${specifier}`);
    }
  }
});

test("pure modules know no clock and no runtime", () => {
  for (const path of pure) {
    const text = readFileSync(new URL(path, root), "utf8").replace(/\/\*[^]*?\*\/|\/\/.*/g, "");
    assert.doesNotMatch(text, /\b(?:Deno|process|performance)\.|Date\.now|Math\.random/, path);
  }
});

test("imports point one way: main, commands, modes, policy, pure", () => {
  const layer = (path: string) =>
    path === "main.ts"
      ? 5
      : path.startsWith("lib/commands/")
      ? 4
      : ["lib/spawn.ts", "lib/daemon.ts", "lib/reload.ts"].includes(path)
      ? 3
      : path === "lib/connection.ts"
      ? 2
      : path === "lib/setup.ts"
      ? 2
      : path === "lib/policy.ts"
      ? 1
      : 0;
  for (const [path, imports] of graph) {
    for (const { specifier } of imports) {
      if (!graph.has(specifier) || layer(path) === 0 && layer(specifier) === 0) continue;
      assert.ok(layer(path) > layer(specifier), `${path} imports ${specifier}`);
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

test("one module names each thing that is to be named once", () => {
  assert.deepEqual(importers("memjs"), ["lib/stores/memcached_connection.ts"]);
  assert.deepEqual(importers("re2js"), ["lib/whitelist/regex.ts"]);
  assert.deepEqual(importers("node:sqlite"), ["lib/stores/sqlite_file.ts"]);
  const using = (pattern: RegExp) =>
    [...graph.keys()].filter((path) => {
      const text = readFileSync(new URL(path, root), "utf8").replace(/\/\*[^]*?\*\/|\/\/.*/g, "");
      return pattern.test(text);
    });
  assert.deepEqual(using(/\bDeno\./).sort(), ["lib/descriptor.ts", "lib/log/syslog.ts"]);
  assert.deepEqual(using(/\bconsole\./), []);
  assert.deepEqual(using(/\bprocess\.(?:argv|env|exit)\b/), ["main.ts"]);
});
