/** Completion for bash, from the tables of commands and settings. Works with bash-completion, and without it. Pure. */
import type { Command } from "../../lib/commands/command.ts";
import { commands } from "../../lib/commands/commands.ts";
import { type Setting, settingNames, settings } from "../../lib/config/settings.ts";

/** Beginnings of values that go on: no blank is set behind them. */
const beginnings: Readonly<Record<string, readonly string[]>> = {
  store: ["memcached:", "sqlite:", "memory"],
  listen: ["inet:", "unix:"],
  server: ["inet:", "unix:"],
  log: ["syslog", "stderr", "file:", "none"],
  metrics: ["inet:", "none"],
  from: ["postgrey", "sqlgrey"],
  state: ["CONNECT", "RCPT"],
};

const isFile = (placeholder: string) => /file/i.test(placeholder);

export function completion(): string {
  const rows = Object.entries<Command>(commands);
  const words = rows.filter(([, { usage }]) => / [a-z]/.test(usage)).map(([name]) => name);
  const ownOf = ({ switches, options = {} }: Command) =>
    [...switches, ...Object.keys(options)].map((name) => `--${name}`);
  const own = rows.filter(([, row]) => ownOf(row).length > 0)
    .map(([name, row]) => `    ${name}) own="${ownOf(row).join(" ")}" ;;`);
  const wordsAreFiles = rows.filter(([, row]) => row.takesWords).map(([name]) => name);

  const valued = new Map<string, string>();
  for (const name of settingNames) {
    const { takes, placeholder }: Setting = settings[name];
    if (takes !== "switch") valued.set(name, placeholder);
  }
  for (const [, { options = {} }] of rows) {
    for (const [name, placeholder] of Object.entries(options)) valued.set(name, placeholder);
  }
  const values = [...valued].map(([name, placeholder]) => {
    const row: Setting | undefined = name in settings
      ? settings[name as keyof typeof settings]
      : undefined;
    const choices = beginnings[name] ?? row?.parse.choices;
    const answer = choices !== undefined
      ? `COMPREPLY=($(compgen -W "${choices.join(" ")}" -- "$cur"))`
      : isFile(placeholder)
      ? 'COMPREPLY=($(compgen -f -- "$cur"))'
      : "COMPREPLY=()";
    return `    --${name}) ${answer} ;;`;
  });
  return `# bash completion for greylist(8), made from its own tables

_greylist()
{
  local cur prev command own word
  # A value may have colons and equal signs in it, at which bash would part it.
  cur=\${COMP_LINE:0:COMP_POINT}
  cur=\${cur##*[[:blank:]]}
  prev=\${COMP_WORDS[COMP_CWORD - 1]}
  case $cur in
    --*=*) prev=\${cur%%=*} cur=\${cur#*=} ;;
    *) case $prev in : | =) prev= ;; esac ;;
  esac
  if [[ -z $prev ]]; then
    local before=\${COMP_LINE:0:COMP_POINT}
    before=\${before%"$cur"}
    read -ra word <<<"$before"
    prev=\${word[\${#word[@]} - 1]}
  fi
  COMPREPLY=()
  case $prev in
${values.join("\n")}
    *) prev= ;;
  esac
  if [[ -z $prev ]]; then
    for word in "\${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do
      case $word in ${words.join(" | ")}) command=$word; break ;; esac
    done
    case $command in
${own.join("\n")}
    esac
    case $cur in
      -*) COMPREPLY=($(compgen -W "$own --help --version ${
    settingNames.map((name) => `--${name}`).join(" ")
  }" -- "$cur")) ;;
      *)
        case $command in
          '') COMPREPLY=($(compgen -W "${words.join(" ")}" -- "$cur")) ;;
          ${wordsAreFiles.join(" | ")}) COMPREPLY=($(compgen -f -- "$cur")) ;;
        esac
        ;;
    esac
  fi
  # What bash has parted off already stays.
  if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
    COMPREPLY=("\${COMPREPLY[@]#"\${cur%"\${cur##*:}"}"}")
  fi
  case \${COMPREPLY[*]} in *:) compopt -o nospace 2>/dev/null ;; esac
}

complete -o filenames -F _greylist greylist
`;
}
