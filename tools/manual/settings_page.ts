/** greylist.conf(5), from the table of settings. Pure. */
import { capitalized, settingGroups } from "../../lib/config/help.ts";
import { type Setting, settings } from "../../lib/config/settings.ts";
import { Page } from "./roff.ts";

export function settingsPage(date: string, source: string): string {
  const page = new Page("greylist.conf", 5, date, source);
  page.section("name");
  page.paragraph("greylist.conf - configuration of the greylisting policy server greylist");

  page.section("description");
  page.paragraph(
    "Lines of name = value, as in Postfix's main.cf: a line that begins with # is a comment, and one that begins with " +
      "a blank goes on with the line before. greylist reads /etc/greylist/greylist.conf if it is there, or the file that " +
      "--config names. `greylist sample-config` prints one with all defaults, and `greylist check-config` says what is wrong in it, " +
      "with the line, and what is doubtful.",
  );
  page.paragraph(
    "Times are written as 500ms, 45s, 5m, 2h, 35d or 1w, or as a number of seconds; sizes as 64 KiB. Where several values " +
      "can be, commas part them. A daemon takes a new value at SIGHUP, unless it says here that it takes a restart.",
  );

  page.section("settings");
  for (const { title, names } of settingGroups()) {
    page.subsection(capitalized(title));
    for (const name of names) {
      const { placeholder, help, fallback, example, reloadable }: Setting = settings[name];
      const standard = typeof fallback === "object"
        ? `${fallback.spawn} in spawn mode, ${fallback.daemon} in daemon mode`
        : fallback ?? "none";
      const notes = [`Default: ${standard}.`, `Example: ${name} = ${example}`];
      if (reloadable === undefined) notes[0] += " A change takes a restart.";
      if (name === "config") notes[1] = `Only as a flag or in the environment: --config ${example}`;
      page.term(`${name} = ${placeholder || "yes|no"}`, `${help}.`, ...notes);
    }
  }

  page.section("lists");
  page.paragraph(
    "An entry a line, as in postgrey's; # begins a comment. A list may be a folder, of which all files count whose names " +
      "end in .conf or have no ending. A daemon notices when a list changes. `greylist check-list` names entries that do nothing.",
  );
  page.term(
    "clients",
    "A domain, with all below it; an address; a network, as 192.0.2.0/24; or /regex/ for the client's name.",
  );
  page.term(
    "senders, recipients",
    "user@domain; user@; a domain, with all below it; or /regex/ for the address.",
  );

  page.section("environment");
  page.term(
    "GREYLIST_NAME",
    "A setting, as GREYLIST_RETRY_WINDOW for retry-window; it overrides the file.",
  );

  page.section("see also");
  page.paragraph("greylist(8), postconf(5)");
  return page.toString();
}
