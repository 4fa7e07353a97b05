/** What Debian packages are made of in tests. */
import * as fs from "node:fs";
import * as path from "node:path";
import type { Parts } from "../../tools/package.ts";
import { type Cleanup, tempDir } from "./process.ts";

/** What all of them have. */
export function packageParts(t: Cleanup): Omit<Parts, "binary"> {
  const manual = tempDir(t);
  for (const [name, section] of [["greylist", 8], ["greylist.conf", 5]] as const) {
    const page = `.TH ${name} ${section}\n.SH NAME\n${name} \\- a page\n`;
    fs.writeFileSync(path.join(manual, `${name}.${section}`), page);
  }
  fs.writeFileSync(path.join(manual, "greylist.bash"), "complete -W word greylist\n");
  return {
    version: "1.2.3",
    maintainer: "Test <test@example.org>",
    time: Date.UTC(2023, 10, 14, 22, 13, 20) / 1000,
    manual,
    compression: ["-Zxz", "-z0"],
  };
}

/** A small program for this machine, or for another processor (e_machine in elf(5)), that seems to have ipaddr.js in it. */
export function smallProgram(t: Cleanup, machine?: number): string {
  const file = path.join(tempDir(t), "program"), bytes = fs.readFileSync("/bin/true");
  if (machine !== undefined) bytes.writeUInt16LE(machine, 18);
  fs.writeFileSync(file, bytes);
  const folder = fs.readdirSync(new URL("../../node_modules/.deno", import.meta.url))
    .find((name) => name.startsWith("ipaddr.js@"));
  fs.appendFileSync(file, `\n// node_modules/.deno/${folder}/node_modules/ipaddr.js/lib/a.js\n`);
  return file;
}
