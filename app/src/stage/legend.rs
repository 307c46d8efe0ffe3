//! The legend: the kinds of messages that have been seen, by their glyphs, and what else the picture uses.

use faultline::guides::kit::live::LiveWorld;
use faultline::picture::legend::kind;
use faultline::picture::{Look, Picture, svg};

use crate::view::tagged;

/// The most kinds that are listed; later ones are named in sight and in the text form.
const MOST_KINDS: usize = 9;
/// With more messages than this on their way, only the first are looked at.
const MOST_LOOKED_AT: usize = 60;

/// What the legend explains: kinds of messages, and whether there are timers and somebody who leads.
#[derive(Default)]
pub struct Legend {
    kinds: Vec<(Look, String)>,
    has_ring: bool,
    has_crown: bool,
}

impl Legend {
    /// Takes in what is on the stage now. Gives the legend as HTML if it has become another one.
    pub fn take_in(&mut self, world: &LiveWorld, picture: &Picture) -> Option<String> {
        let signs = (self.has_ring, self.has_crown);
        let known = self.kinds.len();
        for mark in world.flights().into_iter().take(MOST_LOOKED_AT).filter(|mark| mark.lost.is_none()) {
            let is_new = self.kinds.len() < MOST_KINDS && !self.kinds.iter().any(|one| one.0 == mark.look);
            if let Some(view) = is_new.then(|| world.message(mark.id)).flatten() {
                self.kinds.push((mark.look, kind(&view.title)));
            }
        }
        self.has_ring = picture.nodes.iter().any(|mark| mark.ring.is_some());
        self.has_crown = picture.nodes.iter().any(|mark| mark.crown);
        (known != self.kinds.len() || signs != (self.has_ring, self.has_crown)).then(|| self.html())
    }

    fn html(&self) -> String {
        let kinds: String = self.kinds.iter().map(|(look, name)| entry(*look, name)).collect();
        let sign = |is_there: bool, html: &'static str| if is_there { html } else { "" };
        kinds + sign(self.has_ring, RING) + sign(self.has_crown, CROWN)
    }
}

/// A glyph and its name, as HTML.
fn entry(look: Look, name: &str) -> String {
    let glyph = svg::glyph(look);
    let tone = look.tone.class();
    format!(
        r#"<li><svg class="picture flight {tone}" viewBox="-13 -13 26 26" aria-hidden="true">{glyph}</svg>{}</li>"#,
        tagged("span", name)
    )
}

/// What the picture uses besides messages.
const RING: &str = r#"<li><svg class="picture tone-neutral" viewBox="-13 -13 26 26" aria-hidden="true"><path class="ring" d="M0 -9a9 9 0 1 1 -9 9"/></svg><span>ring or line: time until it fires</span></li>"#;
const CROWN: &str = r#"<li><svg class="picture tone-active" viewBox="-16 -28 32 32" aria-hidden="true"><path class="crown" d="M-13 0v-13l7 6 6 -10 6 10 7 -6v13z"/></svg><span>leads</span></li>"#;
