//! A guide's page: its scenarios by level, its own text, and the terms that it uses.

use std::fmt::Write;

use faultline::guides::kit::guide::Guide;
use faultline::guides::kit::info::Info;
use faultline::lab::glossary::Term;
use faultline::picture::svg::escape;

use super::{markdown, scenario_link, scenarios, scenarios_of};

/// The page, without its frame.
pub fn page(guide: Guide) -> String {
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
