//! ARCHITECTURE.md's arrows, held: what must never depend on what.

use std::path::{Path, PathBuf};

/// A folder of src, and the modules of the crate that its files may name.
const ARROWS: [(&str, &[&str]); 5] = [
    ("sim", &["sim"]),
    ("mechanisms", &["mechanisms", "sim"]),
    ("systems", &["systems", "mechanisms", "sim"]),
    ("picture", &["picture", "sim"]),
    ("guides", &["guides", "systems", "mechanisms", "picture", "sim", "prose"]),
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let found = entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] });
    found.filter(|path| path.extension().is_some_and(|end| end == "rs")).collect()
}

#[test]
fn the_arrows_run_one_way() {
    let mut wrong = Vec::new();
    for (folder, allowed) in ARROWS {
        for file in files(&source().join(folder)) {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            for name in
                text.split("crate::").skip(1).map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next())
            {
                let name = name.unwrap_or_default();
                if !allowed.contains(&name) {
                    wrong.push(format!("{} uses crate::{name}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_library_knows_no_browser() {
    let banned = ["leptos", "web_sys", "wasm_bindgen", "js_sys", "gloo_timers", "HashMap", "HashSet", "SystemTime"];
    for (folder, _) in ARROWS {
        for file in files(&source().join(folder)) {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let found: Vec<&str> = code.filter(|line| banned.iter().any(|word| line.contains(word))).collect();
            assert!(found.is_empty(), "{}: {found:?}", file.display());
        }
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for file in files(&source()) {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(text.starts_with("//! "), "{} has no header", file.display());
    }
}
