/** What of memjs 1.3.2 memcached_connection.ts uses, its inner parts included; memjs brings no types. */
import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";

export class Server {
  constructor(
    host: string | undefined,
    port: number | string,
    username: string,
    password: string,
    options: {
      /** Seconds; 0 turns memjs' own timers off. */
      readonly timeout: number;
      readonly conntimeout: number;
      readonly keepAlive: boolean;
      readonly keepAliveDelay: number;
    },
  );
  username: string | undefined;
  password: string | undefined;
  readonly _socket: Socket | undefined;
  /** Connects if there is no socket, and calls `go` when it may be written to. */
  sock(sasl: boolean, go: (socket: Socket) => void): void;
  /** Takes bytes from the socket. */
  responseHandler(data: Buffer): void;
  error(error: Error | string): void;
}
