//! What a machine needs, and what of it is missing, as steps that install it.

mod apt;
mod browser;
mod packages;
mod peers;
mod tools;
mod wasm_target;

use std::process::Command;

use crate::Outcome;
use crate::command::search_path;
use crate::steps::Step;

/// What is missing for compiling the apps, as steps.
pub fn basics() -> Outcome<Vec<Step>> {
    let packages = packages::missing("tests/browser")?;
    Ok(wasm_target::missing()?.into_iter().chain(packages).collect())
}

/// What is missing for packing them: Trunk and wasm-bindgen.
pub fn tools() -> Outcome<Option<Step>> {
    let missing = tools::missing()?;
    Ok((!missing.is_empty()).then(|| Step::all(missing, "4 min")))
}

/// What is missing for building the site.
pub fn site() -> Outcome<Vec<Step>> {
    Ok(basics()?.into_iter().chain(tools()?).collect())
}

/// What is missing for the tests.
pub fn tests() -> Outcome<Vec<Step>> {
    Ok(site()?.into_iter().chain(browser::missing()).collect())
}

/// What is missing for the comparison with real brokers.
pub fn peers() -> Outcome<Vec<Step>> {
    peers::missing()
}

/// Puts the npm packages' programs on a command's PATH.
pub fn with_tools(command: &mut Command) -> &mut Command {
    command.env("PATH", search_path(&[packages::programs()]))
}

/// Where Chromium is.
pub use browser::{chromedriver, chromium};

/// Where the real brokers are.
pub use peers::{nats, rabbitmq};
