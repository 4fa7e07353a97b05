/** Exit statuses of commands (sysexits.h), for scripts. */
export const exitUsage = 64,
  exitData = 65,
  exitNoInput = 66,
  exitUnavailable = 69,
  /** The mail would be deferred (EX_TEMPFAIL). */
  exitDeferred = 75,
  exitProtocol = 76,
  exitConfig = 78;

/** What each means, for doc/commands.md and the manual page. */
export const statusesInWords: readonly (readonly [status: number, means: string])[] = [
  [0, "done; of query and explain: the mail passes"],
  [
    1,
    "an internal error; of check-config and check-list: warnings, with --strict; of report: a log could not be read to its end",
  ],
  [exitUsage, "the command line does not say what is meant"],
  [exitData, "import: some of a file could not be read; the rest was imported"],
  [exitNoInput, "there is no such SQLite file, or no such file to import"],
  [
    exitUnavailable,
    "the server or the store does not answer (query: within 4 s), or not all copies were told",
  ],
  [exitDeferred, "query and explain: the mail is deferred"],
  [exitProtocol, "what answers query is no greylist"],
  [
    exitConfig,
    "the configuration or a list is wrong, or lets no such record count; an option that does not exist",
  ],
];
