//! `cargo xtask format`: rustfmt over everything. `cargo fmt` alone misses the scenarios, which a macro declares: a line of
//! their guide's list is all that adds one, and rustfmt does not look into macros.

use std::path::PathBuf;
use std::process::Command;

use crate::Outcome;
use crate::command::{command, run};

/// The commands that format, or with `--check` say what is not formatted.
pub fn commands(check: bool) -> [Command; 2] {
    let mut cargo = command("cargo", &["fmt", "--all"]);
    let mut rustfmt = command("rustfmt", &["--edition", "2024"]);
    if check {
        cargo.arg("--check");
        rustfmt.arg("--check");
    }
    rustfmt.args(scenarios());
    [cargo, rustfmt]
}

/// See the module's header.
pub fn format() -> Outcome {
    commands(false).iter_mut().try_for_each(|command| run(command, "rustfmt's message above says why."))
}

/// The files of the guides.
fn scenarios() -> Vec<PathBuf> {
    let entries = |folder: PathBuf| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let folders = entries(crate::root().join("src/guides")).filter(|path| path.is_dir());
    let mut files: Vec<PathBuf> =
        folders.flat_map(entries).filter(|path| path.extension().is_some_and(|end| end == "rs")).collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    #[test]
    fn scenarios_are_found() {
        assert!(super::scenarios().len() > 40);
    }
}
