//! `cargo xtask bless`: rewrites what the tests compare with. Read the diff before you commit it.

use std::process::Command;

use crate::command::{command, run};
use crate::{Outcome, say};

/// Tests, by parts of their names, that write when they are told to. The second round reads what the first has
/// written, and the library must be recompiled with it in between.
const ROUNDS: [&[&str]; 2] = [&["golden_runs", "each_rule", "beats_show"], &["readme"]];

/// Blesses everything, or only what belongs to one scenario or guide.
pub fn bless(options: &[&str]) -> Outcome {
    let only = match options {
        [] => None,
        [scenario] if !scenario.starts_with('-') => Some(*scenario),
        _ => return Err("bless takes nothing, or one scenario: guide/scenario.".to_owned()),
    };
    for tests in ROUNDS {
        run(suite(tests, only).env("FAULTLINE_BLESS", "1"), "The message above says what cannot be blessed.")?;
    }
    if only.is_some() {
        run(
            &mut suite(&["catalogue::"], only),
            "Blessed, but it is not sound: the messages above say what is missing.",
        )?;
    }
    say("Blessed. `git diff` shows what has changed.");
    Ok(())
}

fn suite(tests: &[&str], only: Option<&str>) -> Command {
    let mut cargo = command("cargo", &["test", "--package", "faultline", "--test", "suite", "--"]);
    cargo.args(tests).envs(only.map(|scenario| ("FAULTLINE_SCENARIO", scenario)));
    cargo
}
