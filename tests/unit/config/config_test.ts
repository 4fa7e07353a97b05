import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { commands } from "../../../lib/commands/commands.ts";
import { defaultConfigFile, loadConfig } from "../../../lib/config/config.ts";
import { readCommandLine } from "../../../lib/config/flags.ts";
import { environmentName, settingNames, settings } from "../../../lib/config/settings.ts";
import { filesOf } from "../../support/files.ts";

/** Loads from what is given; `files` are all the files that there are. */
function load(
  argv: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
  files: Readonly<Record<string, string>> = {},
) {
  return loadConfig({ flags: readCommandLine(argv, commands), env, ...filesOf(files) });
}

function good(...from: Parameters<typeof load>) {
  const loaded = load(...from);
  assert.ok(!("problems" in loaded), "problems" in loaded ? loaded.problems.join("\n") : "");
  return loaded;
}

function problems(...from: Parameters<typeof load>): readonly string[] {
  const loaded = load(...from);
  return "problems" in loaded ? loaded.problems : [];
}

test("without anything, spawn mode with memcached on this host, logging to syslog", () => {
  const { config } = good();
  assert.equal(readCommandLine([], commands).command, "serve");
  assert.equal(config.mode, "spawn");
  assert.deepEqual(config.store, {
    kind: "memcached",
    servers: [{ kind: "inet", host: "127.0.0.1", port: 11211 }],
  });
  assert.deepEqual(config.log, { kind: "syslog", path: "/dev/log" });
  assert.deepEqual(
    [config.delay, config.retryWindow, config.maxAge, config.storeTimeout],
    [300, 172_800, 3_024_000, 0.5],
  );
});

test("in daemon mode the log goes to stderr", () => {
  assert.deepEqual(good(["--mode", "daemon"]).config.log, { kind: "stderr" });
});

test("a flag counts over the environment, that over the file, that over the default", () => {
  const files = { [defaultConfigFile]: "delay = 1m\nretry-window = 1d\nmax-age = 1w\n" };
  const env = { GREYLIST_DELAY: "2m", GREYLIST_RETRY_WINDOW: "2d" };
  const { config } = good(["--delay", "3m"], env, files);
  assert.deepEqual([config.delay, config.retryWindow, config.maxAge], [180, 172_800, 604_800]);
});

test("every setting can be given as flag, variable and line of the file, at its default", () => {
  for (const name of settingNames) {
    const { fallback, takes } = settings[name];
    if (typeof fallback !== "string") continue;
    const flag = takes === "switch" ? [`--${name}=${fallback}`] : [`--${name}`, fallback];
    assert.deepEqual(good(flag).config, good().config, name);
    assert.deepEqual(good([], { [environmentName(name)]: fallback }).config, good().config);
    const files = { [defaultConfigFile]: `${name} = ${fallback}\n` };
    assert.deepEqual(good([], {}, files).config, good().config, name);
  }
});

test("a list is separated by commas or blanks, and a flag that lists may be repeated", () => {
  const expected = good(["--listen", "inet:127.0.0.1:1", "--listen=unix:/s"]).config.listen;
  assert.equal(expected.length, 2);
  for (const text of ["inet:127.0.0.1:1,unix:/s", "inet:127.0.0.1:1  unix:/s"]) {
    assert.deepEqual(good([], { GREYLIST_LISTEN: text }).config.listen, expected);
  }
  const file = "listen = inet:127.0.0.1:1,\n  # in between\n\n  unix:/s\n";
  assert.deepEqual(good(["--config", "/c"], {}, { "/c": file }).config.listen, expected);
});

test("of a flag that is given twice the last counts, so that a script's can be overridden", () => {
  assert.equal(good(["--delay", "1m", "--delay", "2m"]).config.delay, 120);
});

test("an empty variable is one that is not set", () => {
  assert.deepEqual(
    good([], { GREYLIST_DELAY: "", GREYLIST_KEY_SECRET_FILE: "" }).config,
    good().config,
  );
});

test("an empty line of the file means none of a list, and nothing for what has no default", () => {
  const files = { [defaultConfigFile]: "whitelist-clients =\nkey-secret-file =\n" };
  const { config } = good([], {}, files);
  assert.deepEqual(config.whitelistClients, []);
  assert.equal(config.keySecretFile, undefined);
  assert.equal(problems([], {}, { [defaultConfigFile]: "listen =\n" }).length, 1);
});

test("the file is UTF-8, with a byte order mark or without", () => {
  const bytes = new TextEncoder().encode("\ufeffwhitelist-clients = /w\u00fcst\n");
  const files = { [defaultConfigFile]: String.fromCharCode(...bytes) };
  assert.deepEqual(good([], {}, files).config.whitelistClients, [
    { path: "/w\u00fcst", optional: false },
  ]);
});

test("a switch needs no value, and takes yes or no", () => {
  assert.equal(good(["--dry-run"]).config.dryRun, true);
  assert.equal(good(["--dry-run=no"], { GREYLIST_DRY_RUN: "yes" }).config.dryRun, false);
});

test("a configuration file that was asked for must be there, the default one need not", () => {
  assert.deepEqual(problems(["--config", "/none"]), [
    `--config: Cannot read "/none": No such file or directory`,
  ]);
  assert.deepEqual(problems([]), []);
});

test("commands, --help and --version are told apart from settings", () => {
  const command = (...argv: string[]) => {
    const line = readCommandLine(argv, commands);
    assert.deepEqual(line.problems, []);
    return line.command;
  };
  assert.equal(command("check-config", "--delay", "1m"), "check-config");
  assert.equal(command("sample-config"), "sample-config");
  assert.equal(command("--delay", "nonsense", "--help"), "help");
  assert.equal(command("-h"), "help");
  assert.equal(command("--version"), "version");
  assert.deepEqual(problems(["frobnicate"]), ["frobnicate: no such command"]);
  for (
    const [typed, meant] of [
      ["chek-config", "check-config"],
      ["explian", "explain"],
      ["--log-lin=x", "--log-line"],
      ["--retry_window=1d", "--retry-window"],
    ] as const
  ) {
    const [problem = ""] = problems([typed]);
    assert.ok(problem.endsWith(`; did you mean ${meant}?`), problem);
  }
});

test("an option of a command has a value, and belongs to no other command", () => {
  const table = {
    serve: { switches: [] },
    help: { switches: [] },
    version: { switches: [] },
    take: { switches: ["quick"], options: { from: "WHAT" }, takesWords: true },
  } as const;
  const read = (...argv: string[]) => readCommandLine(argv, table);
  const line = read("take", "--from", "there", "--quick", "word", "--delay", "1m", "--from=here");
  assert.deepEqual(line.problems, []);
  assert.deepEqual([...line.options], [["from", "here"]]);
  assert.deepEqual(line.words, ["word"]);
  assert.deepEqual(line.settings.get("delay")?.texts, ["1m"]);
  assert.deepEqual(read("take", "--from").problems, ["--from: want WHAT behind it"]);
  assert.deepEqual(read("take", "--from", "--quick").problems, ["--from: want WHAT behind it"]);
  assert.deepEqual(read("--from", "there").problems, ["--from: only take takes it"]);
});

test("other programs' variables are none of ours", () => {
  assert.deepEqual(problems([], { MEMCACHIER_USERNAME: "x", PATH: "/bin", GREYLISTING: "x" }), []);
});

test("secrets are read from the files that settings name", () => {
  const { secrets } = good(
    ["--key-secret-file", "/key", "--memcached-auth-file", "/auth"],
    {},
    // The bytes of "pass:wörd" in UTF-8.
    { "/key": "0123456789abcdef\n", "/auth": "user:pass:w\xc3\xb6rd\n" },
  );
  assert.equal(new TextDecoder().decode(secrets.key), "0123456789abcdef");
  assert.deepEqual(secrets.memcached, { username: "user", password: "pass:w\u00f6rd" });
});

test("a secret that is missing, too short or no user:password is a problem that does not show it", () => {
  const told = problems(
    ["--key-secret-file", "/key", "--memcached-auth-file", "/auth", "--store", "memcached:a"],
    {},
    { "/key": "hush", "/auth": "hush" },
  );
  assert.deepEqual(told, [
    "/key: want a secret of at least 16 bytes, got 4",
    "/auth: want one line, user:password",
  ]);
  assert.deepEqual(problems(["--key-secret-file", "/none"]), [
    `--key-secret-file: Cannot read key-secret-file "/none": No such file or directory`,
  ]);
});

test("no setting has a name that Kubernetes or Docker gives to a variable of a service greylist", () => {
  for (const name of settingNames) {
    const rest = environmentName(name).slice("GREYLIST_".length);
    assert.doesNotMatch(rest, /^(?:NAME|PORT|ENV_.*|PORT_.*|SERVICE_.*)$/);
    // Of one called greylist-something.
    assert.doesNotMatch(
      rest,
      /_(?:NAME|PORT|SERVICE_HOST|SERVICE_PORT)$|_(?:ENV|PORT|SERVICE_PORT)_/,
    );
  }
});

/**
 * How a problem is worded: where it is, and then what was wanted and what is there; or why two settings do not go
 * together, or what there is too much of.
 */
const wording = new RegExp(
  "^(?:FILE:\\d+|--[a-z-]+|GREYLIST_[A-Z0-9_]+): (?:" + [
    "Cannot parse [a-z0-9-]+: want .+, got .+",
    "want [A-Z]+ behind it",
    'want name = value, got ".*"',
    'no such setting(?:: ".+")?(?:; did you mean [a-z-]+\\?)?',
    "[a-z0-9-]+ was set already at FILE:\\d+",
    "[a-z-]+ .*(?:does not go with|needs|is not shorter than) .+",
  ].join("|") + ")$",
);

/**
 * A bad or doubtful configuration is a file of tests/bad_configs: a configuration file that begins with `#=`, a
 * problem that is expected, or `#~`, a warning (in order, FILE for the file's name), and may have `#args` and
 * `#env` lines.
 */
const corpus = new URL("../../bad_configs/", import.meta.url);
for (const name of readdirSync(corpus).sort()) {
  test(`bad configuration: ${name.replace(/\.conf$/, "").replaceAll("-", " ")}`, () => {
    const text = readFileSync(new URL(name, corpus), "utf8");
    const lines = (mark: string) =>
      text.split("\n").filter((line) => line.startsWith(mark)).map((line) =>
        line.slice(mark.length).trim()
      );
    const argv = lines("#args").flatMap((line) => line.split(" "));
    const env = Object.fromEntries(
      lines("#env").map((line) => line.split("=") as [string, string]),
    );
    const expected = (mark: string) =>
      lines(mark).map((line) => line.replaceAll("FILE", "/greylist.conf"));
    const loaded = load(["--config", "/greylist.conf", ...argv], env, { "/greylist.conf": text });
    const told = {
      problems: "problems" in loaded ? loaded.problems : [],
      warnings: loaded.warnings,
    };
    assert.ok(told.problems.length + told.warnings.length > 0, "there is nothing wrong");
    assert.deepEqual(told, { problems: expected("#="), warnings: expected("#~") });
    for (const problem of lines("#=")) assert.match(problem, wording);
  });
}
