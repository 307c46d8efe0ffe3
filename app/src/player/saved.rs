//! What outlives the page: the run, and how far the tour has come. They are written when the page is left or hidden,
//! and taken up when the scenario is opened again.

use leptos::prelude::*;
use wasm_bindgen::JsValue;

use super::tree::Tree;
use super::{BeatState, Player};
use crate::{json, storage};

fn name(path: &str) -> String {
    format!("run.{path}")
}

/// What is remembered of a scenario.
struct Saved {
    /// The reader's own run, if there was one.
    run: Option<Tree>,
    /// Beats that have been seen.
    beats: usize,
}

impl Saved {
    /// What is remembered of the scenario at `guide/slug`; damaged memories are none.
    fn of(path: &str) -> Option<Saved> {
        let whole = json::parse(&storage::read(&name(path))?)?;
        let run = Tree::read(path, &json::field(&whole, "run"));
        Some(Saved { run, beats: json::whole(&json::field(&whole, "beats"))? })
    }
}

impl Player {
    /// Takes up the tour where it was left, and the reader's own run; while a link's run is at hand, that one waits.
    pub fn resume(self) {
        let info = self.info();
        let Some(Saved { run, beats }) = Saved::of(&info.path()) else { return };
        let beats = beats.min(info.beats.len());
        let (beat, state) = beats.checked_sub(1).map_or((0, BeatState::Read), |last| (last, BeatState::Seen));
        let at_hand = self.session.try_update_value(|session| {
            let at_hand = session.take_own();
            session.walk(beats);
            session.stand(beat, state);
            at_hand
        });
        self.turn_to(beat, state);
        self.session.update_value(|session| {
            if let Some(own) = run.and_then(|run| run.grown(session.scenario)) {
                session.put_back(own);
            }
            if let Some(of_the_link) = at_hand.filter(|_| !self.is_new) {
                session.keep_own();
                session.put_back(of_the_link);
            }
        });
        self.show();
    }

    /// The reader's own run: the one at hand or, where that is the tour's, a story's or an untouched link's, the last one
    /// that was kept.
    fn own(self) -> Option<Tree> {
        let is_own = !self.on_tour.get_untracked() && (self.is_new || self.has_acted.get_untracked());
        let (is_at_hand, path) = (is_own && !self.is_told(), self.info().path());
        self.session.with_value(|session| match is_at_hand {
            true => Some(Tree::of(&path, &session.origin, &session.run, &session.undo, &session.redo)),
            false => session.kept.last().map(|own| own.tree(&path)),
        })
    }

    /// Writes down what is to outlive the page.
    pub fn remember(self) {
        let info = self.info();
        let run = self.own().map_or(JsValue::NULL, |own| own.written());
        let beats = self.beat.get_untracked() + usize::from(self.beat_state.get_untracked() == BeatState::Seen);
        let fields = [("run", run), ("beats", JsValue::from(beats as u32))];
        storage::write(&name(&info.path()), &json::text(&json::object(fields), 0));
    }
}
