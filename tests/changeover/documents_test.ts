/** Every command of doc/from-postgrey.md and doc/from-sqlgrey.md, run as it stands there, with the real servers. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";
import { fakedClock } from "../support/clock.ts";
import { type Block, blocksIn, blocksRunBy } from "../support/documented.ts";
import { connect, environment, program, request } from "../support/greylist.ts";
import { startPostgrey } from "../support/postgrey.ts";
import { type Cleanup, tempDir } from "../support/process.ts";
import { startSqlgrey } from "../support/sqlgrey.ts";
import { deferred, type Mail, ours } from "./changeover.ts";

const mail: Mail = {
  client_address: "192.0.2.1",
  client_name: "unknown",
  sender: "alice@firma.example",
  recipient: "bob@ours.example",
};

/**
 * Runs the commands that a document shows, with the settings that it shows and `places` in place of folders of the
 * system. Gives what they print and the store that they have filled.
 */
function follow(
  t: Cleanup,
  name: string,
  commands: readonly Block[],
  places: Readonly<Record<string, string>>,
) {
  const here = tempDir(t), replaced = Object.entries({ "/var/lib/greylist": here, ...places });
  const local = (text: string) =>
    replaced.reduce((rest, [from, to]) => rest.replaceAll(from, to), text);
  const configuration = path.join(here, "greylist.conf");
  const settings = local(blocksIn(name).find(({ language }) => language === "")?.text ?? "");
  assert.match(settings, /^mode = daemon$/m);
  fs.writeFileSync(configuration, settings);
  const command = ["env", ...program].map((word) => `'${word}'`).join(" ");
  const launcher = `#!/bin/sh\nexec ${command} "$@" --config ${configuration}\n`;
  fs.writeFileSync(path.join(here, "greylist"), launcher, { mode: 0o755 });
  const script = commands.map(({ text }) => local(text)).join("");
  assert.equal(script.match(/^greylist import --from /gm)?.length, 1);
  const { status, stdout, stderr } = spawnSync("sh", ["-ec", script], {
    env: { ...environment(), PATH: `${here}:${environment()["PATH"]}` },
    encoding: "utf8",
  });
  assert.deepEqual([status, stderr], [0, ""]);
  return { out: stdout, store: `sqlite:${here}/state.db` };
}

test("the way from postgrey leads to a greylist that knows its senders", async (t) => {
  const postgrey = await startPostgrey(t), now = Math.floor(Date.now() / 1000);
  for (const time of [now - 1000, now - 500]) {
    await postgrey.ask(new Map(Object.entries({ request: "smtpd_access_policy", ...mail })), time);
  }
  await postgrey.stop();
  const folder = path.dirname(postgrey.endpoint.slice("unix:".length));
  const places = { "/var/lib/postgrey": folder, "/root": tempDir(t) };
  const commands = blocksRunBy(import.meta.url, "doc/from-postgrey.md");
  const { out, store } = follow(t, "doc/from-postgrey.md", commands, places);
  assert.equal(out, "imported 2 entries of 2 read\n");
  assert.deepEqual(await deferred(await ours(t, store), [mail]), []);
});

test("the way from sqlgrey leads to a greylist that knows its senders", async (t) => {
  const clock = fakedClock(t);
  clock.moveTo(-1000);
  const sqlgrey = await startSqlgrey(t, clock.env);
  clock.drives(sqlgrey.pid);
  const learning = await connect(t, sqlgrey.endpoint);
  await learning.ask(request({ ...mail }));
  clock.moveTo(-500);
  await learning.ask(request({ ...mail }));
  await sqlgrey.stop();
  // The program has no right to read in /dev/shm, where the test's sqlgrey is.
  const copy = tempDir(t), folder = path.dirname(sqlgrey.endpoint.slice("unix:".length));
  fs.copyFileSync(path.join(folder, "sqlgrey.db"), path.join(copy, "sqlgrey.db"));
  const commands = blocksRunBy(import.meta.url, "doc/from-sqlgrey.md");
  const places = { "/var/lib/sqlgrey": copy };
  const { out, store } = follow(t, "doc/from-sqlgrey.md", commands, places);
  assert.equal(out, "imported 1 entry of 1 read\n");
  assert.deepEqual(await deferred(await ours(t, store), [mail]), []);
});
