/** The log under full load: a decision of which no line is left is one that nobody can explain. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import test from "node:test";
import { Daemon } from "../support/daemon.ts";
import { connect, dunno, request } from "../support/greylist.ts";
import { type Cleanup, pipedInto, tempDir } from "../support/process.ts";

const lines = 200_000, connections = 50;
/** Sent at once, so that the daemon never waits for a client. */
const batch = 100;

for (const destination of ["file", "stderr"] as const) {
  test(`not one of ${lines} lines is lost with log = ${destination}, as fast as there are answers`, async (t) => {
    const { daemon, file, ended } = await daemonLogging(t, destination);
    await Promise.all(
      Array.from({ length: connections }, (_, n) => askAll(t, daemon, n)),
    );
    assert.equal(await daemon.stop(), 0);
    await ended();
    const log = fs.readFileSync(file, "latin1");
    const numbers = [...log.matchAll(/action=pass, .* sender=user(\d+)@/g)].map(([, n]) =>
      Number(n)
    );
    assert.equal(/.*lines were lost.*/.exec(log)?.[0], undefined);
    assert.equal(numbers.length, lines);
    assert.equal(new Set(numbers).size, lines);
  });
}

/** A daemon that answers without its store, and so as fast as it can. */
async function daemonLogging(t: Cleanup, destination: "file" | "stderr") {
  const dir = tempDir(t), file = path.join(dir, "log"), list = path.join(dir, "recipients");
  fs.writeFileSync(list, "example.com\n");
  const args = ["--store", "memory", "--whitelist-recipients", list];
  if (destination === "file") {
    const daemon = await Daemon.start(t, {
      args: [...args, "--log", `file:${file}`],
      log: () => "",
    });
    return { daemon, file, ended: () => Promise.resolve() };
  }
  const { wrapper, reader } = pipedInto(t, file);
  const place = { args: [...args, "--log", "stderr"], wrapper, log: () => "" };
  const daemon = await Daemon.start(t, place);
  return { daemon, file, ended: async () => void await reader.exited };
}

/** Asks a connection's share of the requests. */
async function askAll(t: Cleanup, daemon: Daemon, connection: number): Promise<void> {
  const client = await connect(t, `inet:127.0.0.1:${daemon.port}`);
  const share = lines / connections;
  for (let asked = 0; asked < share; asked += batch) {
    const numbers = Array.from({ length: batch }, (_, n) => connection * share + asked + n);
    client.send(numbers.map((n) => request({ sender: `user${n}@example.org` })).join(""));
    const replies = await client.replies(asked + batch, 60_000);
    assert.ok(replies.slice(asked).every((reply) => reply === dunno));
  }
}
