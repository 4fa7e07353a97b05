/**
 * What a store needs for a mail that is new, for a sender that is known, and for an address that a user has written
 * to: bytes in a SQLite file, and bytes of items in Memcached. doc/state.md has the numbers.
 *
 *     deno task bench:state
 *
 * Needs the Debian package memcached.
 */
import * as path from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { createPolicy, type Policy } from "../lib/greylist/policy.ts";
import { Instances } from "../lib/greylist/instances.ts";
import { Learning } from "../lib/greylist/learning.ts";
import { correspondentsWith } from "../lib/identity/correspondents.ts";
import { parseStoreAddress } from "../lib/stores/address.ts";
import { openStore } from "../lib/stores/open.ts";
import { startMemcached } from "../tests/support/memcached.ts";
import { bytesOfItems } from "../tests/support/memcached_text.ts";
import { policyOptions, recordingLog, request, subjectOptions } from "../tests/support/policy.ts";
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
    const what = known ? "a known sender" : "a new mail";
    const who = named ? "a mailer with a name" : "a client without a name";
    await measure(`${what} of ${who}`, (asked) => receive(asked, named, known));
  }
}
await measure("an address that a user has written to", write);

/** Prints what an entry takes after stores have been filled with so many mails. */
async function measure(what: string, fill: (asked: Asked) => Promise<void>): Promise<void> {
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
      await onStore(address, fill);
      const each = (await bytes() / mails).toFixed(0);
      process.stdout.write(`${name}: ${each} bytes for ${what}\n`);
    }
  });
}

/** A policy with the defaults, and correspondents, on the store that is measured. */
interface Asked {
  readonly policy: Policy;
  readonly learning: Learning;
  readonly clock: { now: number };
}

async function onStore(address: string, fill: (asked: Asked) => Promise<void>): Promise<void> {
  const clock = { now: Math.floor(Date.now() / 1000) };
  const store = await openStore(parseStoreAddress(address), {
    timeoutMilliseconds: 5000,
    observer: { down: (_, why) => fail(why), up: () => {} },
    clock: () => clock.now,
    keyPrefix: "gl1:",
  });
  const { log } = recordingLog();
  const learning = new Learning(store, log), correspondents = correspondentsWith(subjectOptions);
  const options = { ...policyOptions, correspondents, storeTimeoutMilliseconds: 60_000 };
  const policy = createPolicy(options, {
    store,
    log,
    clock: () => clock.now,
    instances: new Instances(),
    learning,
  });
  await fill({ policy, learning, clock });
  await store.close();
}

/** Asks about mail, each of a domain and a client of its own; twice if it is to be known. */
async function receive({ policy, clock }: Asked, named: boolean, known: boolean): Promise<void> {
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
    clock.now += policyOptions.rules.delaySeconds + 1;
  }
}

/** Has users write, each of them to a hundred addresses. */
async function write({ policy, learning }: Asked): Promise<void> {
  for (let n = 0; n < mails; n++) {
    const user = `user${Math.floor(n / atATime)}@example.com`;
    await policy.answer(
      request({ sasl_username: user, sender: user, recipient: `kim@d${n}.example` }),
    );
    if (n % atATime === atATime - 1) await learning.settled(60_000);
  }
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

function fail(problem: string): never {
  throw new Error(problem);
}
