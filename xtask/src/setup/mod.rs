//! What a machine needs, installed where it is missing.

mod apt;
mod browser;
mod packages;
mod peers;
mod tools;
mod wasm_target;

use std::process::Command;

use crate::Outcome;
use crate::command::search_path;

/// What building the site needs.
pub fn site() -> Outcome {
    wasm_target::install()?;
    packages::install("tests/browser")?;
    tools::install()
}

/// What the tests need on top of that.
pub fn tests() -> Outcome {
    site()?;
    browser::install()
}

/// What the comparison with real brokers needs.
pub fn peers() -> Outcome {
    peers::install()
}

/// Puts the npm packages' programs on a command's PATH.
pub fn with_tools(command: &mut Command) -> &mut Command {
    command.env("PATH", search_path(&[packages::programs()]))
}

/// Where Chromium is.
pub use browser::{chromedriver, chromium};

/// Where the real brokers are.
pub use peers::{nats, rabbitmq};
