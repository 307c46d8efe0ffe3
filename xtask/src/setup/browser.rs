//! Chromium and its driver, for the tests in a real browser.

use super::apt;
use crate::command::{command, output};
use crate::steps::Step;

fn find(names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| output(&mut command("which", &[name])))
}

/// Chromium without a window of its own: the same engine, and a page opens in half the time.
const WINDOWLESS: &str = "chromium-headless-shell";

/// Where Chromium is.
pub fn chromium() -> Option<String> {
    find(&[WINDOWLESS, "chromium", "chromium-browser", "google-chrome"])
}

/// Where its driver is.
pub fn chromedriver() -> Option<String> {
    find(&["chromedriver"])
}

/// Installs both by apt, unless they are there; and the windowless one, where there is such a package.
pub fn missing() -> Option<Step> {
    if chromium().is_some() && chromedriver().is_some() {
        return None;
    }
    let remedy = "Install Chromium and chromedriver of the same version, put them on PATH, then run this again.";
    let install = move || {
        apt::install(&["chromium", "chromium-driver"], remedy)?;
        // Tests pass without it.
        let _ = apt::add(&[WINDOWLESS], "The tests take Chromium itself.");
        Ok(())
    };
    Some(Step::new("Chromium and its driver, by apt", "1 min", install))
}
