/** The version of this program, as `--version` prints it. `tests/unit/commands/help_test.ts` holds deno.json to it. */
export const version = "0.2.0";
