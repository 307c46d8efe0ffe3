//! The home page.

use std::fmt::Write;

use faultline::guides::kit::guide::Guide;
use faultline::lab::counterexamples::famous;
use faultline::picture::svg::escape;

use super::{scenario_link, scenarios_of};

/// What the page says first.
pub const LEAD: &str = "Step through a real algorithm. Crash a node, cut a link, switch off a rule. See at once which promise \
                    broke, and why.";
/// The page, without its frame.
pub fn page() -> String {
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
