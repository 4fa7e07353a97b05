/** That Postfix takes postfix/main.cf and postfix/master.cf as they are shipped, and has nothing to say. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { tempDir } from "../support/process.ts";

const shipped = fileURLToPath(new URL("../../postfix/", import.meta.url));

/** Runs a command of Postfix; what it said on standard error, and its status. */
function run(command: string, ...args: string[]): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "latin1" });
  return { status, said: stderr + (command === "postfix" ? stdout : "") };
}

/** A configuration folder with the shipped files, and nothing changed but where it keeps its queue. */
function configuration(dir: string): string {
  const config = path.join(dir, "config");
  fs.mkdirSync(config);
  for (const name of ["main.cf", "master.cf"]) {
    fs.copyFileSync(path.join(shipped, name), path.join(config, name));
    // Postfix reads a file that was changed within the last second again and again.
    fs.utimesSync(path.join(config, name), 1e9, 1e9);
  }
  for (const folder of ["queue", "data"]) fs.mkdirSync(path.join(dir, folder));
  spawnSync("chown", ["postfix", path.join(dir, "data")]);
  return config;
}

test("postconf reads both files without a warning, and knows every parameter and service", (t) => {
  const config = configuration(tempDir(t));
  for (const args of [["-n"], ["-M"], ["-P"]]) {
    assert.deepEqual(run("postconf", "-c", config, ...args), { status: 0, said: "" }, `${args}`);
  }
});

test("postfix check has nothing to say about them", (t) => {
  const dir = tempDir(t), config = configuration(dir);
  const folders = [`queue_directory=${dir}/queue`, `data_directory=${dir}/data`];
  const log = `${dir}/mail.log`;
  const where = [`maillog_file=${log}`, `maillog_file_prefixes=${dir}`];
  run("postconf", "-c", config, "-e", ...folders, ...where);
  // maillog_file wants it, as master.cf says.
  run("postconf", "-c", config, "-M", "postlog/unix-dgram=postlog unix-dgram n - n - 1 postlogd");
  fs.utimesSync(path.join(config, "master.cf"), 1e9, 1e9);
  fs.utimesSync(path.join(config, "main.cf"), 1e9, 1e9);
  const { status, said } = run("postfix", "-c", config, "check");
  const logged = fs.existsSync(log) ? fs.readFileSync(log, "latin1") : "";
  assert.deepEqual({ status, said, logged }, { status: 0, said: "", logged: "" });
});

test("what would be a warning is one: a parameter that nobody knows", (t) => {
  const config = configuration(tempDir(t));
  fs.appendFileSync(path.join(config, "main.cf"), "greylist_nonsense = 1\n");
  fs.utimesSync(path.join(config, "main.cf"), 1e9, 1e9);
  assert.match(run("postconf", "-c", config, "-n").said, /unused parameter: greylist_nonsense/);
});
