/** A log that cannot be written: the mail goes on as if nothing were. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import process from "node:process";
import type { Cleanup } from "../support/process.ts";
import { startPrivateDevLog, startSyslog } from "../support/syslog.ts";
import { failureTable } from "./harness.ts";
import { fillUp, unlessMounting, withSmallDisk } from "./places.ts";

const row = failureTable("log");

const memory = ["--store", "memory"];
/** Datagrams, a line each. */
const linesOf = (datagrams: string) => datagrams.replaceAll(/<\d+>/g, "\n$&");
const leaving = /log lines were lost: lines=\d+/g;

row({
  name: "the log's disk is full",
  skip: unlessMounting,
  place: async (t: Cleanup) => {
    const place = await withSmallDisk((folder) => [...memory, "--log", `file:${folder}/log`])(t);
    const log = (pid: number) => {
      const file = `${place.disk(pid)}/log`;
      return fs.existsSync(file) ? fs.readFileSync(file, "latin1") : "";
    };
    return { ...place, log };
  },
  inject: ({ disk }, { pid }) => fillUp(disk(pid)),
  meanwhile: "ordinary",
  entering: /Cannot log: .*no space/gi,
  leaving,
  check: ({ log }, { pid }) => {
    const lines = log(pid).split("\n").slice(0, -1);
    const broken = lines.filter((line) => line.split(/ greylist\[\d+\]: /).length !== 2);
    assert.deepEqual(broken, [], "records that are not a line each");
  },
});

row({
  name: "/dev/log is gone",
  place: async (t: Cleanup) => {
    let syslog = await startSyslog(t), received = "";
    return {
      args: [...memory, "--log", `syslog:${syslog.path}`],
      log: () => linesOf(received + syslog.received()),
      stop: async () => {
        await syslog.stop();
        received += syslog.received();
        fs.rmSync(syslog.path, { force: true });
      },
      start: async () => void (syslog = await startSyslog(t, syslog.path)),
    };
  },
  inject: async ({ stop, start }) => {
    await stop();
    return start;
  },
  meanwhile: "ordinary",
  entering: /Cannot log: /g,
  leaving,
});

row({
  name: "/dev/log is stuck",
  skip: unlessMounting,
  place: async (t: Cleanup) => {
    const { pid, wrapper, received } = await startPrivateDevLog(t);
    return {
      args: [...memory, "--log", "syslog"],
      wrapper,
      log: () => linesOf(received()),
      reader: pid,
    };
  },
  inject: ({ reader }) => {
    process.kill(reader, "SIGSTOP");
    return () => void process.kill(reader, "SIGCONT");
  },
  meanwhile: "ordinary",
});
