//! Files that the pages load besides the app: their names carry a hash of what is in them, so that a browser may keep
//! them for ever.

use faultline::sim::kernel::hash;

/// A file of the site.
pub struct File {
    /// Its address under the site's root.
    pub name: String,
    pub text: String,
}

impl File {
    /// A file with a hash in its name: `stills/raft-0123456789abcdef.svg`.
    pub fn new(stem: &str, extension: &str, text: String) -> File {
        File { name: format!("{stem}-{:016x}.{extension}", hash::stable(text.as_bytes())), text }
    }
}

/// The files that are written once and loaded by several pages.
pub struct Files {
    /// The look of home, of the guides' pages and of the page of all rules.
    pub style: File,
    /// Plays the recording on the home page.
    pub home: File,
    /// Searches, and filters the page of all rules.
    pub search: File,
    /// What is searched.
    pub index: File,
    /// What the home page plays.
    pub recording: File,
}

impl Files {
    /// All of them, with what was made for this site.
    pub fn new(index: String, recording: String) -> Files {
        let asset = |stem, extension, text: &str| File::new(stem, extension, text.to_owned());
        Files {
            style: asset("front", "css", include_str!("../../../assets/front.css")),
            home: asset("home", "js", include_str!("../../../assets/home.js")),
            search: asset("search", "js", include_str!("../../../assets/search.js")),
            index: File::new("search", "json", index),
            recording: File::new("recording", "json", recording),
        }
    }

    /// All of them.
    pub fn all(&self) -> [&File; 5] {
        [&self.style, &self.home, &self.search, &self.index, &self.recording]
    }
}
