//! Running other programs.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::Outcome;

/// A command in the repository's root. Finds what cargo installed even if its folder is not on PATH yet.
pub fn command(program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(crate::root()).env("PATH", search_path(&[]));
    command
}

/// PATH, with these folders before it and cargo's own after it.
pub fn search_path(first: &[PathBuf]) -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let cargo = home.map(|home| home.join("bin"));
    let folders = first.iter().cloned().chain(std::env::split_paths(&path)).chain(cargo);
    // A folder whose name cannot be on a PATH leaves PATH as it is.
    std::env::join_paths(folders).unwrap_or(path)
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

/// Runs a command and returns what it printed. `None` when it is missing or fails.
pub fn output(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The command line, as a person would type it.
fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
