/** What a row of the table of commands has. */
import type { Environment } from "../config/environment.ts";
import type { CommandLine } from "../config/flags.ts";

/** A word on the command line, or its absence, that says what to do. */
export type Command =
  & {
    /** How it is asked for. */
    readonly usage: string;
    /** What it does, for --help. */
    readonly summary: string;
    /** Flags without a value that not every command has. */
    readonly switches: readonly string[];
    /** The same with a value, and what stands for that in messages. */
    readonly options?: Readonly<Record<string, string>>;
    /** Whether words may stand behind it. */
    readonly takesWords?: true;
  }
  & (
    | {
      /** What it prints; there is nothing more to it. */
      readonly text: () => Promise<string>;
    }
    | {
      /** Does it, and gives the exit status. What is wrong with the command line is its to tell. */
      readonly run: (given: Given) => Promise<number>;
    }
  );

/** What a command works with. */
export interface Given {
  readonly line: CommandLine;
  readonly env: Environment;
  /** Ends the process at once. */
  readonly exit: (status: number) => never;
}
