/** Secrets: they stand in files of their own, which settings name. No message shows any of one. */
import { messageOf } from "../error.ts";
import { decodeUtf8 } from "./file.ts";
import type { RawSettings } from "./raw.ts";
import type { Config, SettingName } from "./settings.ts";

/** Secrets, read from the files that settings name. */
export interface Secrets {
  readonly key?: Uint8Array;
  readonly memcached?: { readonly username: string; readonly password: string };
}

const minSecretBytes = 16;

/**
 * Reads them.
 *
 * @param readFile throws when a file cannot be read; the message says why
 */
export function readSecrets(
  config: Config,
  raw: RawSettings,
  readFile: (path: string) => string,
  problems: string[],
): Secrets {
  const read = (name: SettingName, path: string | undefined): string | undefined => {
    if (path === undefined) return undefined;
    try {
      return readFile(path).trim();
    } catch (error) {
      const why = messageOf(error);
      problems.push(`${raw.get(name)?.where}: Cannot read ${name} "${path}": ${why}`);
      return undefined;
    }
  };
  const key = read("key-secret-file", config.keySecretFile);
  if (key !== undefined && key.length < minSecretBytes) {
    problems.push(
      `${config.keySecretFile}: want a secret of at least ${minSecretBytes} bytes, ` +
        `got ${key.length}`,
    );
  }
  const auth = read("memcached-auth-file", config.memcachedAuthFile);
  const [, username, password] = /^([^:\n]+):([^\n]+)$/.exec(decodeUtf8(auth ?? "")) ?? [];
  if (auth !== undefined && password === undefined) {
    problems.push(`${config.memcachedAuthFile}: want one line, user:password`);
  }
  return {
    ...(key === undefined ? {} : { key: new TextEncoder().encode(key) }),
    ...(username === undefined || password === undefined
      ? {}
      : { memcached: { username, password } }),
  };
}
