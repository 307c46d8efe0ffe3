//! A stretch of the run on its way over the screen: as long as the eye needs, however long it takes in virtual time.
//! Beats of the tour, moves of a story and the last events before a breach are shown so.

use leptos::prelude::*;

use faultline::guides::kit::live::LiveWorld;
use faultline::lab::play::{NORMAL_SPEED, lasts, timetable};
use faultline::sim::kernel::time::Time;
use faultline::sim::run::Run;
use faultline::sim::run::simulation::Simulation;

use super::{FRAME_BUDGET, Player, performance};

/// What is shown: it decides what comes when it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reel {
    /// A beat of the tour.
    Beat,
    /// A move of a story.
    Move,
    /// Events that have been seen, again and slowly.
    Again,
    /// What leads to a message's arrival.
    Follow,
}

/// See the module's header.
pub struct Film {
    pub reel: Reel,
    pub from: u64,
    pub to: u64,
    /// When each event is due, in milliseconds of screen time.
    due: Vec<f64>,
    spent: f64,
}

impl Film {
    /// From one step of what has happened to another.
    pub fn new(run: &Run<LiveWorld>, reel: Reel, from: u64, to: u64) -> Film {
        let due = timetable(run, from, to, reel == Reel::Again);
        Film { reel, from, to, due, spent: 0.0 }
    }

    /// How much of the wait for the event after `done` is over: from 0 to 1.
    fn share(&self, done: usize) -> f64 {
        let begin = done.checked_sub(1).map_or(0.0, |before| self.due[before]);
        self.due.get(done).map_or(0.0, |due| ((self.spent - begin) / (due - begin)).clamp(0.0, 1.0))
    }
}

/// Whether the reader asks for as little motion as possible.
fn is_still() -> bool {
    let query = window().match_media("(prefers-reduced-motion: reduce)").ok().flatten();
    query.is_some_and(|query| query.matches())
}

impl Player {
    /// Shows the run between two steps that it has been through, from the first; without motion, its end.
    pub(super) fn show_film(self, reel: Reel, from: u64, to: u64) {
        self.session.update_value(|session| {
            let film = Film::new(&session.run, reel, from, to);
            session.run.seek(from);
            session.film = Some(film);
        });
        self.show();
        match is_still() {
            true => self.end_film(),
            false => self.play(),
        }
    }

    /// Goes to the end of what is shown.
    pub(super) fn end_film(self) {
        let film = self.session.try_update_value(|session| {
            let film = session.film.take();
            film.iter().for_each(|film| session.run.seek(film.to));
            if film.as_ref().is_some_and(|film| film.reel == Reel::Move) {
                session.stand_in_story();
            }
            film
        });
        self.pause();
        match film.flatten().map(|film| film.reel) {
            Some(Reel::Beat) => self.end_beat(),
            Some(reel @ (Reel::Move | Reel::Again | Reel::Follow)) => {
                self.show();
                self.announce();
                if reel == Reel::Follow {
                    self.choose_what_was_sent();
                }
            }
            None => {}
        }
    }

    /// Whether a film is on its way over the screen.
    pub(super) fn is_filming(self) -> bool {
        self.session.with_value(|session| session.film.is_some())
    }

    /// Stops what is shown where it is.
    pub(super) fn stop_film(self) {
        let film = self.session.try_update_value(|session| session.film.take());
        if film.flatten().is_some_and(|film| film.reel == Reel::Beat) {
            self.leave_beat();
        }
    }

    /// One frame of what is shown, after so many milliseconds. Gives the moment reached, whether there were events, and
    /// whether it has ended.
    pub(super) fn roll(self, elapsed: f64) -> (Time, bool, bool) {
        let pace = self.speed.get_untracked() / NORMAL_SPEED;
        let start = performance();
        let rolled = self.session.try_update_value(|session| {
            let (run, film) = (&mut session.run, session.film.as_mut()?);
            film.spent += elapsed * pace;
            let done = |run: &Run<LiveWorld>| (run.step_count() - film.from) as usize;
            let mut stepped = false;
            while film.due.get(done(run)).is_some_and(|due| *due <= film.spent) && performance() - start < FRAME_BUDGET
            {
                stepped |= run.step().is_some();
            }
            let (now, share) = (run.world().kernel().now(), film.share(done(run)));
            let wait = run.branch().time_at(run.step_count() + 1).saturating_sub(now) as f64;
            let is_over = run.step_count() >= film.to && film.spent >= lasts(&film.due);
            Some((if is_over { now } else { now + (wait * share) as Time }, stepped, is_over))
        });
        rolled.flatten().unwrap_or((self.clock.get_untracked(), false, true))
    }
}
