/** Settings as administrators write them: in the file, as flags, in the environment. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { loadConfig } from "../../lib/config/config.ts";
import { commands } from "../../lib/commands/commands.ts";
import { sampleConfig } from "../../lib/commands/sample_config.ts";
import { readCommandLine } from "../../lib/config/flags.ts";
import { policyOptions } from "../../lib/config/load.ts";
import {
  environmentName,
  fallbackOf,
  type Setting,
  settingNames,
  settings,
} from "../../lib/config/settings.ts";
import { formatDuration, parseDuration } from "../../lib/config/units.ts";
import { formatEndpoint, parseEndpoint } from "../../lib/endpoint.ts";
import { policyOptions as defaults } from "../support/policy.ts";
import { bytes, files, mutated, target } from "./target.ts";

/** Values as they are written, each good for some setting. */
const written = [
  ...settingNames.flatMap((name) => fallbackOf(name, "daemon") ?? []),
  ...["spawn", "daemon", "500ms", "30s", "5m", "12h", "2d", "1w", "300", "0", "64 KiB", "1 MiB"],
  ...["inet:127.0.0.1:10023", "inet:[::1]:10023", "inet:localhost:25", "unix:/run/greylist.sock"],
  ...["memcached:127.0.0.1:11211", "memcached:a.example,b.example:1,[::1]", "memory"],
  ...["memcached:unix:/run/memcached.sock", "sqlite:/var/lib/greylist/state.db"],
  ...["accept", "defer", "client,recipient", "yes", "no", "450", "4.2.0 Wait %s s for %r, %%"],
  ...["X-Greylist: delayed %t seconds by greylist-%v at %h; %d", "none", "?/etc/a, /etc/b"],
  ...["syslog:/dev/log", "file:/var/log/greylist.log", "stderr", "warning", "json", "gl1:"],
  '"4.2.0 in quotes"',
];

/** The sample with each setting at its default, and the corpus of bad ones. */
const configurations = [
  sampleConfig(),
  sampleConfig().replace(/^#(?=[a-z-]+ = )/gm, ""),
  "mode = daemon\nstore =\n  memcached:127.0.0.1:11211,\n\n# more\n  127.0.0.1:11212\n",
  ...files("tests/bad_configs"),
];

const configFile = "/greylist.conf";

/** What comes of a file, flags, and variables. The lists and secrets that they name hold this line. */
function load({ file = "", argv = [], env = {} }: {
  readonly file?: string;
  readonly argv?: readonly string[];
  readonly env?: Record<string, string>;
}) {
  return loadConfig({
    flags: readCommandLine(["--config", configFile, ...argv], commands),
    env,
    readFile: (path) => path === configFile ? file : "someone:a-secret-of-some-length",
    exists: () => false,
  });
}

export const configurationFiles = target(
  "configuration files",
  fc.oneof(
    { weight: 9, arbitrary: mutated(configurations, settingNames.map((name) => `\n${name} = `)) },
    bytes(60),
  ),
  (file) => {
    const loaded = load({ file });
    const lines = file.split("\n").length;
    if (!("problems" in loaded)) {
      // What was taken can be used.
      const { config, secrets } = loaded;
      return void policyOptions({ config, secrets, lists: defaults.lists });
    }
    assert.notEqual(loaded.problems.length, 0);
    for (const problem of loaded.problems) {
      const [, line] = /^\/greylist\.conf:(\d+): /.exec(problem) ?? [];
      if (line !== undefined) assert.ok(Number(line) <= lines, `${problem}: there is no such line`);
    }
  },
);

export const values = target(
  "values of settings",
  fc.tuple(fc.constantFrom(...settingNames), mutated(written)),
  ([name, text]) => {
    const { takes, parse }: Setting = settings[name];
    try {
      parse(text);
    } catch (error) {
      assert.ok(error instanceof RangeError, String(error));
    }
    // The file joins lines and trims, and an empty variable is none.
    if (name === "config" || takes === "switch" || text.trim() !== text || /[^ -~]/.test(text)) {
      return;
    }
    if (text === "") return;
    const flag = load({ argv: [`--${name}=${text}`] });
    const variable = load({ env: { [environmentName(name)]: text } });
    const line = load({ file: `${name} = ${text}\n` });
    const where = (loaded: ReturnType<typeof load>) =>
      "problems" in loaded
        ? loaded.problems.map((problem) =>
          problem.replace(/^(?:--[a-z0-9-]+|GREYLIST_\w+|\/greylist\.conf:\d+): /, "")
        )
        : { ...loaded.config, config: undefined };
    assert.deepEqual(where(variable), where(flag));
    assert.deepEqual(where(line), where(flag));
  },
);

/** Parsers with what writes their values again. */
const pairs: readonly [string, (text: string) => string, RegExp][] = [
  ["delay", (text) => formatDuration(parseDuration(text)), /^\d+(?:ms|[smhdw])$/],
  ["listen", (text) => formatEndpoint(parseEndpoint(text)), /^(?:inet|unix):/],
];

export const spellings = target(
  "spellings of values",
  fc.tuple(fc.constantFrom(...pairs), mutated(written)),
  ([[name, respell, form], text]) => {
    let spelling: string;
    try {
      spelling = respell(text);
    } catch (error) {
      assert.ok(error instanceof RangeError, String(error));
      return;
    }
    assert.match(spelling, form, name);
    assert.equal(respell(spelling), spelling, `${name}: what is written is read as something else`);
  },
);
