/** Where the rows of the failure table find a daemon: what is around it, and what of that can be broken. */
import { Buffer } from "node:buffer";
import * as fs from "node:fs";
import * as net from "node:net";
import * as path from "node:path";
import { type MemcachedOptions, startMemcached } from "../support/memcached.ts";
import { tempDir, waitFor } from "../support/process.ts";
import { startProxy } from "../support/proxy.ts";
import { canMount } from "../support/syslog.ts";
import type { Cleanup } from "../support/process.ts";

/** A Memcached of its own. */
export const withMemcached = (options: MemcachedOptions = {}) => async (t: Cleanup) => {
  const memcached = await startMemcached(t, options);
  return { args: ["--store", `memcached:${memcached.server}`], memcached };
};

/** Three of them, with so many copies of each entry. */
export const withThreeMemcacheds = (copies: number) => async (t: Cleanup) => {
  const memcacheds = [await startMemcached(t), await startMemcached(t), await startMemcached(t)];
  const servers = memcacheds.map(({ server }) => server).join(",");
  return { args: ["--store", `memcached:${servers}`, "--store-copies", `${copies}`], memcacheds };
};

/** A Memcached behind a proxy that spoils its replies. */
export async function withProxy(t: Cleanup) {
  const proxy = await startProxy(t, (await startMemcached(t)).port);
  return { args: ["--store", `memcached:${proxy.server}`], proxy };
}

/** Writes to a Memcached that never evicts (-M) until it takes nothing more; gives what empties it. */
export async function fillMemcached(port: number): Promise<() => Promise<void>> {
  const socket = net.connect({ host: "127.0.0.1", port });
  let received = "", key = 0;
  socket.setEncoding("latin1").on("data", (text: string) => received += text);
  const say = async (line: string, answer: RegExp) => {
    received = "";
    socket.write(line);
    await waitFor(`Memcached's ${answer}`, () => answer.test(received));
  };
  // Entries of all the sizes that ours may have.
  for (let size = 1; size < 500; size += 16) {
    const set = (last: boolean) =>
      `set filler${key++} 0 0 ${size}${last ? "" : " noreply"}\r\n${"x".repeat(size)}\r\n`;
    do {
      const many = Array.from({ length: 2000 }, () => set(false)).join("");
      await say(many + set(true), /STORED|SERVER_ERROR[^]*/);
    } while (received.endsWith("STORED\r\n"));
  }
  return async () => {
    await say("flush_all\r\n", /OK/);
    socket.destroy();
  };
}

/** An SQLite file, and what SQLite puts beside it. */
export function withSqlite(t: Cleanup) {
  const file = path.join(tempDir(t), "greylist.db");
  const files = ["", "-wal", "-shm"].map((suffix) => file + suffix);
  return Promise.resolve({ args: ["--store", `sqlite:${file}`], file, files });
}

/** A disk so small that it can be filled, with what the arguments put there. Only the daemon has it mounted. */
export const withSmallDisk = (args: (folder: string) => readonly string[]) => (t: Cleanup) => {
  const folder = tempDir(t);
  const mount = `mount -t tmpfs -o size=24m none ${folder} && exec "$@"`;
  return Promise.resolve({
    args: args(folder),
    wrapper: ["unshare", "--mount", "sh", "-c", mount, "sh"],
    /** The same folder, seen from outside. */
    disk: (pid: number) => `/proc/${pid}/root${folder}`,
  });
};

/** Why rows that mount something cannot be run here. */
export const unlessMounting = canMount ? false : "mounting needs root";

/** Fills a disk to the last byte; gives what makes room again. */
export function fillUp(folder: string): () => void {
  const file = path.join(folder, "filler");
  const descriptor = fs.openSync(file, "w");
  for (let size = 2 ** 20; size >= 1;) {
    try {
      if (fs.writeSync(descriptor, Buffer.alloc(size)) < size) size = Math.floor(size / 2);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      size = Math.floor(size / 2);
    }
  }
  fs.closeSync(descriptor);
  return () => fs.rmSync(file);
}
