//! `faultline pages`: an index.html for every address of the built site, readable before any WebAssembly has arrived
//! and without it. The markup has the same classes as the app's, so that nothing jumps when the app takes over.

mod frame;
mod guide;
mod home;
mod scenario;

use std::path::PathBuf;
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
use frame::{PLACE, render, under, up_from};

/// Writes the pages of a site. `apps` has a folder for each shelf, with its app as Trunk built it; the app's
/// index.html is the template for the pages of that shelf's scenarios.
pub fn pages(words: &[String]) -> Result<ExitCode, Failure> {
    let arguments = Arguments::parse(words, &[], &[])?;
    let [apps, folder] = arguments.words() else {
        return Err(Failure::Usage(
            "pages takes two folders: that of the shelves' apps, and that of the site.".to_owned(),
        ));
    };
    let site = Site { apps: PathBuf::from(apps), folder: PathBuf::from(folder) };
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

struct Site {
    apps: PathBuf,
    folder: PathBuf,
}

impl Site {
    /// The page that the app for an address was built with. Home uses the app of the first guide.
    fn template(&self, path: &str) -> Result<String, Failure> {
        let file = self.apps.join(shelf_of(path)).join("index.html");
        let text = std::fs::read_to_string(&file);
        let text = text.map_err(|error| Failure::File(format!("{} cannot be read: {error}.", file.display())))?;
        if text.contains(PLACE) {
            Ok(text)
        } else {
            Err(Failure::File(format!("{} has no place for a page.", file.display())))
        }
    }

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
            let prose = scenario::prose(&info, &in_practice::of(*scenario)?);
            self.write(&info.path(), info.title, info.summary, &scenario::page(*scenario, &info, &prose))?;
            self.save(&format!("{}/text.html", info.path()), &prose)?;
            written += 1;
        }
        Ok(written)
    }

    /// A page that is a list: the app fetches its contents unchanged.
    fn write_list(&self, path: &str, title: &str, about: &str, class: &str, inside: &str) -> Result<(), Failure> {
        self.write(path, title, about, &format!("<div class=\"page {class}\">{inside}</div>"))?;
        self.save(&under(path, "text.html"), &inside.replace("{up}", &up_from(path)))
    }

    fn write(&self, path: &str, title: &str, about: &str, page: &str) -> Result<(), Failure> {
        let page = render(&self.template(path)?, path, title, about, page);
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
