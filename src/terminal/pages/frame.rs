//! What is around every page: its head, the header, and addresses that work under any path.

use faultline::guides::kit::guide::Guide;
use faultline::picture::svg::escape;

/// Where a page goes in the template.
pub const PLACE: &str = "<!--page-->";

/// A template with a page in it; every address is relative, so that the site works under any path.
pub fn render(template: &str, path: &str, title: &str, about: &str, page: &str) -> String {
    let up = up_from(path);
    let head = format!("<title>{} · Faultline</title>", escape(title));
    let body = format!("{HEADER_START}{}</nav>{THEME}</header><main>{page}</main>", guide_links(path));
    replace_between(template, "name=\"description\" content=\"", "\"", &escape(about))
        .replace("<title>Faultline</title>", &head)
        .replace(PLACE, &body)
        .replace("\"./", &format!("\"{up}"))
        .replace("'./", &format!("'{up}"))
        .replace("{up}", &up)
}

const HEADER_START: &str = "<header class=\"top\"><a class=\"brand\" href=\"{up}\"><span class=\"brand-mark\" \
                            aria-hidden=\"true\"></span>Faultline</a><nav aria-label=\"Guides\">";

/// The choice of theme: `assets/site.js` makes it work.
const THEME: &str = "<label class=\"theme\"><span class=\"visually-hidden\">Theme</span><select disabled>\
                     <option value=\"auto\">Automatic</option><option value=\"light\">Light</option>\
                     <option value=\"dark\">Dark</option></select></label>";

/// A file of the page with this address.
pub fn under(path: &str, name: &str) -> String {
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

/// Links to all guides; that of the page is marked.
fn guide_links(path: &str) -> String {
    let link = |guide: Guide| {
        let current = match path.strip_prefix(guide.slug()) {
            Some("") => " aria-current=\"page\"",
            Some(rest) if rest.starts_with('/') => " aria-current=\"true\"",
            _ => "",
        };
        format!("<a href=\"{{up}}{}/\"{current}>{}</a>", guide.slug(), guide.title())
    };
    Guide::ALL.map(link).concat()
}
