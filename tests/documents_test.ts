/** That what the documents name is there, and that what they show to be typed is run, or said not to be. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { commands } from "../lib/commands/commands.ts";
import { readCommandLine } from "../lib/config/flags.ts";
import { blocksIn, documents, textOf } from "./support/documented.ts";

const root = new URL("../", import.meta.url);
const read = (name: string) => readFileSync(new URL(name, root), "utf8");
/** A document without its blocks. */
const proseOf = (name: string) => textOf(name).replace(/^( *)```[^]*?^\1```$/gm, "");

/** Whether blocks of this language are there to be typed, or to be run as a script. */
const isTyped = (language: string) => ["sh", "bash", "console"].includes(language);

test("every link from one document to another place leads somewhere", () => {
  for (const name of documents) {
    for (const [, target = ""] of textOf(name).matchAll(/\]\((?![a-z]+:)([^)#\s]+)[^)]*\)/g)) {
      assert.ok(existsSync(new URL(target, new URL(name, root))), `${name}: ${target}`);
    }
  }
});

test("every link to a part of a document leads to a heading", () => {
  const anchorsOf = (name: string) =>
    [...proseOf(name).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
      heading.toLowerCase().replace(/[^\w\- ]/g, "").replaceAll(" ", "-")
    );
  let seen = 0;
  for (const name of documents) {
    for (const [, file = "", part = ""] of textOf(name).matchAll(/\]\(([\w./-]*)#([^)\s]+)\)/g)) {
      const target = file === ""
        ? name
        : new URL(file, new URL(name, root)).href.slice(root.href.length);
      assert.ok(anchorsOf(target).includes(part), `${name}: ${file}#${part}`);
      seen++;
    }
  }
  assert.ok(seen > 0);
});

test("every document can be reached from the README", () => {
  const reached = new Set<string>(["README.md"]);
  for (const name of reached) {
    for (const [, target = ""] of textOf(name).matchAll(/\]\((?![a-z]+:)([\w./-]+\.md)[^)]*\)/g)) {
      reached.add(new URL(target, new URL(name, root)).href.slice(root.href.length));
    }
  }
  assert.deepEqual(documents.filter((name) => !reached.has(name)), []);
});

test("every document opens with what it is for", () => {
  for (const name of documents) {
    assert.match(textOf(name), /^# .+\n\n(?![#|>*-]|```)[^]{60}/, name);
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

test("every task that a document names is there", () => {
  const { tasks } = JSON.parse(read("deno.json"));
  for (const name of documents) {
    for (const [, task = ""] of textOf(name).matchAll(/(?:deno|deno@[\d.]+) task ([\w:-]+)/g)) {
      assert.ok(task in tasks, `${name}: deno task ${task}`);
    }
  }
});

test("every greylist command that a text names can be given", () => {
  let seen = 0;
  for (const name of documents) {
    for (const [, line = ""] of proseOf(name).matchAll(/`greylist ([^`=\n]+)`/g)) {
      // Words in capitals and … stand for something.
      const { problems } = readCommandLine(line.replaceAll("…", "").trim().split(/\s+/), commands);
      assert.deepEqual(problems, [], `${name}: greylist ${line}`);
      seen++;
    }
  }
  assert.ok(seen > 10);
});

test("every block of commands is run by a test, or says why not", () => {
  let run = 0;
  for (const name of documents) {
    for (const { place, language, text, mark } of blocksIn(name)) {
      if (!isTyped(language)) continue;
      const [, by] = /^run by (\S+)$/.exec(mark) ?? [];
      if (by === undefined) {
        assert.match(mark, /^not run by a test: \S.{10}/, place);
      } else if (by === ".ci/run") {
        for (const line of text.trim().split("\n")) {
          const command = line.replace(/ +#.*/, "").replace(/^npx -y deno@[\d.]+/, "$deno");
          assert.match(read(by), new RegExp(` ${RegExp.escape(command)}$`, "m"), place);
        }
      } else {
        assert.ok(existsSync(new URL(by, root)), `${place}: ${by}`);
        const taken = new RegExp(
          `blocksRunBy\\(\\s*import\\.meta\\.url,\\s*"${RegExp.escape(name)}"`,
        );
        assert.match(read(by), taken, `${place}: ${by} does not take it`);
        run++;
      }
    }
  }
  assert.ok(run > 5);
});

test("no command hides where no mark is asked for", () => {
  const programs =
    "greylist|npx|deno|docker|apt-get|systemctl|journalctl|postconf|postfix|swaks|grep|sudo";
  const command = new RegExp(`^ *(?:\\$ .*|(?:${programs}) [\\w./-].*)$`, "m");
  for (const name of documents) {
    for (const { place, language, text } of blocksIn(name)) {
      if (isTyped(language)) continue;
      assert.doesNotMatch(text, command, place);
    }
    // A block by indentation alone has no mark.
    assert.doesNotMatch(proseOf(name), new RegExp(`\n\n {4,}(?:${programs}|\\$) `), name);
  }
});
