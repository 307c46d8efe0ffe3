//! Building the site: an app for each shelf by Trunk, then a page for every address by the project's own binary.
//!
//! Cargo compiles all apps at once, so that what they share is compiled once and two of them are linked side by side.
//! When Trunk then asks cargo for one of them, it is already there, and Trunk only has to pack it.

use std::env::consts::EXE_SUFFIX;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Mutex;

use crate::command::{command, run};
use crate::shelves::{self, EVERYTHING};
use crate::steps::{self, Step};
use crate::{Outcome, say, setup};

/// What the site is built from.
const INPUTS: [&str; 8] =
    [".cargo/config.toml", "Cargo.lock", "Cargo.toml", "app", "assets", "index.html", "src", "xtask/compress.mjs"];

/// Where Trunk puts the shelves' apps.
const APPS: &str = "target/apps";

/// What Trunk packs beside them: the same page without an app, for home and all lists.
const PLAIN: &str = "plain";

/// How Trunk packs them. Trunk reads it in the folder where it runs; the project's own Trunk.toml is for quick builds.
const PACKING: &str = "[build]\nrelease = true\noffline = true\npublic_url = \"./\"\n";

/// Which build of the terminal writes the pages.
#[derive(Clone, Copy)]
pub enum Terminal {
    /// One that is compiled for the purpose, by the profile that compiles quickest: it runs for less than a second.
    Own,
    /// The one built along with the tests. After a test run this one exists and `Own` does not: the tests' own
    /// dependencies change the features of some shared ones, so cargo compiles the library once for each.
    OfTheTests,
}

/// What cargo is asked for when it builds the terminal along with the tests that run it.
pub const WITH_THE_TESTS: [&str; 4] = ["--workspace", "--bins", "--test", "*"];

/// Builds the release site into dist/. Does nothing if none of its inputs have changed.
pub fn site(terminal: Terminal) -> Outcome {
    steps::take(site_steps(terminal)?)
}

/// The steps of building the site.
pub fn site_steps(terminal: Terminal) -> Outcome<Vec<Step>> {
    let stamp = crate::root().join("dist/.stamp");
    let now = fingerprint();
    if std::fs::read_to_string(&stamp).is_ok_and(|before| before == now) {
        say("The site is up to date.");
        return Ok(Vec::new());
    }
    let shelves = shelves::all()?;
    let compiled = shelves.clone();
    Ok(vec![
        Step::new("the apps, compiled", "4 min", move || compile(&compiled)),
        Step::new("the apps, packed", "1 min", move || pack_all(&shelves)),
        Step::new("the pages", "1 min", move || write_pages(terminal)),
        Step::new("compressed copies of all files", "15 s", move || {
            let remedy = "Node's message above says which file could not be written.";
            run(&mut command("node", &["xtask/compress.mjs", "dist"]), remedy)?;
            std::fs::write(stamp, now).map_err(|error| format!("dist/.stamp cannot be written ({error})."))
        }),
    ])
}

fn compile(shelves: &[String]) -> Outcome {
    let words = ["build", "--package", "faultline-app", "--profile", "site", "--target", "wasm32-unknown-unknown"];
    let mut cargo = command("cargo", &words);
    cargo.args(shelves.iter().flat_map(|shelf| ["--bin", shelf]));
    run(&mut cargo, "The compiler's message above says why.")
}

/// Packs all apps into an empty dist/, two at a time.
fn pack_all(shelves: &[String]) -> Outcome {
    for folder in ["dist", APPS] {
        emptied(&crate::root().join(folder)).map_err(|error| format!("{folder} cannot be recreated ({error})."))?;
    }
    let packing = crate::root().join(APPS).join("Trunk.toml");
    std::fs::write(packing, PACKING).map_err(|error| format!("Trunk's settings cannot be written ({error})."))?;
    let waiting = Mutex::new(shelves.iter().map(String::as_str).chain([PLAIN]));
    let next = || waiting.lock().ok().and_then(|mut waiting| waiting.next());
    let lane = || std::iter::from_fn(next).try_for_each(pack);
    std::thread::scope(|scope| {
        let lanes = [scope.spawn(lane), scope.spawn(lane)];
        lanes.map(|lane| lane.join().unwrap_or_else(|_| Err("Packing the apps failed.".to_owned())))
    })
    .into_iter()
    .collect()
}

/// Has Trunk pack an app, and copies all but its page into the site. File names carry a hash of the contents, so what
/// shelves share is stored once.
fn pack(shelf: &str) -> Outcome {
    let root = crate::root();
    let (apps, page) = (root.join(APPS), format!("{shelf}.html"));
    let failed = |error: std::io::Error| format!("The app of the shelf {shelf} cannot be packed ({error}).");
    let template = std::fs::read_to_string(root.join("index.html")).map_err(failed)?;
    std::fs::write(apps.join(&page), page_of(shelf, &template)).map_err(failed)?;
    let words = ["build", "--log", "warn", "--dist", shelf, &page];
    run(setup::with_tools(command("trunk", &words).current_dir(&apps)), "The message above says why.")?;
    for file in std::fs::read_dir(apps.join(shelf)).map_err(failed)?.flatten() {
        if file.file_name() != "index.html" {
            std::fs::copy(file.path(), root.join("dist").join(file.file_name())).map_err(failed)?;
        }
    }
    Ok(())
}

/// The project's index.html for one shelf, as seen from two folders further down; the plain one has no line for an app.
fn page_of(shelf: &str, template: &str) -> String {
    let lines = template.lines().filter(|line| shelf != PLAIN || !line.contains("rel=\"rust\""));
    let lines = lines.map(|line| match line.contains("data-trunk") {
        true => line.replace("href=\"", "href=\"../../").replace("src=\"", "src=\"../../") + "\n",
        false => line.to_owned() + "\n",
    });
    let own = |name| format!("data-bin=\"{name}\"");
    lines.collect::<String>().replace(&own(EVERYTHING), &own(shelf))
}

fn write_pages(terminal: Terminal) -> Outcome {
    let mut pages = match terminal {
        Terminal::Own => command("cargo", &["run", "--quiet", "--package", "faultline", "--profile", "pages", "--"]),
        Terminal::OfTheTests => {
            run(&mut command("cargo", &[&["test", "--quiet", "--no-run"], &WITH_THE_TESTS[..]].concat()), "")?;
            let here = std::env::current_exe().map_err(|error| format!("This program is missing ({error})."))?;
            command(here.with_file_name(format!("faultline{EXE_SUFFIX}")), &[])
        }
    };
    run(pages.args(["pages", APPS, "dist"]), "The message above says which page could not be written.")
}

fn emptied(folder: &Path) -> std::io::Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)
}

/// Serves quick builds of an app with everything, and its pages, rebuilt whenever a file changes: Trunk.toml says how. They
/// have a folder of their own, so that they and the tests do not wait for each other's lock.
pub fn watch(port: u16) -> Outcome {
    let port = port.to_string();
    let mut trunk = command("trunk", &["serve", "--offline", "--port", &port]);
    trunk.env("CARGO_TARGET_DIR", crate::root().join("target/watched"));
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

#[cfg(test)]
mod tests {
    use super::{page_of, shelves};

    fn index() -> String {
        std::fs::read_to_string(crate::root().join("index.html")).unwrap_or_default()
    }

    #[test]
    fn there_are_shelves() {
        assert!(shelves::all().is_ok_and(|names| names.len() > 5 && !names.iter().any(|name| name == "everything")));
    }

    #[test]
    fn a_shelf_has_its_own_app_and_the_plain_page_none() {
        let page = page_of("caching", &index());
        assert!(page.contains("data-bin=\"caching\"") && !page.contains("everything"));
        assert!(page.contains("href=\"../../app/Cargo.toml\"") && page.contains("src=\"../../assets/site.js\""));
        let plain = page_of("plain", &index());
        assert!(!plain.contains("data-bin") && plain.contains("href=\"../../assets/style.css\""));
    }
}
