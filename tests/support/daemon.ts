/** The daemon that a fault strikes: where it lives, how it is started, and what can be seen of it from outside. */
import * as fs from "node:fs";
import * as path from "node:path";
import { request, startProgram } from "./greylist.ts";
import { Asker } from "./asker.ts";
import { alive, type Cleanup, freePort, type Running, tempDir, waitFor } from "./process.ts";

/** Where a daemon lives. Rows add what there is to break. */
export interface Place {
  /** Its settings. */
  readonly args: readonly string[];
  /** A command in front of it that becomes it. */
  readonly wrapper?: readonly string[];
  /** The log so far, when that is not a file of the daemon's own. */
  readonly log?: (pid: number) => string;
}

export class Daemon {
  #running: Running | undefined;
  readonly #logFile: string;

  private constructor(
    private readonly t: Cleanup,
    private readonly place: Place,
    readonly port: number,
  ) {
    this.#logFile = path.join(tempDir(t), "log");
  }

  static async start(t: Cleanup, place: Place): Promise<Daemon> {
    const daemon = new Daemon(t, place, await freePort());
    await daemon.start();
    return daemon;
  }

  /** Starts it, again after it was stopped, on the same port. Settles when it answers. */
  async start(): Promise<void> {
    const { args, wrapper } = this.place;
    const log = this.place.log === undefined ? ["--log", `file:${this.#logFile}`] : [];
    const listen = ["--mode", "daemon", "--listen", `inet:127.0.0.1:${this.port}`];
    const running = startProgram(this.t, [...listen, ...log, ...args], wrapper);
    this.#running = running;
    const asker = new Asker({ host: "127.0.0.1", port: this.port });
    await waitFor("the daemon to answer", async () => {
      if (!this.alive) throw new Error(`the daemon has ended: ${this.log()}`);
      return (await asker.ask(request({ protocol_state: "DATA" }), 1000)).kind === "reply";
    });
    asker.close();
  }

  /** Sends SIGTERM, and gives the exit status. */
  stop(): Promise<number | string> {
    if (this.#running === undefined) throw new Error("not started");
    return this.#running.stop();
  }

  get alive(): boolean {
    return alive(this.pid);
  }

  get pid(): number {
    return this.#running?.pid ?? -1;
  }

  /** Its log, and its standard error. */
  log(): string {
    const read = () => fs.existsSync(this.#logFile) ? fs.readFileSync(this.#logFile, "latin1") : "";
    return (this.place.log?.(this.pid) ?? read()) + (this.#running?.stderr() ?? "");
  }

  get descriptors(): number {
    return fs.readdirSync(`/proc/${this.pid}/fd`).length;
  }

  /** In kilobytes, what it holds now, and the most that it has ever held. */
  get memory(): { readonly now: number; readonly peak: number } {
    const status = fs.readFileSync(`/proc/${this.pid}/status`, "latin1");
    const number = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]);
    return { now: number("VmRSS"), peak: number("VmHWM") };
  }
}
