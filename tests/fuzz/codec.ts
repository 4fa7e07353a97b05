/** What Postfix, or anybody who reaches the socket, sends: bytes in any pieces. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { correspondentsWith } from "../../lib/identity/correspondents.ts";
import { type PolicyRequest, ProtocolError, RequestReader } from "../../lib/protocol/codec.ts";
import { encodeAction } from "../../lib/protocol/codec.ts";
import { request as requestText } from "../support/greylist.ts";
import { scene, subjectOptions } from "../support/policy.ts";
import { bytes, cut, files, mutated, places, target } from "./target.ts";

const limit = 4096;

/** What the dialogues send, each as one text, and requests as Postfix sends them. */
const sent = [
  ...files("tests/dialogues").map((dialogue) =>
    [...dialogue.matchAll(/^>(?: (.*))?$/gm)].map(([, line]) => `${line ?? ""}\n`).join("")
      .replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  ),
  requestText(),
  requestText().repeat(3),
  requestText({ sender: "", sasl_username: "alice", ccert_subject: "CN=a=b" }),
];

const words = ["request=", "request=smtpd_access_policy\n", "protocol_state=RCPT\n", "sender="];

/** What is read of it, and the problem that ended it. */
function read(pieces: readonly string[]): { requests: PolicyRequest[]; problem: string } {
  const reader = new RequestReader(limit);
  const requests: PolicyRequest[] = [];
  try {
    for (const piece of pieces) {
      reader.push(piece);
      for (let next = reader.next(); next !== undefined; next = reader.next()) requests.push(next);
      assert.ok(reader.pendingBytes <= limit, "keeps more than a request may have");
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { requests, problem: error.message };
  }
  return { requests, problem: reader.pendingBytes > 0 ? "cut off" : "" };
}

const entries = (requests: readonly PolicyRequest[]) => requests.map((request) => [...request]);

export const codec = target(
  "codec",
  fc.tuple(fc.oneof({ weight: 9, arbitrary: mutated(sent, words) }, bytes(60)), places),
  ([text, where]) => {
    const whole = read([text]);
    const pieces = read(cut(text, where));
    assert.deepEqual(entries(pieces.requests), entries(whole.requests));
    assert.equal(pieces.problem, whole.problem);
    for (const request of whole.requests) {
      assert.equal(request.get("request"), "smtpd_access_policy");
      for (const [name, value] of request) {
        assert.match(name, /^[^=\n]+$/);
        assert.doesNotMatch(value, /\n/);
      }
    }
    // What was read of it reads the same again.
    const again = whole.requests.map((request) =>
      [...request].map(([name, value]) => `${name}=${value}\n`).join("") + "\n"
    );
    assert.deepEqual(entries(read(again).requests), entries(whole.requests));
  },
);

const { policy } = scene({ correspondents: correspondentsWith(subjectOptions) });

export const answers = target(
  "answers",
  mutated(sent, words),
  async (text) => {
    for (const request of read([text]).requests) {
      const reply = encodeAction(await policy.answer(request));
      assert.match(reply, /^action=(?:DUNNO|(?:DEFER_IF_PERMIT|PREPEND X-Greylist:) [ -~]+)\n\n$/);
    }
  },
);
