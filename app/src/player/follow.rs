//! Following a request: to where a message arrives, and on to what it gives rise to.

use leptos::prelude::*;

use faultline::guides::kit::live::LiveWorld;
use faultline::sim::kernel::{Cause, PendingKind};
use faultline::sim::run::Run;
use faultline::sim::run::simulation::Simulation;

use super::film::Reel;
use super::{Notice, Player, Selection};

/// How many events a message may be ahead.
const MOST_EVENTS: u64 = 20_000;

impl Player {
    /// Shows the run up to where a message arrives or is lost.
    pub fn follow_message(self, id: u64) {
        self.pause();
        let found = self.session.try_update_value(|session| {
            let run = &mut session.run;
            let from = run.step_count();
            let arrival = (0..MOST_EVENTS).map_while(|_| run.step()).find(|handled| handled.id == id);
            if arrival.is_none() {
                run.seek(from);
            }
            arrival.map(|arrival| (from, arrival.step))
        });
        match found.flatten() {
            Some((from, to)) => {
                self.selection.set(Selection::Nothing);
                self.show_film(Reel::Follow, from, to);
            }
            None => self.notice.set(Some(Notice("This message does not arrive in the next 20,000 events.".to_owned()))),
        }
    }

    /// Chooses the last message that the last event has sent, or else the node at which it happened.
    pub(super) fn choose_what_was_sent(self) {
        let chosen = self.with(|run| {
            let here = run.step_count();
            let caused = run.world().kernel().pending().filter(|pending| pending.cause == Cause::Event(here));
            let sent =
                caused.filter(|pending| matches!(pending.kind, PendingKind::Deliver { .. })).map(|one| one.id).max();
            sent.map(Selection::Message).or_else(|| last_node(run))
        });
        self.selection.set(chosen.unwrap_or(Selection::Nothing));
    }
}

fn last_node(run: &Run<LiveWorld>) -> Option<Selection> {
    run.branch().event(run.step_count()).map(|last| Selection::Node(last.node))
}
