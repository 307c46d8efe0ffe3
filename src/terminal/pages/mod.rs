//! `faultline pages`: an index.html for every address of the built site. Only scenarios' pages load an app, which takes
//! the place of their workbench; all else is here to stay.

mod frame;
mod guide;
mod home;
mod scenario;
mod workbench;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use faultline::guides::catalogue;
use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::guide::Guide;
use faultline::guides::kit::info::Info;
use faultline::guides::shelf_of;
use faultline::picture::svg::escape;
use pulldown_cmark::{Options, Parser, html};

use super::Failure;
use super::arguments::Arguments;
use super::in_practice;
use frame::{PLACE, render, under};

/// The folder of the template for pages without an app, next to the shelves' apps.
const PLAIN: &str = "plain";

/// Writes the pages of a site. Their templates are what Trunk has built: a folder with an index.html for each shelf, and
/// one for the pages that need no app; or one index.html for all pages.
pub fn pages(words: &[String]) -> Result<ExitCode, Failure> {
    let arguments = Arguments::parse(words, &[], &[])?;
    let [templates, folder] = arguments.words() else {
        return Err(Failure::Usage(
            "pages takes two things: the folder of the shelves' apps, or one page for all; and the site's folder."
                .to_owned(),
        ));
    };
    let site = Site { templates: Templates::find(PathBuf::from(templates))?, folder: PathBuf::from(folder) };
    let mut written = site.write_home()?;
    for guide in Guide::ALL {
        written += site.write_guide(guide)?;
    }
    println!("{written} pages written");
    Ok(ExitCode::SUCCESS)
}

/// What a static host shows for an unknown address. It can be at any depth, so the page needs no other file.
const NOT_FOUND: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
    content=\"width=device-width\"><title>Not found · Faultline</title><style>:root{color-scheme:light dark}\
    body{font:1.1rem/1.5 Georgia,serif;max-width:34rem;margin:15vh auto;padding:0 1rem}</style>\
    <h1>There is no such page</h1><p>The scenario may have another name by now.</p>\
    <p><a href=\"/\">Go to this host's front page</a></p></html>";

/// What the pages are put into.
enum Templates {
    /// The same for all, as a quick build of the app with everything has it.
    One(String),
    /// A folder for each shelf's app, and one without an app.
    Of(PathBuf),
}

impl Templates {
    fn find(path: PathBuf) -> Result<Templates, Failure> {
        if path.is_dir() { Ok(Templates::Of(path)) } else { Ok(Templates::One(template(&path)?)) }
    }

    /// The template of the page at an address.
    fn of(&self, path: &str) -> Result<String, Failure> {
        match self {
            Templates::One(text) => Ok(text.clone()),
            Templates::Of(folder) => template(&folder.join(shelf_of(path).unwrap_or(PLAIN)).join("index.html")),
        }
    }
}

fn template(file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| Failure::File(format!("{} cannot be read: {error}.", file.display())))?;
    if text.contains(PLACE) {
        Ok(text)
    } else {
        Err(Failure::File(format!("{} has no place for a page.", file.display())))
    }
}

struct Site {
    templates: Templates,
    folder: PathBuf,
}

impl Site {
    fn save(&self, name: &str, text: &str) -> Result<(), Failure> {
        let file = self.folder.join(name);
        let failed = |error| Failure::File(format!("{} cannot be written: {error}.", file.display()));
        file.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(failed)?;
        std::fs::write(&file, text).map_err(failed)
    }

    /// Home, and the page for unknown addresses.
    fn write_home(&self) -> Result<usize, Failure> {
        self.write_list("", "Distributed systems you can break", home::LEAD, "home", &home::page())?;
        self.save("404.html", NOT_FOUND)?;
        Ok(2)
    }

    /// All pages of a guide.
    fn write_guide(&self, guide: Guide) -> Result<usize, Failure> {
        self.write_list(guide.slug(), guide.title(), guide.about(), "guide", &guide::page(guide))?;
        let mut written = 1;
        for scenario in scenarios(guide) {
            let info = scenario.info();
            let page = scenario::page(*scenario, &info, &in_practice::of(*scenario)?);
            self.write(&info.path(), info.title, info.summary, &page)?;
            written += 1;
        }
        Ok(written)
    }

    /// A page that is a list.
    fn write_list(&self, path: &str, title: &str, about: &str, class: &str, inside: &str) -> Result<(), Failure> {
        self.write(path, title, about, &format!("<div class=\"page {class}\">{inside}</div>"))
    }

    fn write(&self, path: &str, title: &str, about: &str, page: &str) -> Result<(), Failure> {
        let page = render(&self.templates.of(path)?, path, title, about, page);
        self.save(&under(path, "index.html"), &page)
    }
}

fn scenarios(guide: Guide) -> impl Iterator<Item = &'static &'static dyn AnyScenario> {
    catalogue().iter().filter(move |scenario| scenario.info().guide == guide)
}

fn scenarios_of(guide: Guide) -> impl Iterator<Item = Info> {
    scenarios(guide).map(|scenario| scenario.info())
}

fn scenario_link(info: &Info) -> String {
    format!("<a href=\"{{up}}{}/\">{}</a>", info.path(), escape(info.title))
}

/// A text in Markdown as HTML.
pub fn markdown(text: &str) -> String {
    let mut out = String::new();
    html::push_html(&mut out, Parser::new_ext(text, Options::ENABLE_TABLES));
    out
}
