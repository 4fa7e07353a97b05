/** V8's CPU profiler in a program that runs with --inspect, by the Chrome protocol. */

/** A place in the tree of calls. */
export interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    readonly lineNumber: number;
  };
  readonly children?: readonly number[];
}

/** Which node was seen at each sample, and how many microseconds after the one before. */
export interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Fine enough for what takes a microsecond, and coarse enough to leave the program its time. */
const samplingMicroseconds = 250;

export class Profiler {
  #last = 0;
  readonly #waiting = new Map<number, (result: unknown) => void>();

  private constructor(private readonly socket: WebSocket) {
    socket.onmessage = ({ data }) => {
      const { id, result } = JSON.parse(data);
      this.#waiting.get(id)?.(result);
      this.#waiting.delete(id);
    };
  }

  /** To the program that listens for a debugger on this port of 127.0.0.1. */
  static async connect(port: number): Promise<Profiler> {
    const [target] = await (await fetch(`http://127.0.0.1:${port}/json`)).json();
    const socket = new WebSocket(target.webSocketDebuggerUrl);
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onerror = () => reject(new Error(`no debugger on port ${port}`));
    });
    return new Profiler(socket);
  }

  async start(): Promise<void> {
    await this.#ask("Profiler.enable");
    await this.#ask("Profiler.setSamplingInterval", { interval: samplingMicroseconds });
    await this.#ask("Profiler.start");
  }

  async stop(): Promise<Profile> {
    const { profile } = await this.#ask("Profiler.stop") as { profile: Profile };
    this.socket.close();
    return profile;
  }

  #ask(method: string, params: Record<string, unknown> = {}): Promise<unknown> {
    const id = ++this.#last;
    this.socket.send(JSON.stringify({ id, method, params }));
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }
}
