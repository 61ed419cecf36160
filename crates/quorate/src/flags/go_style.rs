//! From Go's grammar of flags to clap's: every flag becomes `--name=value`, and arguments stand behind `--`.

use std::any::TypeId;
use std::ffi::{OsStr, OsString};

use clap::error::{ContextKind, ContextValue};

use super::go_bool;
use crate::config::suggestions::nearest_of;

/// Why a command line is not run: something to print, where, and the exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Misuse {
    /// Help was asked for.
    Help(String),
    /// No command, or one that there is not: the help of what was found, and the exit code.
    NoCommand { help: String, code: u8 },
    /// One line on what is wrong.
    Mistake(String),
}

/// What shells answer for a command that is not found, and Consul too.
const NO_SUCH_COMMAND: u8 = 127;

/// Commands of Consul that are not served yet, by their words.
const UNSERVED_COMMANDS: &[&str] = &[
    "acl",
    "config",
    "connect",
    "debug",
    "exec",
    "intention",
    "keygen",
    "keyring",
    "login",
    "logout",
    "operator autopilot",
    "operator raft remove-peer",
    "peering",
    "rtt",
    "tls",
];

/// Rewrites a command line, without the program's name, to what clap parses, with a program's name.
pub(super) fn rewrite(
    root: &clap::Command,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Vec<OsString>, Misuse> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments.iter().take_while(|argument| *argument != "--").any(|argument| is_help(argument)) {
        return Err(help_asked_for(root, &arguments));
    }
    let mut rewriter = Rewriter::new(root);
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        if rewriter.command.has_subcommands() {
            rewriter.subcommand(&argument)?;
            continue;
        }
        match flag(&argument)? {
            Some(flag) => rewriter.flag(flag, &mut arguments)?,
            None => {
                // The first argument ends the flags, as `--` does. A command that takes none does not look at it.
                if rewriter.command.get_positionals().next().is_none() {
                    break;
                }
                rewriter.rewritten.push("--".into());
                rewriter.rewritten.extend((argument != "--").then_some(argument));
                rewriter.rewritten.extend(arguments);
                break;
            }
        }
    }
    if rewriter.command.has_subcommands() { Err(rewriter.no_command()) } else { Ok(rewriter.rewritten) }
}

fn is_help(argument: &OsStr) -> bool {
    ["-h", "-help", "--help"].iter().any(|help| argument == *help)
}

/// The help of the command that the words before, behind and between the flags name, as far as they name one. It goes before
/// anything else: who asks for help has not said all that a command needs.
fn help_asked_for(root: &clap::Command, arguments: &[OsString]) -> Misuse {
    let mut rewriter = Rewriter::new(root);
    for word in arguments.iter().filter(|argument| !argument.to_string_lossy().starts_with('-')) {
        if !rewriter.command.has_subcommands() {
            break;
        }
        match rewriter.subcommand(word) {
            Ok(()) => {}
            Err(Misuse::NoCommand { .. }) if !rewriter.words.is_empty() => break,
            Err(misuse) => return misuse,
        }
    }
    Misuse::Help(help(rewriter.command))
}

struct Rewriter<'a> {
    command: &'a clap::Command,
    /// The words that led to `command`.
    words: Vec<String>,
    rewritten: Vec<OsString>,
}

/// A flag as it was typed.
struct Flag {
    name: String,
    value: Option<OsString>,
}

/// The flag that an argument is; none if it is no flag.
fn flag(argument: &OsStr) -> Result<Option<Flag>, Misuse> {
    let text = argument.to_string_lossy();
    let Some(rest) = text.strip_prefix('-').filter(|rest| !rest.is_empty() && *rest != "-") else { return Ok(None) };
    let body = rest.strip_prefix('-').unwrap_or(rest);
    if body.starts_with(['-', '=']) {
        return Err(Misuse::Mistake(format!("bad flag syntax: {text}")));
    }
    let (name, value) = match body.split_once('=') {
        Some((name, value)) => (name, Some(OsString::from(value))),
        None => (body, None),
    };
    Ok(Some(Flag { name: name.to_owned(), value }))
}

impl<'a> Rewriter<'a> {
    fn new(root: &'a clap::Command) -> Self {
        Self { command: root, words: Vec::new(), rewritten: vec![OsString::from("quorate")] }
    }

    fn subcommand(&mut self, argument: &OsStr) -> Result<(), Misuse> {
        let word = argument.to_string_lossy();
        if matches!(word.as_ref(), "-v" | "-version" | "--version") && self.words.is_empty() {
            return self.subcommand(OsStr::new("version"));
        }
        let Some(command) = self.command.find_subcommand(word.as_ref()) else {
            let line = [&self.words[..], &[word.to_string()]].concat().join(" ");
            return Err(match UNSERVED_COMMANDS.contains(&line.as_str()) {
                true => Misuse::Mistake(format!("the command {line:?} is not served yet")),
                false => self.no_command(),
            });
        };
        self.command = command;
        self.words.push(word.into_owned());
        self.rewritten.push(argument.to_owned());
        Ok(())
    }

    fn no_command(&self) -> Misuse {
        let code = if self.words.is_empty() { NO_SUCH_COMMAND } else { 1 };
        Misuse::NoCommand { help: help(self.command), code }
    }

    fn flag(&mut self, flag: Flag, rest: &mut impl Iterator<Item = OsString>) -> Result<(), Misuse> {
        let Flag { name, value } = flag;
        if matches!(name.as_str(), "h" | "help") {
            return Err(Misuse::Help(help(self.command)));
        }
        let Some(known) = self.command.get_arguments().find(|known| names(known).any(|known| known == name)) else {
            return Err(self.unknown(&name));
        };
        let is_switch = known.get_value_parser().type_id() == TypeId::of::<bool>();
        let value = match value {
            Some(value) => value,
            None if is_switch => "true".into(),
            None => rest.next().ok_or_else(|| Misuse::Mistake(format!("flag needs an argument: -{name}")))?,
        };
        if is_switch && go_bool(&value.to_string_lossy()).is_err() {
            return Err(Misuse::Mistake(format!("invalid boolean value {value:?} for -{name}: parse error")));
        }
        let mut rewritten = OsString::from(format!("--{name}="));
        rewritten.push(value);
        self.rewritten.push(rewritten);
        Ok(())
    }

    fn unknown(&self, name: &str) -> Misuse {
        let near = nearest_of(name, self.command.get_arguments().flat_map(names));
        let suggestion = near.map(|known| format!("; did you mean -{known}?")).unwrap_or_default();
        Misuse::Mistake(format!("flag provided but not defined: -{name}{suggestion}"))
    }
}

/// The names by which a flag is known.
pub(crate) fn names(flag: &clap::Arg) -> impl Iterator<Item = &str> {
    flag.get_long().into_iter().chain(flag.get_all_aliases().into_iter().flatten())
}

/// The help of a command, with flags in Go's form.
fn help(command: &clap::Command) -> String {
    let help = command.clone().term_width(100).render_help().to_string();
    let lines = help.lines().map(|line| {
        let flags = line.trim_start();
        match flags.strip_prefix("-h, --").or_else(|| flags.strip_prefix("--")) {
            // A switch may stand alone; the spaces keep the columns.
            Some(flag) => format!("  -{}", flag.replacen(" <BOOL>", "       ", 1).replacen(" <", "=<", 1)),
            None => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What clap found wrong, in one line.
pub(super) fn misuse(error: &clap::Error) -> Misuse {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    let flag = context(ContextKind::InvalidArg).split([' ', '=']).next().unwrap_or_default().trim_start_matches('-');
    let value = context(ContextKind::InvalidValue);
    let reason = std::error::Error::source(error).map_or_else(|| error.kind().to_string(), ToString::to_string);
    Misuse::Mistake(format!("invalid value {value:?} for flag -{flag}: {reason}"))
}
