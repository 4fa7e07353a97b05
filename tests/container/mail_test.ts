/** The image, started by compose.yaml as a user would, in both modes, with mail from foreign addresses. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, swaks } from "../support/smtp.ts";
import { waitFor } from "../support/process.ts";
import { engine, must, type Stack, stack } from "./compose.ts";

const delaySeconds = 4;
const delay = () => new Promise((resolve) => setTimeout(resolve, (delaySeconds + 1) * 1000));
const variables = { GREYLIST_DELAY: `${delaySeconds}s` };

let serial = 0;

/** A mail from a client in a network of its own, so that no two tests know each other's. */
function mail(host: Stack, to: string) {
  const n = ++serial;
  const client = `198.51.${n}.7`;
  const send = (from: string) =>
    swaks(host.smtpPort, {
      client,
      clientName: `client${n}.example.org`,
      from,
      to: [`${to}@${host.domain}`],
      id: `${n}`,
    });
  return { client, sender: `sender${n}@example.org`, send: () => send(`sender${n}@example.org`) };
}

/** Asks about a recipient, and stays connected: in spawn mode that keeps a greylist process. */
async function hold(host: Stack) {
  const say = await connect(host.smtpPort);
  const n = ++serial;
  await say("EHLO client.test");
  await say(`XCLIENT ADDR=198.51.${n}.7 NAME=client${n}.example.org`);
  await say("EHLO client.test");
  await say(`MAIL FROM:<sender${n}@example.org>`);
  assert.match(await say(`RCPT TO:<robin@${host.domain}>`), /^450 4\.2\.0 /);
  return say;
}

const mailLog = (host: Stack) => host.exec("postfix", "cat /var/log/mail.log").split("\n");

/** The decisions about mail from a sender. */
function decisions(host: Stack, sender: string): string[] {
  return mailLog(host).filter((line) =>
    / greylist\[\d+\]: action=/.test(line) && line.includes(`sender=${sender},`)
  );
}

/** What `grep` finds in the memory accounting of the service's greylist processes, in kB a process. */
function memoryOf(host: Stack, service: string): { private: number; dirty: number }[] {
  const program = "/usr/local/lib/greylist/greylist";
  const shell = `for p in /proc/[0-9]*; do if [ "$(readlink $p/exe)" = ${program} ]; then ` +
    `grep Private_ $p/smaps_rollup | tr -s ' ' | cut -d ' ' -f 2 | tr '\\n' ' '; echo; fi; done`;
  return host.exec(service, shell, "greylist").trim().split("\n").map((line) => {
    const [clean = NaN, dirty = NaN] = line.trim().split(" ").map(Number);
    return { private: clean + dirty, dirty };
  });
}

/** The user ids of all processes of greylist in a service's container, and how many there are. */
function usersOf(host: Stack, service: string): string[] {
  const shell = "for p in /proc/[0-9]*; do if tr '\\0' ' ' <$p/cmdline 2>/dev/null | " +
    "grep -q '^/usr/local/lib/greylist/greylist'; then grep ^Uid: $p/status; fi; done";
  return host.exec(service, shell).split("\n").flatMap((line) => line.split("\t").slice(1, 2));
}

const modes = [
  { mode: "spawn", service: "postfix" },
  { mode: "daemon", service: "greylist" },
] as const;

for (const { mode, service } of modes) {
  test(`the image in ${mode} mode`, async (t) => {
    const host = await stack(t, { ...variables, COMPOSE_PROFILES: mode });
    await host.up();
    await host.allowXclient();

    await t.test("defers a first attempt and an early one, then delivers, with the header", async () => {
      const { sender, send } = mail(host, "robin");
      assert.match((await send()).recipients[0] ?? "", /^450 4\.2\.0 .*Greylisted/);
      assert.match((await send()).recipients[0] ?? "", /^450 4\.2\.0 .*Greylisted/);
      await delay();
      assert.match((await send()).message ?? "", /^250 /);
      await waitFor(
        "delivery to /var/mail/robin",
        () => /^X-Greylist: delayed/m.test(host.exec("postfix", "cat /var/mail/robin || true")),
      );
      const reasons = decisions(host, sender).map((line) => /reason=([\w -]+)/.exec(line)?.[1]);
      assert.deepEqual(reasons.map((reason) => reason?.trim()), [
        "new",
        "early-retry",
        "triplet found",
      ]);
    });

    await t.test("refuses mail for unknown users without greylisting it", async () => {
      const { sender, send } = mail(host, "nobody-here");
      assert.match((await send()).recipients[0] ?? "", /^550 5\.1\.1 /);
      assert.deepEqual(decisions(host, sender), []);
    });

    await t.test("logs to mail.log, greylist.log and the container's log", async () => {
      const { sender, send } = mail(host, "lucas");
      await send();
      const line = `sender=${sender}, recipient=lucas@${host.domain}`;
      await waitFor("the decision in mail.log", () => decisions(host, sender).length === 1);
      assert.ok(mailLog(host).some((l) => / postfix\/smtpd\[/.test(l) && l.includes(sender)));
      assert.ok(host.exec("postfix", "cat /var/log/greylist.log").includes(line));
      await waitFor(
        "the decision in docker logs",
        () => host.compose("logs", "postfix").includes(line),
      );
    });

    await t.test("runs greylist as a user that is not root", async () => {
      const { send } = mail(host, "axel");
      await send();
      const users = usersOf(host, service);
      assert.notEqual(users.length, 0);
      const greylist = host.exec("postfix", "id -u greylist").trim();
      assert.deepEqual(new Set(users), new Set([greylist]));
      assert.notEqual(greylist, "0");
    });

    await t.test("is healthy by its own checks, which log nothing", () => {
      const before = mailLog(host).length;
      host.exec("postfix", "/usr/local/lib/greylist/health");
      if (mode === "daemon") host.exec("greylist", "greylist query --state CONNECT");
      assert.equal(mailLog(host).length, before);
    });

    await t.test("remembers over a restart of memcached", async () => {
      const { sender, send } = mail(host, "massi");
      assert.match((await send()).recipients[0] ?? "", /^450 /);
      host.compose("restart", "memcached");
      await delay();
      // The first question may still meet the store as gone, which would accept the mail.
      await mail(host, "massi").send();
      await delay();
      assert.match((await send()).message ?? "", /^250 /);
      await waitFor("the decision", () => decisions(host, sender).length === 2);
      assert.match(decisions(host, sender)[1] ?? "", /reason=triplet found, delay=/);
    });

    await t.test("prints what a process of it takes", async () => {
      const sessions = await Promise.all(Array.from({ length: 10 }, () => hold(host)));
      const taken = memoryOf(host, service);
      const mean = (of: (m: { private: number; dirty: number }) => number) =>
        Math.round(taken.map(of).reduce((a, b) => a + b, 0) / taken.length / 1024);
      t.diagnostic(
        `${mode}: ${taken.length} process(es) of greylist, each ${mean((m) => m.private)} MiB ` +
          `private memory, of which ${mean((m) => m.dirty)} MiB written`,
      );
      await Promise.all(sessions.map((say) => say("QUIT")));
      assert.equal(taken.length, mode === "spawn" ? sessions.length : 1);
      assert.ok(taken.every((process) => process.private > 0));
    });

    await t.test("accepts mail while memcached is gone", async () => {
      host.compose("stop", "memcached");
      const { sender, send } = mail(host, "logan");
      assert.match((await send()).message ?? "", /^250 /);
      await waitFor("the decision", () => decisions(host, sender).length === 1);
      assert.match(decisions(host, sender)[0] ?? "", /action=pass, reason=store failure/);
    });

    await t.test("stops in good order on SIGTERM", () => {
      for (const name of new Set([service, "postfix"])) {
        const [container = ""] = host.compose("ps", "-q", name).split("\n");
        host.compose("stop", name);
        // 137 if the engine had to kill it.
        assert.equal(must(engine("inspect", "-f", "{{.State.ExitCode}}", container)).trim(), "0");
      }
      const log = host.compose(
        ...[
          "run",
          "--rm",
          "-T",
          "--no-deps",
          "--entrypoint",
          "cat",
          "postfix",
          "/var/log/mail.log",
        ],
      );
      assert.match(log, /postfix\/master\[\d+\]: terminating on signal 15/);
    });
  });
}

test("a switch from spawn to daemon and back forgets nothing that is in SQLite", async (t) => {
  const GREYLIST_STORE = "sqlite:/var/lib/greylist/state.db";
  const host = await stack(t, { ...variables, GREYLIST_STORE, COMPOSE_PROFILES: "spawn" });
  const { sender, send } = mail(host, "robin");
  const other = mail(host, "robin");
  await host.up();
  await host.allowXclient();
  assert.match((await send()).recipients[0] ?? "", /^450 4\.2\.0 /);

  host.change({ COMPOSE_PROFILES: "daemon" });
  await host.up();
  await host.allowXclient();
  host.compose("exec", "-T", "greylist", "greylist", "query", "--state", "CONNECT");
  await delay();
  assert.match((await send()).message ?? "", /^250 /);
  assert.match((await other.send()).recipients[0] ?? "", /^450 4\.2\.0 /);
  assert.match(decisions(host, sender)[1] ?? "", / greylist\[1\]: .*reason=triplet found/);

  host.compose("stop", "greylist");
  host.change({ COMPOSE_PROFILES: "spawn" });
  await host.up();
  await host.allowXclient();
  await delay();
  assert.match((await other.send()).message ?? "", /^250 /);
  await waitFor("both decisions", () => decisions(host, other.sender).length === 2);
  assert.match(decisions(host, other.sender)[1] ?? "", /reason=triplet found, delay=/);
});
