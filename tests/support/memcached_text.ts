/** What a Memcached holds and has done, by its text protocol; greylist's values are printable ASCII. */
import * as net from "node:net";

/** Sends lines of the text protocol; gives what comes, up to a line that is `last`. */
export function talk(port: number, lines: string, last: RegExp): Promise<string> {
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

/** All that it holds, `KEY VALUE` in lines, sorted by key. */
export async function dump(port: number): Promise<string> {
  // Only one at a time.
  let listed = "BUSY";
  while (listed.startsWith("BUSY")) {
    listed = await talk(port, "lru_crawler metadump hash\r\n", /^(?:END|BUSY.*)\r\n/m);
  }
  const keys = [...listed
    .matchAll(/^key=(\S+)/gm)].map(([, key]) => decodeURIComponent(key ?? ""));
  if (keys.length === 0) return "";
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

/** What several have been asked since they started. */
export async function statistics(memcacheds: readonly { readonly port: number }[]) {
  const texts = await Promise.all(
    memcacheds.map(({ port }) => talk(port, "stats\r\n", /^END\r\n/m)),
  );
  const sum = (...names: string[]) =>
    texts.reduce(
      (total, text) =>
        total + names.reduce((part, name) =>
          part + Number(new RegExp(`^STAT ${name} (\\d+)`, "m").exec(text)?.[1] ?? 0), 0),
      0,
    );
  return {
    gets: sum("cmd_get"),
    sets: sum("cmd_set"),
    deletes: sum("delete_hits", "delete_misses"),
    evictions: sum("evictions"),
    evictedUnfetched: sum("evicted_unfetched"),
  };
}

/** What the items take, in the sizes that Memcached keeps them in. */
export async function bytesOfItems(port: number): Promise<number> {
  const stats = await talk(port, "stats slabs\r\n", /^END\r\n/m);
  const values = (name: string) =>
    new Map(
      [...stats.matchAll(new RegExp(`^STAT (\\d+):${name} (\\d+)`, "gm"))]
        .map(([, slab, value]) => [slab, Number(value)]),
    );
  const sizes = values("chunk_size");
  return [...values("used_chunks")].reduce(
    (sum, [slab, used]) => sum + used * (sizes.get(slab) ?? 0),
    0,
  );
}
