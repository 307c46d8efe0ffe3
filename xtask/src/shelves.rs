//! The shelves: the parts that the catalogue is built in, each an app of its own. A shelf is a program in
//! `app/src/bin`.

use crate::Outcome;

/// The program with every scenario, for quick builds. It is not a shelf of the site.
pub const EVERYTHING: &str = "everything";

/// The names of all shelves.
pub fn all() -> Outcome<Vec<String>> {
    let folder = crate::root().join("app/src/bin");
    let files =
        std::fs::read_dir(&folder).map_err(|error| format!("{} cannot be read ({error}).", folder.display()))?;
    let name = |file: std::fs::DirEntry| file.file_name().to_str()?.strip_suffix(".rs").map(str::to_owned);
    let mut names: Vec<String> = files.flatten().filter_map(name).filter(|name| name != EVERYTHING).collect();
    names.sort();
    Ok(names)
}
