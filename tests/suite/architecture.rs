//! Enforces ARCHITECTURE.md's arrows: what must never depend on what. Paths are read from the source the way the
//! compiler reads them, including groups, `super`, and modules inside files.

use std::path::{Path, PathBuf};

/// The modules of sim; each may use those before it.
const SIM: [&str; 7] =
    ["sim/declare", "sim/kernel", "sim/measure", "sim/judge", "sim/run", "sim/machine", "sim/explore"];
/// Below all modules of sim: a few small types.
const BELOW: [&str; 5] = ["sim", "sim/journal", "sim/later", "sim/numbers", "sim/small"];
/// The parts above sim, and what each may use besides itself.
const HOUSE: [(&str, &[&str]); 8] = [
    ("mechanisms", &["sim"]),
    ("systems/parts", &["mechanisms", "sim"]),
    ("systems", &["systems/parts", "mechanisms", "sim"]),
    ("picture", &["sim"]),
    ("views", &["picture", "systems", "mechanisms", "sim"]),
    ("guides/kit", &["views", "picture", "sim"]),
    ("guides", &["guides/kit", "views", "picture", "systems", "mechanisms", "sim"]),
    ("lab", &["guides", "views", "picture", "systems", "mechanisms", "sim"]),
];
/// Macros stand at the library's root, wherever they are written: their parts.
const MACROS: [(&str, &str); 10] = [
    ("settings", "sim/declare"),
    ("rules", "sim/declare"),
    ("commands", "sim/declare"),
    ("metrics", "sim/measure"),
    ("purposes", "sim/kernel"),
    ("never", "systems/parts"),
    ("prose", "guides/kit"),
    ("versions", "guides/kit"),
    ("scenarios", "guides/kit"),
    ("shelf", "guides"),
];
/// Programs on top of the library.
const PROGRAMS: [&str; 2] = ["terminal", "main"];

/// Every part; a path belongs to the longest one that is a prefix of it.
fn parts() -> impl Iterator<Item = &'static str> {
    SIM.into_iter().chain(BELOW).chain(HOUSE.iter().map(|part| part.0)).chain(PROGRAMS)
}

/// The part that a path of modules belongs to; the path itself if it belongs to none.
fn part_of(path: &[String]) -> String {
    let whole = path.join("/");
    if let Some((_, part)) = MACROS.iter().find(|(name, _)| *name == whole) {
        return (*part).to_owned();
    }
    let is_in = |part: &&str| whole == **part || whole.starts_with(&format!("{part}/"));
    parts().filter(is_in).max_by_key(|part| part.len()).map_or(whole.clone(), str::to_owned)
}

/// Whether one part may name another.
fn may_use(user: &str, used: &str) -> bool {
    let within = |whole: &str| used == whole || used.starts_with(&format!("{whole}/"));
    if user == used || PROGRAMS.contains(&user) {
        return true;
    }
    if let Some(room) = SIM.iter().position(|room| *room == user) {
        return BELOW.contains(&used) || SIM[..room].contains(&used);
    }
    if BELOW.contains(&user) {
        return BELOW.contains(&used);
    }
    HOUSE.iter().any(|(part, allowed)| *part == user && allowed.iter().any(|whole| within(whole)))
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let found = entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] });
    let mut found: Vec<PathBuf> = found.filter(|path| path.extension().is_some_and(|end| end == "rs")).collect();
    found.sort();
    found
}

fn text(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}

/// `src/sim/run/mod.rs` is the module `sim`, `run`.
fn module_of(file: &Path) -> Vec<String> {
    let inside = file.strip_prefix(source()).unwrap_or(file).with_extension("");
    let mut path: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if path.last().is_some_and(|last| last == "mod" || last == "lib") {
        path.pop();
    }
    path
}

/// The words and symbols of a source text, without comments, strings and numbers.
fn tokens(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("r\"") || rest.starts_with("r#\"") {
            raw_length(rest)
        } else if first == '"' {
            text_length(rest)
        } else if first == '\'' {
            letter_length(rest)
        } else if first.is_alphanumeric() || first == '_' {
            let length = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
            found.push(rest[..length].to_owned());
            length
        } else if rest.starts_with("::") {
            found.push("::".to_owned());
            2
        } else {
            if "{},;*".contains(first) {
                found.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    found
}

/// The length of a string, with its quotes.
fn text_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    rest.len()
}

/// The length of a raw string, with its hashes and quotes.
fn raw_length(rest: &str) -> usize {
    let hashes = rest[1..].chars().take_while(|letter| *letter == '#').count();
    let (begin, end) = (hashes + 2, format!("\"{}", "#".repeat(hashes)));
    rest.get(begin..).and_then(|inside| inside.find(&end)).map_or(1, |at| begin + at + end.len())
}

/// The length of a character in quotes, or of a lifetime's quote.
fn letter_length(rest: &str) -> usize {
    if rest[1..].starts_with('\\') {
        return rest[2..].char_indices().skip(1).find(|(_, letter)| *letter == '\'').map_or(1, |(at, _)| at + 3);
    }
    let mut letters = rest.char_indices().skip(1);
    let (second, third) = (letters.next(), letters.next());
    if second.is_some() && third.is_some_and(|(_, letter)| letter == '\'') {
        third.map_or(1, |(at, _)| at + 1)
    } else {
        1
    }
}

/// Reads the module paths that a file names: those that begin with `crate` or `super`.
struct Reader {
    tokens: Vec<String>,
    at: usize,
    module: Vec<String>,
    /// The open modules inside the file, with the depth of braces around each.
    inner: Vec<(String, usize)>,
    found: Vec<Vec<String>>,
}

impl Reader {
    fn read(file: &Path, crate_name: &str) -> Vec<Vec<String>> {
        let module = module_of(file);
        let mut reader = Reader { tokens: tokens(&text(file)), at: 0, module, inner: Vec::new(), found: Vec::new() };
        let mut depth = 0;
        while let Some(token) = reader.next() {
            match token.as_str() {
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    reader.inner.retain(|inner| inner.1 < depth + 1);
                }
                "mod" if reader.tokens.get(reader.at + 1).is_some_and(|token| token == "{") => {
                    let name = reader.tokens[reader.at].clone();
                    reader.inner.push((name, depth + 1));
                }
                "super" if reader.peek("::") => {
                    let above = reader.above();
                    reader.tree(above);
                }
                name if (name == "crate" || name == crate_name) && reader.peek("::") => reader.tree(Vec::new()),
                _ => {}
            }
        }
        reader.found
    }

    fn next(&mut self) -> Option<String> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn peek(&self, token: &str) -> bool {
        self.tokens.get(self.at).is_some_and(|next| next == token)
    }

    /// The module around the one that is being read.
    fn above(&self) -> Vec<String> {
        let mut path = self.module.clone();
        path.extend(self.inner.iter().map(|inner| inner.0.clone()));
        path.pop();
        path
    }

    /// What follows a path's first part: `::name::{one, two::three}`.
    fn tree(&mut self, mut path: Vec<String>) {
        while self.peek("::") {
            self.at += 1;
            match self.next().as_deref() {
                Some("{") => return self.group(&path),
                Some("super") => _ = path.pop(),
                Some("*") | None => break,
                Some(name) => path.push(name.to_owned()),
            }
        }
        self.found.push(path);
    }

    fn group(&mut self, path: &[String]) {
        while !self.peek("}") && self.at < self.tokens.len() {
            let name = self.next().unwrap_or_default();
            match name.as_str() {
                "," => {}
                "self" | "*" => self.found.push(path.to_vec()),
                _ => self.tree([path, &[name]].concat()),
            }
            if self.peek("as") {
                self.at += 2;
            }
        }
        self.at += 1;
    }
}

#[test]
fn paths_are_read_as_the_compiler_reads_them() {
    let folder = std::env::temp_dir().join("faultline-paths.rs");
    let code = "use crate::{a::{self, b as c}, d}; // crate::not\nfn f() { \"crate::nor\"; r#\"super::\"nor{\"#; '{'; super::e::g() }\n\
                mod tests { use super::*; use super::super::h; }";
    assert!(std::fs::write(&folder, code).is_ok());
    let found: Vec<String> = Reader::read(&folder, "faultline").iter().map(|path| path.join("/")).collect();
    let own = module_of(&folder);
    let [here, above] = [own.len(), own.len() - 1].map(|length| own[..length].join("/"));
    assert_eq!(found, ["a", "a/b", "d", &format!("{above}/e/g"), &here, &format!("{above}/h")]);
}

#[test]
fn the_arrows_run_one_way() {
    let mut wrong: Vec<String> = Vec::new();
    for file in files(&source()) {
        let user = part_of(&module_of(&file));
        if user.is_empty() {
            continue;
        }
        for path in Reader::read(&file, "faultline") {
            let used = part_of(&path);
            if !may_use(&user, &used) {
                let file = file.strip_prefix(source()).unwrap_or(&file).display();
                wrong.push(format!("{user} must not use {used}: src/{file} names {}", path.join("::")));
            }
        }
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The files of the library: everything below the programs.
fn library() -> impl Iterator<Item = PathBuf> {
    files(&source()).into_iter().filter(|file| !PROGRAMS.contains(&part_of(&module_of(file)).as_str()))
}

#[test]
fn the_library_knows_no_browser() {
    let banned = ["leptos", "web_sys", "wasm_bindgen", "js_sys", "gloo_timers", "HashMap", "HashSet", "SystemTime"];
    for file in library() {
        let text = text(&file);
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let found: Vec<&str> = code.filter(|line| banned.iter().any(|word| line.contains(word))).collect();
        assert!(found.is_empty(), "{}: {found:?}", file.display());
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for file in files(&source()) {
        assert!(text(&file).starts_with("//! "), "{} has no header", file.display());
    }
}

/// Each shelf of scenarios has a program of the app, and each program but the one with everything has a shelf.
#[test]
fn shelves_and_programs_are_the_same() {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("app/src/bin");
    let name = |file: &PathBuf| file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let mut names: Vec<String> = files(&programs).iter().filter_map(name).filter(|name| name != "everything").collect();
    let mut shelves = faultline::guides::shelves();
    names.sort();
    shelves.sort_unstable();
    assert_eq!(names, shelves);
    for shelf in shelves {
        let program = text(&programs.join(format!("{shelf}.rs")));
        assert!(program.contains(&format!("\"{shelf}\"")), "the program {shelf} opens another shelf");
    }
}
