/** What strangers write into the log: it stays one word on one line, forges nothing, and can be had back. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { escapeForLog, fieldNames } from "../../lib/log/escape.ts";
import { type OpenLog, openLog } from "../../lib/log/open.ts";
import { keptLog } from "../support/log.ts";
import { bytes, mutated, target } from "./target.ts";

const values = [
  "alice@example.org",
  "bounce-1=robin=example.com@lists.example.org",
  "SRS0=HHH=TT=example.org=alice@forwarder.example",
  "a@b,action=pass,reason=triplet",
  "x\xe3\x85\xa4action=pass",
  "x\xe2\xa0\x80sender=y",
  "gr\xc3\xbc\xc3\x9fe@m\xc3\xbcnchen.example",
  "\\x41\\\\",
  "a, b= c",
];

const value = fc.oneof(
  { weight: 9, arbitrary: mutated(values, fieldNames.map((name) => `${name}=`)) },
  bytes(30),
);

/** The bytes that were escaped. */
function unescaped(text: string): string {
  return text.replace(
    /\\x([0-9a-f]{2})|\\\\|[^\\]/gu,
    (whole, hex: string | undefined) =>
      hex !== undefined
        ? String.fromCharCode(parseInt(hex, 16))
        : whole === "\\\\"
        ? "\\"
        : String.fromCharCode(...new TextEncoder().encode(whole)),
  );
}

export const escape = target("escape", value, (original) => {
  const escaped = escapeForLog(original);
  // U+2800, U+3164 and their like show as nothing, and are letters or symbols to Unicode.
  assert.doesNotMatch(escaped, /[\p{C}\p{Z}\p{Default_Ignorable_Code_Point},\u2800]/u);
  assert.equal(unescaped(escaped), original);
});

const { destination, lines } = keptLog();
const options = { threshold: "info", format: "text", now: () => performance.now() } as const;
/** Opened when it is first needed. */
let opened: OpenLog | undefined;

export const logLines = target(
  "lines of the log",
  fc.record({ client_name: value, client_address: value, sender: value, recipient: value }),
  async (attributes) => {
    const sent = Object.entries(attributes).filter(([, text]) => text !== "");
    const { log, flush } = opened ??= openLog(destination, options);
    log.decision({ action: "pass", reason: { kind: "triplet found" }, request: new Map(sent) });
    await flush(5000);
    const line = lines.splice(0).join("\n");
    assert.doesNotMatch(line, /[^\P{C}]/u);
    const fields = line.split(", ").map((field) => field.split(/=(.*)/s));
    assert.deepEqual(
      fields.map(([name, text = ""]) => [name, unescaped(text)]),
      [["action", "pass"], ["reason", "triplet found"], ...sent],
    );
    assert.equal(line.split("action=").length, 2, "grep action= counts it twice");
    for (const [name] of fields) {
      const found = [...line.matchAll(new RegExp(`(?<![\\w-])${name}=`, "g"))];
      assert.equal(found.length, 1, `${name}= stands there twice`);
    }
  },
);
