/** The licences of the packages from npm that are bundled in a binary, as their authors want them passed on with it. */
import * as fs from "node:fs";
import * as path from "node:path";
import { type Package, packagesIn } from "./bundled.ts";

/** Name, version and licence of each bundled package, and the text of its licence. Throws when one is not installed. */
export function noticesOf(binary: string): string {
  return packagesIn(binary).map(noticeOf).join("");
}

function noticeOf({ folder, name, version, license }: Package): string {
  const file = fs.readdirSync(folder).find((name) => /^licen[cs]e(-mit)?(\.\w+)?$/i.test(name));
  if (file === undefined) throw new Error(`${folder}: cannot find the licence of ${name}`);
  const text = fs.readFileSync(path.join(folder, file), "utf8").replaceAll("\r", "").trim();
  return `${name} ${version} (${license})\n\n${text}\n\n${"-".repeat(72)}\n\n`;
}
