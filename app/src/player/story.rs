//! A story: a run that breaks a promise, told move by move. The reader's own run waits; what they do besides is theirs.

use leptos::prelude::*;

use faultline::lab::story::{Stop, moves};
use faultline::sim::declare::rules::RuleSet;
use faultline::sim::run::Run;
use faultline::sim::run::tape::{Link, Origin, Tape};

use super::film::Reel;
use super::{Player, Selection, Session};

/// A story, and how far it has been told.
pub(super) struct Told {
    /// `guide/scenario/rule`; "found" in the rule's place when a search has found it.
    id: String,
    /// The rule that is off, if it is about one: its title, and what it buys.
    rule: Option<(&'static str, &'static str)>,
    origin: Origin,
    tape: Tape,
    /// The run as a link has it.
    text: String,
    /// Where it stops.
    moves: Vec<Stop>,
    at: usize,
}

/// What a page says of a story.
#[derive(Clone, PartialEq)]
pub struct Story {
    /// As of [`Told`].
    pub id: String,
    pub rule: Option<(&'static str, &'static str)>,
    /// Moves that have been seen, and all of them.
    pub at: usize,
    pub count: usize,
    /// Where the last move that was begun ends, and where the one before it did; none before the first.
    pub stops: Vec<Stop>,
    /// Whether the run at hand is where the story has come to.
    pub is_here: bool,
}

impl Told {
    /// Where it stands.
    fn stop(&self) -> Option<Stop> {
        self.at.checked_sub(1).and_then(|at| self.moves.get(at)).copied()
    }

    fn is_here(&self, session: &Session) -> bool {
        session.origin == self.origin && *session.run.branch().tape() == self.tape
    }
}

impl Session {
    /// Takes the run at hand to where the story stands.
    pub(super) fn stand_in_story(&mut self) {
        let Some(told) = &self.story else { return };
        if !told.is_here(self) {
            (self.run, self.origin) = (self.replayed(&told.origin, &told.tape, 0), told.origin.clone());
            self.is_found = true;
        }
        let (step, applied) = self.story.as_ref().and_then(Told::stop).map_or((0, 0), |stop| stop.place());
        self.run.seek_amid(step, applied);
    }
}

impl Player {
    /// Tells a run from its start to the event at which its link stands, from a move on; the reader's own is kept.
    /// `rule`: the stable name of the rule that it is about.
    pub fn tell(self, link: &Link, rule: Option<&str>, at: usize) {
        self.pause();
        let info = self.info();
        let known = rule.and_then(|rule| info.rules.iter().find(|known| known.1.id == rule)).map(|known| known.1);
        // A run that was found is about the rule that is off from its start, if it is one.
        let off = RuleSet::from_off_bits(link.origin.rules_off);
        let mut without = info.rules.iter().filter(|known| !off.on(known.0)).map(|known| known.1);
        let about = known.or_else(|| without.next().filter(|_| without.next().is_none()));
        self.session.update_value(|session| {
            let mut run = session.replayed(&link.origin, &link.tape, link.step);
            let moves = moves(&run, link.step);
            let at = at.min(moves.len());
            let (step, applied) = at.checked_sub(1).map_or((0, 0), |last| moves[last].place());
            run.seek_amid(step, applied);
            // What came with the page's address is no run of the reader's.
            if session.origin != link.origin || *session.run.branch().tape() != link.tape {
                session.keep_own();
            }
            (session.origin, session.run, session.is_found) = (link.origin.clone(), run, true);
            session.story = Some(Told {
                id: format!("{}/{}", info.path(), known.map_or("found", |rule| rule.id)),
                rule: about.map(|rule| (rule.title, rule.about)),
                origin: link.origin.clone(),
                tape: link.tape.clone(),
                text: link.encode(),
                moves,
                at,
            });
        });
        self.has_acted.set(false);
        self.selection.set(Selection::Nothing);
        self.show();
    }

    /// What is said of the story, if one is told; tracked.
    pub fn story(self) -> Option<Story> {
        self.changed();
        self.session.with_value(|session| {
            session.story.as_ref().map(|told| Story {
                id: told.id.clone(),
                rule: told.rule,
                at: told.at,
                count: told.moves.len(),
                stops: told.moves[told.at.saturating_sub(2)..told.at].to_vec(),
                is_here: told.is_here(session),
            })
        })
    }

    /// Whether a story is open, wherever the run at hand stands.
    pub fn has_story(self) -> bool {
        self.session.with_value(|session| session.story.is_some())
    }

    /// Whether the run at hand is a story's.
    pub fn is_told(self) -> bool {
        self.session.with_value(|session| session.story.as_ref().is_some_and(|told| told.is_here(session)))
    }

    /// Turns to the move at which the run at hand stands, if it is the story's and nothing is on its way; the address
    /// then has it, too.
    pub(super) fn follow_story(self) {
        if self.is_told() && !self.is_filming() {
            self.session.update_value(|session| {
                let here = session.run.place();
                if let Some(told) = session.story.as_mut() {
                    told.at = told.moves.partition_point(|stop| stop.place() <= here);
                    let rule = told.id.rsplit('/').next().unwrap_or_default();
                    crate::address::note_move(&told.text, rule, told.at);
                }
            });
        }
    }

    /// The next move, in sight; where the run at hand is another, back to the story first.
    pub fn next_move(self) {
        if self.is_filming() {
            return self.end_film();
        }
        self.pause();
        let stretch = self.session.try_update_value(|session| {
            let was_here = session.story.as_ref().is_some_and(|told| told.is_here(session));
            if !was_here {
                session.keep_own();
            }
            let from = if was_here { session.run.step_count() } else { 0 };
            session.stand_in_story();
            let told = session.story.as_mut().filter(|_| was_here)?;
            let to = told.moves.get(told.at)?.step;
            told.at += 1;
            // All of it has happened once, so that what is shown can be timed.
            session.stand_in_story();
            Some((from, to))
        });
        match stretch.flatten() {
            Some((from, to)) if from < to => self.show_film(Reel::Move, from, to),
            _ => self.show(),
        }
        self.announce();
    }

    /// Back to where the move before this one ended.
    pub fn previous_move(self) {
        self.pause();
        self.session.update_value(|session| {
            if let Some(told) = session.story.as_mut() {
                told.at = told.at.saturating_sub(1);
            }
            session.stand_in_story();
        });
        self.show();
        self.announce();
    }

    /// Ends the telling: what is kept of the reader's own comes back, or else the tour.
    pub fn leave_story(self) {
        self.pause();
        self.session.update_value(|session| session.story = None);
        crate::address::forget_run();
        match self.session.with_value(|session| session.kept.is_empty()) {
            true => self.continue_tour(),
            false => self.return_to_own(),
        }
    }

    /// Shows the last events before this one again, slowly.
    pub fn show_again(self) {
        const LAST: u64 = 3;
        self.pause();
        let here = self.with(Run::step_count);
        self.show_film(Reel::Again, here.saturating_sub(LAST), here);
    }
}
