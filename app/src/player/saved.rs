//! What outlives the page: the run, and how far the tour has come. They are written when the page is left or hidden,
//! and taken up when the scenario is opened again without a run in its address.

use leptos::prelude::*;
use wasm_bindgen::JsValue;

use faultline::sim::run::Run;
use faultline::sim::run::tape::Link;

use super::{BeatState, Player};
use crate::{json, storage};

/// The longest text of a run that is remembered, in characters: a browser gives a site about five million for all.
const MOST_TEXT: usize = 60_000;

fn name(path: &str) -> String {
    format!("run.{path}")
}

/// What is remembered of a scenario.
pub(super) struct Saved {
    /// The run's text, if it was the reader's own.
    pub run: Option<String>,
    /// Beats that have been seen.
    beats: usize,
}

impl Saved {
    /// What is remembered of the scenario at `guide/slug`; damaged memories are none.
    pub(super) fn of(path: &str) -> Option<Saved> {
        let whole = json::parse(&storage::read(&name(path))?)?;
        let run = json::field(&whole, "run").as_string();
        // A run that another version of the scenario wrote would not be the same.
        let run = run.filter(|text| Link::decode(path, text).is_ok());
        Some(Saved { run, beats: json::whole(&json::field(&whole, "beats"))? })
    }
}

impl Player {
    /// Keeps the reader's own run, and how far the tour has come, while a link's run is at hand.
    pub(super) fn keep_beside(self, saved: &Saved) {
        let info = self.info();
        let beats = saved.beats.min(info.beats.len());
        self.session.update_value(|session| {
            let of_the_link = session.take_own();
            session.walk(beats);
            if let Some(link) = saved.run.as_ref().and_then(|text| Link::decode(&info.path(), text).ok()) {
                let mut run = Run::new(session.scenario.start(&link.origin), link.tape.clone());
                run.seek(link.step);
                (session.origin, session.run) = (link.origin.clone(), run);
                session.keep_own();
            }
            session.put_back(of_the_link);
        });
        self.beat.set(beats.min(info.beats.len().saturating_sub(1)));
        self.show();
    }

    /// Takes up the tour where it was left, and the reader's own run if that was at hand.
    pub(super) fn take_up(self, saved: &Saved) {
        let info = self.info();
        let beats = saved.beats.min(info.beats.len());
        self.session.update_value(|session| session.walk(beats));
        if let Some(link) = saved.run.as_ref().and_then(|text| Link::decode(&info.path(), text).ok()) {
            self.turn_to(beats.min(info.beats.len().saturating_sub(1)), BeatState::Read);
            self.session.update_value(|session| {
                let mut run = Run::new(session.scenario.start(&link.origin), link.tape.clone());
                run.seek(link.step);
                (session.origin, session.run) = (link.origin.clone(), run);
            });
            self.show();
        } else if let Some(last) = beats.checked_sub(1) {
            self.go_to_beat(last);
        }
    }

    /// The reader's own run: the one at hand or, where that is the tour's, a story's or an untouched link's, the last one
    /// that was kept.
    fn own_link(self) -> Option<Link> {
        let is_own = !self.on_tour.get_untracked() && (self.is_new || self.has_acted.get_untracked());
        let is_told = self.story.with_untracked(|story| story.as_ref().is_some_and(|story| story.is_here));
        if is_own && !is_told {
            return Some(self.link());
        }
        let path = self.info().path();
        self.session.with_value(|session| session.kept.last().map(|own| own.link(path)))
    }

    /// Writes down what is to outlive the page.
    pub fn remember(self) {
        let info = self.info();
        let run = self.own_link().map(|link| link.encode()).filter(|text| text.len() <= MOST_TEXT);
        let beats = self.beat.get_untracked() + usize::from(self.beat_state.get_untracked() == BeatState::Seen);
        let fields = [("run", run.map_or(JsValue::NULL, JsValue::from)), ("beats", JsValue::from(beats as u32))];
        storage::write(&name(&info.path()), &json::text(&json::object(fields), 0));
    }
}
