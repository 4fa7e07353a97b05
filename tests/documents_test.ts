/** That what the documents name is there. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const root = new URL("../", import.meta.url);
const documents = ["README.md", "CONTRIBUTING.md", "SECURITY.md"]
  .concat(
    readdirSync(new URL("doc", root)).filter((name) => name.endsWith(".md")).map((name) =>
      `doc/${name}`
    ),
  );
const textOf = (name: string) => readFileSync(new URL(name, root), "utf8");

test("every link from one document to another place leads somewhere", () => {
  for (const name of documents) {
    for (const [, target = ""] of textOf(name).matchAll(/\]\((?![a-z]+:)([^)#\s]+)[^)]*\)/g)) {
      assert.ok(existsSync(new URL(target, new URL(name, root))), `${name}: ${target}`);
    }
  }
});

test("every file and folder that a document names is there", () => {
  const named = /`((?:lib|tests|tools|bench|doc|postfix|contrib)\/[\w./-]*|main\.ts)`/g;
  for (const name of documents) {
    for (const [, path = ""] of textOf(name).matchAll(named)) {
      assert.ok(existsSync(new URL(path, root)), `${name}: ${path}`);
    }
  }
  assert.ok((textOf("doc/architecture.md").match(named) ?? []).length > 40);
});
