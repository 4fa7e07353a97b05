/** Exit statuses of commands that scripts ask (sysexits.h); doc/commands.md tells them. */
export const exitUsage = 64,
  exitData = 65,
  exitNoInput = 66,
  exitUnavailable = 69,
  exitProtocol = 76;

/** The mail would be deferred (EX_TEMPFAIL). */
export const exitDeferred = 75;
