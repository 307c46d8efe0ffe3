//! `faultline pages`: an index.html for every address of the built site, readable before any WebAssembly has arrived
//! and without it. The markup has the same classes as the app's, so that the app takes over without a jump.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use faultline::guides::famous::famous;
use faultline::guides::related::related;
use faultline::guides::scenario::AnyScenario;
use faultline::guides::{Guide, Info, catalogue, find, glossary};
use faultline::picture::Frame;
use faultline::picture::svg::{escape, whole};
use faultline::sim::simulation::Simulation;
use faultline::sim::tape::Origin;
use pulldown_cmark::{Options, Parser, html};

use super::Failure;
use super::arguments::Arguments;

/// Writes the pages into a built site.
pub fn pages(words: &[String]) -> Result<ExitCode, Failure> {
    let arguments = Arguments::parse(words, &[], &[])?;
    let folder = PathBuf::from(arguments.only_word("folder")?);
    let template = read(&folder.join("index.html"))?;
    if !template.contains(PLACE) {
        return Err(Failure::File(
            "The site's index.html has no place for a page: build the site anew first.".to_owned(),
        ));
    }
    let site = Site { folder, template };
    let mut written = 0;
    for guide in Guide::ALL {
        site.write(guide.slug(), guide.title(), guide.about(), &guide_page(guide))?;
        site.save(&format!("{}/prose.html", guide.slug()), &guide_prose(guide))?;
        written += 1;
    }
    for scenario in catalogue() {
        let info = scenario.info();
        site.write(&info.path(), info.title, info.summary, &scenario_page(*scenario, &info))?;
        site.save(&format!("{}/prose.html", info.path()), &scenario_prose(&info))?;
        written += 1;
    }
    site.write("", "Distributed systems you can break", LEAD, &home_page())?;
    site.save("404.html", NOT_FOUND)?;
    println!("{} pages written", written + 2);
    Ok(ExitCode::SUCCESS)
}

/// Where the template takes a page.
const PLACE: &str = "<!--page-->";
const LEAD: &str = "Step through a real algorithm. Crash a node, cut a link, switch off a rule. See at once which promise \
                    broke, and why.";

/// What a static host shows for an address that is none, at any depth: so it needs no other file.
const NOT_FOUND: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
    content=\"width=device-width\"><title>Not found · Faultline</title><style>:root{color-scheme:light dark}\
    body{font:1.1rem/1.5 Georgia,serif;max-width:34rem;margin:15vh auto;padding:0 1rem}</style>\
    <h1>There is no such page</h1><p>The scenario may have another name by now.</p>\
    <p><a href=\"/\">To the start of this host</a></p></html>";

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| Failure::File(format!("{} cannot be read: {error}.", file.display())))
}

struct Site {
    folder: PathBuf,
    template: String,
}

impl Site {
    fn save(&self, name: &str, text: &str) -> Result<(), Failure> {
        let file = self.folder.join(name);
        let failed = |error| Failure::File(format!("{} cannot be written: {error}.", file.display()));
        file.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(failed)?;
        std::fs::write(&file, text).map_err(failed)
    }

    fn write(&self, path: &str, title: &str, about: &str, page: &str) -> Result<(), Failure> {
        let name = if path.is_empty() { "index.html".to_owned() } else { format!("{path}/index.html") };
        self.save(&name, &self.render(path, title, about, page))
    }

    /// The template with a page in it; every address is relative, so that the site works below any path.
    fn render(&self, path: &str, title: &str, about: &str, page: &str) -> String {
        let depth = path.split('/').filter(|part| !part.is_empty()).count();
        let up = if depth == 0 { "./".to_owned() } else { "../".repeat(depth) };
        let head = format!("<title>{} · Faultline</title>", escape(title));
        let body = format!("{HEADER_START}{}</nav></header>{page}", guide_links());
        replace_between(&self.template, "name=\"description\" content=\"", "\"", &escape(about))
            .replace("<title>Faultline</title>", &head)
            .replace(PLACE, &body)
            .replace("\"./", &format!("\"{up}"))
            .replace("'./", &format!("'{up}"))
            .replace("{up}", &up)
    }
}

const HEADER_START: &str = "<header class=\"top\"><a class=\"brand\" href=\"{up}\"><span class=\"brand-mark\" \
                            aria-hidden=\"true\"></span>Faultline</a><nav aria-label=\"Guides\">";

/// Puts a text between two marks. The template is unchanged where it has no such place.
fn replace_between(text: &str, start: &str, end: &str, with: &str) -> String {
    let Some(from) = text.find(start).map(|at| at + start.len()) else { return text.to_owned() };
    let to = text[from..].find(end).map_or(from, |at| from + at);
    format!("{}{with}{}", &text[..from], &text[to..])
}

fn guide_links() -> String {
    let link = |guide: Guide| format!("<a href=\"{{up}}{}/\">{}</a>", guide.slug(), guide.title());
    Guide::ALL.map(link).concat()
}

fn scenarios_of(guide: Guide) -> impl Iterator<Item = Info> {
    catalogue().iter().map(|scenario| scenario.info()).filter(move |info| info.guide == guide)
}

fn scenario_link(info: &Info) -> String {
    format!("<a href=\"{{up}}{}/\">{}</a>", info.path(), escape(info.title))
}

fn home_page() -> String {
    let mut page = format!(
        "<div class=\"page home\"><h1>Distributed systems you can break</h1><p class=\"lead\">{LEAD}</p><div class=\"guides\">"
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
         just broken: step back to see how it came to that.</p><ul>",
    );
    for one in famous() {
        let _ = write!(page, "<li><a href=\"{{up}}{}/?run={}\">{}</a></li>", one.path, one.run, escape(one.title));
    }
    page + "</ul></section></div>"
}

fn guide_page(guide: Guide) -> String {
    let mut page = format!(
        "<div class=\"page guide\"><h1>{}</h1><p class=\"lead\">{}</p><div class=\"levels\">",
        guide.title(),
        guide.about()
    );
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
    page + &format!("</div><article id=\"prose\" class=\"prose\">{}</article></div>", guide_prose(guide))
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

/// The terms that a guide's tours and texts mark with asterisks.
fn glossary_of(guide: Guide) -> Vec<(&'static str, &'static str)> {
    let mut marked: Vec<String> = Vec::new();
    for info in scenarios_of(guide) {
        let texts = info.beats.iter().map(|beat| beat.say).chain([info.prose]);
        marked.extend(texts.flat_map(|text| text.split('*').skip(1).step_by(2)).map(str::to_lowercase));
    }
    let all = glossary::all();
    // "acceptors" is listed as "acceptor", where there is such an entry.
    let one = |term: &str| term.strip_suffix('s').filter(|one| all.iter().any(|known| known.0 == *one)).is_some();
    let is_marked = |term: &str| marked.iter().any(|said| said == term || said.strip_suffix('s') == Some(term));
    all.iter().copied().filter(|known| is_marked(known.0) && !one(known.0)).collect()
}

/// What to read before a scenario and what is near to it: part of its text, with addresses relative to its page.
fn related_links(path: &str) -> String {
    let (before, near) = related(path);
    let link = |other: &&str| {
        let title = find(other).map_or("", |scenario| scenario.info().title);
        format!("<a href=\"../../{other}/\">{}</a>", escape(title))
    };
    let list = |word: &str, paths: &[&str]| {
        let links: Vec<String> = paths.iter().map(link).collect();
        if links.is_empty() { String::new() } else { format!("<p>{word}: {}</p>", links.join(" · ")) }
    };
    let lists = list("Before this", before) + &list("See also", near);
    if lists.is_empty() { lists } else { format!("<nav class=\"related\" aria-label=\"Related\">{lists}</nav>") }
}

/// A scenario's page: its first picture, its promises, the tour's first words, its prose.
fn scenario_page(scenario: &dyn AnyScenario, info: &Info) -> String {
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
         <aside class=\"panels\"><section class=\"tour\"><h2>Tour</h2>{beat}</section><section class=\"promises\"><h2>Promises</h2><ul>{promises}</ul></section></aside></div>\
         <article id=\"prose\" class=\"prose\">{prose}</article></div>",
        guide = info.guide.slug(),
        guide_title = info.guide.title(),
        level = info.level,
        title = escape(info.title),
        summary = escape(info.summary),
        path = info.path(),
        wide = draw(Frame::Wide),
        narrow = draw(Frame::Narrow),
        prose = scenario_prose(info),
    )
}

fn scenario_prose(info: &Info) -> String {
    markdown(info.prose) + &related_links(&info.path())
}

fn markdown(text: &str) -> String {
    let mut out = String::new();
    html::push_html(&mut out, Parser::new_ext(text, Options::ENABLE_TABLES));
    out
}
