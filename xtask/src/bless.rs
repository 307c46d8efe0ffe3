//! `cargo xtask bless`: writes anew what the tests compare with. Read the difference before it is committed.

use crate::command::{command, run};
use crate::{Outcome, say};

/// What the tests write when they are told to: the golden runs, the counterexamples, README's list of famous ones.
const BLESSING: [&str; 3] = ["golden_runs", "each_rule", "famous"];

/// Blesses everything, or what belongs to one scenario.
pub fn bless(options: &[&str]) -> Outcome {
    let mut cargo = command("cargo", &["test", "--package", "faultline", "--test", "suite", "--"]);
    cargo.args(BLESSING).env("FAULTLINE_BLESS", "1");
    match options {
        [] => {}
        [scenario] if scenario.contains('/') => {
            cargo.env("FAULTLINE_SCENARIO", scenario);
        }
        _ => return Err("bless takes nothing, or one scenario: guide/scenario.".to_owned()),
    }
    run(&mut cargo, "The message above says what cannot be blessed.")?;
    say("Blessed. `git diff` shows what has changed.");
    Ok(())
}
