/** A log whose events are counted as well, whatever of them is written. Pure. */
import type { Log } from "../log/log.ts";
import type { Counts } from "./counts.ts";

export function countingLog(log: Log, counts: Counts): Log {
  return {
    ...log,
    decision(record) {
      counts.decided(record);
      log.decision(record);
    },
    notAsked(reason, request) {
      counts.notAsked[reason]++;
      log.notAsked(reason, request);
    },
    clientEarnedWhitelist(request) {
      counts.clientsTrusted++;
      log.clientEarnedWhitelist(request);
    },
    reloaded(what) {
      counts.reloads++;
      log.reloaded(what);
    },
    reloadRefused(problems) {
      counts.reloadsRefused++;
      log.reloadRefused(problems);
    },
    protocolError(peer, problem) {
      counts.protocolErrors++;
      log.protocolError(peer, problem);
    },
    tooManyConnections(limit) {
      counts.refused++;
      log.tooManyConnections(limit);
    },
    internalError(error) {
      counts.internalErrors++;
      log.internalError(error);
    },
    down(server, why) {
      counts.storeDown.add(server);
      log.down(server, why);
    },
    up(server, downSeconds) {
      counts.storeDown.delete(server);
      log.up(server, downSeconds);
    },
    dnsDown() {
      counts.dnsIsDown = true;
      log.dnsDown();
    },
    dnsUp(downSeconds) {
      counts.dnsIsDown = false;
      log.dnsUp(downSeconds);
    },
  };
}
