/**
 * doc/troubleshooting.md: each trouble is made with a real Postfix, its commands are typed as they stand there, and every
 * line that it shows has been logged in the end.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";
import { blocksIn, blocksRunBy, examplesIn } from "../support/documented.ts";
import { startSpawned } from "../support/greylist.ts";
import { DELAY_SECONDS, type MailHost, mailHostTest } from "../support/mailhost.ts";
import { OWN_CLIENT } from "../support/postfix.ts";
import { type Cleanup, waitFor } from "../support/process.ts";
import { type Mail, swaks } from "../support/smtp.ts";
import { login } from "../support/submission.ts";
import { answerTo, startUdpServer } from "../support/udp_name_server.ts";

const kim: Mail = {
  client: "203.0.113.9",
  clientName: "mx.firma.example",
  from: "kim@firma.example",
  to: ["robin@example.com"],
  id: "",
};
/** A host without a name. */
const pool = (last: number): Mail => ({
  ...kim,
  client: `203.0.113.${last}`,
  clientName: "[UNAVAILABLE]",
  from: "kim@pool.example",
});

const deferred = /^450 4\.2\.0 /, accepted = /^250 /;

/** Types the commands of the section's next block, and gives what they printed, standard error as well. */
type Next = () => Promise<string>;

mailHostTest(
  "what doc/troubleshooting.md shows is what one sees, and its commands help",
  {
    mode: "inet",
    store: "memcached",
    greylist: ["store-timeout = 500ms"],
    lists: [["whitelist-clients", "whitelist_clients.local", ""]],
    postfix: ["smtpd_policy_service_default_action=451 4.3.5 Server configuration problem"],
    submission: true,
  },
  async (host, t) => {
    const made = troubles(host, t);
    const typed = blocksRunBy(import.meta.url, "doc/troubleshooting.md");
    for (const section of Object.keys(made)) {
      const blocks = typed.filter((block) => block.section === section);
      await made[section]?.(async () => {
        const block = blocks.shift();
        assert.ok(block !== undefined, `${section} has no more commands`);
        let all = "";
        for (const { command, printed } of examplesIn(block)) {
          const { status, stdout, stderr } = await host.shell(local(host, command));
          assert.ok(status === 0 || status === 75, `${block.place}: ${command}: ${stderr}`);
          if (block.language === "console") {
            assert.equal(masked(stdout), masked(local(host, printed)));
          }
          all += stdout + stderr;
        }
        return all;
      });
      assert.deepEqual(blocks.map(({ place }) => place), [], "all commands are typed");
    }
    assert.deepEqual(typed.filter(({ section }) => !(section in made)), []);

    const logs = [...host.greylistLog(), ...host.postfix.log(), await refusedWhenSpawned(host, t)];
    const seen = logs.map(masked);
    for (const { language, text } of blocksIn("doc/troubleshooting.md")) {
      if (language !== "") continue;
      for (const line of text.trim().split("\n")) {
        assert.ok(seen.some((logged) => logged.includes(masked(local(host, line)))), line);
      }
    }
  },
);

/** The document's places are this host's. */
function local({ config, postfix, greylistLog }: MailHost, text: string): string {
  const folder = path.dirname(config), log = path.join(folder, "both.log");
  if (text.includes("/var/log/mail.log")) {
    fs.writeFileSync(log, [...postfix.log(), ...greylistLog(), ""].join("\n"));
  }
  return text.replaceAll("/var/log/mail.log", log).replaceAll("/etc/greylist/greylist.conf", config)
    .replaceAll("/etc/greylist/", `${folder}/lists/`);
}

/** A line without the numbers and ids that differ from run to run. */
function masked(line: string): string {
  return line.replace(/\bid=[\w-]+/g, "id=ID").replace(/\d+/g, "N");
}

/** What a process of spawn mode logs that cannot have this configuration. */
async function refusedWhenSpawned({ config }: MailHost, t: Cleanup): Promise<string> {
  const log = path.join(path.dirname(config), "spawn.log");
  fs.writeFileSync(config, "store = memory\n");
  await startSpawned(t, { args: ["--config", config, "--log", `file:${log}`] });
  const written = () => fs.existsSync(log) ? fs.readFileSync(log, "utf8") : "";
  await waitFor("it to say what is wrong", () => written().includes("\n"));
  return written();
}

/** How each trouble is made, by the heading of its section. */
function troubles(
  host: MailHost,
  t: Cleanup,
): Record<string, (next: Next) => Promise<void>> {
  const { postfix, config, shell, submissionPort, greylistLog } = host;
  const list = path.join(path.dirname(config), "lists/whitelist_clients.local");
  const attempt = async (mail: Mail) => (await swaks(postfix.port, mail)).recipients.join();
  const logged = (text: string) => until(text, () => {});
  /** Does something again and again until greylist has logged a text. */
  const until = (text: string, body: () => unknown) =>
    waitFor(text, async () => {
      await body();
      return greylistLog().some((line) => line.includes(text));
    });
  const hangup = () => process.kill(host.daemon().pid, "SIGHUP");
  /** Has greylist take other settings, does something, and has it take the old ones again. */
  const configured = async (change: (text: string) => string, body: () => Promise<void>) => {
    const before = fs.readFileSync(config, "utf8");
    fs.writeFileSync(config, change(before));
    hangup();
    await body();
    fs.writeFileSync(config, before);
    hangup();
  };

  return {
    "Everything is accepted": async (next) => {
      assert.match(await attempt({ ...kim, client: OWN_CLIENT }), accepted);
      assert.deepEqual(greylistLog().filter((line) => line.includes("action=")), []);
      await next();
      assert.match(await next(), /check_policy_service/);
      const whole =
        "--client 203.0.113.9 --client-name mx.firma.example --sender kim@firma.example";
      await shell(`greylist query --state DATA ${whole}`);
    },
    "Nothing is accepted": async (next) => {
      assert.match(await attempt(kim), deferred);
      assert.match(await attempt(kim), deferred);
      await new Promise((resolve) => setTimeout(resolve, (DELAY_SECONDS + 1) * 1000));
      assert.match(await attempt(kim), accepted);
      await logged("reason=triplet found");
      assert.match(await next(), /came back +1 /);
    },
    "451 in Postfix's log": async (next) => {
      await shell("postconf -e smtpd_policy_service_timeout=1s; postfix reload");
      process.kill(host.daemon().pid, "SIGSTOP");
      assert.match(await attempt(kim), /^451 4\.3\.5 /);
      process.kill(host.daemon().pid, "SIGCONT");
      await host.daemon().stop();
      assert.match(await attempt(kim), /^451 4\.3\.5 /);
      await next();
      assert.match(await attempt(kim), accepted);
      await host.startDaemon();
      assert.match(await next(), /the configuration is good\n.*DUNNO/s);
    },
    "A big sender waits": async (next) => {
      assert.match(await attempt(pool(21)), deferred);
      assert.match(await attempt(pool(22)), deferred);
      await logged("client_address=203.0.113.22");
      assert.match(await next(), /known as +a:203\.0\.113\.22 /);
      await next();
      assert.match(await attempt(pool(22)), accepted);
      assert.match(await attempt(pool(23)), deferred);
      await next();
      await logged("took the new lists");
      assert.match(await attempt(pool(23)), accepted);
    },
    "A client on the whitelist still waits": async (next) => {
      const good = fs.readFileSync(list);
      fs.appendFileSync(list, "203.0.113.0/33\n");
      hangup();
      await logged("what was read before stays in force");
      fs.writeFileSync(list, good);
      assert.match(await next(), /lists +.*whitelist_clients\.local:1/);
    },
    "Who let this in?": async (next) => {
      assert.match(await next(), /reason=client whitelist/);
      assert.match(await next(), /^forgot +sender /m);
      assert.match(await attempt(kim), deferred);
    },
    "The store is not usable": async (next) => {
      await host.memcached().stop();
      const lee = { ...kim, from: "lee@firma.example" };
      await until("down, not asked", async () => assert.match(await attempt(lee), accepted));
      assert.match(await next(), /store: memcached:.*refused/i);
      await host.memcached().restart();
      await until("is usable again", () => attempt(lee));
    },
    "A change has no effect": async () => {
      await configured((text) => text.replace(/^store =.*/m, "store = memory"), async () => {
        await logged("only a restart changes store");
        await logged("took the new configuration");
      });
      const refused = () => greylistLog().filter((line) => line.includes("stays in force")).length;
      const before = refused();
      await configured(
        (text) => `${text}delay = soon\n`.replace(/^delay = .*s\n/m, "\n"),
        () => waitFor("the refusal", () => refused() > before),
      );
    },
    "Each MX defers anew": async (next) => {
      const secret = path.join(path.dirname(list), "secret");
      fs.writeFileSync(secret, "0123456789abcdef\n", { mode: 0o600 });
      const ids = async () => /id ([\w-]+)/.exec(await next())?.[1];
      const one = await ids();
      assert.ok(one !== undefined);
      const other = await shell(
        `greylist explain --client 203.0.113.77 --sender nobody@firma.example --recipient robin@example.com --key-secret-file ${secret}`,
      );
      assert.doesNotMatch(other.stdout, new RegExp(`id ${one}`));
    },
    "DNS does not answer": async () => {
      let isDead = true;
      const { server } = await startUdpServer(t, ({ bytes, send }) => {
        if (!isDead) send(answerTo(bytes, [], { rcode: 3 }));
      });
      const dns = `spf = yes\ndns-timeout = 200ms\ndns-servers = ${server}\n`;
      await configured((text) => text + dns, async () => {
        let serial = 0;
        const stranger = () => {
          const name = `other${++serial}.example`;
          return attempt({ ...kim, clientName: `mx.${name}`, from: `kim@${name}` });
        };
        await until("DNS does not answer", stranger);
        isDead = false;
        await until("DNS answers again", stranger);
      });
    },
    "Users' mail is asked about, or waits": async () => {
      const letter = { ...pool(40), from: "robin@example.com", to: ["kim@b.example"], login };
      const { recipients } = await swaks(submissionPort, letter);
      assert.match(recipients.join(), accepted);
      await logged("reason=authenticated client");
    },
  };
}
