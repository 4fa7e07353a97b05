/**
 * The program with a bug that nothing expects: the first word says how (`throw`, `reject`), the others are
 * the program's own arguments. It strikes when a file of the name CRASH in the working folder is gone.
 */
import * as fs from "node:fs";
import process from "node:process";

const [how] = process.argv.splice(2, 1);
const timer = setInterval(() => {
  if (fs.existsSync("CRASH")) return;
  clearInterval(timer);
  const bug = new TypeError("a bug\nof two lines");
  if (how === "throw") throw bug;
  void Promise.reject(bug);
}, 10);

await import("../../main.ts");
