/** The manual pages as readers show them, and completion as bash does it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as path from "node:path";
import { test } from "node:test";
import { script } from "../support/greylist.ts";
import { type Cleanup, tempDir } from "../support/process.ts";

const pages = ["greylist.8", "greylist.conf.5"];

/** A folder with what `tools/manual.ts` writes. */
function written(t: Cleanup): string {
  const folder = tempDir(t);
  const [program = "", ...words] = script("tools/manual.ts");
  const { status, stderr } = spawnSync(program, [...words, folder], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return folder;
}

function output(program: string, words: readonly string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, words, {
    encoding: "utf8",
    env: { PATH: "/usr/bin:/bin", LC_ALL: "C.UTF-8", ...env },
  });
  assert.equal(error, undefined);
  return { status, text: stdout, said: stderr };
}

test("mandoc and groff find nothing wrong with the manual pages, and show all of them", (t) => {
  const folder = written(t);
  for (const name of pages) {
    const file = path.join(folder, name);
    assert.equal(output("mandoc", ["-Tlint", "-W", "style", file]).text, "");
    const shown = output("man", ["--warnings", "-l", file], { MANWIDTH: "90" });
    assert.equal(shown.said, "");
    assert.match(shown.text, name === "greylist.8" ? /--log-line LINE/ : /retry-window = TIME/);
    assert.match(shown.text, /SEE ALSO\n +greylist/);
  }
});

const completed: readonly (readonly [typed: string, offered: readonly string[]])[] = [
  ["greylist ex", ["export", "explain"]],
  ["greylist explain --clie", ["--client", "--client-name", "--client-identity"]],
  ["greylist stats --js", ["--json"]],
  ["greylist --retry", ["--retry-window"]],
  ["greylist --on-store-failure ", ["accept", "defer"]],
  ["greylist --on-store-failure=d", ["defer"]],
  ["greylist check-config --log-level w", ["warning"]],
  ["greylist --store me", ["memcached:", "memory"]],
  ["greylist query --state ", ["CONNECT", "RCPT"]],
  ["greylist import --from ", ["postgrey", "sqlgrey"]],
  ["greylist --config /etc/passw", ["/etc/passwd"]],
  ["greylist report /etc/passw", ["/etc/passwd"]],
  ["greylist --listen unix:", []],
  ["greylist --delay ", []],
];

test("bash offers commands, options, and what settings can be", (t) => {
  const file = path.join(written(t), "greylist.bash");
  // What readline does: words are parted at what bash takes for a break.
  const harness = `
    source "$1"
    COMP_LINE=$2 COMP_POINT=\${#2}
    read -ra COMP_WORDS <<<"$(sed 's/[=:]/ & /g' <<<"$2")"
    case $2 in *[\\ =:]) COMP_WORDS+=('') ;; esac
    COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    $(complete -p greylist | sed 's/.*-F \\([^ ]*\\).*/\\1/')
    printf '%s\\n' "\${COMPREPLY[@]}"
  `;
  for (const [typed, offered] of completed) {
    const { status, text, said } = output("bash", ["-c", harness, "bash", file, typed]);
    assert.equal(said, "");
    assert.equal(status, 0);
    const lines = text.split("\n").filter((line) => line !== "");
    assert.deepEqual(lines.filter((line) => !/^.etc.passwd./.test(line)), offered, typed);
  }
});
