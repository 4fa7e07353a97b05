/**
 * The Debian package, on a Debian with systemd and Postfix: installed, upgraded, removed, purged, and over a greylist 0.1.0
 * that was installed by hand.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { makePackage } from "../../tools/package.ts";
import { commit as release } from "../old_and_new/release.ts";
import { blocksRunBy } from "../support/documented.ts";
import { packageParts, smallProgram } from "../support/package.ts";
import { type Cleanup, tempDir, waitFor } from "../support/process.ts";
import { engine, must, run } from "./compose.ts";
import { type Machine, machine } from "./machine.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** The binary under test; without one, that of the image. */
function binary(dir: string): string {
  const given = process.env["PROGRAM_UNDER_TEST"];
  if (given !== undefined && given !== "") return path.resolve(root, given);
  const image = "greylist-test-build", to = path.join(dir, "greylist");
  must(engine("build", "--target", "build", "--tag", image, "."));
  const container = must(engine("create", image)).trim();
  try {
    must(engine("cp", `${container}:/build/dist/greylist`, to));
  } finally {
    must(engine("rm", "-v", container));
  }
  return to;
}

/** What doc/packages.md says on how to install, how to end what was installed by hand, and how to purge. */
const [installing = "", ending = "", purging = ""] = blocksRunBy(
  import.meta.url,
  "doc/packages.md",
).map(({ text }) => text);

/** What doc/howto.md says on how to make greylist read its settings. */
const [restarting = "", reloading = ""] = blocksRunBy(import.meta.url, "doc/howto.md")
  .map(({ text }) => text);

/** Packages of two versions, the second newer. */
function packages(t: Cleanup): { program: string; first: string; second: string } {
  const dir = tempDir(t), program = binary(dir), common = packageParts(t);
  const made = (version: string) =>
    makePackage({ ...common, binary: program, version, compression: ["-Znone"] }, dir);
  return { program, first: made("0.0.1"), second: made("0.0.2") };
}

/** What lasts on a machine, but for what others write by themselves. */
function everything(host: Machine): string[] {
  const not = ["/proc", "/sys", "/dev", "/run", "/tmp", "/var/log", "/var/spool", "/root/packages"];
  const paths = not.map((name) => `-path ${name}`).join(" -o ");
  return host.must(`find / \\( ${paths} \\) -prune -o -print`).split("\n")
    .filter((name) => !/^\/var\/(lib\/(apt\/|dpkg\/|postfix\/|systemd\/timers)|cache\/)/.test(name))
    .sort();
}

const mail = (sender: string) =>
  `--client 192.0.2.1 --sender ${sender} --recipient robin@example.com`;

/** What the server says to a mail. */
const asked = (host: Machine, sender: string) => host.run(`greylist query ${mail(sender)}`).stdout;

const programOf = (host: Machine) =>
  host.must("readlink /proc/$(systemctl show --value --property MainPID greylist)/exe");

test("Debian's checker of packages finds nothing", (t) => {
  // Around a small program, because it looks at every byte.
  const made = makePackage({ ...packageParts(t), binary: smallProgram(t) }, tempDir(t));
  const { status, all } = run(["lintian", "--fail-on", "error,warning", made]);
  assert.equal(status, 0, all);
});

test("the Debian package", async (t) => {
  const { program, first, second } = packages(t);
  const host = await machine(t);
  host.must("mkdir -p /root/packages/first");
  host.put(first, "/root/packages/first/");
  host.put(second, "/root/packages/second.deb");
  const before = everything(host);

  await t.test("starts a server when it is installed, which greylists Postfix's mail", () => {
    host.must(`cd /root/packages/first; ${installing}`);
    assert.equal(host.must("systemctl is-enabled greylist"), "enabled");
    assert.equal(programOf(host), "/usr/bin/greylist");
    assert.equal(host.must("systemd-analyze verify --man=no greylist.service 2>&1"), "");
    host.must(
      "postconf -e 'smtpd_recipient_restrictions = reject_unauth_destination," +
        " check_policy_service inet:127.0.0.1:10023' && postfix reload",
    );
    const dialogue =
      "exec 3<>/dev/tcp/127.0.0.1/25; read -r -u 3 greeting; while read -r line; do " +
      'printf "%s\\r\\n" "$line" >&3; read -r -u 3 reply; echo "$reply"; done';
    const lines =
      "HELO client.example.org\nMAIL FROM:<kim@firma.example>\nRCPT TO:<root@localhost>\n";
    const said = host.must(`timeout 30 bash -c '${dialogue}'`, `${lines}QUIT\n`);
    assert.match(said, /^45. 4\.2\.0 .*Greylisted/m);
    const journal = host.must("journalctl --unit greylist SYSLOG_FACILITY=2 --output cat");
    assert.match(journal, /action=greylist, reason=new, .*sender=kim@firma\.example/);
  });

  await t.test("has a server that sees what root's commands do, also while it is stopped", () => {
    assert.match(asked(host, "one@firma.example"), /^DEFER_IF_PERMIT 4\.2\.0 Greylisted/);
    host.must(`greylist allow ${mail("one@firma.example")}`);
    assert.doesNotMatch(asked(host, "one@firma.example"), /DEFER/);
    host.must(`systemctl stop greylist && greylist allow ${mail("two@firma.example")}`);
    host.must("systemctl start greylist");
    assert.doesNotMatch(asked(host, "two@firma.example"), /DEFER/);
    assert.match(asked(host, "three@firma.example"), /DEFER.* 30[01] seconds/);
  });

  await t.test("starts with the settings that the how-to switches on", () => {
    const file = "/etc/greylist/greylist.conf", names = "spf learn-correspondents".split(" ");
    for (const name of names) host.must(`sed -i 's/^#${name} = yes/${name} = yes/' ${file}`);
    assert.match(host.must(restarting), /Active: active \(running\)/);
    assert.equal(host.must(`grep --count '^[a-z-]* = yes' ${file}`), "2");
    for (const name of names) host.must(`sed -i '/^${name} = yes/d' ${file}`); // there is no DNS
  });

  await t.test("reads changed settings when it is reloaded", async () => {
    const said = () => host.must("journalctl --unit greylist --output cat");
    host.must("echo 'delay = 6m' >>/etc/greylist/greylist.conf");
    host.must(reloading);
    const reread = () => /DEFER.* 36[01] seconds/.test(asked(host, "another@firma.example"));
    await waitFor("the new delay", reread).catch(() => assert.fail(said()));
  });

  await t.test("keeps changed settings and the state in an upgrade, and restarts the server", () => {
    host.must("sed -i 's/^delay = 6m/delay = 7m/' /etc/greylist/greylist.conf");
    host.must("echo 192.0.2.2 >/etc/greylist/whitelist_clients");
    const running = host.must("systemctl show --property MainPID greylist");
    host.must("dpkg --install /root/packages/second.deb");
    assert.notEqual(host.must("systemctl show --property MainPID greylist"), running);
    assert.match(host.must("tail -n 1 /etc/greylist/greylist.conf"), /^delay = 7m$/);
    assert.equal(host.must("cat /etc/greylist/whitelist_clients"), "192.0.2.2");
    assert.doesNotMatch(asked(host, "one@firma.example"), /DEFER/);
    assert.match(asked(host, "four@firma.example"), /DEFER.* 42[01] seconds/);
  });

  await t.test("leaves disabled in an upgrade what is disabled", () => {
    host.must("systemctl disable --now greylist");
    host.must("dpkg --install /root/packages/second.deb");
    assert.equal(host.run("systemctl is-enabled greylist").stdout.trim(), "disabled");
    assert.equal(host.run("systemctl is-active greylist").stdout.trim(), "inactive");
    host.must("systemctl enable --now greylist");
  });

  await t.test("keeps settings and state when it is removed, for when it comes back", () => {
    host.must("dpkg --remove greylist");
    assert.equal(host.run("systemctl is-active greylist").stdout.trim(), "inactive");
    assert.match(host.must("tail -n 1 /etc/greylist/greylist.conf"), /^delay = 7m$/);
    host.must("dpkg --install /root/packages/first/*.deb");
    assert.doesNotMatch(asked(host, "one@firma.example"), /DEFER/);
  });

  await t.test("leaves nothing when it is purged, but what the administrator keeps elsewhere", () => {
    host.must("echo 192.0.2.3 >/etc/greylist/whitelist_clients.local");
    host.must("(umask 077; echo secret >/etc/greylist/secret)");
    host.must("mkdir /srv/greylist && echo >/srv/greylist/greylist.db");
    host.must(purging.replace("purge", "purge --yes"));
    const kept = ["/etc/greylist", "/etc/greylist/secret"]
      .concat("/srv/greylist", "/srv/greylist/greylist.db");
    assert.deepEqual(everything(host), [...before, ...kept].sort());
    assert.equal(host.run("systemctl is-active greylist").stdout.trim(), "inactive");
  });

  await t.test("takes over from 0.1.0, installed by hand, with its settings and its state", () => {
    const settings = "store = sqlite:/var/lib/greylist/state.db\ndelay = 7m\n";
    installByHand(host, program);
    host.must("cat >/etc/greylist/greylist.conf", settings);
    host.must("systemctl enable --now greylist");
    host.must(`greylist allow ${mail("one@firma.example")}`);

    // What dpkg asks: whether to keep the administrator's greylist.conf. No other question is answered.
    const { status, all } = host.run("dpkg --install /root/packages/first/*.deb", "N\n");
    assert.equal(status, 0, all);
    assert.match(all, /\/etc\/systemd\/system\/greylist\.service goes before this package's unit/);
    assert.match(all, /\/usr\/local\/bin\/greylist goes before \/usr\/bin\/greylist/);
    assert.equal(programOf(host), "/usr/local/bin/greylist");
    host.must(ending);

    assert.equal(programOf(host), "/usr/bin/greylist");
    assert.equal(host.must("systemctl is-enabled greylist"), "enabled");
    assert.equal(`${host.must("cat /etc/greylist/greylist.conf")}\n`, settings);
    const shipped = fs.readFileSync(path.join(root, "postfix/whitelist_clients"), "utf8");
    assert.equal(`${host.must("cat /etc/greylist/whitelist_clients")}\n`, shipped);
    assert.doesNotMatch(asked(host, "one@firma.example"), /DEFER/);
    assert.match(asked(host, "four@firma.example"), /DEFER.* 42[01] seconds/);
    host.must("dpkg --purge greylist");
  });

  await t.test("leaves alone what 0.1.0 kept for Postfix's children, in Memcached or in a file", () => {
    installByHand(host, program);
    host.must("rm /etc/systemd/system/greylist.service; systemctl daemon-reload");
    host.must("install -d -o nobody /var/lib/greylist && touch /var/lib/greylist/state.db");
    const kept = () => host.must("find /var/lib/greylist -printf '%p %y %u %m\\n'");
    const before = kept();
    const { status, all } = host.run("dpkg --install /root/packages/first/*.deb", "N\n");
    assert.equal(status, 0, all);
    assert.match(all, /the service is not enabled/);
    const settings = host.must("cat /etc/greylist/greylist.conf");
    assert.match(settings, /^store = memcached:127\.0\.0\.1:11211$/m);
    host.must("dpkg --install /root/packages/second.deb");
    assert.equal(host.run("systemctl is-active greylist").stdout.trim(), "inactive");
    assert.equal(kept(), before);
    assert.equal(host.must("cat /etc/greylist/greylist.conf"), settings);
  });
});

/** As the README of 0.1.0 says. The binary is this one, which reads what 0.1.0 wrote (tests/old_and_new). */
function installByHand(host: Machine, program: string): void {
  const released = (name: string) =>
    execFileSync("git", ["show", `${release}:${name}`], { cwd: root, encoding: "utf8" });
  host.put(program, "/usr/local/bin/greylist");
  host.must("mkdir -p /etc/greylist");
  host.must(
    "cat >/etc/systemd/system/greylist.service",
    released("contrib/systemd/greylist.service"),
  );
  host.must("cat >/etc/greylist/whitelist_clients", released("postfix/whitelist_clients"));
  host.must("systemctl daemon-reload");
}
