/** What 0.1.0 wrote into its store is read (fixtures/, made by make_fixtures.ts). */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";
import { type Clock, monotonicToo, standingClock } from "../support/clock.ts";
import { connect, dunno, request, startDaemon } from "../support/greylist.ts";
import { startMemcached } from "../support/memcached.ts";
import { type Cleanup, tempDir } from "../support/process.ts";
import { restore } from "../support/memcached_text.ts";
import { client, ended, passed, waiting } from "./scene.ts";

const fixture = (name: string) => new URL(`fixtures/${name}`, import.meta.url);

const stores: readonly [
  name: string,
  open: (t: Cleanup, clock: Clock) => Promise<string>,
][] = [
  ["memcached", async (t, clock) => {
    const { server, port } = await startMemcached(t, { clock: monotonicToo(clock) });
    await restore(port, fs.readFileSync(fixture("0.1.0.memcached"), "latin1"));
    return `memcached:${server}`;
  }],
  ["sqlite", (t) => {
    const file = path.join(tempDir(t), "state.db");
    fs.copyFileSync(fixture("0.1.0.db"), file);
    return Promise.resolve(`sqlite:${file}`);
  }],
];

for (const [name, open] of stores) {
  test(`what 0.1.0 remembered in ${name} still counts`, async (t) => {
    const clock = standingClock(t, ended);
    const store = await open(t, clock);
    const daemon = await startDaemon(
      t,
      ["--store", store, "--header", "X-Greylist: %t"],
      clock.env,
    );
    clock.drives(daemon.pid);
    const postfix = await connect(t, daemon.endpoints[0]);
    const ask = (attributes: Readonly<Record<string, string>>) => postfix.ask(request(attributes));

    clock.moveTo(ended + 100);
    assert.match(await ask(waiting), /^action=DEFER_IF_PERMIT .* 200 seconds/);
    assert.equal(await ask(passed), dunno);
    const stranger = { sender: "nobody@example.net", recipient: "nobody@example.com" };
    assert.equal(await ask({ ...client, ...stranger }), dunno, "the auto-whitelist");
    clock.moveTo(ended + 300);
    assert.equal(await ask(waiting), "action=PREPEND X-Greylist: 300\n\n");
    assert.equal(await ask(waiting), dunno);
    assert.match(await ask({ ...waiting, ...stranger }), /^action=DEFER_IF_PERMIT /);
    await daemon.stop();
    assert.doesNotMatch(daemon.stderr(), /could not be read|internal error/);
  });
}
