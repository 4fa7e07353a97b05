/**
 * The image without Postfix: what is in it, and contrib/daemon/compose.yaml beside a Postfix of Debian's that was told
 * to ask it as doc/docker.md says.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { blocksRunBy } from "../support/documented.ts";
import { atEnd, type Cleanup, freePort, tempDir, waitFor } from "../support/process.ts";
import { connect, swaks } from "../support/smtp.ts";
import { compose, engine, must, type Outcome, run } from "./compose.ts";

const root = path.resolve(import.meta.dirname ?? ".", "../..");
const image = "greylist-daemon";

/** The number in the Dockerfile. */
const uid = 65532;

/** After which an engine kills what it has asked to stop, if nothing else is said. */
const stopSeconds = 10;

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** What the engine knows of a container, by a Go template. */
function inspect(container: string, template: string): string {
  return must(engine("inspect", "-f", template, container)).trim();
}

/** Stops a container, and gives how it ended: 137 if the engine had to kill it. */
function stop(container: string): { readonly status: string; readonly seconds: number } {
  const before = performance.now();
  must(engine("stop", "-t", "60", container));
  const seconds = (performance.now() - before) / 1000;
  return { status: inspect(container, "{{.State.ExitCode}}"), seconds };
}

test("the image without Postfix", async (t) => {
  must(engine("build", "--target", "daemon", "-t", image, "."));
  const container = must(
    engine("run", "-d", "--read-only", "--cap-drop", "all", "-e", "GREYLIST_DELAY=1s", image),
  ).trim();
  atEnd(t, () => void must(engine("rm", "-f", "-v", container)));
  const greylist = (...args: string[]) => run(engine("exec", container, "greylist", ...args));
  const isWell = () => greylist("query", "--state", "CONNECT");
  await waitFor("an answer", () => isWell().status === 0);

  await t.test("has no program but greylist, and no shell", () => {
    const archive = path.join(tempDir(t), "image.tar");
    must(engine("export", "-o", archive, container));
    const files = must(["tar", "tf", archive]).split("\n")
      .filter((name) => /[^/]$/.test(name) && !/^(dev|proc|run|sys)\//.test(name));
    const expected =
      /^(usr\/local\/lib\/greylist\/(greylist|ld|lib[\w.-]+)|etc\/[\w./-]+|var\/lib\/greylist\/.*|\.dockerenv)$/;
    assert.deepEqual(files.filter((name) => !expected.test(name)), []);
    assert.ok(files.includes("usr/local/lib/greylist/greylist"), `${files}`);
    assert.notEqual(run(engine("exec", container, "sh", "-c", "true")).status, 0);
    assert.notEqual(run(engine("exec", container, "/bin/sh", "-c", "true")).status, 0);
    t.diagnostic(
      `image: ${Math.round(Number(inspect(image, "{{.Size}}")) / 1024 ** 2)} MiB`,
    );
  });

  await t.test("runs as a user that is not root, as process 1", () => {
    const pid = inspect(container, "{{.State.Pid}}");
    const status = fs.readFileSync(`/proc/${pid}/status`, "utf8");
    assert.deepEqual(/^Uid:\s(.*)$/m.exec(status)?.[1]?.split("\t"), Array(4).fill(`${uid}`));
    assert.match(status, /^NSpid:\t\d+\t1$/m);
  });

  await t.test("prints help, and refuses what is wrong", () => {
    /** How the container ended, and what it said. With --rm, podman sometimes gives 0 for another status. */
    const once = (...args: string[]) => {
      const name = `greylist-test-${randomBytes(4).toString("hex")}`;
      const { all } = run(engine("run", "--name", name, ...args));
      try {
        return { all, status: inspect(name, "{{.State.ExitCode}}") };
      } finally {
        must(engine("rm", "-f", "-v", name));
      }
    };
    assert.match(once(image, "--help").all, /^usage: greylist /m);
    const wrong = once("-e", "GREYLIST_DELAY=soon", image, "check-config");
    assert.match(wrong.all, /GREYLIST_DELAY: Cannot parse delay: .*"soon"/);
    assert.equal(wrong.status, "78");
    const good = once(image, "check-config", "--strict");
    assert.equal(good.status, "0", good.all);
  });

  await t.test("keeps its state in its volume, over a stop in good order", async () => {
    const attempt = (): Outcome =>
      greylist(
        ...["query", "--client", "198.51.100.7", "--sender", "a@example.org"],
        ...["--recipient", "b@example.net"],
      );
    assert.match(attempt().stdout, /^DEFER_IF_PERMIT /);
    const { status, seconds } = stop(container);
    assert.equal(status, "0");
    assert.ok(seconds < stopSeconds, `${seconds} s`);
    must(engine("start", container));
    await waitFor("an answer", () => isWell().status === 0);
    await waitFor("the delay to be over", () => attempt().stdout.startsWith("PREPEND"));
  });

  await t.test("is not healthy when greylist does not answer", async () => {
    const pid = Number(inspect(container, "{{.State.Pid}}"));
    process.kill(pid, "SIGSTOP");
    try {
      const { status, all } = isWell();
      assert.equal(status, 69, all);
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await waitFor("an answer", () => isWell().status === 0);
  });
});

const domain = "mail.test";
const delaySeconds = 3;

/**
 * A Postfix that knows nothing of greylist and accepts mail for robin. Its smtpd is not chrooted, as docker-mailserver's and
 * mailcow's are not, but Debian's is: from there it could not look up a name.
 */
const otherPostfix = `FROM debian:bookworm-slim
RUN echo postfix postfix/main_mailer_type select Internet Site | debconf-set-selections \\
    && apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends postfix \\
    && useradd --create-home robin \\
    && postconf -e maillog_file=/dev/stdout mydestination=${domain} smtpd_authorized_xclient_hosts=0.0.0.0/0 \\
        smtpd_recipient_restrictions=permit_mynetworks,reject_unauth_destination \\
    && postconf -F smtp/inet/chroot=n
CMD ["postfix", "start-fg"]
`;

/** contrib/daemon/compose.yaml with that Postfix beside it, under names of its own; gone after the test. */
async function besideAnotherPostfix(t: Cleanup) {
  const project = `greylist-test-${randomBytes(4).toString("hex")}`;
  const port = await freePort();
  // In JSON, which is YAML too.
  const addition = path.join(tempDir(t), "compose.json");
  fs.writeFileSync(
    addition,
    JSON.stringify({
      services: {
        postfix: {
          image: `${project}-postfix`,
          hostname: `mx.${domain}`,
          networks: ["greylist"],
          ports: [`127.0.0.1:${port}:25`],
        },
      },
      networks: { greylist: { name: project } },
    }),
  );
  const settings = path.join(path.dirname(addition), "env");
  fs.writeFileSync(settings, `GREYLIST_DELAY=${delaySeconds}s\nMAIL_HOSTNAME=mx.${domain}\n`);
  const files = ["-f", path.join(root, "contrib/daemon/compose.yaml"), "-f", addition];
  const command = (...args: string[]) =>
    must(compose(...files, "-p", project, "--env-file", settings, ...args));
  const built = run(engine("build", "-t", `${project}-postfix`, "-"), otherPostfix);
  assert.equal(built.status, 0, built.all);
  atEnd(t, () => void must(engine("rmi", "-f", `${project}-postfix`)));
  atEnd(t, () => void command("down", "--volumes", "--timeout", "10"));
  command("up", "-d", "--build");
  await waitFor("Postfix to take mail", async () => {
    try {
      const say = await connect(port);
      return (await say("QUIT")).startsWith("221");
    } catch {
      return false; // not up yet
    }
  }, 60_000);
  const exec = (service: string, ...args: string[]) => command("exec", "-T", service, ...args);
  const idOf = (service: string) => command("ps", "-q", service).trim();
  const greylist = engine("exec", idOf("greylist"), "greylist");
  /** Until memcached is there, mail is accepted. */
  const storeUp = () =>
    waitFor("the store", () => {
      const sender = `somebody@${randomBytes(8).toString("hex")}.test`;
      const mail = ["--client", "192.0.2.1", "--sender", sender, "--recipient", `b@${domain}`];
      return run([...greylist, "query", ...mail]).stdout.startsWith("DEFER");
    }, 15_000);
  await storeUp();
  return { port, command, exec, idOf, storeUp };
}

test("greylist beside a Postfix in another container", async (t) => {
  const { port, command, exec, idOf, storeUp } = await besideAnotherPostfix(t);
  const send = (n: number, to = "robin") =>
    swaks(port, {
      client: `198.51.${n}.7`,
      clientName: `client${n}.example.org`,
      from: `sender${n}@example.org`,
      to: [`${to}@${domain}`],
      id: `${n}`,
    });
  const log = () => command("logs", "greylist");

  await t.test("is asked after the script of doc/docker.md, which may run again", () => {
    const [script] = blocksRunBy(import.meta.url, "doc/docker.md");
    for (const _ of [1, 2]) exec("postfix", "bash", "-c", `${script?.text}`);
    exec("postfix", "postfix", "reload");
    const restrictions = exec("postfix", "postconf", "-h", "smtpd_recipient_restrictions");
    assert.equal(restrictions.match(/check_policy_service/g)?.length, 1, restrictions);
  });

  await t.test("defers first, then lets the mail through, with the header", async () => {
    assert.match((await send(1)).recipients[0] ?? "", /^450 4\.2\.0 .*Greylisted/);
    await sleep((delaySeconds + 1) * 1000);
    assert.match((await send(1)).message ?? "", /^250 /);
    const mailbox = () => run(engine("exec", idOf("postfix"), "cat", "/var/mail/robin")).stdout;
    await waitFor("delivery", () => /^X-Greylist: delayed \d+ seconds/m.test(mailbox()));
    assert.match(mailbox(), new RegExp(`^X-Greylist: .* at mx\\.${domain};`, "m"));
    await waitFor("the decision in the log", () => /reason=triplet found/.test(log()));
    assert.match(log(), /listening on inet:0\.0\.0\.0:10023, with the state in memcached/);
    assert.match(log(), /action=greylist, reason=new, .*client_address=198\.51\.1\.7/);
  });

  await t.test("is not asked about users that do not exist", async () => {
    assert.match((await send(2, "nobody-here")).recipients[0] ?? "", /^550 5\.1\.1 /);
    assert.doesNotMatch(log(), /nobody-here/);
  });

  await t.test("remembers over a restart of memcached", async () => {
    // It may come back at another address, of which podman's name server (aardvark-dns 1.4) does not always hear: greylist
    // then gets no answer for as long as one waits. Each restart tells it anew.
    for (let restarts = 1;; restarts++) {
      command("restart", "memcached");
      try {
        await storeUp();
        break;
      } catch (error) {
        if (restarts === 4) throw error;
      }
    }
    assert.match((await send(1)).message ?? "", /^250 /);
    const decisions = () => log().match(/reason=(?=.*client_address=198\.51\.1\.7)[^,]*/g) ?? [];
    await waitFor("the decision in the log", () => decisions().length === 3);
    assert.doesNotMatch(`${decisions()}`, /store failure/);
  });

  await t.test("has no right on the machine, and nothing to write to but its volume", () => {
    const id = idOf("greylist");
    assert.equal(
      inspect(id, "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.Privileged}}"),
      "true false",
    );
    const status = fs.readFileSync(`/proc/${inspect(id, "{{.State.Pid}}")}/status`, "utf8");
    assert.match(status, /^CapEff:\t0+$/m);
    assert.match(status, /^CapBnd:\t0+$/m);
    assert.match(status, /^NoNewPrivs:\t1$/m);
  });

  await t.test("stops in good order, and mail comes in without it", async () => {
    const { status, seconds } = stop(idOf("greylist"));
    assert.equal(status, "0");
    assert.ok(seconds < stopSeconds, `${seconds} s`);
    assert.match(log(), /SIGTERM: finishing what is in flight/);
    assert.match((await send(4)).message ?? "", /^250 /);
  });
});
