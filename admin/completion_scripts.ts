/**
 * What bash, zsh and fish are told so that they complete the administration command.
 *
 * Owns the scripts. They complete `tidings-admin`, a function that they define: a shell completes commands by their first
 * word, and that of `deno task admin` is `deno`. All is in the script, so that no program runs while somebody types.
 *
 * @module
 */
import type { CommandNode } from "./command_tree.ts";

/** The shells there are scripts for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** One of {@linkcode SHELLS}. */
export type Shell = typeof SHELLS[number];

/** What a script is made of. */
export interface Completed {
  readonly tree: readonly CommandNode[];
  /** The folder of the project, in which the task is. */
  readonly folder: string;
}

/**
 * Makes a script.
 *
 * @param shell For which.
 * @param completed The commands, and where the task is.
 * @returns Its text, to be evaluated by the shell.
 */
export function completionScript(shell: Shell, completed: Completed): string {
  return { bash, zsh, fish }[shell](completed);
}

/** A word for a shell, whatever is in it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function words(texts: readonly string[]): string {
  return quoted(texts.join(" "));
}

/** `'keys create'|'keys list'` of all nodes that a test picks. */
function patterns(tree: readonly CommandNode[], of: (node: CommandNode) => readonly string[]): string {
  return tree.flatMap(of).map(quoted).join("|");
}

/** Every flag with its values, `'keys create --scope') …`. */
function valueCases(tree: readonly CommandNode[], then: (values: readonly string[]) => string): string {
  return tree.flatMap(({ path, value_flags }) =>
    value_flags.filter(({ values }) => values.length > 0).map(({ flag, values }) =>
      `    ${quoted(`${path} ${flag}`)}) ${then(values)} ;;`
    )
  ).join("\n");
}

/** Finds out, in words that bash and zsh have in common, which command has been typed so far: `$at`. */
function walk(tree: readonly CommandNode[], typed: string): string {
  const flags = (node: CommandNode): string[] => node.value_flags.map(({ flag }) => `${node.path} ${flag}`);
  return `  for word in ${typed}; do
    if [[ -n $skip ]]; then skip=; continue; fi
    case "$at $word" in ${patterns(tree, flags)}) skip=1; continue ;; esac
    case "\${at:+$at }$word" in ${
    patterns(tree.slice(1), ({ path }) => [path])
  }) at="\${at:+$at }$word" ;; esac
  done`;
}

/** The flags whose value is not known, by whether it is a file. */
function freeFlags(tree: readonly CommandNode[], file: boolean): string {
  return patterns(
    tree,
    ({ path, value_flags }) =>
      value_flags.filter(({ values, is_file }) => values.length === 0 && is_file === file)
        .map(({ flag }) => `${path} ${flag}`),
  );
}

function taskFunction(folder: string): string {
  return `tidings-admin() { deno task --quiet --cwd ${quoted(folder)} admin "$@"; }`;
}

function bash({ tree, folder }: Completed): string {
  const candidates = tree.map(({ path, candidates }) =>
    `    ${quoted(path)}) words=${words(candidates.map(({ text }) => text))} ;;`
  );
  return `# Administration of Tidings, completed by bash.
${taskFunction(folder)}

_tidings_admin() {
  local cur=\${COMP_WORDS[COMP_CWORD]} at= skip= word= words= prefix=
  COMPREPLY=()
${walk(tree, '"${COMP_WORDS[@]:1:COMP_CWORD-1}"')}
  case "$at \${COMP_WORDS[COMP_CWORD-1]}" in
    ${freeFlags(tree, true)}) compopt -o default; return ;;
    ${freeFlags(tree, false)}) return ;;
${valueCases(tree, (values) => `words=${words(values)}`)}
  esac
  if [[ -n $words ]]; then
    # Lists are separated by commas; what is before the last of them stays.
    if [[ $cur == *,* ]]; then prefix=\${cur%,*},; fi
    mapfile -t COMPREPLY < <(compgen -P "$prefix" -W "$words" -- "\${cur##*,}")
    return
  fi
  case "$at" in
${candidates.join("\n")}
  esac
  if [[ $cur != -* ]]; then case "$at" in ${
    patterns(tree.filter(({ takes_file }) => takes_file), ({ path }) => [path])
  }) compopt -o default; return ;; esac; fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _tidings_admin tidings-admin
`;
}

function zsh({ tree, folder }: Completed): string {
  const candidates = tree.map(({ path, candidates }) => {
    const described = candidates.map(({ text, summary }) => `${text}:${summary.replaceAll(":", "\\:")}`);
    return `    ${quoted(path)}) found=(${described.map(quoted).join(" ")}) ;;`;
  });
  return `#compdef tidings-admin
# Administration of Tidings, completed by zsh.
${taskFunction(folder)}

_tidings_admin() {
  local at= skip= word=
  local -a found
${walk(tree, '"${(@)words[2,CURRENT-1]}"')}
  case "$at \${words[CURRENT-1]}" in
    ${freeFlags(tree, true)}) _files; return ;;
    ${freeFlags(tree, false)}) return ;;
${valueCases(tree, (values) => `compset -P '*,'; compadd -- ${values.map(quoted).join(" ")}; return`)}
  esac
  case "$at" in ${
    patterns(tree.filter(({ takes_file }) => takes_file), ({ path }) => [path])
  }) [[ \${words[CURRENT]} == -* ]] || _files ;; esac
  case "$at" in
${candidates.join("\n")}
  esac
  _describe command found
}
compdef _tidings_admin tidings-admin
`;
}

function fish({ tree, folder }: Completed): string {
  const paths = tree.slice(1).map(({ path }) => quotedFish(path)).join(" ");
  const flags = tree.flatMap(({ path, value_flags }) =>
    value_flags.map(({ flag }) => quotedFish(`${path} ${flag}`))
  ).join(" ");
  const lines = tree.flatMap(({ path, candidates, value_flags, takes_file }) => {
    const here = `complete -c tidings-admin -n ${quotedFish(`__tidings_admin_at "${path}"`)}`;
    return [
      ...(takes_file ? [`${here} -F`] : []),
      ...candidates.map(({ text, summary }) => {
        if (!text.startsWith("--")) return `${here} -a ${quotedFish(text)} -d ${quotedFish(summary)}`;
        const value = value_flags.find(({ flag }) => flag === text);
        const form = value === undefined
          ? ""
          : value.is_file
          ? " -r -F"
          : value.values.length === 0
          ? " -x"
          : ` -x -a ${quotedFish(`(__fish_append , ${value.values.join(" ")})`)}`;
        return `${here} -l ${quotedFish(text.slice(2))}${form} -d ${quotedFish(summary)}`;
      }),
    ];
  });
  return `# Administration of Tidings, completed by fish.
function tidings-admin; deno task --quiet --cwd ${quotedFish(folder)} admin $argv; end

# Whether what has been typed so far leads to a command.
function __tidings_admin_at
  set -l at ''
  set -l skip ''
  for word in (commandline -opc)[2..-1]
    if test -n "$skip"; set skip ''; continue; end
    if contains -- "$at $word" ${flags}; set skip 1; continue; end
    set -l further (string trim -- "$at $word")
    if contains -- "$further" ${paths}; set at $further; end
  end
  test "$at" = "$argv"
end

complete -c tidings-admin -f
${lines.join("\n")}
`;
}

/** Fish has another way than other shells to put a quote into quotes. */
function quotedFish(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
