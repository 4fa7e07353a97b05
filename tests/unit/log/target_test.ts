/** What is said of log targets before they are used, as root and as somebody who may do little. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as net from "node:net";
import * as path from "node:path";
import test from "node:test";
import { checkLogTarget } from "../../../lib/log/destinations.ts";
import { linksTo, startSyslog } from "../../support/syslog.ts";
import { tempDir } from "../../support/process.ts";

const checkFile = (file: string) => checkLogTarget({ kind: "file", path: file });
const checkSyslog = (file: string) => checkLogTarget({ kind: "syslog", path: file });

test("standard error and none can be logged to", async () => {
  assert.equal(await checkLogTarget({ kind: "stderr" }), undefined);
  assert.equal(await checkLogTarget({ kind: "none" }), undefined);
});

test("a file can be logged to where it is, or could be made, and is not touched", async (t) => {
  const dir = tempDir(t), file = path.join(dir, "log"), link = path.join(dir, "link");
  fs.symlinkSync("log", link);
  for (const name of [file, link]) assert.equal(await checkFile(name), undefined);
  assert.deepEqual(fs.readdirSync(dir), ["link"]);
  fs.writeFileSync(file, "before\n");
  for (const name of [file, link]) assert.equal(await checkFile(name), undefined);
  assert.equal(fs.readFileSync(file, "latin1"), "before\n");
  assert.match(await checkFile(path.join(dir, "missing", "log")) ?? "", /missing/);
  fs.symlinkSync("missing/log", path.join(dir, "dangling"));
  assert.match(await checkFile(path.join(dir, "dangling")) ?? "", /missing/);
  fs.symlinkSync("circle", path.join(dir, "circle"));
  assert.match(await checkFile(path.join(dir, "circle")) ?? "", /ELOOP/);
});

test("a FIFO, a device, a folder, and a socket are no log files, and are not waited for", async (t) => {
  const dir = tempDir(t), fifo = path.join(dir, "fifo"), socket = path.join(dir, "socket");
  execFileSync("mkfifo", [fifo]);
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  t.after(() => void server.close());
  assert.equal(await checkFile(fifo), `${fifo} is a FIFO, and a log has to be a regular file`);
  assert.match(await checkFile(socket) ?? "", / is a socket,/);
  assert.match(await checkFile(dir) ?? "", / is a folder,/);
  assert.match(await checkFile("/dev/null") ?? "", / is a device,/);
});

test("syslog wants somebody behind a datagram socket that may be written to", async (t) => {
  const dir = tempDir(t), stream = path.join(dir, "stream");
  const syslog = await startSyslog(t);
  if (typeof Deno === "undefined") {
    assert.match(await checkSyslog(syslog.path) ?? "", /unix datagram sockets/);
    return;
  }
  assert.equal(await checkSyslog(syslog.path), undefined);
  assert.match(await checkSyslog(path.join(dir, "missing")) ?? "", /missing is not there/);
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(stream, resolve));
  t.after(() => void server.close());
  assert.match(await checkSyslog(stream) ?? "", /stream is no datagram socket/);
  await syslog.stop("SIGKILL");
  assert.equal(await checkSyslog(syslog.path), `nobody listens on ${syslog.path}`);
  assert.equal(syslog.received(), "");
  assert.deepEqual(linksTo(syslog.path), []);
});
