//! `cargo xtask bless`: rewrites what the tests compare with. Read the diff before you commit it.

use crate::command::{command, run};
use crate::{Outcome, say};

/// Tests, by parts of their names, that write when they are told to. The second round reads what the first has
/// written, and the library must be recompiled with it in between.
const ROUNDS: [&[&str]; 2] = [&["golden_runs", "each_rule", "beats_show"], &["readme"]];

/// Blesses everything, or only what belongs to one scenario or guide.
pub fn bless(options: &[&str]) -> Outcome {
    let only = match options {
        [] => None,
        [scenario] if !scenario.starts_with('-') => Some(scenario),
        _ => return Err("bless takes nothing, or one scenario: guide/scenario.".to_owned()),
    };
    for tests in ROUNDS {
        let mut cargo = command("cargo", &["test", "--package", "faultline", "--test", "suite", "--"]);
        cargo.args(tests).env("FAULTLINE_BLESS", "1").envs(only.map(|scenario| ("FAULTLINE_SCENARIO", scenario)));
        run(&mut cargo, "The message above says what cannot be blessed.")?;
    }
    say("Blessed. `git diff` shows what has changed.");
    Ok(())
}
