//! `faultline pages`: an index.html for every address of the built site. Only scenarios' pages load an app, which takes
//! the place of their workbench; all else is here to stay.

mod cards;
mod files;
mod frame;
mod guide;
mod handout;
mod home;
mod missing;
mod paths;
mod recording;
mod rules;
mod scenario;
mod search;
mod stills;
mod workbench;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use faultline::guides::catalogue;
use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::guide::Guide;
use faultline::guides::kit::info::Info;
use faultline::guides::kit::live::LiveWorld;
use faultline::guides::{find, shelf_of};
use faultline::lab::counterexamples::Counterexample;
use faultline::lab::story::moves;
use faultline::picture::svg::escape;
use faultline::sim::run::Run;
use faultline::sim::run::tape::Link;
use pulldown_cmark::{Options, Parser, html};

use super::Failure;
use super::arguments::Arguments;
use super::in_practice;
use cards::count;
use files::Files;
use frame::{PLACE, Page, render, under};
use recording::{Recording, record};
use stills::Stills;

/// The folder of the template for pages without an app, next to the shelves' apps.
const PLAIN: &str = "plain";

/// Writes the pages of a site. Their templates are what Trunk has built: a folder with an index.html for each shelf, and
/// one for the pages that need no app; or one index.html for all pages. With `--base`, the address that the site will
/// have, pages name their own address and sitemap.xml lists them.
pub fn pages(words: &[String]) -> Result<ExitCode, Failure> {
    let arguments = Arguments::parse(words, &["--base"], &[])?;
    let [templates, folder] = arguments.words() else {
        return Err(Failure::Usage(
            "pages takes two things: the folder of the shelves' apps, or one page for all; and the site's folder."
                .to_owned(),
        ));
    };
    let base = arguments.all("--base").last().map(|base| format!("{}/", base.trim_end_matches('/')));
    if base.as_ref().is_some_and(|base| !base.starts_with("http")) {
        return Err(Failure::Usage(
            "--base takes the site's whole address: https://example.org/faultline/.".to_owned(),
        ));
    }
    let told = record().ok_or_else(|| Failure::File("No run tells the story of the home page any more.".to_owned()))?;
    let site = Site {
        templates: Templates::find(PathBuf::from(templates))?,
        folder: PathBuf::from(folder),
        base,
        files: Files::new(search::index(), told.json()),
        stills: Stills::new(),
    };
    site.save_files()?;
    let mut paths = site.write_home(&told)?;
    for guide in Guide::ALL {
        paths.extend(site.write_guide(guide)?);
    }
    site.save_sitemap(&paths)?;
    println!("{} pages written", paths.len() + 1);
    Ok(ExitCode::SUCCESS)
}

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
    /// The site's whole address, if it is known.
    base: Option<String>,
    files: Files,
    stills: Stills,
}

impl Site {
    fn save(&self, name: &str, text: &str) -> Result<(), Failure> {
        let file = self.folder.join(name);
        let failed = |error| Failure::File(format!("{} cannot be written: {error}.", file.display()));
        file.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(failed)?;
        std::fs::write(&file, text).map_err(failed)
    }

    /// What pages load besides the app.
    fn save_files(&self) -> Result<(), Failure> {
        let stills = self.stills.0.iter().map(|still| &still.file);
        self.files.all().into_iter().chain(stills).try_for_each(|file| self.save(&file.name, &file.text))
    }

    /// Home, the page of all rules, and the page for unknown addresses. Gives the addresses that can be visited.
    fn write_home(&self, told: &Recording) -> Result<Vec<String>, Failure> {
        self.write_list("", home::TITLE, home::LEAD, "home", &home::page(told, &self.files, &self.stills))?;
        self.write_list("rules", rules::TITLE, rules::ABOUT, "all-rules", &rules::page()?)?;
        self.save("404.html", &missing::page(&self.files.index.name))?;
        Ok(vec![String::new(), "rules".to_owned()])
    }

    /// All pages of a guide.
    fn write_guide(&self, guide: Guide) -> Result<Vec<String>, Failure> {
        self.write_list(guide.slug(), guide.title(), guide.about(), "guide", &guide::page(guide, &self.stills))?;
        let mut written = vec![guide.slug().to_owned()];
        for scenario in scenarios(guide) {
            let info = scenario.info();
            let page = scenario::page(*scenario, &info, &in_practice::of(*scenario)?);
            let more = scenario::described(&info);
            self.write(&info.path(), &Page { title: info.title, about: info.summary, more, page })?;
            written.push(info.path());
        }
        Ok(written)
    }

    /// A page that is a list.
    fn write_list(&self, path: &str, title: &str, about: &str, class: &str, inside: &str) -> Result<(), Failure> {
        let more = format!("<link rel=\"stylesheet\" href=\"./{}\">", self.files.style.name);
        let page = format!("<div class=\"page {class}\">{inside}</div>");
        self.write(path, &Page { title, about, more, page })
    }

    fn write(&self, path: &str, page: &Page) -> Result<(), Failure> {
        let page = render(&self.templates.of(path)?, path, page, self.base.as_deref(), &self.files);
        self.save(&under(path, "index.html"), &page)
    }

    /// The addresses of all pages: only where the site's own is known, because a sitemap has whole addresses.
    fn save_sitemap(&self, paths: &[String]) -> Result<(), Failure> {
        let Some(base) = &self.base else { return Ok(()) };
        let line = |path: &String| format!("<url><loc>{}</loc></url>\n", escape(&frame::address(base, path)));
        let lines: String = paths.iter().map(line).collect();
        self.save(
            "sitemap.xml",
            &format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n{lines}</urlset>\n"),
        )
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

/// A counterexample's run, at the event that breaks the promise. Nothing if it cannot be read.
fn replayed(one: &Counterexample) -> Option<Run<LiveWorld>> {
    let link = Link::decode(one.path, one.run).ok()?;
    let mut run = Run::new(find(one.path)?.start(&link.origin), link.tape);
    run.seek(link.step);
    Some(run)
}

/// How long a counterexample's story is: "6 moves".
fn length(one: &Counterexample) -> String {
    count(replayed(one).map_or(0, |run| moves(&run, run.step_count()).len()), "move")
}

/// A text in Markdown as HTML.
pub fn markdown(text: &str) -> String {
    let mut out = String::new();
    html::push_html(&mut out, Parser::new_ext(text, Options::ENABLE_TABLES));
    out
}
