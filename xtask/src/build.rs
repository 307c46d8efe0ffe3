//! Building the site: an app for each guide by Trunk, then a page for every address by the project's own binary.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use crate::command::{command, run};
use crate::{Outcome, say, setup};

/// What the site is made from.
const INPUTS: [&str; 6] = ["src", "assets", "index.html", "Trunk.toml", "Cargo.toml", "Cargo.lock"];

/// The guides, by the features that they are.
const GUIDES: [&str; 6] = ["consensus", "messaging", "caching", "storage", "transactions", "resilience"];
/// Where Trunk puts the guides' apps.
const APPS: &str = "target/apps";

/// Builds the release site into dist/. Nothing happens when nothing it is made from has changed.
pub fn site() -> Outcome {
    let stamp = crate::root().join("dist/.stamp");
    let now = fingerprint();
    if std::fs::read_to_string(&stamp).is_ok_and(|before| before == now) {
        say("The site is up to date.");
        return Ok(());
    }
    say("Building the release site (a few minutes the first time) ...");
    let site = crate::root().join("dist");
    emptied(&site).map_err(|error| format!("dist/ cannot be made anew ({error})."))?;
    for guide in GUIDES {
        app(guide, &site)?;
    }
    let pages = ["run", "--quiet", "--profile", "test", "--", "pages", APPS, "dist"];
    run(&mut command("cargo", &pages), "The message above says which page could not be written.")?;
    std::fs::write(&stamp, now).map_err(|error| format!("dist/.stamp cannot be written ({error})."))
}

/// Builds the app of a guide, and copies all but its page into the site. Their names carry a hash of what is in them: what
/// guides share is there once.
fn app(guide: &str, site: &Path) -> Outcome {
    say(&format!("The app of the {guide} guide ..."));
    let built = format!("{APPS}/{guide}");
    let words = ["build", "--release", "--offline", "--no-default-features", "--features", guide, "--dist", &built];
    run(setup::with_tools(&mut command("trunk", &words)), "The compiler's message above says why.")?;
    let copied = std::fs::read_dir(crate::root().join(&built)).and_then(|files| {
        for file in files.flatten().filter(|file| file.file_name() != "index.html") {
            std::fs::copy(file.path(), site.join(file.file_name()))?;
        }
        Ok(())
    });
    copied.map_err(|error| format!("The app of the {guide} guide cannot be copied into dist/ ({error})."))
}

fn emptied(folder: &Path) -> std::io::Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)
}

/// Serves quick builds, rebuilt whenever a file changes.
pub fn watch(port: u16) -> Outcome {
    let port = port.to_string();
    let mut trunk = command("trunk", &["serve", "--offline", "--port", &port]);
    run(setup::with_tools(&mut trunk), "The message above says why.")
}

fn fingerprint() -> String {
    let mut hasher = DefaultHasher::new();
    INPUTS.iter().for_each(|input| hash(&crate::root().join(input), &mut hasher));
    format!("{:016x}", hasher.finish())
}

fn hash(path: &Path, hasher: &mut DefaultHasher) {
    if path.is_dir() {
        let mut entries: Vec<_> = std::fs::read_dir(path).into_iter().flatten().flatten().map(|e| e.path()).collect();
        entries.sort();
        entries.iter().for_each(|entry| hash(entry, hasher));
    } else {
        path.hash(hasher);
        std::fs::read(path).unwrap_or_default().hash(hasher);
    }
}
