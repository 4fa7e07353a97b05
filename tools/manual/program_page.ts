/** greylist(8). Commands, their options and the exit statuses are those of the program's own tables. Pure. */
import type { Command } from "../../lib/commands/command.ts";
import { commands, optionsInWords } from "../../lib/commands/commands.ts";
import { statusesInWords } from "../../lib/commands/statuses.ts";
import { settings } from "../../lib/config/settings.ts";
import { Page } from "./roff.ts";

/** @param masterCf what Postfix's master.cf says of greylist */
export function programPage(date: string, source: string, masterCf: string): string {
  const page = new Page("greylist", 8, date, source);
  page.section("name");
  page.paragraph("greylist - greylisting policy server for Postfix");
  page.section("synopsis");
  for (const { usage } of Object.values<Command>(commands)) page.paragraph(usage);

  page.section("description");
  page.paragraph(
    "Postfix asks greylist who wants to send mail to whom (SMTPD_POLICY_README). Mail from a sender that has not been " +
      'seen from this client is deferred: "try again later". A mail server tries again, and is let in once the delay is ' +
      "over, and known from then on; a program that sends spam mostly does not.",
  );
  page.paragraph(
    "Without a command greylist serves: in mode spawn one process of Postfix, on standard input and output, as a child " +
      "of spawn(8); in mode daemon all of them, at the endpoints of listen. It never holds mail because it is broken: " +
      "while the store fails, mail is accepted, or deferred if on-store-failure says so.",
  );

  page.section("commands");
  for (const command of Object.values<Command>(commands)) {
    const { usage, summary, switches, options = {} } = command;
    page.term(usage, `${summary}.`);
    if (usage.includes("MAIL")) continue; // what these have in common is told once
    const own = [...switches, ...Object.keys(options)];
    if (own.length === 0) continue;
    page.indented(() => own.forEach((name) => page.term(...option(name, options))));
  }
  page.subsection("Options of commands about a mail");
  page.paragraph(
    "MAIL is told by its parts, by a line of the log, or by such lines on standard input, of which the last counts.",
  );
  const ofMail = Object.values<Command>(commands).filter(({ usage }) => usage.includes("MAIL"));
  const all = Object.assign({}, ...ofMail.map(({ options }) => options)) as Record<string, string>;
  const names = new Set([...Object.keys(all), ...ofMail.flatMap(({ switches }) => switches)]);
  for (const name of names) {
    const [words, meaning] = option(name, all);
    const takers = ofMail.filter(({ options = {}, switches }) =>
      name in options || switches.includes(name)
    );
    const only = takers.length === ofMail.length
      ? ""
      : ` (${takers.map(({ usage }) => usage.split(" ")[1]).join(", ")})`;
    page.term(words, `${meaning}${only}`);
  }

  page.section("options");
  page.paragraph(
    "Every setting of greylist.conf(5) is a flag, as --delay 10m, and an environment variable, as GREYLIST_DELAY=10m. " +
      "A flag overrides the environment, and that the file.",
  );

  page.section("signals");
  page.term(
    "SIGHUP",
    "A daemon reads its configuration and its lists again. What is wrong is logged, and what was " +
      "there stays.",
  );
  page.term(
    "SIGTERM, SIGINT",
    "All that has been asked is answered, then it ends. A second one ends it at once.",
  );

  page.section("exit status");
  for (const [status, means] of statusesInWords) page.term(`${status}`, means);

  page.section("files");
  page.term("/etc/greylist/greylist.conf", "The configuration: greylist.conf(5).");
  for (const name of ["whitelist-clients", "whitelist-senders", "whitelist-recipients"] as const) {
    for (const file of settings[name].fallback.split(", ")) {
      page.term(file.replace("?", ""), `What ${name} reads by default, if it is there.`);
    }
  }

  page.section("examples");
  page.paragraph("A daemon, in main.cf, behind all that would refuse the mail anyway:");
  page.example(
    "smtpd_recipient_restrictions =\n" +
      "  permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination,\n" +
      "  reject_unlisted_recipient, check_policy_service inet:127.0.0.1:10023\n" +
      "smtpd_policy_service_timeout = 10s\n" +
      "smtpd_policy_service_default_action = DUNNO",
  );
  page.paragraph(
    "A child of Postfix, in master.cf, with check_policy_service unix:private/greylist in main.cf:",
  );
  page.example(masterCf);
  page.paragraph("Why does this mail wait, and let it in for a month:");
  page.example(
    "grep kim@firma.example /var/log/mail.log | tail -n 1 | greylist explain\n" +
      "grep kim@firma.example /var/log/mail.log | tail -n 1 | greylist allow --for 30d",
  );

  page.section("see also");
  page.paragraph("greylist.conf(5), spawn(8), smtpd(8), postconf(5), memcached(1)");
  return page.toString();
}

/** How an option is written, and what it says. */
function option(name: string, options: Readonly<Record<string, string>>): [string, string] {
  const value = options[name];
  const meaning = optionsInWords[name] ?? "";
  return [`--${name}${value === undefined ? "" : ` ${value}`}`, `${meaning}.`];
}
