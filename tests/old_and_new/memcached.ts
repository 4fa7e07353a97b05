/** What a memcached holds as text, `KEY VALUE` in lines, and back; greylist's values are printable ASCII. */
import * as net from "node:net";

/** Sends lines of the text protocol; gives what comes, up to a line that is `last`. */
function talk(port: number, lines: string, last: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: "127.0.0.1", port });
    let text = "";
    socket.setEncoding("latin1").on("data", (data: string) => {
      text += data;
      if (!last.test(text)) return;
      socket.destroy();
      resolve(text);
    });
    socket.on("error", reject);
    socket.write(lines, "latin1");
  });
}

/** All that it holds, sorted by key. */
export async function dump(port: number): Promise<string> {
  const keys = [...(await talk(port, "lru_crawler metadump all\r\n", /^END\r\n/m))
    .matchAll(/^key=(\S+)/gm)].map(([, key]) => decodeURIComponent(key ?? ""));
  if (keys.length === 0) throw new Error("memcached holds nothing");
  const values = await talk(port, `get ${keys.sort().join(" ")}\r\n`, /^END\r\n/m);
  return [...values.matchAll(/^VALUE (\S+) \d+ \d+\r\n(.*)\r\n/gm)]
    .map(([, key, value]) => `${key} ${value}\n`).join("");
}

/** Stores what `dump` gave, for good. */
export async function restore(port: number, dumped: string): Promise<void> {
  for (const [, key = "", value = ""] of dumped.matchAll(/^(\S+) (.*)$/gm)) {
    await talk(port, `set ${key} 0 0 ${value.length}\r\n${value}\r\n`, /^STORED\r\n/m);
  }
}
