//! Pictures that stand still, as files: the moment in which a promise breaks, and for each scenario the moment of its
//! tour that shows most. Each is a run of the simulator, replayed while the site is written.
//!
//! An image knows nothing of the page's style sheets, so each carries the rules that it needs of them.

use std::fmt::Write;

use faultline::guides::catalogue;
use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::live::LiveWorld;
use faultline::lab::counterexamples::{Counterexample, famous};
use faultline::picture::svg::{contents, escape};
use faultline::picture::{FlightMark, Frame, NodeMark, Picture};
use faultline::sim::judge::verdict::first_breach;
use faultline::sim::kernel::time::Time;
use faultline::sim::run::Run;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::{Origin, Tape};

use super::files::File;
use super::replayed;

/// A still, and how it is shown.
pub struct Still {
    pub file: File,
    size: (i32, i32),
    /// What it shows, for those who do not see it; empty beside words that say the same.
    alt: String,
    /// `guide/slug`, and the rule that is off if it shows a failure.
    of: (String, &'static str),
}

/// All stills of the site.
pub struct Stills(pub Vec<Still>);

impl Stills {
    /// Replays the runs.
    pub fn new() -> Stills {
        let failures = famous().into_iter().filter_map(|(_, one)| breaking(&one));
        let tours = catalogue().iter().map(|scenario| telling(*scenario));
        Stills(failures.chain(tours).collect())
    }

    /// The image of a scenario, or of what breaks without one of its rules. Nothing if there is none.
    pub fn image(&self, path: &str, rule: &str) -> String {
        let still = self.0.iter().find(|still| still.of.0 == path && still.of.1 == rule);
        still.map_or(String::new(), |still| {
            let (width, height) = still.size;
            format!(
                "<img class=\"still\" src=\"{{up}}{}\" width=\"{width}\" height=\"{height}\" loading=\"lazy\" alt=\"{}\">",
                still.file.name,
                escape(&still.alt)
            )
        })
    }
}

/// The moment in which a promise has broken.
fn breaking(one: &Counterexample) -> Option<Still> {
    let run = replayed(one)?;
    let shot = Shot::of(run.world());
    let alt = first_breach(run.world().standings()).map(|breach| breach.text.clone());
    Some(shot.still(one.path, one.rule, alt.unwrap_or_default()))
}

/// No beat is followed for more events than this.
const LONGEST_BEAT: usize = 400;

/// The moment of a scenario's tour that shows most.
fn telling(scenario: &'static dyn AnyScenario) -> Still {
    let info = scenario.info();
    let origin = Origin { seed: info.seed, ..Origin::default() };
    let mut run = Run::new(scenario.start(&origin), Tape::default());
    let mut best = Shot::of(run.world());
    'tour: for beat in 0..info.beats.len() {
        for input in run.world().beat_inputs(beat) {
            // What no longer applies changes nothing.
            let _ = run.act(input);
        }
        for _ in 0..LONGEST_BEAT {
            let shot = Shot::of(run.world());
            if shot.worth > best.worth {
                best = shot;
            }
            if run.world().beat_reached(beat) {
                continue 'tour;
            }
            if run.step().is_none() {
                break 'tour;
            }
        }
    }
    best.still(&info.path(), "", String::new())
}

/// A state, seen where its messages are well on their way.
struct Shot {
    picture: Picture,
    flights: Vec<FlightMark>,
    now: Time,
    worth: i32,
}

impl Shot {
    fn of(world: &LiveWorld) -> Shot {
        let now = world.best_seen();
        let pictures = [Frame::Wide, Frame::Narrow].map(|frame| compact(world.picture(frame)));
        let picture = pictures.into_iter().min_by_key(|picture| crop(picture).2);
        let picture = picture.unwrap_or_else(|| Picture::new(Frame::Wide));
        let flights = world.flights();
        let worth = worth(&picture, &flights);
        Shot { picture, flights, now, worth }
    }

    fn still(&self, path: &str, rule: &'static str, alt: String) -> Still {
        let (x, y, width, height) = crop(&self.picture);
        let drawn = format!(
            "<svg class=\"picture\" viewBox=\"{x} {y} {width} {height}\" width=\"{width}\" height=\"{height}\" \
             xmlns=\"http://www.w3.org/2000/svg\">{}</svg>",
            contents(&self.picture, &self.flights, self.now)
        );
        let style = style_for(&drawn);
        let text = drawn.replacen('>', &format!("><style>{style}</style>"), 1);
        let stem = format!("stills/{}{}{rule}", path.replace('/', "-"), if rule.is_empty() { "" } else { "-" });
        Still { file: File::new(&stem, "svg", text), size: (width, height), alt, of: (path.to_owned(), rule) }
    }
}

/// A card is eight wide and five high.
const CARD: (i32, i32) = (8, 5);

/// The nodes alone, as they stand to each other, moved as close together as their words allow, in the shape of a card:
/// so that as much as possible can be read on one.
fn compact(mut picture: Picture) -> Picture {
    picture.figures.clear();
    let places: Vec<(i32, i32)> = picture.nodes.iter().map(|mark| mark.at).collect();
    let span = |of: fn(&(i32, i32)) -> i32| {
        let (low, high) = (places.iter().map(of).min(), places.iter().map(of).max());
        (low.unwrap_or(0), high.unwrap_or(0) - low.unwrap_or(0))
    };
    let ((left, width), (top, height)) = (span(|at| at.0), span(|at| at.1));
    for unit in 20..120 {
        let room = (CARD.0 * unit, CARD.1 * unit - 40);
        for (mark, at) in picture.nodes.iter_mut().zip(&places) {
            mark.at = ((at.0 - left) * room.0 / width.max(1), (at.1 - top) * room.1 / height.max(1));
        }
        if !is_crowded(&picture) {
            break;
        }
    }
    // Drawing clamps the labels of sets to the frame, so the nodes stand in its middle.
    let (x, y, width, height) = bounds(&picture);
    let frame = picture.frame.size();
    for mark in &mut picture.nodes {
        mark.at = (mark.at.0 - x + (frame.0 - width) / 2, mark.at.1 - y + (frame.1 - height) / 2);
    }
    picture
}

/// Whether two nodes, or their words, overlap.
fn is_crowded(picture: &Picture) -> bool {
    let boxes: Vec<(i32, i32, i32, i32)> = picture.nodes.iter().map(room).collect();
    let overlap = |a: &(i32, i32, i32, i32), b: &(i32, i32, i32, i32)| a.0 < b.2 && b.0 < a.2 && a.1 < b.3 && b.1 < a.3;
    boxes.iter().enumerate().any(|(at, one)| boxes[at + 1..].iter().any(|other| overlap(one, other)))
}

/// What a node and its words take on a still, where they are a little larger than on a stage, with its crown.
fn room(mark: &NodeMark) -> (i32, i32, i32, i32) {
    let (left, top, right, bottom) = mark.bounds();
    let half = (mark.state.chars().count() as i32 * 4 + 4).max((right - left) / 2 + 6);
    (mark.at.0 - half, top - if mark.crown { 20 } else { 8 }, mark.at.0 + half, bottom + 8)
}

/// How much there is to see: messages on their way, different states, somebody who leads, something that is wrong.
fn worth(picture: &Picture, flights: &[FlightMark]) -> i32 {
    let flying = flights.iter().filter(|flight| flight.lost.is_none()).count() as i32;
    let mut tones: Vec<_> = picture.nodes.iter().map(|mark| mark.tone).collect();
    tones.sort_unstable();
    tones.dedup();
    let count = |holds: &dyn Fn(&NodeMark) -> bool| picture.nodes.iter().filter(|mark| holds(mark)).count() as i32;
    let told = count(&|mark| !mark.state.is_empty());
    let wrong = count(&|mark| mark.trouble.down || mark.trouble.paused).min(1);
    let level = count(&|mark| mark.fill.is_some_and(|(value, _)| value > 0)).min(2);
    let crowned = count(&|mark| mark.crown).min(1);
    flying.min(4) * 3 - (flying - 8).max(0) + tones.len() as i32 * 2 + told.min(3) + wrong * 2 + level + crowned * 3
}

/// The box that the nodes take: left, top, width, height.
fn bounds(picture: &Picture) -> (i32, i32, i32, i32) {
    let all = picture.nodes.iter().map(room);
    let (left, top, right, bottom) =
        all.reduce(|a, b| (a.0.min(b.0), a.1.min(b.1), a.2.max(b.2), a.3.max(b.3))).unwrap_or((0, 0, 400, 250));
    (left, top, right - left, bottom - top)
}

/// What is shown of a picture: its nodes and the names of sets above and below them, in the shape of a card.
fn crop(picture: &Picture) -> (i32, i32, i32, i32) {
    const ROOM: i32 = 14;
    let (x, y, width, height) = bounds(picture);
    let (above, below) = (if picture.sets.is_empty() { 0 } else { 22 }, if picture.sets.len() > 1 { 22 } else { 0 });
    let (x, y) = (x - ROOM, y - ROOM - above);
    let (width, height) = (width + 2 * ROOM, height + 2 * ROOM + above + below);
    let (wanted_width, wanted_height) =
        ((height * CARD.0 + CARD.1 - 1) / CARD.1, (width * CARD.1 + CARD.0 - 1) / CARD.0);
    if wanted_width > width {
        (x - (wanted_width - width) / 2, y, wanted_width, height)
    } else {
        (x, y - (wanted_height - height) / 2, width, wanted_height)
    }
}

/// Words on a card are larger than on a stage, because the picture is smaller.
const LARGER: &str = ".picture .label{font-size:17px}.picture .state,.picture .set-label{font-size:15.5px}";

/// The colours and rules of the site's style sheets that a picture uses.
fn style_for(drawn: &str) -> String {
    let (tokens, stage) = (include_str!("../../../assets/style.css"), include_str!("../../../assets/stage.css"));
    let pictures = stage.split("/* The menu of acts").next().unwrap_or(stage);
    let mut rules = String::new();
    for block in pictures.split("}\n") {
        let Some((selector, body)) = block.split_once('{') else { continue };
        let selector = selector.rsplit("*/").next().unwrap_or(selector).trim();
        let is_plain = !selector.starts_with('@') && !selector.contains(':') && !body.contains('{');
        if is_plain && selector.split(',').any(|one| is_used(one, drawn)) {
            let words: Vec<&str> = body.split_whitespace().collect();
            let _ = write!(rules, "{selector}{{{}}}", words.join(" "));
        }
    }
    let rules = rules.replace("var(--ui)", "system-ui,sans-serif");
    let tokens = tokens.lines().map(str::trim).filter(|line| {
        line.split_once(": light-dark(").is_some_and(|(name, _)| rules.contains(&format!("var({name})")))
    });
    let root: String = tokens.collect();
    format!(":root{{color-scheme:light dark;{root}}}{rules}{LARGER}")
}

/// Whether each class of a selector occurs in a drawing.
fn is_used(selector: &str, drawn: &str) -> bool {
    let names = selector.split(['.', ' ', '>']).filter(|name| !name.is_empty());
    let mut classes = names.filter(|name| selector.contains(&format!(".{name}")));
    classes.all(|name| drawn.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_and_every_famous_failure_has_a_still() {
        let stills = Stills::new();
        for scenario in catalogue() {
            assert!(stills.image(&scenario.info().path(), "").contains("loading"), "{}", scenario.info().path());
        }
        for (_, one) in famous() {
            let image = stills.image(one.path, one.rule);
            assert!(!image.is_empty() && !image.contains("alt=\"\""), "{}: {image}", one.path);
        }
        for Still { file, size: (width, height), .. } in &stills.0 {
            assert!(file.text.starts_with("<svg") && file.text.contains("light-dark("), "{}", file.name);
            assert!(
                file.text.contains(&format!(" {width} {height}\" width=\"{width}\" height=\"{height}\"")),
                "{}",
                file.name
            );
        }
    }
}
