/** What the runtime itself costs: a server on node:net that says DUNNO to everything. `bare PORT` prints the runtime. */
import * as net from "node:net";
import process from "node:process";
import { backlogOf } from "../lib/server/room.ts";

net.createServer((socket) => {
  let end = "";
  socket.setNoDelay(true).setEncoding("latin1").on("data", (text: string) => {
    end = (end + text).slice(-2);
    if (end !== "\n\n") return;
    end = "";
    socket.write("action=DUNNO\n\n", "latin1");
  });
  socket.on("error", () => socket.destroy());
}).listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: backlogOf(511, 1) });
process.stdout.write(`Deno ${process.versions["deno"]}`);
