/** Settings as they were written, before they mean anything: what flags, environment and file give. Pure. */
import { type SettingName, settings } from "./settings.ts";

/** A setting as it was written, and where: the beginning of a problem's line. */
export interface Raw {
  readonly texts: readonly string[];
  readonly where: string;
}

export type RawSettings = ReadonlyMap<SettingName, Raw>;

/** What there is to be said about what was written, a line each. */
export interface Remarks {
  /** With one of them the configuration cannot be used. */
  readonly problems: string[];
  /** It is used, but may not do what it is there for. */
  readonly warnings: string[];
}

export const isSettingName = (name: string): name is SettingName => Object.hasOwn(settings, name);

/** The values that a text gives: the items of a list, or the text itself. */
export function textsOf(name: SettingName, text: string): string[] {
  if (settings[name].takes !== "list") return [text];
  return text.split(/[,\s]+/).filter((item) => item !== "");
}
