/** What was thrown, as a text. Pure. */

/** What an error says; of anything else that was thrown, what it is. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The same for a bug of ours, with where it was. */
export function traceOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
