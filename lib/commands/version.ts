/** `greylist --version`. */
import { version } from "../version.ts";

export function versionText(): string {
  return `greylist ${version}`;
}
