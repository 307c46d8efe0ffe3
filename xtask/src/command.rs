//! Running other programs.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use crate::Outcome;

/// A command in the repository's root.
pub fn command(program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(crate::root());
    command
}

/// Runs a command in the foreground. `remedy` says what to do when it fails.
pub fn run(command: &mut Command, remedy: &str) -> Outcome {
    let shown = show(command);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{shown}` failed ({status}). {remedy}")),
        Err(error) => Err(format!("`{shown}` could not be started ({error}). {remedy}")),
    }
}

/// Runs a command and gives what it printed. `None` when it is not there or fails.
pub fn output(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The command line, as a person would type it.
fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
