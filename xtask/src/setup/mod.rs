//! What a machine needs, installed where it is missing.

mod browser;
mod packages;
mod tools;
mod wasm_target;

use std::process::Command;

use crate::Outcome;

/// What building the site needs.
pub fn site() -> Outcome {
    wasm_target::install()?;
    packages::install()?;
    tools::install()
}

/// What the tests need on top of that.
pub fn tests() -> Outcome {
    site()?;
    browser::install()
}

/// Puts the npm packages' programs on a command's PATH.
pub fn with_tools(command: &mut Command) -> &mut Command {
    let mut paths = vec![packages::programs()];
    paths.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    match std::env::join_paths(paths) {
        Ok(path) => command.env("PATH", path),
        Err(_) => command,
    }
}

/// Where Chromium is.
pub use browser::{chromedriver, chromium};
