//! Undo and redo. What was done can be taken back act by act, on one run and across the runs that replaced each other:
//! a setting of the start, a new seed, an import.

use leptos::prelude::*;

use faultline::guides::kit::live::LiveWorld;
use faultline::sim::run::Run;
use faultline::sim::run::tape::{Origin, Tape};

use super::tree::Tree;
use super::{Player, Selection, Session};

/// A run of the reader's, with what can be taken back and done again on it.
pub(super) struct Own {
    origin: Origin,
    run: Run<LiveWorld>,
    is_found: bool,
    undo: Vec<Past>,
    redo: Vec<Past>,
}

impl Own {
    /// A run with what can be taken back and done again on it.
    pub(super) fn of(origin: Origin, run: Run<LiveWorld>, undo: Vec<Past>, redo: Vec<Past>) -> Own {
        Own { origin, run, is_found: false, undo, redo }
    }

    /// The run as a value, with all its futures.
    pub(super) fn tree(&self, path: &str) -> Tree {
        Tree::of(path, &self.origin, &self.run, &self.undo, &self.redo)
    }
}

/// Where the reader was.
pub(super) enum Past {
    /// On a future of the run at hand, after so many events.
    Here { branch: usize, step: u64 },
    /// On another run.
    Run(Box<Own>),
}

/// How many acts can be taken back, and how many runs that were replaced.
const MOST_ACTS: usize = 200;
const MOST_RUNS: usize = 8;

/// How many runs lie behind one another in what can be taken back.
fn runs_behind(past: &[Past]) -> usize {
    let behind = |past: &Past| match past {
        Past::Here { .. } => 0,
        Past::Run(own) => 1 + runs_behind(&own.undo),
    };
    past.iter().map(behind).max().unwrap_or(0)
}

impl Session {
    /// Takes the run at hand out, with what can be taken back on it; an untouched one stands in its place.
    pub(super) fn take_own(&mut self) -> Own {
        let none = Run::new(self.scenario.start(&self.origin), Tape::default());
        Own {
            origin: self.origin.clone(),
            run: std::mem::replace(&mut self.run, none),
            is_found: self.is_found,
            undo: std::mem::take(&mut self.undo),
            redo: std::mem::take(&mut self.redo),
        }
    }

    /// Puts a run back that was taken out.
    pub(super) fn put_back(&mut self, own: Own) {
        (self.origin, self.run, self.is_found) = (own.origin, own.run, own.is_found);
        (self.undo, self.redo) = (own.undo, own.redo);
    }

    /// Where the reader is on the run at hand.
    pub(super) fn here(&self) -> Past {
        Past::Here { branch: self.run.current(), step: self.run.step_count() }
    }

    /// Remembers where the reader was before something was done.
    pub(super) fn note_act(&mut self, before: Past) {
        self.undo.push(before);
        self.redo.clear();
        let surplus = self.undo.len().saturating_sub(MOST_ACTS);
        self.undo.drain(..surplus);
    }

    /// Lets another run take the place of the one at hand, which can be had back.
    pub(super) fn replace(&mut self, origin: Origin, run: Run<LiveWorld>) {
        let mut old = self.take_own();
        if runs_behind(&old.undo) >= MOST_RUNS {
            old.undo.clear();
        }
        (self.origin, self.run, self.is_found) = (origin, run, false);
        self.undo.push(Past::Run(Box::new(old)));
    }

    /// Goes where the past says; gives where the reader was.
    fn go(&mut self, to: Past) -> Past {
        match to {
            Past::Here { branch, step } => {
                let here = self.here();
                self.run.switch(branch);
                self.run.seek(step);
                here
            }
            Past::Run(own) => {
                let here = self.take_own();
                self.put_back(*own);
                Past::Run(Box::new(here))
            }
        }
    }
}

impl Player {
    /// Takes the last act back; what came of it can be had again. Says so when there is none.
    pub fn undo(self) {
        self.travel(|session| session.undo.pop(), |session, was| session.redo.push(was), "Nothing to undo.");
    }

    /// Does again what was taken back.
    pub fn redo(self) {
        self.travel(|session| session.redo.pop(), |session, was| session.undo.push(was), "Nothing to redo.");
    }

    /// Whether there is something to undo, and to redo; tracked.
    pub fn has_past(self) -> (bool, bool) {
        self.changed();
        self.session.with_value(|session| (!session.undo.is_empty(), !session.redo.is_empty()))
    }

    fn travel(self, take: fn(&mut Session) -> Option<Past>, keep: fn(&mut Session, Past), none: &str) {
        self.pause();
        self.stop_film();
        let went = self.session.try_update_value(|session| {
            let to = take(session)?;
            let was = session.go(to);
            keep(session, was);
            Some(())
        });
        if went.flatten().is_none() {
            return self.said.set(none.to_owned());
        }
        self.notice.set(None);
        self.selection.set(Selection::Nothing);
        self.show();
        self.announce();
    }
}
