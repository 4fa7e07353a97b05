/**
 * What `greylist forget` and `greylist allow` are about: one mail (its triplet), a sender from a client, or a client;
 * and how they change the state.
 */
import { outOfReach } from "../greylist/explanation.ts";
import { createRecall, type Wanted } from "../greylist/recall.ts";
import type { Entries } from "../greylist/recollection.ts";
import { onEveryCopy } from "../stores/every_copy.ts";
import { readOnly } from "../stores/read_only.ts";
import { type Copy, StoreError } from "../stores/store.ts";
import type { Subject } from "../identity/subject.ts";
import type { Asking } from "./asking.ts";
import { copiesKept } from "./state.ts";
import { exitUnavailable, exitUsage } from "./statuses.ts";
import { tell } from "./terminal.ts";

export type Scope = "triplet" | "sender" | "client";

/** What the options that are there say; the exit status, with the reason told, where they say nothing. */
export function scopeOf({ mail, clientName, isLookedUp, options }: Asking):
  | { readonly scope: Scope; readonly subject: Subject }
  | number {
  const { client, sender, recipient, helo } = mail;
  const subject = options.subjectOf({
    name: clientName,
    address: client,
    sender: sender ?? "",
    recipient: recipient ?? "",
    helo,
  });
  if (mail.isOfLine && recipient === undefined) {
    tell(["the line names no recipient, as if it were cut off; want all of it, or --client"]);
    return exitUsage;
  }
  if (isLookedUp && clientName === "unknown") {
    tell([`${client}: DNS gives no verified name; what is known by a name wants --client-name`]);
  }
  if (subject !== undefined && (recipient === undefined || sender !== undefined)) {
    const scope = sender === undefined ? "client" : recipient === undefined ? "sender" : "triplet";
    return { scope, subject };
  }
  tell(["want --sender with --recipient; --sender '' is the null sender"]);
  return exitUsage;
}

/** What all copies know of it; changes nothing. Rejects with a StoreError where any of it is out of reach. */
export async function readAll(asking: Asking, wanted: Wanted): Promise<Entries> {
  const { now, options: { rules } } = asking;
  const recall = createRecall(readOnly(asking.store), {
    unreadableEntry: () => {},
    internalError: (error) => {
      throw error;
    },
  });
  const first = await recall.read(wanted, asking.deadline());
  const { entries } = await recall.readRest(first, { now, ...rules }, asking.deadline());
  const missing = outOfReach(wanted, entries);
  if (missing.length === 0) return entries;
  throw new StoreError(`the record of the ${missing.join(", ")} is out of reach`);
}

/** Changes the state, and tells of copies that could not be told. */
export class Changing {
  #missed = 0;

  constructor(private readonly asking: Asking) {}

  async put(key: string, text: string, ttlSeconds: number): Promise<void> {
    await this.#change(key, async (copy, isElsewhere, deadline) => {
      // It is not written any more where it was of old; but must not come back from there.
      if (isElsewhere) await copy.delete(key, deadline);
      else await copy.put(key, text, ttlSeconds, deadline);
    });
  }

  async delete(key: string): Promise<void> {
    await this.#change(key, (copy, _isElsewhere, deadline) => copy.delete(key, deadline));
  }

  /** The exit status. */
  end(): number {
    if (this.#missed === 0) return 0;
    const { down } = this.asking, servers = down.length === 0 ? "" : ` (${down.join(", ")})`;
    tell([`not all copies could be told${servers}: they come back with what they had`]);
    return exitUnavailable;
  }

  async #change(
    key: string,
    change: (copy: Copy, isElsewhere: boolean, deadline: number) => Promise<void>,
  ): Promise<void> {
    const { store, setup: { config } } = this.asking, deadline = this.asking.deadline();
    this.#missed += await onEveryCopy(
      store,
      key,
      copiesKept(config),
      deadline,
      (copy, isElsewhere) => change(copy, isElsewhere, deadline),
    );
  }
}
