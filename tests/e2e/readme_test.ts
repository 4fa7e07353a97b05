/** The first thing that the README has a reader type: the program from source, and what Postfix would ask it. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { blocksRunBy, examplesIn } from "../support/documented.ts";
import { environment } from "../support/greylist.ts";
import { freePort, start, waitFor } from "../support/process.ts";

/** What changes from run to run. */
const masked = (text: string) =>
  text.replace(/in \d+ seconds/, "in N seconds").replace(/delayed \d+ seconds/, "delayed N seconds")
    .replace(/ at \S+; .*/, " at HOST; DATE").trim();

test("the README's first steps print what it says", async (t) => {
  const [daemon, questions] = blocksRunBy(import.meta.url, "README.md");
  assert.ok(daemon !== undefined && questions !== undefined);
  const cwd = fileURLToPath(new URL("../../", import.meta.url));
  const port = await freePort();
  // A delay of half the time, a port of our own, the Deno of this test, and socat for nc, as the README offers.
  const functions = `npx() { shift 2; exec '${Deno.execPath()}' "$@"; }\n` +
    'nc() { socat -t1 - "TCP:$2:$3"; }\n';
  const local = (text: string) =>
    functions +
    text.replaceAll("10023", `${port}`).replace("10s", "5s").replace("sleep 11", "sleep 6");
  const env = { ...environment(), GREYLIST_LISTEN: `inet:127.0.0.1:${port}` };
  const started = start(t, "sh", ["-c", local(daemon.text)], { env, cwd });
  await waitFor("it to listen", () => /listening on inet:127/.test(started.stderr()), 30_000);

  const examples = examplesIn(questions);
  const [define, ...asked] = examples;
  assert.equal(asked.length, 4);
  for (const { command, printed } of asked) {
    const script = local(`${define?.command}\n${command}`);
    const answer = await new Promise<string>((resolve) =>
      execFile("sh", ["-c", script], { env }, (_error, stdout) => resolve(stdout))
    );
    assert.equal(masked(answer), masked(printed), command);
  }
});
