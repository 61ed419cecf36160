//! `completion`: scripts for shells, made from the same definitions as the help.

use clap::Command;

use super::output::{Failure, print};
use crate::flags::{CompletionFlags, names, tree};

/// A zsh without start files has not loaded its own completion, which the one of bash stands on.
const ZSH_COMPLETION: &str = "(( ${+functions[compdef]} )) || { autoload -U compinit && compinit -i }\n\
    autoload -U +X bashcompinit && bashcompinit";

/// Prints the script for a shell.
pub(super) fn completion(flags: &CompletionFlags) -> Result<(), Failure> {
    let mut rows = Vec::new();
    collect(&tree(), "", &mut rows);
    match flags.arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["bash"] => print(bash(&rows)),
        ["zsh"] => print(format!("{ZSH_COMPLETION}\n{}", bash(&rows))),
        ["fish"] => print(fish(&rows)),
        [other] => Err(Failure::new(format!("there is no completion for {other:?}; there is for bash, zsh and fish"))),
        _ => Err(Failure::new("completion takes one shell: bash, zsh or fish")),
    }
}

/// A command by its words, and what may follow them: commands, or flags.
struct Row {
    words: String,
    next: Vec<String>,
}

fn collect(command: &Command, words: &str, rows: &mut Vec<Row>) {
    let commands = || command.get_subcommands().filter(|command| !command.is_hide_set());
    let mut next: Vec<String> = commands().map(|command| command.get_name().to_owned()).collect();
    if next.is_empty() {
        let shown = command.get_arguments().filter(|flag| !flag.is_hide_set());
        next = shown.flat_map(names).map(|name| format!("-{name}")).collect();
    }
    next.sort();
    rows.push(Row { words: words.to_owned(), next });
    for command in commands() {
        let words =
            if words.is_empty() { command.get_name().to_owned() } else { format!("{words} {}", command.get_name()) };
        collect(command, &words, rows);
    }
}

/// A function that finds the command by the words typed so far that are no flags.
fn bash(rows: &[Row]) -> String {
    let cases: Vec<String> =
        rows.iter().map(|row| format!("        {:?}) next={:?} ;;", row.words, row.next.join(" "))).collect();
    format!(
        "_quorate() {{\n    local typed=\"${{COMP_WORDS[COMP_CWORD]}}\" words=\"\" next=\"\" word\n    \
         for word in \"${{COMP_WORDS[@]:1:$((COMP_CWORD-1))}}\"; do\n        \
         case \"$word\" in -*) ;; *) words=\"${{words:+$words }}$word\" ;; esac\n    done\n    \
         case \"$words\" in\n{}\n    esac\n    \
         COMPREPLY=($(compgen -W \"$next\" -- \"$typed\"))\n}}\n\
         complete -o default -F _quorate quorate consul",
        cases.join("\n")
    )
}

fn fish(rows: &[Row]) -> String {
    let mut lines = vec![
        "function __quorate_at".to_owned(),
        "    set -l words (commandline -opc)[2..] ; set -l plain (string match -v -- '-*' $words)".to_owned(),
        "    test \"$plain\" = \"$argv[1]\"".to_owned(),
        "end".to_owned(),
    ];
    for row in rows {
        // Where another command must follow, a file can't.
        let files = if row.next.iter().any(|word| word.starts_with('-')) { "" } else { " -f" };
        for program in ["quorate", "consul"] {
            let next = row.next.join(" ");
            lines.push(format!("complete -c {program}{files} -n '__quorate_at {:?}' -a '{next}'", row.words));
        }
    }
    lines.join("\n")
}
