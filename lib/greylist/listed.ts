/** What the lists say of a request: what is known of it without having seen it before. Pure. */
import { placeOf, type Rule } from "../lists/lines.ts";
import type { Lists } from "../lists/read.ts";
import type { PolicyRequest } from "../protocol/codec.ts";
import { clientOf, type Finding } from "./judge.ts";

/** A list that lets pass whoever is on it. */
type ListReason = `${"client" | "sender" | "recipient"} whitelist`;

/** Undefined: no list has a say in it. */
export function listed(request: PolicyRequest, lists: Lists): Finding | undefined {
  const client = clientOf(request), recipient = request.get("recipient") ?? "";
  const passed = (kind: ListReason, rule: Rule | undefined): Finding | undefined =>
    rule && { verdict: "pass", reason: { kind }, entry: placeOf(rule) };
  const found = passed("client whitelist", lists.clients.match(client)) ??
    passed("sender whitelist", lists.senders.match(request.get("sender") ?? "")) ??
    passed("recipient whitelist", lists.recipients.match(recipient));
  if (found !== undefined) return found;
  if (lists.greylisted === undefined || lists.greylisted.match(recipient)) return undefined;
  return { verdict: "pass", reason: { kind: "recipient not greylisted" } };
}
