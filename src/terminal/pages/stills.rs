//! Pictures that stand still, as files: the moment in which a promise breaks, and for each scenario the moment of its
//! tour that shows most. Each is a run of the simulator, replayed while the site is written.
//!
//! An image knows nothing of the page's style sheets, so each carries the rules that it needs of them.

use std::fmt::Write;

use faultline::guides::catalogue;
use faultline::guides::find;
use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::live::LiveWorld;
use faultline::lab::counterexamples::{Counterexample, famous};
use faultline::picture::svg::{escape, whole};
use faultline::picture::{FlightMark, Frame, NodeMark, Picture};
use faultline::sim::kernel::time::Time;
use faultline::sim::run::Run;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::{Link, Origin, Tape};

use super::files::File;

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
    let scenario = find(one.path)?;
    let link = Link::decode(one.path, one.run).ok()?;
    let mut run = Run::new(scenario.start(&link.origin), link.tape);
    run.seek(link.step);
    let shot = Shot::of(run.world());
    let alt = run.world().standings().iter().find_map(|standing| match &standing.verdict {
        faultline::sim::judge::verdict::Verdict::Broken(broken) => Some(broken.breach.text.clone()),
        _ => None,
    });
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

/// A state, seen half way to its next event.
struct Shot {
    picture: Picture,
    flights: Vec<FlightMark>,
    now: Time,
    worth: i32,
}

impl Shot {
    fn of(world: &LiveWorld) -> Shot {
        let now = world.kernel().now();
        let now = world.next_at().map_or(now, |next| now + next.saturating_sub(now) / 2);
        let picture = world.picture(frame_of(world));
        let flights = world.flights();
        let worth = worth(&picture, &flights);
        Shot { picture, flights, now, worth }
    }

    fn still(&self, path: &str, rule: &'static str, alt: String) -> Still {
        let (x, y, width, height) = crop(&self.picture);
        let (whole_width, whole_height) = self.picture.frame.size();
        let drawn = whole(&self.picture, &self.flights, self.now, "").replace(
            &format!("viewBox=\"0 0 {whole_width} {whole_height}\" role=\"img\" aria-label=\"\""),
            &format!("viewBox=\"{x} {y} {width} {height}\" width=\"{width}\" height=\"{height}\""),
        );
        let style = style_for(&drawn);
        let text = drawn.replacen('>', &format!("><style>{style}</style>"), 1);
        let stem = format!("stills/{}{}{rule}", path.replace('/', "-"), if rule.is_empty() { "" } else { "-" });
        Still { file: File::new(&stem, "svg", text), size: (width, height), alt, of: (path.to_owned(), rule) }
    }
}

/// Of the two frames the one whose nodes fill a card best.
fn frame_of(world: &LiveWorld) -> Frame {
    let slack = |frame: &Frame| {
        let (_, _, width, height) = bounds(&world.picture(*frame));
        (width * 5 - height * 8).abs() / height.max(1) + width / 200
    };
    [Frame::Narrow, Frame::Wide].into_iter().min_by_key(slack).unwrap_or(Frame::Narrow)
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
    let all = picture.nodes.iter().map(NodeMark::bounds);
    let (left, top, right, bottom) =
        all.reduce(|a, b| (a.0.min(b.0), a.1.min(b.1), a.2.max(b.2), a.3.max(b.3))).unwrap_or((0, 0, 400, 300));
    (left, top, right - left, bottom - top)
}

/// What is shown of a picture: its nodes with some room, in the shape of a card, eight by five.
fn crop(picture: &Picture) -> (i32, i32, i32, i32) {
    const ROOM: i32 = 22;
    let (x, y, width, height) = bounds(picture);
    let (x, y, width, height) = (x - ROOM, y - ROOM, width + 2 * ROOM, height + 2 * ROOM);
    let (wanted_width, wanted_height) = ((height * 8 + 4) / 5, (width * 5 + 7) / 8);
    if wanted_width > width {
        (x - (wanted_width - width) / 2, y, wanted_width, height)
    } else {
        (x, y - (wanted_height - height) / 2, width, wanted_height)
    }
}

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
    format!(":root{{color-scheme:light dark;{root}}}{rules}")
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
        for still in &stills.0 {
            assert!(
                still.file.text.starts_with("<svg") && still.file.text.contains("light-dark("),
                "{}",
                still.file.name
            );
        }
    }
}
