/** What is in the image, what its entrypoint refuses and respects, and that it needs nobody's libc. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";
import { startMemcached } from "../support/memcached.ts";
import { atEnd, tempDir } from "../support/process.ts";
import { engine, must, run, type Stack, stack } from "./compose.ts";

const image = "greylist";
const base = "phplist/postfix";

/** Runs the service once, with options of `docker compose run`, and a command in place of the image's. */
const once = (host: Stack, options: readonly string[], ...command: string[]) =>
  host.try("run", "--rm", "-T", "--no-deps", ...options, "postfix", ...command);

test("the image holds greylist and nothing that it was made with", async (t) => {
  const host = await stack(t);
  host.compose("build");

  await t.test("prints its size over the base's", () => {
    const size = (name: string) =>
      Number(must(engine("image", "inspect", "-f", "{{.Size}}", name))) / 1024 ** 2;
    const own = once(host, ["--entrypoint", "du"], "-sm", "/usr/local/lib/greylist").stdout;
    const [all, without] = [size(image), size(base)];
    t.diagnostic(
      `image: ${Math.round(all)} MiB, ${Math.round(all - without)} MiB over its base, of which ` +
        `greylist with its libraries ${own.split("\t")[0]} MiB, the rest mailutils`,
    );
    assert.ok(all > without);
  });

  await t.test("has no deno, node or compiler", () => {
    const shell = "for c in deno node npm gcc cc make; do command -v $c; done; true";
    assert.equal(once(host, ["--entrypoint", "sh"], "-c", shell).stdout, "");
  });

  await t.test("is built, too, when the base's package source does not answer", (t) => {
    const [old, built] = ["greylist-test-old-base", "greylist-test-old"];
    atEnd(t, () => void must(engine("rmi", "-f", built, old)));
    const sources = "deb http://archive.invalid/ubuntu trusty main";
    const dockerfile = `FROM ${base}\n` +
      `RUN rm -rf /etc/apt/sources.list* && echo '${sources}' >/etc/apt/sources.list\n`;
    const prepared = run(engine("build", "-t", old, "-"), dockerfile);
    assert.equal(prepared.status, 0, prepared.all);
    const { status, all } = run(
      engine("build", "--build-arg", `BASE_IMAGE=${old}`, "-t", built, "."),
    );
    assert.equal(status, 0, all);
    assert.match(all, /NOTE: mailutils is not installed: .* does not answer/);
  });

  await t.test("has the users of MAIL_USERS", () => {
    const users = ["alexandre", "robin", "lucas", "axel", "massi", "logan"];
    const { status } = once(host, ["--entrypoint", "id"], "robin");
    assert.equal(status, 0);
    const shell = `for u in ${users.join(" ")}; do id -un $u; done`;
    assert.deepEqual(
      once(host, ["--entrypoint", "sh"], "-c", shell).stdout.trim().split(/\s+/),
      users,
    );
  });

  await t.test("refuses to start with a setting that is wrong, and says which", () => {
    for (
      const [variable, said] of [
        ["GREYLIST_DELAY=soon", /greylist\.conf:\d+: Cannot parse delay: .*"soon"/],
        ["GREYLIST_STORE=memory", /store = memory does not go with mode = spawn/],
        ["GREYLIST_MODE=both", /GREYLIST_MODE="both": want spawn or daemon/],
        ["MAIL_DOMAIN=exa mple", /MAIL_DOMAIN="exa mple" is not a domain name/],
        ["MAIL_USERS=Robin!", /"Robin!" cannot be a user/],
        ["MAIL_DNS=ns.example.org", /"ns\.example\.org" is not the address of a name server/],
        ["SMTP_LISTEN=2 5", /SMTP_LISTEN="2 5" is not a port/],
      ] as const
    ) {
      const { status, all } = once(host, ["-e", variable], "true");
      assert.match(all, said);
      assert.equal(status, 78, variable);
    }
  });

  await t.test("leaves out variables that are no settings, as beside a service called greylist", () => {
    const variables = [
      ...["GREYLIST_PORT=tcp://10.0.0.1:10023", "GREYLIST_SERVICE_HOST=10.0.0.1"],
      ...["GREYLIST_PORT_10023_TCP_ADDR=10.0.0.1", "GREYLIST_ENV_NOTE=two\nlines"],
      "GREYLIST_DELAY=7m",
    ];
    const options = variables.flatMap((variable) => ["-e", variable]);
    const { status, stdout, all } = once(host, options, "cat", "/etc/greylist/greylist.conf");
    assert.equal(status, 0, all);
    assert.match(stdout, /^delay = 7m$/m);
    assert.doesNotMatch(stdout, /port|service|env-note/);
    assert.match(all, /^entrypoint: warning: GREYLIST_PORT: no such setting$/m);
    assert.match(all, /^entrypoint: warning: GREYLIST_SERVICE_HOST: no such setting$/m);
  });

  await t.test("starts without its store, and says that it is not there", () => {
    const { status, all } = once(host, ["-e", "GREYLIST_STORE=memcached:127.0.0.1:1"], "true");
    assert.equal(status, 0, all);
    assert.match(all, /greylist can start, but:\n[^]*warning: store: memcached:127\.0\.0\.1:1/);
    assert.doesNotMatch(all, /warning: log:/);
  });

  await t.test("adds users of MAIL_USERS when it starts", () => {
    const { stdout, status } = once(host, ["-e", "MAIL_USERS=robin zoe"], "id", "-un", "zoe");
    assert.equal(status, 0);
    assert.match(stdout, /^zoe$/m);
  });

  await t.test("respects mounted files, read-only or not, and says what they keep from it", (t) => {
    const dir = tempDir(t);
    const main = path.join(dir, "main.cf"), master = path.join(dir, "master.cf");
    const conf = path.join(dir, "greylist.conf");
    const root = path.resolve(import.meta.dirname ?? ".", "../../postfix");
    fs.writeFileSync(
      main,
      fs.readFileSync(path.join(root, "main.cf"), "utf8").replace("biff = no", "biff = yes"),
    );
    fs.copyFileSync(path.join(root, "master.cf"), master);
    fs.writeFileSync(conf, "delay = 7m\nstore = memcached:127.0.0.1:1\n");
    const written = [main, master, conf].map((file) => fs.readFileSync(file, "utf8"));
    for (const mode of ["", ":ro"]) {
      const { status, all } = once(
        host,
        [
          ["-v", `${main}:/etc/postfix/main.cf${mode}`],
          ["-v", `${master}:/etc/postfix/master.cf${mode}`],
          ["-v", `${conf}:/etc/greylist/greylist.conf${mode}`],
          ["-e", "GREYLIST_DELAY=1m"],
        ].flat(),
        ...["sh", "-c", "postconf -h biff mydomain; cat /etc/greylist/greylist.conf"],
      );
      assert.equal(status, 0, all);
      assert.match(all, /^yes\nexample\.com\ndelay = 7m$/m);
      assert.match(all, /MAIL_DOMAIN=mail\.test is not applied: .*main\.cf is mounted/);
      assert.match(all, /SMTP_LISTEN=\S+ is not applied/);
      assert.match(all, /greylist\.conf is mounted: the GREYLIST_ variables are not applied/);
      assert.deepEqual([main, master, conf].map((file) => fs.readFileSync(file, "utf8")), written);
    }
    fs.writeFileSync(main, "mail_owner = no-such-user\n");
    const { status, all } = once(host, ["-v", `${main}:/etc/postfix/main.cf:ro`], "true");
    assert.match(all, /Postfix's configuration is wrong:[^]*no-such-user/);
    assert.equal(status, 78);
  });

  await t.test("ships a greylist that runs in a root without any other libc", async (t) => {
    const dir = tempDir(t);
    for (const folder of ["bin", "etc", "proc", "tmp", "usr/local/bin", "usr/local/lib"]) {
      fs.mkdirSync(path.join(dir, folder), { recursive: true });
    }
    fs.chmodSync(path.join(dir, "tmp"), 0o1777);
    const container = must(engine("create", image)).trim();
    try {
      for (const file of ["usr/local/lib/greylist", "usr/local/bin/greylist"]) {
        must(engine("cp", `${container}:/${file}`, path.join(dir, path.dirname(file))));
      }
    } finally {
      must(engine("rm", "-v", container));
    }
    fs.copyFileSync("/bin/busybox", path.join(dir, "bin/busybox")); // a static one
    fs.symlinkSync("busybox", path.join(dir, "bin/sh"));
    // What Ubuntu 14.04 has: users from "compat", for which the system's own library would not do.
    fs.writeFileSync(path.join(dir, "etc/nsswitch.conf"), "passwd: compat\nhosts: files dns\n");
    fs.writeFileSync(path.join(dir, "etc/passwd"), "greylist:x:65534:65534::/:/bin/sh\n");
    fs.writeFileSync(path.join(dir, "etc/hosts"), "127.0.0.1 memcached.test\n");
    execFileSync("mount", ["-t", "proc", "proc", path.join(dir, "proc")]);
    try {
      const memcached = await startMemcached(t);
      const settings = [
        `--store=memcached:memcached.test:${memcached.server.replace(/^.*:/, "")}`,
        "--store-timeout=5s",
        "--log=file:/tmp/log",
      ];
      const request = [
        "request=smtpd_access_policy",
        "protocol_state=RCPT",
        "client_address=198.51.100.7",
        "client_name=mx.example.org",
        "sender=a@example.org",
        "recipient=b@example.net",
        "instance=1",
        "\n",
      ].join("\n");
      // As spawn(8) starts it, but for the socket.
      const { stdout, stderr, status } = spawnSync(
        "/usr/sbin/chroot",
        ["--userspec=65534:65534", dir, "/usr/local/bin/greylist", ...settings],
        { input: request + request, env: { PATH: "/usr/bin:/bin" }, encoding: "latin1" },
      );
      assert.match(stdout, /^(action=DEFER_IF_PERMIT 4\.2\.0 Greylisted[^\n]*\n\n){2}$/);
      assert.equal(stderr, "");
      assert.equal(status, 0);
      assert.match(fs.readFileSync(path.join(dir, "tmp/log"), "latin1"), /reason=new/);
    } finally {
      execFileSync("umount", [path.join(dir, "proc")]);
    }
  });
});
