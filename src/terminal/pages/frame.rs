//! What is around every page: its head, the header, and addresses that work under any path.

use faultline::guides::kit::guide::Guide;
use faultline::picture::svg::escape;

use super::files::Files;

/// Where a page goes in the template.
pub const PLACE: &str = "<!--page-->";

/// What a page consists of.
pub struct Page<'a> {
    pub title: &'a str,
    /// What it is about, for lists of pages.
    pub about: &'a str,
    /// What else its head says.
    pub more: String,
    pub page: String,
}

/// A template with a page in it; every address is relative, so that the site works under any path. `base` is the site's
/// whole address, if it is known.
pub fn render(template: &str, path: &str, page: &Page, base: Option<&str>, files: &Files) -> String {
    let up = up_from(path);
    let body = format!(
        "{HEADER_START}{}</nav>{}{THEME}</header><main>{}</main>",
        guide_links(path),
        search_box(files),
        page.page
    );
    replace_between(template, "name=\"description\" content=\"", "\"", &escape(page.about))
        .replace("<title>Faultline</title>", &head(path, page, base, files))
        .replace(PLACE, &body)
        .replace("\"./", &format!("\"{up}"))
        .replace("'./", &format!("'{up}"))
        .replace("{up}", &up)
}

/// A page's title, and what it says of itself to those who link to it.
fn head(path: &str, page: &Page, base: Option<&str>, files: &Files) -> String {
    let (title, about) = (escape(page.title), escape(page.about));
    let canonical = base.map_or(String::new(), |base| {
        let address = escape(&address(base, path));
        format!("<link rel=\"canonical\" href=\"{address}\"><meta property=\"og:url\" content=\"{address}\">")
    });
    format!(
        "<title>{title} · Faultline</title><meta property=\"og:title\" content=\"{title}\">\
         <meta property=\"og:description\" content=\"{about}\"><meta property=\"og:type\" content=\"article\">\
         <meta property=\"og:site_name\" content=\"Faultline\">{canonical}{}<script type=\"module\" src=\"./{}\"></script>",
        page.more, files.search.name
    )
}

/// The whole address of a page.
pub fn address(base: &str, path: &str) -> String {
    if path.is_empty() { base.to_owned() } else { format!("{base}{path}/") }
}

const HEADER_START: &str = "<header class=\"top\"><a class=\"brand\" href=\"{up}\"><span class=\"brand-mark\" \
                            aria-hidden=\"true\"></span>Faultline</a><nav aria-label=\"Guides\">";

/// The choice of theme: `assets/site.js` makes it work.
const THEME: &str = "<label class=\"theme\"><span class=\"visually-hidden\">Theme</span><select disabled>\
                     <option value=\"auto\">Auto</option><option value=\"light\">Light</option>\
                     <option value=\"dark\">Dark</option></select></label>";
/// The search box; its script does the rest.
fn search_box(files: &Files) -> String {
    format!(
        "<form class=\"find\" role=\"search\" data-up=\"{{up}}\" data-index=\"{}\"><input type=\"search\" aria-label=\"Search scenarios, rules, promises and terms\" \
         placeholder=\"Search\" autocomplete=\"off\" spellcheck=\"false\"><kbd aria-hidden=\"true\">/</kbd></form>",
        files.index.name
    )
}

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

/// Links to all guides, that of the page marked, and to the page of all rules.
fn guide_links(path: &str) -> String {
    let link = |slug: &str, title: &str| {
        let current = match path.strip_prefix(slug) {
            Some("") => " aria-current=\"page\"",
            Some(rest) if rest.starts_with('/') => " aria-current=\"true\"",
            _ => "",
        };
        format!("<a href=\"{{up}}{slug}/\"{current}>{title}</a>")
    };
    Guide::ALL.map(|guide| link(guide.slug(), guide.title())).concat() + &link("rules", "Rules")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "<head><title>Faultline</title><meta name=\"description\" content=\"\"><link href=\"./a.css\"></head><main><!--page--></main>";

    fn rendered(path: &str, base: Option<&str>) -> String {
        let files = Files::new(String::new(), String::new());
        let page = Page { title: "A <page>", about: "What", more: String::new(), page: "<p>Here</p>".to_owned() };
        render(TEMPLATE, path, &page, base, &files)
    }

    #[test]
    fn addresses_are_relative_and_a_page_knows_its_own_only_with_a_base() {
        let page = rendered("consensus/paxos", None);
        assert!(page.contains("href=\"../../a.css\"") && page.contains("href=\"../../caching/\""), "{page}");
        assert!(!page.contains("canonical") && !page.contains("{up}"), "{page}");
        let page = rendered("consensus/paxos", Some("https://example.org/f/"));
        assert!(page.contains("<link rel=\"canonical\" href=\"https://example.org/f/consensus/paxos/\">"), "{page}");
    }

    #[test]
    fn the_header_says_where_one_is() {
        assert!(rendered("caching", None).contains("<a href=\"../caching/\" aria-current=\"page\">"));
        assert!(rendered("", None).contains("<meta property=\"og:title\" content=\"A &lt;page&gt;\">"));
    }
}
