/** A connection to where we listen ourselves, to see whether it is accepted. */
import * as net from "node:net";
import { type Endpoint, reachableHosts } from "../endpoint.ts";

/** What a probe has come to. "gone": a unix socket's file is not there any more. */
export type ProbeState = "connecting" | "connected" | "failed" | "gone";

export class Probe {
  #state: ProbeState = "connecting";
  #socket: net.Socket | undefined;

  constructor(endpoint: Endpoint) {
    if (endpoint.kind === "unix") this.#connect([{ path: endpoint.path }]);
    else {this.#connect(
        reachableHosts(endpoint.host).map((host) => ({ host, port: endpoint.port })),
      );}
  }

  get state(): ProbeState {
    return this.#state;
  }

  close(): void {
    this.#socket?.destroy();
  }

  #connect([place, ...others]: readonly net.NetConnectOpts[]): void {
    if (place === undefined) {
      this.#state = "failed";
      return;
    }
    const socket = this.#socket = net.connect(place);
    socket.once("connect", () => this.#state = "connected");
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") this.#state = "gone";
      // EAGAIN is how a unix socket says that its queue is full.
      else if (error.code !== "EAGAIN") this.#connect(others);
    });
  }
}
