//! The tour: each beat is read, played in sight, and seen. It keeps to a run of its own: what the reader does besides
//! is theirs, and the tour goes on from where it was.

use leptos::prelude::*;

use faultline::sim::kernel::time::Time;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::{Origin, Tape};

use super::film::Reel;
use super::{Notice, Player, Session};
use crate::storage::Progress;

/// Where a beat stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeatState {
    /// Its text is read, over the picture before it.
    Read,
    /// It runs, in sight.
    Playing,
    /// Its claim is in the picture.
    Seen,
}

impl BeatState {
    /// For programs that read the page.
    pub fn word(self) -> &'static str {
        match self {
            BeatState::Read => "read",
            BeatState::Playing => "playing",
            BeatState::Seen => "seen",
        }
    }
}

/// What the reader guesses before a beat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guess {
    pub options: Vec<String>,
    pub chosen: Option<usize>,
    /// The right one, once the beat is seen.
    pub right: Option<usize>,
}

/// A beat that has been played: everything that was done up to its end, and where it lies in the run.
struct Played {
    tape: Tape,
    from: u64,
    to: u64,
}

/// How far the tour has come.
#[derive(Default)]
pub(super) struct Course {
    played: Vec<Played>,
    guesses: Vec<Guess>,
}

/// How far away a beat may be.
const BEAT_EVENTS: u64 = 20_000;
impl Session {
    /// Where the tour's run begins.
    fn tour_origin(&self) -> Origin {
        Origin { seed: self.info.seed, ..Origin::default() }
    }

    /// Whether the run at hand is the tour's, and stands where the tour has been.
    pub(super) fn is_on_tour(&self) -> bool {
        let (tape, here) = (self.run.branch().tape(), self.run.step_count());
        let known = self.course.played.iter().rev().find(|played| played.tape == *tape);
        let end = known.map_or(0, |played| played.to);
        self.origin == self.tour_origin() && (known.is_some() || tape.inputs().is_empty()) && here <= end
    }

    /// Where a beat begins, as far as the tour has come.
    fn begins(&self, beat: usize) -> Option<u64> {
        match beat.checked_sub(1) {
            None => Some(0),
            Some(before) => self.course.played.get(before).map(|played| played.to),
        }
    }

    /// Takes the tour's run to a beat, before it or at its end.
    pub(super) fn stand(&mut self, beat: usize, state: BeatState) {
        let (origin, last) =
            (self.tour_origin(), if state == BeatState::Seen { Some(beat) } else { beat.checked_sub(1) });
        let played = last.and_then(|last| self.course.played.get(last));
        let (tape, step) = played.map_or((Tape::default(), 0), |played| (played.tape.clone(), played.to));
        self.run = self.replayed(&origin, &tape, step);
        (self.origin, self.is_found) = (origin, false);
        // What is not kept cannot be taken back.
        self.undo.clear();
        self.redo.clear();
    }

    /// Writes down what a beat asks, where the run stands before it for the first time.
    fn ask(&mut self, beat: usize) {
        if self.course.guesses.len() == beat {
            let options = self.run.world().beat_options(beat);
            self.course.guesses.push(Guess { options, chosen: None, right: None });
        }
    }

    /// Plays the first beats out of sight.
    pub(super) fn walk(&mut self, beats: usize) {
        for beat in 0..beats {
            self.stand(beat, BeatState::Read);
            self.ask(beat);
            if self.perform(beat).is_err() {
                break;
            }
            self.course.guesses[beat].right = self.run.world().beat_answer(beat);
        }
    }

    /// Does what a beat does and runs on to its end, once; then stands before it again.
    fn perform(&mut self, beat: usize) -> Result<(), String> {
        if self.course.played.len() > beat {
            return Ok(());
        }
        let from = self.run.step_count();
        for input in self.run.world().beat_inputs(beat) {
            self.run.act(input).map_err(|refusal| refusal.0)?;
        }
        let last = from + BEAT_EVENTS;
        let run = &mut self.run;
        while !run.world().beat_reached(beat) && run.step_count() < last && run.step().is_some() {}
        if !run.world().beat_reached(beat) {
            return Err("This beat does not come about.".to_owned());
        }
        let (tape, to) = (run.branch().tape().clone(), run.step_count());
        self.course.played.push(Played { tape, from, to });
        Ok(())
    }
}

impl Player {
    /// Begins with the first beat, or leaves the tour to be begun where a link stands.
    pub(super) fn begin_tour(self) {
        self.follow_cursor();
        if self.on_tour.get_untracked() {
            self.turn_to(0, BeatState::Read);
        }
    }

    /// The moment that is drawn while nothing plays: the run's own or, at the end of a beat, the one before the next event
    /// at which its messages are seen best.
    pub(super) fn resting(self) -> Time {
        let is_beats_end = self.beat_state.get_untracked() == BeatState::Seen && self.on_tour.get_untracked();
        self.with(|run| if is_beats_end { run.world().best_seen() } else { run.world().kernel().now() })
    }

    /// The steps at which beats end, for the scrubber; none on a run of the reader's.
    pub fn beats_at(self) -> Vec<u64> {
        let ends = |session: &Session| session.course.played.iter().map(|played| played.to).collect();
        if self.on_tour.get() { self.session.with_value(ends) } else { Vec::new() }
    }

    /// The beat that points at something now, if one does; tracked.
    pub fn lit_beat(self) -> Option<usize> {
        let beat = self.beat.get();
        self.on_tour.get().then_some(beat)
    }

    /// How many beats have been seen; tracked.
    pub fn beats_seen(self) -> usize {
        self.changed();
        self.session.with_value(|session| session.course.played.len())
    }

    /// How many events a beat takes and how long it lasts, once it was played.
    pub fn beat_span(self, beat: usize) -> Option<(u64, Time)> {
        self.session.with_value(|session| {
            let played = session.course.played.get(beat)?;
            let of = |step| session.run.branch().time_at(step);
            Some((played.to - played.from, of(played.to).saturating_sub(of(played.from))))
        })
    }

    /// The primary button: shows the beat, skips what is left of it, turns the page, starts over, or goes back to the tour.
    pub fn go_on(self) {
        match self.beat_state.get_untracked() {
            _ if !self.on_tour.get_untracked() => self.continue_tour(),
            BeatState::Read => self.show_beat(),
            BeatState::Playing => self.end_film(),
            BeatState::Seen if self.beat.get_untracked() + 1 < self.info().beats.len() => {
                self.turn_to(self.beat.get_untracked() + 1, BeatState::Read);
            }
            BeatState::Seen => self.stand_at(0, BeatState::Read),
        }
    }

    /// Whether the last beat is seen.
    pub fn is_tour_over(self) -> bool {
        let is_last = self.beat.get() + 1 == self.info().beats.len() && self.beat_state.get() == BeatState::Seen;
        self.on_tour.get() && is_last
    }

    /// Goes back one beat.
    pub fn previous_beat(self) {
        let beat = self.beat.get_untracked();
        match beat.checked_sub(1) {
            Some(before) => self.stand_at(before, BeatState::Seen),
            None => self.stand_at(0, BeatState::Read),
        }
    }

    /// Goes to the end of a beat that was played before.
    pub fn go_to_beat(self, beat: usize) {
        if beat < self.beats_seen() {
            self.stand_at(beat, BeatState::Seen);
        }
    }

    fn stand_at(self, beat: usize, state: BeatState) {
        self.pause();
        self.session.update_value(|session| session.stand(beat, state));
        self.turn_to(beat, state);
        self.show();
        self.announce();
    }

    /// Sets the reader's own run aside and goes on with the tour.
    pub(super) fn continue_tour(self) {
        self.pause();
        self.session.update_value(Session::keep_own);
        let state = match self.beat_state.get_untracked() {
            BeatState::Seen if self.beat.get_untracked() < self.beats_seen() => BeatState::Seen,
            _ => BeatState::Read,
        };
        self.stand_at(self.beat.get_untracked(), state);
    }

    /// Turns to a beat: its text, and what it asks.
    pub(super) fn turn_to(self, beat: usize, state: BeatState) {
        let guess = self.session.try_update_value(|session| {
            session.ask(beat);
            session.course.guesses.get(beat).cloned().unwrap_or_default()
        });
        self.guess.set(guess.unwrap_or_default());
        self.beat.set(beat);
        self.beat_state.set(state);
    }

    /// Chooses an answer to what the beat asks.
    pub fn choose_guess(self, option: usize) {
        let beat = self.beat.get_untracked();
        self.guess.update(|guess| guess.chosen = Some(option));
        self.session.update_value(|session| {
            if let Some(guess) = session.course.guesses.get_mut(beat) {
                guess.chosen = Some(option);
            }
        });
    }

    /// Plays a beat, or what is left of it.
    fn show_beat(self) {
        self.pause();
        let beat = self.beat.get_untracked();
        let performed = self.session.try_update_value(|session| {
            let here = session.run.step_count();
            let is_first_time = session.course.played.len() == beat;
            session.perform(beat).inspect_err(|_| session.stand(beat, BeatState::Read))?;
            let Played { tape, from, to } = &session.course.played[beat];
            let (from, to) = (if is_first_time { *from } else { here.clamp(*from, *to) }, *to);
            if session.run.branch().tape() != tape {
                session.run = session.replayed(&session.origin, tape, to);
            }
            Ok((from, to))
        });
        match performed {
            Some(Ok((from, to))) => {
                self.beat_state.set(BeatState::Playing);
                self.show_film(Reel::Beat, from, to);
            }
            Some(Err(why)) => {
                self.show();
                self.notice.set(Some(Notice(why)));
            }
            None => {}
        }
    }

    /// The beat that plays was stopped on its way.
    pub(super) fn leave_beat(self) {
        self.beat_state.set(BeatState::Read);
    }

    /// The beat that played has come to its end: its claim is in the picture, and the guess is answered.
    pub(super) fn end_beat(self) {
        let beat = self.beat.get_untracked();
        let right = self.session.try_update_value(|session| {
            let right = session.run.world().beat_answer(beat);
            if let Some(guess) = session.course.guesses.get_mut(beat) {
                guess.right = right;
            }
            right
        });
        self.guess.update(|guess| guess.right = right.flatten());
        self.beat_state.set(BeatState::Seen);
        self.show();
        let path = self.info().path();
        Progress::update(|progress| {
            let visit = progress.visits.entry(path).or_default();
            visit.beats = visit.beats.max(beat + 1);
        });
        self.announce();
    }

    /// Turns to the beat that belongs to where the run stands; a run that is not the tour's is the reader's.
    pub(super) fn follow_cursor(self) {
        if self.is_filming() {
            return;
        }
        let (beat, state) = (self.beat.get_untracked(), self.beat_state.get_untracked());
        let found = self.session.with_value(|session| {
            let here = session.run.step_count();
            let ends = |beat: usize| session.course.played.get(beat).map(|played| played.to);
            let fits = match state {
                BeatState::Seen => ends(beat) == Some(here),
                _ => session.begins(beat) == Some(here),
            };
            session.is_on_tour().then(|| match session.course.played.iter().position(|played| here <= played.to) {
                Some(other) if !fits => {
                    (other, if ends(other) == Some(here) { BeatState::Seen } else { BeatState::Read })
                }
                _ => (beat, state),
            })
        });
        if self.on_tour.get_untracked() != found.is_some() {
            self.on_tour.set(found.is_some());
        }
        if let Some((other, now)) = found.filter(|found| *found != (beat, state)) {
            self.turn_to(other, now);
        }
    }
}
