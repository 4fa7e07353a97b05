/**
 * Both versions as modules in this process: 0.1.0's policy and stores beside ours, each set up as its program
 * would be, by one clock that is a parameter. The packages are those of this checkout for both.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { commands } from "../../lib/commands/commands.ts";
import { readCommandLine } from "../../lib/config/flags.ts";
import { load, policyOptions } from "../../lib/config/load.ts";
import { Instances } from "../../lib/greylist/instances.ts";
import { Learning } from "../../lib/greylist/learning.ts";
import { createPolicy, type Policy } from "../../lib/greylist/policy.ts";
import { type Reason, reasonInWords } from "../../lib/log/reasons.ts";
import { encodeAction } from "../../lib/protocol/codec.ts";
import { parseStoreAddress } from "../../lib/stores/address.ts";
import { openStore } from "../../lib/stores/open.ts";
import type { Store } from "../../lib/stores/store.ts";
import { filesOf } from "../support/files.ts";
import { type Event, recordingLog } from "../support/policy.ts";
import { atEnd, type Cleanup } from "../support/process.ts";
import { releaseFolder } from "./release.ts";

/** What the two have in common, as far as it is used here. */
interface Modules {
  readonly load: typeof load;
  readonly policyOptions: typeof policyOptions;
  readonly createPolicy: typeof createPolicy;
  readonly Instances: new () => Instances;
  readonly openStore: typeof openStore;
}

export type Version = Modules;

export const current: Version = { load, policyOptions, createPolicy, Instances, openStore };

/** 0.1.0. */
export async function released(t: Cleanup): Promise<Version> {
  const dir = releaseFolder(t);
  const packages = fileURLToPath(new URL("../../node_modules", import.meta.url));
  fs.symlinkSync(packages, path.join(dir, "node_modules"));
  const [setup, policy, open] = await Promise.all(
    ["setup", "policy", "stores/open"].map((name) =>
      import(pathToFileURL(path.join(dir, `lib/${name}.ts`)).href)
    ),
  );
  return { ...setup, ...policy, ...open };
}

/** What a request was answered: to Postfix, and in the log. */
export interface Judgement {
  readonly answer: string;
  readonly passes: boolean;
  /** `greylist new`, `pass triplet found, delay=300`. */
  readonly decision: string;
}

/** A version at work. */
export interface Judge {
  /** Asks with the attributes of an ordinary request, and these. */
  ask(attributes: Readonly<Record<string, string | undefined>>): Promise<Judgement>;
  /** All that it has logged. */
  readonly events: readonly Event[];
}

/** A version as its program would be with these arguments and lists, on a store. */
export async function judge(
  version: Version,
  store: Store,
  now: () => number,
  args: readonly string[] = [],
  files: Readonly<Record<string, string>> = {},
): Promise<Judge> {
  const argv = ["--mode", "daemon", "--store", "memory", ...args];
  // 0.1.0 takes the words themselves.
  const sources = { argv, flags: readCommandLine(argv, commands), env: {}, ...filesOf(files) };
  const loaded = await version.load(sources);
  if ("problems" in loaded) assert.fail(loaded.problems.join("\n"));
  const options = version.policyOptions(loaded.setup);
  const { log, events } = recordingLog();
  const policy: Policy = version.createPolicy(
    // What differs in each version's answers by its name only.
    { ...options, version: "0", storeTimeoutMilliseconds: 5000 },
    {
      store,
      log,
      clock: now,
      // As 0.1.0 calls it.
      ...{ now },
      instances: new version.Instances(),
      learning: new Learning(store, log),
    },
  );
  return {
    async ask(attributes) {
      const all = { ...ordinary, ...attributes };
      const present = Object.entries(all).filter((pair): pair is [string, string] =>
        pair[1] !== undefined
      );
      const answer = encodeAction(await policy.answer(new Map(present)));
      const passes = !answer.startsWith("action=DEFER");
      return { answer, passes, decision: inWords(events.at(-1)) };
    },
    events,
  };
}

/** A decision, or why there was none. */
function inWords([method, told]: Event = ["nothing"]): string {
  if (method !== "decision") return `${method} ${told}`;
  const { action, delaySeconds } = told as Record<string, unknown>;
  return `${action} ${reasonOf(told)}${
    delaySeconds === undefined ? "" : `, delay=${delaySeconds}`
  }`;
}

/** The reason of a decision as it is in the log; 0.1.0 has put it into words by then. */
export function reasonOf(record: unknown): string {
  const { reason } = record as { readonly reason: string | Reason };
  return typeof reason === "string" ? reason : reasonInWords(reason);
}

const ordinary = {
  request: "smtpd_access_policy",
  protocol_state: "RCPT",
  client_address: "192.0.2.1",
  client_name: "unknown",
  sender: "alice@example.org",
  recipient: "robin@example.com",
  instance: "",
};

/** A store as one version opens it; what it complains about is in `complaints`. */
export async function opened(
  t: Cleanup,
  version: Version,
  address: string,
  clock: () => number,
): Promise<{ store: Store; complaints: string[] }> {
  const complaints: string[] = [];
  const store = await version.openStore(parseStoreAddress(address), {
    timeoutMilliseconds: 5000,
    // As 0.1.0 calls it.
    ...{ timeoutMs: 5000 },
    observer: { down: (server, why) => void complaints.push(`${server}: ${why}`), up: () => {} },
    clock,
    keyPrefix: "gl1:",
    copies: 2,
  });
  atEnd(t, () => store.close());
  return { store, complaints };
}
