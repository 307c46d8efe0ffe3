//! The npm packages of a folder of tests. Those of tests/browser: wasm-opt (binaryen), Playwright's driver, axe.

use std::path::PathBuf;

use super::apt;
use crate::command::{command, output, run};
use crate::steps::Step;
use crate::{Outcome, say};

/// Where wasm-opt is.
pub fn programs() -> PathBuf {
    crate::root().join("tests/browser/node_modules/binaryen/bin")
}

/// Installs the packages of a folder by their lock file, unless they are there.
pub fn missing(tests: &'static str) -> Outcome<Option<Step>> {
    let folder = crate::root().join(tests);
    let lock = folder.join("package-lock.json");
    let copy = folder.join("node_modules/.installed-lock.json");
    let wanted = std::fs::read(&lock).map_err(|error| format!("{} cannot be read ({error}).", lock.display()))?;
    if std::fs::read(&copy).is_ok_and(|installed| installed == wanted) {
        return Ok(None);
    }
    let install = move || {
        if output(&mut command("node", &["--version"])).is_none() {
            say("Installing Node.js by apt ...");
            let remedy = "Install Node.js 20 or later (https://nodejs.org), then run this again.";
            apt::install(&["nodejs", "npm"], remedy)?;
        }
        let mut npm = command("npm", &["ci", "--no-audit", "--no-fund"]);
        run(npm.current_dir(folder), "npm's message above says why; npm needs to reach its registry once.")?;
        std::fs::write(&copy, wanted).map_err(|error| format!("{} cannot be written ({error}).", copy.display()))
    };
    Ok(Some(Step::new(format!("the npm packages of {tests}"), "10 s", install)))
}
