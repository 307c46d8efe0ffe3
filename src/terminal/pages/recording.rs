//! The stage of the home page. It is no scripted animation: the simulator runs Raft while the site is written, and what
//! it does is kept event by event, each node as the scenario draws it and each sentence as the server gives it. A little
//! script (`assets/home.js`) plays that back without WebAssembly.
//!
//! One rule is off in it: a server forgets its vote in a crash. A leader is elected and crashes, another is elected and
//! crashes, and a term gets two leaders. What the reader and the network do on the way is on the run's tape, so the
//! scenario can open the same run. With the rule on, the same tape breaks nothing.

use std::fmt::Write;

use faultline::guides::find;
use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::live::LiveWorld;
use faultline::picture::callout::callouts;
use faultline::picture::geometry::{self, Lane};
use faultline::picture::svg::{self, RING_LENGTH, glyph, node, node_class, ring_path, sets};
use faultline::picture::{FlightMark, Frame, Look, Picture};
use faultline::sim::NodeId;
use faultline::sim::declare::rules::RuleSet;
use faultline::sim::judge::verdict::{Breach, first_breach};
use faultline::sim::kernel::time::{MS, Time};
use faultline::sim::run::Run;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::{Input, Link, Origin, Tape};
use faultline::systems::consensus::raft::Raft;
use faultline::views::raft::{candidates, common_leader, leaders, name, newest_term};
use serde_json::{Value, json};

/// The scenario that is recorded.
pub const PATH: &str = "consensus/raft-election";
/// The rule that is off.
pub const RULE: &str = "vote-on-disk";
/// Seeds that are tried until one elects as the story needs it: two servers that stand at nearly the same time.
const SEEDS: u64 = 2_000;
/// No part of the story takes more events.
const LONGEST_PART: usize = 300;
/// How long the first leader is left in peace.
const PEACE: Time = 160 * MS;
/// How late the second candidate's requests come, where the network is slow.
const LATE: Time = 90 * MS;

/// How long a message that is not late takes at most; only those slow the clock down.
const QUICK: Time = 40 * MS;
/// Screen time for a millisecond of virtual time: while a message is to be seen, and while all wait.
const SEEN: u64 = 55;
const WAITED: u64 = 6;
/// No wait takes longer on the screen, in milliseconds.
const LONGEST_WAIT: u64 = 900;
/// How far the requests of the first picture have come.
const AHEAD: Time = 4 * MS;
/// How long the clock stands after a sentence: so much for each letter, within bounds.
const READING: u64 = 22;
const READING_BOUNDS: (u64, u64) = (700, 2_000);

/// The stage after one event, or after something that was done.
struct Shot {
    time: Time,
    picture: Picture,
    flights: Vec<FlightMark>,
    /// What each of them is called.
    titles: Vec<String>,
    says: String,
}

/// A run that tells the story, shot by shot.
pub struct Recording {
    run: Run<LiveWorld>,
    shots: Vec<Shot>,
    /// The shots at which it waits for the reader: a leader is there to be crashed, twice.
    waits: [usize; 2],
    /// The first shot with a candidate, and the first with a leader.
    stands: usize,
    elected: usize,
    /// The text of the run up to where the promise breaks.
    pub link: String,
}

/// The first seed's story.
pub fn record() -> Option<Recording> {
    let scenario = find(PATH)?;
    (1..=SEEDS).find_map(|seed| Recording::of(scenario, seed))
}

/// The origin of the run: the scenario's own, with one rule off.
fn origin(scenario: &dyn AnyScenario, seed: u64) -> Option<Origin> {
    let info = scenario.info();
    let rule = info.rules.iter().find(|rule| rule.1.id == RULE)?.0;
    Some(Origin { seed, rules_off: RuleSet::ALL.with(rule, false).off_bits(), ..Origin::default() })
}

impl Recording {
    /// The story under one seed, if it is told there.
    fn of(scenario: &'static dyn AnyScenario, seed: u64) -> Option<Recording> {
        let mut world = scenario.start(&origin(scenario, seed)?);
        world.set_recording(true);
        let run = Run::new(world, Tape::default());
        let mut recording =
            Recording { run, shots: Vec::new(), waits: [0; 2], stands: 0, elected: 0, link: String::new() };
        recording.keep("Nobody leads yet. The ring around each server is how long it will wait for a leader.");
        let first = recording.elect()?;
        let (second, rival) = recording.crash_and_elect(first)?;
        recording.crash_and_forget(first, second, rival)?;
        Some(recording)
    }

    /// A leader is elected, and rules in peace until no message is on its way.
    fn elect(&mut self) -> Option<NodeId> {
        self.until(|run| !candidates_of(run).is_empty())?;
        self.stands = self.shots.len() - 1;
        self.until(|run| !leaders_of(run).is_empty())?;
        self.elected = self.shots.len() - 1;
        self.until(|run| run.world().typed::<Raft>().is_some_and(|world| common_leader(world).is_some()))?;
        let end = self.run.world().kernel().now() + PEACE;
        self.until(|run| run.world().kernel().now() > end && run.world().flights().is_empty())?;
        let leader = leaders_of(&self.run).first().copied()?;
        self.wait(0, &format!("{} leads, and all the others hear it. Now crash it.", self.name(leader)));
        Some(leader)
    }

    /// The leader crashes, two servers stand, and the first of them wins. The other has not heard of it, and two of its
    /// own requests are late.
    fn crash_and_elect(&mut self, first: NodeId) -> Option<(NodeId, NodeId)> {
        self.act(Input::Crash { node: first }, &format!("{} crashes. No heartbeat comes any more.", self.name(first)))?;
        self.until(|run| !candidates_of(run).is_empty())?;
        let second = candidates_of(&self.run)[0];
        self.until(|run| candidates_of(run).len() == 2 || !leaders_of(run).is_empty())?;
        let rival = candidates_of(&self.run).into_iter().find(|node| *node != second)?;
        let late = |flight: &&FlightMark| flight.from == rival && (flight.to == first || flight.to == second);
        let late: Vec<u64> = self.run.world().flights().iter().filter(late).map(|flight| flight.id).collect();
        for id in late {
            self.run.act(Input::Delay { id, by: LATE }).ok()?;
        }
        self.reshoot();
        self.until(|run| !leaders_of(run).is_empty())?;
        let sent = self.run.world().flights().iter().filter(|flight| flight.from == second).count();
        self.until(|run| run.world().flights().iter().filter(|flight| flight.from == second).count() < sent)?;
        let (new, other) = (self.name(second), self.name(rival));
        let words = format!(
            "{new} leads the next term, and the promise holds. {other} has not heard of it yet, and some of its own requests \
             are late. Crash {new} too."
        );
        self.wait(1, &words);
        let stands = candidates_of(&self.run) == [rival] && leaders_of(&self.run) == [second];
        stands.then_some((second, rival))
    }

    /// The second leader crashes before its rival has heard of it; both that crashed come back, and vote again.
    fn crash_and_forget(&mut self, first: NodeId, second: NodeId, rival: NodeId) -> Option<()> {
        let (old, new, other) = (self.name(first), self.name(second), self.name(rival));
        let term = newest_term(self.run.world().typed::<Raft>()?);
        let unheard = |flight: &&FlightMark| flight.from == second && flight.to == rival;
        let unheard: Vec<u64> = self.run.world().flights().iter().filter(unheard).map(|flight| flight.id).collect();
        self.run.act(Input::Crash { node: second }).ok()?;
        for id in unheard {
            self.run.act(Input::Drop { id }).ok()?;
        }
        self.keep(&format!("{new} crashes, and its heartbeat to {other} is lost: {other} still stands for election."));
        self.until(|run| run.world().flights().iter().all(|flight| flight.from != second || flight.lost.is_some()))?;
        self.run.act(Input::Restart { node: first }).ok()?;
        let words = format!("{old} and {new} restart. {new} has forgotten that it voted for itself in term {term}.");
        self.act(Input::Restart { node: second }, &words)?;
        self.until(|run| !run.branch().breakings().is_empty())?;
        let words = self.breach()?.text.clone();
        self.shots.last_mut()?.says = words;
        self.link = self.link_here();
        let is_told = leaders_of(&self.run) == [rival];
        // One event more, so that what the winner sends is seen on its way.
        self.run.step()?;
        self.keep("");
        is_told.then_some(())
    }

    /// Here the recording waits for the reader.
    fn wait(&mut self, which: usize, says: &str) {
        self.waits[which] = self.shots.len() - 1;
        if let Some(shot) = self.shots.last_mut() {
            shot.says = says.to_owned();
        }
    }

    fn name(&self, node: NodeId) -> String {
        self.run.world().typed::<Raft>().map_or(String::new(), |world| name(world, node))
    }

    /// What clashed at the end.
    pub fn breach(&self) -> Option<&Breach> {
        first_breach(self.run.world().standings())
    }

    /// Runs on until something holds; a shot for each event.
    fn until(&mut self, holds: impl Fn(&Run<LiveWorld>) -> bool) -> Option<()> {
        for _ in 0..LONGEST_PART {
            if holds(&self.run) {
                return Some(());
            }
            let before = roles(&self.run);
            self.run.step()?;
            let whys = &self.run.world().record().whys;
            let words: Vec<&str> = whys.iter().map(|why| why.text.as_str()).collect();
            // Who votes is seen in the picture; who stands and who leads is told.
            let told = if roles(&self.run) == before { String::new() } else { words.join(" ") };
            self.keep(&told);
        }
        None
    }

    fn act(&mut self, input: Input, says: &str) -> Option<()> {
        self.run.act(input).ok()?;
        self.keep(says);
        Some(())
    }

    fn keep(&mut self, says: &str) {
        let world = self.run.world();
        let flights = world.flights();
        let title = |flight: &FlightMark| world.message(flight.id).map_or(String::new(), |message| message.title);
        self.shots.push(Shot {
            time: world.kernel().now(),
            picture: world.picture(Frame::Narrow),
            titles: flights.iter().map(title).collect(),
            flights,
            says: says.to_owned(),
        });
    }

    /// The last shot again, after something that is seen only later.
    fn reshoot(&mut self) {
        let says = self.shots.pop().map_or(String::new(), |shot| shot.says);
        self.keep(&says);
    }

    /// The text of the run so far, for the address that opens it in the scenario.
    fn link_here(&self) -> String {
        let world = self.run.world();
        let scenario = find(PATH);
        let seed = world.kernel().seed();
        let link = Link {
            scenario: PATH.to_owned(),
            origin: scenario.and_then(|scenario| origin(scenario, seed)).unwrap_or_default(),
            tape: self.run.branch().tape().clone(),
            step: self.run.step_count(),
            check: world.fingerprint() as u32,
        };
        link.encode()
    }

    /// The part of the picture with the servers: left, top, width, height.
    fn view(&self) -> [i32; 4] {
        let all = self.shots.iter().flat_map(|shot| &shot.picture.nodes).map(faultline::picture::NodeMark::bounds);
        let (left, top, right, bottom) =
            all.reduce(|a, b| (a.0.min(b.0), a.1.min(b.1), a.2.max(b.2), a.3.max(b.3))).unwrap_or_default();
        // Room for a crown, a ring, and the name of a set.
        let (left, top, right, bottom) = (left.min(10), top - 48, right.max(390), bottom + 12);
        [left, top, right - left, bottom - top]
    }

    /// When each shot is on the screen, in milliseconds.
    fn screen_times(&self) -> Vec<u64> {
        let mut at = 0;
        let mut times = vec![0];
        for (index, pair) in self.shots.windows(2).enumerate() {
            let [one, next] = pair else { break };
            let is_seen = one
                .flights
                .iter()
                .any(|flight| flight.lost.is_none() && flight.due > one.time && flight.due - flight.sent < QUICK);
            let waited = next.time - one.time;
            at += if is_seen { waited * SEEN / MS } else { (waited * WAITED / MS).min(LONGEST_WAIT) };
            // Where it waits for the reader, the reader says when to go on; and what broke is told apart.
            let is_read = self.waits.contains(&index) || index + 2 == self.shots.len();
            if !one.says.is_empty() && !is_read {
                at += (one.says.chars().count() as u64 * READING).clamp(READING_BOUNDS.0, READING_BOUNDS.1);
            }
            times.push(at);
        }
        times
    }
}

fn leaders_of(run: &Run<LiveWorld>) -> Vec<NodeId> {
    run.world().typed::<Raft>().map_or(Vec::new(), leaders)
}

fn candidates_of(run: &Run<LiveWorld>) -> Vec<NodeId> {
    run.world().typed::<Raft>().map_or(Vec::new(), candidates)
}

fn roles(run: &Run<LiveWorld>) -> (Vec<NodeId>, Vec<NodeId>) {
    (leaders_of(run), candidates_of(run))
}

/// Texts that occur again and again, each kept once.
#[derive(Default)]
struct Texts(Vec<Value>);

impl Texts {
    fn place(&mut self, text: Value) -> usize {
        let known = self.0.iter().position(|known| *known == text);
        known.unwrap_or_else(|| {
            self.0.push(text);
            self.0.len() - 1
        })
    }
}

impl Recording {
    /// The recording as the script reads it; see there.
    pub fn json(&self) -> String {
        let screen = self.screen_times();
        let (mut looks, mut fields, mut glyphs) = (Texts::default(), Texts::default(), Texts::default());
        let shots: Vec<Value> = self
            .shots
            .iter()
            .zip(&screen)
            .enumerate()
            .map(|(index, (shot, screen))| {
                let nodes: Vec<usize> =
                    shot.picture.nodes.iter().map(|mark| looks.place(json!([node_class(mark), node(mark)]))).collect();
                let rings: Vec<Value> = shot
                    .picture
                    .nodes
                    .iter()
                    .map(|mark| match mark.ring {
                        Some(ring) if !mark.trouble.down => json!([ring.since, ring.until]),
                        _ => json!(0),
                    })
                    .collect();
                json!([
                    screen,
                    shot.time,
                    nodes,
                    rings,
                    fields.place(json!(sets(&shot.picture) + &self.clash(index))),
                    shot.says,
                    self.words(shot)
                ])
            })
            .collect();
        let flights: Vec<Value> = self
            .flights()
            .into_iter()
            .map(|(mark, first, last)| {
                let look = glyphs.place(json!([format!("flight {}", mark.look.tone.class()), glyph(mark.look)]));
                json!([mark.from.0, mark.to.0, mark.sent, mark.due, first, last, u8::from(mark.lost.is_some()), look])
            })
            .collect();
        let nodes = self.shots.first().map_or(&[][..], |shot| &shot.picture.nodes);
        let ring = nodes.iter().find_map(ring_path);
        json!({
            "at": nodes.iter().map(|mark| mark.at).collect::<Vec<_>>(),
            "lanes": self.lanes(), "ring": ring, "around": RING_LENGTH,
            "looks": looks.0, "fields": fields.0, "glyphs": glyphs.0,
            "shots": shots, "flights": flights,
            "begins": self.shots.get(self.stands).map_or(0, |shot| shot.time + AHEAD),
            "elected": self.elected, "broken": self.broken(), "waits": self.waits,
        })
        .to_string()
    }

    /// What clashes, beside its nodes, in the shots in which the promise is broken.
    fn clash(&self, shot: usize) -> String {
        let breach = self.breach().filter(|_| shot >= self.broken());
        let picture = &self.shots[shot].picture;
        let name = |node| picture.node(node).map_or(String::new(), |mark| mark.label.clone());
        breach.map_or_else(String::new, |breach| callouts(picture, breach, &name))
    }

    /// The first shot in which the promise is broken.
    fn broken(&self) -> usize {
        self.shots.len().saturating_sub(2)
    }

    /// The way of a message between each two nodes, in the lane of its direction.
    fn lanes(&self) -> Vec<Vec<Value>> {
        let Some(shot) = self.shots.first() else { return Vec::new() };
        let end = |from: NodeId, to: NodeId, now: Time| {
            let look = self.shots.iter().find_map(|shot| shot.flights.first())?.look;
            let mark = FlightMark { id: 0, from, to, sent: 0, due: 1_000, lost: None, look };
            geometry::spot(&shot.picture, &mark, Lane::default(), now)
                .map(|spot| [spot.x.round() as i32, spot.y.round() as i32])
        };
        let ids: Vec<NodeId> = shot.picture.nodes.iter().map(|mark| mark.node).collect();
        let lane = |from: NodeId, to: NodeId| json!([end(from, to, 0), end(from, to, 1_000)]);
        ids.iter().map(|from| ids.iter().map(|to| lane(*from, *to)).collect()).collect()
    }

    /// Every message of the run, with the first and the last shot that it is on its way in; the last of one that is lost
    /// is the one in which it is lost.
    fn flights(&self) -> Vec<(FlightMark, usize, usize)> {
        let mut all: Vec<(FlightMark, usize, usize)> = Vec::new();
        for (index, shot) in self.shots.iter().enumerate() {
            for flight in &shot.flights {
                match all.iter_mut().find(|known| known.0.id == flight.id) {
                    Some(known) if known.0.lost.is_some() => {}
                    Some(known) => (known.0, known.2) = (flight.clone(), index),
                    None => all.push((flight.clone(), index, index)),
                }
            }
        }
        all
    }

    /// A shot in words, for those who do not see it.
    fn words(&self, shot: &Shot) -> String {
        let mut words = String::new();
        for mark in &shot.picture.nodes {
            let _ = write!(words, "{}: {}. ", mark.label, svg::state_text(mark));
        }
        words.trim_end().to_owned()
    }

    /// The kinds of messages in it, each with its name.
    pub fn legend(&self) -> String {
        let mut known: Vec<Look> = Vec::new();
        let mut out = String::new();
        for (flight, title) in self.shots.iter().flat_map(|shot| shot.flights.iter().zip(&shot.titles)) {
            if known.contains(&flight.look) || title.is_empty() {
                continue;
            }
            known.push(flight.look);
            // An answer is called by its contents.
            let name = if title.starts_with('"') { "an answer" } else { title.split(',').next().unwrap_or(title) };
            let _ = write!(
                out,
                "<li><svg class=\"picture\" viewBox=\"-14 -14 28 28\" aria-hidden=\"true\"><g class=\"flight {}\">{}</g></svg>{}</li>",
                flight.look.tone.class(),
                glyph(flight.look),
                svg::escape(name)
            );
        }
        out
    }

    /// The first election as a picture that stands still: the requests for votes are on their way. The script goes on
    /// from there.
    pub fn still(&self) -> String {
        let [left, top, width, height] = self.view();
        let Some(shot) = self.shots.get(self.stands) else { return String::new() };
        let now = shot.time + AHEAD;
        let picture = &shot.picture;
        let mut out = format!(
            "<svg id=\"live\" class=\"picture\" viewBox=\"{left} {top} {width} {height}\" role=\"img\" aria-label=\"Five servers. {}\">\
             <g class=\"live-fields\">{}</g><g class=\"live-links\">",
            svg::escape(&self.words(shot)),
            sets(picture)
        );
        for mark in &picture.links {
            out.push_str(&svg::link(picture, mark, svg::LinkTrouble::default()));
        }
        out.push_str("</g><g class=\"live-nodes\">");
        out.push_str(&svg::all_nodes(picture, now));
        out.push_str("</g><g class=\"live-flights\">");
        out + &svg::all_flights(picture, &shot.flights, now) + "</g></svg>"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_story_is_told_and_ends_with_two_leaders_in_a_term() {
        let recording = record().expect("no seed tells the story");
        let breach = recording.breach().expect("nothing broke");
        assert_eq!(breach.nodes.len(), 2, "{breach:?}");
        assert!(recording.elected < recording.waits[0] && recording.waits[0] < recording.waits[1]);
        let screen = recording.screen_times();
        assert!(screen.is_sorted() && screen.last().is_some_and(|last| (10_000..60_000).contains(last)), "{screen:?}");
    }

    /// The crash alone breaks nothing: with its vote on disk, the server that comes back refuses.
    #[test]
    fn with_the_rule_on_the_same_tape_breaks_nothing() {
        let recording = record().expect("no seed tells the story");
        let link = Link::decode(PATH, &recording.link).expect("the link cannot be read");
        let scenario = find(PATH).expect("no scenario");
        for (rules_off, breaks) in [(link.origin.rules_off, true), (0, false)] {
            let start = scenario.start(&Origin { rules_off, ..link.origin.clone() });
            let mut run = Run::new(start, link.tape.clone());
            run.seek(link.step);
            assert_eq!(!run.branch().breakings().is_empty(), breaks);
        }
    }
}
