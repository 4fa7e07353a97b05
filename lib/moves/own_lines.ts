/**
 * Our own state as lines of JSON, for `greylist export` and `greylist import`. Pure but for reading.
 *
 *     {"greylist":"0.1.0","format":1,"key-prefix":"greylist:","secret":"…"}
 *     {"key":"…","record":"…"}
 *     …
 *     {"entries":12345}
 *
 * - Keys and records are as they are stored, without the blanks that Memcached's have behind them.
 * - `secret` is a check value of key-secret-file's, null without one. With another prefix or secret no key would be
 *   found again, so that the file is refused before anything is written.
 * - The last line tells a whole file from one that was cut off.
 * - A key says by its form what is kept under it (doc/state.md); under those of 0.1.0 there is nothing but its forms.
 */
import { partHashWith, recordKeysWith } from "../identity/record_keys.ts";
import { type Finding, type Findings, found, SourceError } from "./finding.ts";
import {
  clientForm,
  correspondentForm,
  domainForm,
  type Form,
  releaseClientForm,
  releaseTripletForm,
  senderForm,
  tripletForm,
} from "./item.ts";
import { linesOf } from "./lines.ts";
import { version } from "../version.ts";

/** How keys are made here, and so in the file. */
export interface Keying {
  readonly keyPrefix: string;
  readonly secret?: Uint8Array;
}

const format = 1;

/** The first line. */
export function headLine(keying: Keying): string {
  return JSON.stringify({
    greylist: version,
    format,
    "key-prefix": keying.keyPrefix,
    secret: checkValue(keying),
  });
}

export function entryLine(key: string, value: string): string {
  return JSON.stringify({ key, record: value.trimEnd() });
}

/** The last line. */
export function endLine(entries: number): string {
  return JSON.stringify({ entries });
}

function checkValue({ secret }: Keying): string | null {
  return secret === undefined ? null : partHashWith(secret)("export")("check value");
}

/** How long the key of a triplet (T) is. */
export function tripletKeyLength({ keyPrefix }: Keying): number {
  const hash = "h".repeat(22);
  const parties = { identities: [hash], address: hash, sender: "", recipient: "", place: "" };
  return recordKeysWith(keyPrefix).keysOf({ ...parties, scope: undefined }).triplets[0]?.length ??
    0;
}

/** The entries of an export; `-` is standard input. Fails with a SourceError. */
export async function* ownSource(name: string, keying: Keying): Findings {
  const reader = new OwnLines(keying);
  for await (const lines of linesOf(name)) {
    yield lines.map((line) => reader.take(line)).filter((finding) => finding !== undefined);
  }
  reader.end();
}

/** Reads the lines of one file. */
export class OwnLines {
  #line = 0;
  #entries = 0;
  #isEnded = false;

  constructor(private readonly keying: Keying) {}

  /** Takes a line, undefined for one that is too long. Throws a SourceError where the file is not for us. */
  take(text: string | undefined): Finding | undefined {
    this.#line++;
    const value = text === undefined ? undefined : parsed(text);
    if (this.#line === 1) return this.#takeHead(value);
    const bad = (why: string): Finding => ({ where: `line ${this.#line}`, bad: why });
    if (this.#isEnded) return bad("behind the end");
    const { key, record, entries } = value ?? {};
    if (typeof entries === "number") {
      this.#isEnded = true;
      return entries === this.#entries ? undefined : bad(
        `${entries} entries should be before it, and ${this.#entries} are`,
      );
    }
    this.#entries++;
    if (text === undefined) return bad("too long");
    if (typeof key !== "string" || typeof record !== "string") {
      return bad(`want {"key":"…","record":"…"}`);
    }
    return itemOf(key, record, this.keying.keyPrefix) ?? bad("no record of this release");
  }

  /** Says that there are no more lines. Throws a SourceError where there should be. */
  end(): void {
    if (this.#line === 0) throw new SourceError(`it is empty; ${wanted}`);
    if (this.#isEnded) return;
    throw new SourceError(
      `line ${this.#line}: the last line is missing, so that it was cut off; the rest is missing`,
    );
  }

  #takeHead(head: Fields | undefined): undefined {
    if (typeof head?.["greylist"] !== "string") throw new SourceError(`line 1: ${wanted}`);
    const refuse = (why: string) => {
      throw new SourceError(`line 1: ${why}, so that none of its entries would be found here`);
    };
    if (head["format"] !== format) {
      throw new SourceError(
        `line 1: format ${JSON.stringify(head["format"])} of greylist ${head["greylist"]}, ` +
          `want format ${format}`,
      );
    }
    const prefix = head["key-prefix"], ours = this.keying.keyPrefix, secret = head["secret"];
    if (prefix !== ours) {
      refuse(`key-prefix is ${JSON.stringify(prefix)} there, and ${JSON.stringify(ours)} here`);
    }
    const check = checkValue(this.keying);
    if (secret === check) return;
    if (secret === null) refuse("there was no key-secret-file there, and there is one here");
    if (check === null) refuse("there was a key-secret-file there, and there is none here");
    refuse("key-secret-file holds another secret here");
  }
}

const wanted = "want what `greylist export` prints, or --from postgrey or sqlgrey";

type Fields = Readonly<Record<string, unknown>>;

function parsed(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value as Fields : undefined;
  } catch {
    return undefined;
  }
}

const hash = "[\\w-]{22}";

const forms: readonly { readonly key: RegExp; readonly form: Form<unknown> }[] = [
  { key: new RegExp(`^\\{${hash}\\}s${hash}${hash}$`), form: senderForm },
  { key: new RegExp(`^\\{${hash}\\}t${hash}${hash}${hash}$`), form: tripletForm },
  { key: new RegExp(`^\\{${hash}\\}d${hash}$`), form: domainForm },
  { key: new RegExp(`^c${hash}$`), form: clientForm },
  { key: new RegExp(`^w${hash}$`), form: correspondentForm },
  { key: /^[\w-]{43}$/, form: releaseTripletForm },
  { key: /^[\w-]{43}$/, form: releaseClientForm },
];

function itemOf(key: string, text: string, prefix: string): Finding | undefined {
  if (!key.startsWith(prefix)) return undefined;
  const rest = key.slice(prefix.length);
  for (const { key: pattern, form } of forms) {
    const record = pattern.test(rest) ? form.decode(text) : undefined;
    if (record !== undefined) return found(key, form, record);
  }
  return undefined;
}
