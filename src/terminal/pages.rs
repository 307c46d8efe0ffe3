//! `faultline pages`: an index.html for every address of the built site, readable before any WebAssembly has arrived
//! and without it. The markup has the same classes as the app's, so that nothing jumps when the app takes over.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use faultline::guides::catalogue;
use faultline::guides::find;
use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::guide::Guide;
use faultline::guides::kit::in_practice::InPractice;
use faultline::guides::kit::info::Info;
use faultline::guides::shelf_of;
use faultline::lab::counterexamples::{Counterexample, counterexamples, famous};
use faultline::lab::glossary::Term;
use faultline::picture::Frame;
use faultline::picture::svg::{escape, whole};
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::Origin;
use pulldown_cmark::{Options, Parser, html};

use super::Failure;
use super::arguments::Arguments;
use super::in_practice;

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

/// Where a page goes in the template.
const PLACE: &str = "<!--page-->";
const LEAD: &str = "Step through a real algorithm. Crash a node, cut a link, switch off a rule. See at once which promise \
                    broke, and why.";

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
        self.write_list("", "Distributed systems you can break", LEAD, "home", &home_page())?;
        self.save("404.html", NOT_FOUND)?;
        Ok(2)
    }

    /// All pages of a guide.
    fn write_guide(&self, guide: Guide) -> Result<usize, Failure> {
        self.write_list(guide.slug(), guide.title(), guide.about(), "guide", &guide_page(guide))?;
        let mut written = 1;
        for scenario in scenarios(guide) {
            let info = scenario.info();
            let prose = scenario_prose(&info, &in_practice::of(*scenario)?);
            self.write(&info.path(), info.title, info.summary, &scenario_page(*scenario, &info, &prose))?;
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

/// A template with a page in it; every address is relative, so that the site works under any path.
fn render(template: &str, path: &str, title: &str, about: &str, page: &str) -> String {
    let up = up_from(path);
    let head = format!("<title>{} · Faultline</title>", escape(title));
    let body = format!("{HEADER_START}{}</nav></header>{page}", guide_links());
    replace_between(template, "name=\"description\" content=\"", "\"", &escape(about))
        .replace("<title>Faultline</title>", &head)
        .replace(PLACE, &body)
        .replace("\"./", &format!("\"{up}"))
        .replace("'./", &format!("'{up}"))
        .replace("{up}", &up)
}

const HEADER_START: &str = "<header class=\"top\"><a class=\"brand\" href=\"{up}\"><span class=\"brand-mark\" \
                            aria-hidden=\"true\"></span>Faultline</a><nav aria-label=\"Guides\">";

/// A file of the page with this address.
fn under(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

/// The relative path from a page to the site's root.
fn up_from(path: &str) -> String {
    let depth = path.split('/').filter(|part| !part.is_empty()).count();
    if depth == 0 { "./".to_owned() } else { "../".repeat(depth) }
}

/// Puts a text between two marks. The template is unchanged if it has no such place.
fn replace_between(text: &str, start: &str, end: &str, with: &str) -> String {
    let Some(from) = text.find(start).map(|at| at + start.len()) else { return text.to_owned() };
    let to = text[from..].find(end).map_or(from, |at| from + at);
    format!("{}{with}{}", &text[..from], &text[to..])
}

fn guide_links() -> String {
    let link = |guide: Guide| format!("<a href=\"{{up}}{}/\">{}</a>", guide.slug(), guide.title());
    Guide::ALL.map(link).concat()
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

fn home_page() -> String {
    let mut page = format!(
        "<h1>Distributed systems you can break</h1><p class=\"lead\">{LEAD}</p><p class=\"continue-place\"></p><div class=\"guides\">"
    );
    for guide in Guide::ALL {
        let _ = write!(
            page,
            "<section class=\"guide-card\"><h2><a href=\"{{up}}{}/\">{}</a></h2><ul>",
            guide.slug(),
            guide.title()
        );
        for info in scenarios_of(guide) {
            let _ = write!(page, "<li>{}<p>{}</p></li>", scenario_link(&info), escape(info.summary));
        }
        page.push_str("</ul></section>");
    }
    page.push_str(
        "</div><section class=\"famous\"><h2>Famous failures</h2><p>One rule is off. Each opens where the promise has \
         just broken: step back to see how it got there.</p><ul>",
    );
    for (title, one) in famous() {
        let _ = write!(page, "<li><a href=\"{{up}}{}/?run={}\">{}</a></li>", one.path, one.run, escape(title));
    }
    page + "</ul></section>"
}

fn guide_page(guide: Guide) -> String {
    let mut page = format!("<h1>{}</h1><p class=\"lead\">{}</p><div class=\"levels\">", guide.title(), guide.about());
    let all: Vec<Info> = scenarios_of(guide).collect();
    let mut levels: Vec<u8> = all.iter().map(|info| info.level).collect();
    levels.sort_unstable();
    levels.dedup();
    for level in levels {
        let title = escape(guide.level(level));
        let _ =
            write!(page, "<section class=\"level\"><h2><span class=\"level-number\">{level}</span> {title}</h2><ol>");
        for info in all.iter().filter(|info| info.level == level) {
            let (link, summary, line) = (scenario_link(info), escape(info.summary), escape(&info.rules_line()));
            let _ = write!(page, "<li>{link}<p>{summary}</p><p class=\"card-rules\">{line}</p></li>");
        }
        page.push_str("</ol></section>");
    }
    page + &format!("</div><article id=\"prose\" class=\"prose\">{}</article>", guide_prose(guide))
}

/// A guide's own text, and the terms that its scenarios use.
fn guide_prose(guide: Guide) -> String {
    let terms = glossary_of(guide);
    if guide.prose().is_empty() && terms.is_empty() {
        return String::new();
    }
    let mut out = markdown(guide.prose());
    out.push_str("<h2>Glossary</h2><dl class=\"glossary\">");
    for (term, meaning) in terms {
        let _ = write!(out, "<dt>{}</dt><dd>{}</dd>", escape(term), escape(meaning));
    }
    out + "</dl>"
}

/// The terms that a guide's scenarios explain, in order. "acceptors" is listed as "acceptor" if that is a term too.
fn glossary_of(guide: Guide) -> Vec<Term> {
    let mut all: Vec<Term> = scenarios(guide).flat_map(|scenario| scenario.terms()).copied().collect();
    all.sort_unstable();
    all.dedup();
    let is_listed = |term: &str| all.iter().any(|known| known.0 == term);
    all.iter().copied().filter(|known| !known.0.strip_suffix('s').is_some_and(is_listed)).collect()
}

/// What to read before a scenario, and what is related to it: part of its text, with addresses relative to its page.
fn related_links(info: &Info) -> String {
    let link = |other: &&str| {
        let title = find(other).map_or("", |scenario| scenario.info().title);
        format!("<a href=\"../../{other}/\">{}</a>", escape(title))
    };
    let list = |word: &str, paths: &[&str]| {
        let links: Vec<String> = paths.iter().map(link).collect();
        if links.is_empty() { String::new() } else { format!("<p>{word}: {}</p>", links.join(" · ")) }
    };
    let lists = list("Before this", info.before) + &list("See also", info.near);
    if lists.is_empty() { lists } else { format!("<nav class=\"related\" aria-label=\"Related\">{lists}</nav>") }
}

/// A scenario's page: its first picture, its promises, the tour's first words, its prose.
fn scenario_page(scenario: &'static dyn AnyScenario, info: &Info, prose: &str) -> String {
    let world = scenario.start(&Origin { seed: info.seed, ..Origin::default() });
    let draw = |frame| {
        whole(&world.picture(frame), &world.flights(), world.kernel().now(), &format!("{}, at the start", info.title))
    };
    let promises: String = info.promises.iter().map(|promise| {
        format!("<li><span class=\"verdict-mark\" aria-hidden=\"true\">…</span><span class=\"promise-title\">{}</span></li>", escape(promise.title))
    }).collect();
    let beat = info.beats.first().map_or(String::new(), |beat| {
        format!(
            "<div class=\"beat\"><h3>{}</h3><p>{}</p></div>",
            escape(beat.title),
            escape(&beat.say.replace('*', ""))
        )
    });
    format!(
        "<div class=\"page scenario\"><div class=\"heading\"><p class=\"crumbs\"><a href=\"{{up}}{guide}/\">{guide_title}</a> · level {level}</p><h1>{title}</h1><p class=\"lead\">{summary}</p></div>\
         <div class=\"workbench\"><div class=\"main-column\"><section class=\"stage-box\"><div id=\"stage\" class=\"stage is-still-page\" data-scenario=\"{path}\"><div class=\"canvas\"><div class=\"only-wide\">{wide}</div><div class=\"only-narrow\">{narrow}</div></div></div><div class=\"stage-tools\"></div></section><section class=\"transport\"></section></div>\
         <aside class=\"panels\"><section class=\"tour\"><h2>Tour</h2>{beat}</section><section class=\"promises\"><h2>Promises</h2><ul>{promises}</ul></section></aside>\
         <article id=\"prose\" class=\"prose\">{prose}</article></div></div>",
        guide = info.guide.slug(),
        guide_title = info.guide.title(),
        level = info.level,
        title = escape(info.title),
        summary = escape(info.summary),
        path = info.path(),
        wide = draw(Frame::Wide),
        narrow = draw(Frame::Narrow),
    )
}

/// A scenario's text: what it says of the world outside stands before its sources.
fn scenario_prose(info: &Info, outside: &InPractice) -> String {
    let sources = info.prose.find("## Sources").unwrap_or(info.prose.len());
    let (told, sources) = info.prose.split_at(sources);
    broken_rules(info)
        + &markdown(told)
        + &in_practice::section(info, outside)
        + &markdown(sources)
        + &related_links(info)
}

/// A link for each rule, to the run that breaks a promise without it.
fn broken_rules(info: &Info) -> String {
    let path = info.path();
    let item = |one: Counterexample| {
        let rule = info.rules.iter().find(|known| known.1.id == one.rule)?.1.title;
        let promise = info.promises.iter().find(|known| known.id == one.promise)?.title;
        Some(format!(
            "<li><a href=\"../../{path}/?run={}\">{}</a><span>{} · broken in {}</span></li>",
            one.run,
            escape(rule),
            escape(promise),
            one.length
        ))
    };
    let items: String = counterexamples().filter(|one| one.path == path).filter_map(item).collect();
    if items.is_empty() {
        return items;
    }
    format!(
        "<section class=\"without\"><h2>Without a rule</h2><p>Each opens with the rule off, where the promise has just \
         broken: step back to see how it got there.</p><ul>{items}</ul></section>"
    )
}

pub fn markdown(text: &str) -> String {
    let mut out = String::new();
    html::push_html(&mut out, Parser::new_ext(text, Options::ENABLE_TABLES));
    out
}
