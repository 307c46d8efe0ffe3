//! The terminal front end, for authors and tests: list the catalogue, run a scenario, write the site's pages.

#[macro_use]
mod output;
mod arguments;
mod campaign;
mod commands;
mod explore;
mod help;
mod history;
mod in_practice;
mod list;
mod pages;
mod run;
mod settings;
mod standings;
mod tour;

use std::process::ExitCode;

use faultline::guides::kit::info::Info;
use help::COMMANDS;

/// The exit code of a wrong command line or a wrong history.
const WRONG: u8 = 2;
/// The exit code of a file, or of standard output, that cannot be read or written.
const CANNOT_WRITE: u8 = 3;
/// The exit code of a history whose search was given up.
const UNDECIDED: u8 = 4;

/// How a command fails.
pub enum Failure {
    /// The command line is wrong: one sentence.
    Usage(String),
    /// A file cannot be read or written: one sentence.
    File(String),
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let words: Result<Vec<String>, _> = std::env::args_os().skip(1).map(|word| word.into_string()).collect();
    match words {
        Ok(words) => obey(&words),
        Err(word) => fail("", Failure::Usage(format!("'{}' is not text in UTF-8.", word.display()))),
    }
}

fn obey(words: &[String]) -> ExitCode {
    let (first, rest) = words.split_first().map_or(("--help", &[][..]), |(first, rest)| (first.as_str(), rest));
    let wants_help = rest.iter().any(|word| word == "--help" || word == "-h");
    match (first, COMMANDS.iter().find(|command| command.name == first)) {
        (_, Some(command)) if wants_help => say(&command.help()),
        (name, Some(command)) => (command.run)(rest).unwrap_or_else(|failure| fail(name, failure)),
        ("--help" | "-h" | "help", _) => say(&help::overview()),
        ("--version" | "-V", _) => say(concat!("faultline ", env!("CARGO_PKG_VERSION"), "\n")),
        (other, _) => fail("", Failure::Usage(format!("There is no command '{other}'."))),
    }
}

fn say(text: &str) -> ExitCode {
    output::print(format_args!("{text}"));
    ExitCode::SUCCESS
}

fn fail(command: &str, failure: Failure) -> ExitCode {
    match failure {
        Failure::Usage(sentence) => {
            let help = ["faultline", command, "--help"].into_iter().filter(|word| !word.is_empty());
            eprintln!("{sentence} See '{}'.", help.collect::<Vec<_>>().join(" "));
            ExitCode::from(WRONG)
        }
        Failure::File(sentence) => {
            eprintln!("{sentence}");
            ExitCode::from(CANNOT_WRITE)
        }
    }
}

/// A scenario has nothing of that name; these it has.
fn none_such(info: &Info, what: &str, name: &str, names: impl Iterator<Item = &'static str>) -> Failure {
    let names: Vec<&str> = names.collect();
    let known = if names.is_empty() { "none at all".to_owned() } else { names.join(", ") };
    Failure::Usage(format!("{} has no {what} '{name}'. It has {known}.", info.path()))
}
