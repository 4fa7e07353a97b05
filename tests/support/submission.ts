/**
 * A submission service with one user, robin, for the private Postfix of the end-to-end tests: the lines that
 * doc/correspondents.md gives to an administrator, on a free port and without TLS.
 * Needs the Debian packages sasl2-bin and libsasl2-modules.
 */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

const doc = fs.readFileSync(new URL("../../doc/correspondents.md", import.meta.url), "utf8");

export const login = { user: "robin", password: "a secret" } as const;

export interface Submission {
  /** For main.cf, `name=value`. */
  readonly settings: readonly string[];
  /** For master.cf. */
  readonly service: string;
}

/**
 * @param dir Postfix's folder, with its configuration in `config`
 * @param listen where greylist listens; undefined: it is a child of spawn(8)
 */
export function submission(dir: string, port: number, listen: string | undefined): Submission {
  const documented = listen === undefined ? "unix:private/greylist" : "inet:127.0.0.1:10023";
  const restrictions = blocks(/^submission_recipient_restrictions =\n/)
    .find((block) => block.includes(documented))?.replace(documented, listen ?? documented);
  const service = blocks(/^submission inet /)[0]?.replace("submission", `127.0.0.1:${port}`)
    .replace(/ +-o smtpd_tls_security_level=.*\n/, "");
  if (restrictions === undefined || service === undefined) {
    throw new Error("doc/correspondents.md has no lines for Postfix");
  }
  // Debian's Postfix looks there, whatever cyrus_sasl_config_path says.
  const sasl = path.join(dir, "config/sasl");
  fs.mkdirSync(sasl, { recursive: true });
  const database = path.join(dir, "sasldb2");
  execFileSync("saslpasswd2", ["-p", "-c", "-u", "example.com", "-f", database, login.user], {
    input: login.password,
  });
  execFileSync("chown", ["postfix", database]);
  fs.writeFileSync(
    path.join(sasl, "smtpd.conf"),
    `mech_list: plain\npwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: ${database}\n`,
  );
  return {
    settings: [
      restrictions.trim().replace(/ =\n\s+/, "="),
      "smtpd_sasl_local_domain=example.com",
      // What users send elsewhere is sent nowhere.
      "default_transport=discard:",
    ],
    service,
  };
}

/** The texts of the document's code blocks that match. */
function blocks(begin: RegExp): string[] {
  return [...doc.matchAll(/^```\n([^]*?)^```$/gm)].map(([, text = ""]) => text)
    .filter((text) => begin.test(text));
}
