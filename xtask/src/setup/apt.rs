//! Debian packages, for what neither cargo nor npm provides.

use crate::Outcome;
use crate::command::{command, output, run};

/// Installs packages by apt, as root or through sudo. `remedy`: what to do if that is not possible.
pub fn install(packages: &[&str], remedy: &str) -> Outcome {
    apt(&["update"], remedy)?;
    add(packages, remedy)
}

/// Installs packages by apt's lists as they were fetched last.
pub fn add(packages: &[&str], remedy: &str) -> Outcome {
    apt(&[&["install", "-y", "--no-install-recommends"], packages].concat(), remedy)
}

fn apt(words: &[&str], remedy: &str) -> Outcome {
    let is_root = output(&mut command("id", &["-u"])).is_some_and(|id| id == "0");
    let (program, first) = if is_root { ("apt-get", None) } else { ("sudo", Some("apt-get")) };
    let words: Vec<&str> = first.into_iter().chain(words.iter().copied()).collect();
    run(&mut command(program, &words), remedy)
}
