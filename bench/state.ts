/**
 * What a store needs for a mail that is new, and for a sender that is known: bytes in a SQLite file, and bytes of
 * items in Memcached. doc/state.md has the numbers.
 *
 *     deno task bench:state
 *
 * Needs the Debian package memcached.
 */
import * as net from "node:net";
import * as path from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { createPolicy } from "../lib/greylist/policy.ts";
import { Instances } from "../lib/greylist/instances.ts";
import { Learning } from "../lib/greylist/learning.ts";
import { parseStoreAddress } from "../lib/stores/address.ts";
import { openStore } from "../lib/stores/open.ts";
import { startMemcached } from "../tests/support/memcached.ts";
import { policyOptions, recordingLog, request } from "../tests/support/policy.ts";
import { tempDir, withCleanup } from "../tests/support/process.ts";

const mails = 20_000, atATime = 100;

/** A way to count what a store at this address holds. */
interface Place {
  readonly name: string;
  readonly address: string;
  readonly bytes: () => number | Promise<number>;
}

for (const known of [false, true]) {
  for (const named of [false, true]) {
    await withCleanup(async (t) => {
      const file = path.join(tempDir(t), "state.db");
      const memcached = await startMemcached(t, { args: ["-m", "1024"] });
      const places: Place[] = [
        { name: "SQLite", address: `sqlite:${file}`, bytes: () => bytesInFile(file) },
        {
          name: "Memcached",
          address: `memcached:${memcached.server}`,
          bytes: () => bytesOfItems(memcached.port),
        },
      ];
      for (const { name, address, bytes } of places) {
        await fill(address, named, known);
        const each = (await bytes() / mails).toFixed(0);
        const what = known ? "a known sender" : "a new mail";
        const who = named ? "a mailer with a name" : "a client without a name";
        process.stdout.write(`${name}: ${each} bytes for ${what} of ${who}\n`);
      }
    });
  }
}

/** Asks about mail, each of a domain and a client of its own, with the defaults; twice if it is to be known. */
async function fill(address: string, named: boolean, known: boolean): Promise<void> {
  let now = Math.floor(Date.now() / 1000);
  const store = await openStore(parseStoreAddress(address), {
    timeoutMs: 5000,
    observer: { down: (_, why) => fail(why), up: () => {} },
    clock: () => now,
    keyPrefix: "gl1:",
  });
  const { log } = recordingLog();
  const policy = createPolicy({ ...policyOptions, storeTimeoutMilliseconds: 60_000 }, {
    store,
    log,
    now: () => now,
    instances: new Instances(),
    learning: new Learning(store, log),
  });
  for (let attempt = 0; attempt < (known ? 2 : 1); attempt++) {
    let next = 0;
    const worker = async () => {
      while (next < mails) {
        const n = next++;
        const { kind } = await policy.answer(request({
          client_address: `20.${n >> 16}.${(n >> 8) & 255}.${n & 255}`,
          client_name: named ? `mail.d${n}.example` : "unknown",
          sender: `alice@d${n}.example`,
        }));
        if ((kind === "defer") !== (attempt === 0)) fail(`mail ${n} was answered ${kind}`);
      }
    };
    await Promise.all(Array.from({ length: atATime }, worker));
    now += policyOptions.rules.delaySeconds + 1;
  }
  await store.close();
}

/** What is in use of the file's pages. */
function bytesInFile(file: string): number {
  const database = new DatabaseSync(file);
  const pragma = (name: string) =>
    Number(Object.values(database.prepare(`PRAGMA ${name}`).get()!)[0]);
  const bytes = (pragma("page_count") - pragma("freelist_count")) * pragma("page_size");
  database.close();
  return bytes;
}

/** What the items take, in the sizes that Memcached keeps them in. */
async function bytesOfItems(port: number): Promise<number> {
  const stats = await new Promise<string>((resolve, reject) => {
    const socket = net.connect({ host: "127.0.0.1", port });
    let text = "";
    socket.setEncoding("latin1").on("error", reject).on("data", (data: string) => {
      text += data;
      if (text.endsWith("END\r\n")) socket.destroy(), resolve(text);
    });
    socket.write("stats slabs\r\n");
  });
  const values = (name: string) =>
    new Map(
      [...stats.matchAll(new RegExp(`^STAT (\\d+):${name} (\\d+)`, "gm"))]
        .map(([, slab, value]) => [slab, Number(value)]),
    );
  const sizes = values("chunk_size");
  return [...values("used_chunks")].reduce(
    (sum, [slab, used]) => sum + used * (sizes.get(slab) ?? 0),
    0,
  );
}

function fail(problem: string): never {
  throw new Error(problem);
}
