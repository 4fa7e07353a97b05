import assert from "node:assert/strict";
import { test } from "node:test";
import { readLine } from "../../../lib/log/line.ts";
import { openLog } from "../../../lib/log/open.ts";
import { Troubles, troubleWords } from "../../../lib/report/troubles.ts";
import { keptLog } from "../../support/log.ts";

for (const format of ["text", "json"] as const) {
  test(`what the log says of trouble as ${format} is understood`, async () => {
    const kept = keptLog();
    const { log, flush } = openLog(kept.destination, { threshold: "info", format, now: () => 0 });
    log.down("memcached:127.0.0.1:1", "refused");
    log.up("memcached:127.0.0.1:1", 31.4);
    log.down("memcached:127.0.0.1:1", "no answer within 1 s: x");
    log.dnsDown();
    log.dnsUp(12);
    log.dnsListUnusable("bl.example", "it answered 192.0.2.1");
    log.internalError(new Error("x"));
    log.stopped();
    await flush(5000);
    const lost = format === "text"
      ? "log lines were lost: lines=7"
      : '{"message":"log lines were lost","lines":7}';
    const troubles = new Troubles();
    for (const line of [...kept.lines, lost]) {
      const isTrouble = troubles.take(readLine(line)!);
      assert.equal(isTrouble, !line.includes("stopped"), line);
      assert.equal(troubleWords.test(line), isTrouble, line);
    }
    assert.deepEqual(troubles.all(), [
      {
        what: "store memcached:127.0.0.1:1",
        times: 2,
        downSeconds: 31,
        why: "no answer within 1 s: x",
      },
      { what: "DNS", times: 1, downSeconds: 12, why: undefined },
      { what: "the list bl.example", times: 1, downSeconds: 0, why: "it answered 192.0.2.1" },
      { what: "internal errors", times: 1, downSeconds: 0, why: undefined },
      { what: "log lines", times: 7, downSeconds: 0, why: undefined },
    ]);
  });
}
