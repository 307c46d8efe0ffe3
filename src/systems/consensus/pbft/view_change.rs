//! A replica between views (section 4.4): who gives up on a primary, what the next one has to carry over, and who
//! checks.

use super::replica::Replica;
use super::state::{Change, NewView, to_carry_over};
use super::{CARRY_OVER, Message, Pbft, TIMEOUT, TWO_STORIES, Timer, VIEW, faults, primary};
use crate::sim::NodeId;
use crate::sim::machine::system::System;
use crate::sim::numbers::{are, counted, counted_or_no};

impl Replica<'_, '_> {
    /// A request was not executed in time.
    pub fn lose_patience(&mut self) {
        let (primary, next) = (self.primary(), self.state.view + 1);
        self.context.why(|s| {
            format!(
                "A request was not executed in time: it gives up on {} and asks for view {next}.",
                Pbft::name(s, primary)
            )
        });
        self.leave_for(next);
    }

    /// No new view came in time, though 2f + 1 want it (section 4.5.2).
    pub fn no_new_view(&mut self) {
        let (primary, next) = (self.primary(), self.state.view + 1);
        self.context
            .why(|s| format!("{} sent no valid new view in time: it asks for view {next}.", Pbft::name(s, primary)));
        self.leave_for(next);
    }

    /// Leaves its view and tells all what it can prove. A liar with two stories hides its proofs.
    fn leave_for(&mut self, view: u32) {
        let me = self.me();
        self.state.view = view;
        self.state.changing = true;
        self.memory.tries = self.memory.tries.saturating_add(1);
        self.context.cancel_timer(Timer::Patience);
        self.context.cancel_timer(Timer::Await);
        self.context.gauge(VIEW, me.0, i64::from(view));
        let hides = self.lies(TWO_STORIES);
        let proofs = self.state.log.values().filter_map(|slot| slot.prepared).filter(|_| !hides).collect();
        let change = Change { view, stable: self.state.stable, proofs };
        self.state.changes.insert(me.0, change.clone());
        self.tell_all(&Message::ViewChange(change));
        self.say_again_later();
        self.look_for_new_view();
    }

    fn say_again_later(&mut self) {
        let again = self.context.amount(TIMEOUT);
        self.context.set_timer(Timer::Repeat, again);
    }

    /// Says again what may have been lost.
    pub fn repeat(&mut self) {
        let change = self.state.changes.get(&self.me().0).cloned().filter(|_| self.state.changing);
        if let Some(change) = change {
            let view = change.view;
            self.context.why(|_| format!("It still waits for view {view}, and says so again."));
            self.tell_all(&Message::ViewChange(change));
            self.say_again_later();
        } else if self.state.service.seq < self.state.stable.seq {
            self.fetch();
        } else {
            self.context.why(|_| "Nothing needs to be repeated.".to_owned());
        }
    }

    /// Another replica wants a view.
    pub fn view_change(&mut self, from: NodeId, change: Change) {
        let (view, mine) = (change.view, self.state.view);
        let is_sound = change.proofs.iter().all(|proof| self.is_certificate(proof.by));
        if !is_sound {
            self.context.why(|_| "It takes no notice: a proof in this view change lacks signatures.".to_owned());
            return;
        }
        if view <= mine && !self.state.changing {
            self.help_along(from, view);
            return;
        }
        if self.state.changes.get(&from.0).is_some_and(|known| known.view >= view) {
            self.context.why(|s| format!("It knows that {} wants view {view}, or a later one.", Pbft::name(s, from)));
            self.look_for_new_view();
            return;
        }
        self.context.why(|s| format!("{} wants view {view}.", Pbft::name(s, from)));
        self.sign_for(change.stable);
        self.state.changes.insert(from.0, change);
        if !self.join() {
            self.look_for_new_view();
        }
    }

    /// Shows a replica that is behind how the present view began.
    fn help_along(&mut self, from: NodeId, view: u32) {
        let mine = self.state.view;
        let new = self.state.new_view.clone().filter(|new| new.view == mine);
        self.context.why(|s| {
            let from = Pbft::name(s, from);
            match new.is_some() {
                true => {
                    format!("{from} wants view {view}; this is view {mine} already, and it passes on how it began.")
                }
                false => format!("{from} wants view {view}; this is view {mine} already."),
            }
        });
        if let Some(new) = new {
            self.send(from, Message::NewView(new));
        }
    }

    /// When f + 1 others want later views, one of them is honest: it joins them in the least of these (section 4.5.2).
    fn join(&mut self) -> bool {
        let mine = self.state.view;
        let later: Vec<u32> =
            self.state.changes.values().map(|change| change.view).filter(|view| *view > mine).collect();
        let needed = faults(self.context.settings()) + 1;
        let Some(least) = later.iter().min().copied().filter(|_| later.len() >= needed) else { return false };
        self.context.why(|_| {
            format!("{needed} others want later views, and one of them is honest: it wants view {least} too.")
        });
        self.leave_for(least);
        true
    }

    /// With a certificate of view changes, the primary begins the view; the others wait for it, not for ever. Those who
    /// want a later view count for the waiting as well: only the latest view change of each is kept and repeated.
    fn look_for_new_view(&mut self) {
        let view = self.state.view;
        let wanted = self.state.changes.iter().filter(|change| change.1.view == view);
        let changes: Vec<(u16, Change)> = wanted.map(|(from, change)| (*from, change.clone())).collect();
        if !self.state.changing {
            return;
        }
        if self.primary() != self.me() || changes.len() < self.quorum() {
            let gone = self.state.changes.values().filter(|change| change.view >= view).count();
            if gone >= self.quorum() && !self.context.has_timer(Timer::Await) {
                let patience = self.patience();
                self.context.set_timer(Timer::Await, patience);
            }
            return;
        }
        let is_honest = !self.lies(TWO_STORIES) && self.context.rule(CARRY_OVER);
        let order = if is_honest { to_carry_over(&changes).1 } else { Vec::new() };
        let count = changes.len();
        let carried = order.len();
        self.context.why_rule(CARRY_OVER, |s| match is_honest {
            true => format!(
                "{} begins view {view} with {}: it carries over {}.",
                Pbft::name(s, primary(s, view)),
                counted(count as u64, "view change"),
                counted_or_no(carried as u64, "number")
            ),
            false => format!("{} begins view {view} as if nothing had been prepared.", Pbft::name(s, primary(s, view))),
        });
        let new = NewView { view, changes: changes.into(), order: order.into() };
        self.tell_all(&Message::NewView(new.clone()));
        self.enter(new);
    }

    /// A new view, from its primary or passed on by another.
    pub fn new_view(&mut self, from: NodeId, new: NewView) {
        let (view, mine) = (new.view, self.state.view);
        if view < mine || (view == mine && !self.state.changing) {
            self.context.why(|_| format!("View {view} is no news: it is in view {mine}, or on its way there."));
            return;
        }
        let is_wanted = new.changes.iter().filter(|change| change.1.view == view).count() >= self.quorum();
        let carries = to_carry_over(&new.changes).1.as_slice() == &*new.order;
        if !is_wanted || (self.context.rule(CARRY_OVER) && !carries) {
            self.context.why_rule(CARRY_OVER, |s| {
                format!(
                    "It refuses view {view}: {} left out what the view changes prove.",
                    Pbft::name(s, primary(s, view))
                )
            });
            return;
        }
        let carried = new.order.len();
        self.context.why_rule(CARRY_OVER, |s| {
            let from = Pbft::name(s, from);
            match carried {
                0 => format!("It enters view {view} on the word of {from}: nothing is carried over."),
                _ => format!(
                    "It enters view {view} on the word of {from}: {} carried over.",
                    are(carried as u64, "number")
                ),
            }
        });
        self.enter(new);
    }

    /// Enters a view: what is carried over is prepared anew, then what waits.
    fn enter(&mut self, new: NewView) {
        let view = new.view;
        let me = self.me();
        self.context.cancel_timer(Timer::Await);
        self.context.cancel_timer(Timer::Patience);
        self.context.cancel_timer(Timer::Repeat);
        self.state.view = view;
        self.state.changing = false;
        self.context.gauge(VIEW, me.0, i64::from(view));
        self.sign_for(to_carry_over(&new.changes).0);
        for (_, slot) in self.state.log.iter_mut() {
            slot.votes.retain(|votes| votes.view >= view);
        }
        let order = new.order.clone();
        self.state.changes.retain(|_, change| change.view > view);
        self.state.new_view = Some(new);
        let stable = self.state.stable.seq;
        order.iter().filter(|known| known.0 > stable).for_each(|&(seq, digest)| self.accept(view, seq, digest));
        let early = |(seq, slot): (&u32, &super::state::Slot)| {
            slot.early.filter(|known| known.0 == view).map(|known| (*seq, known.1))
        };
        let early: Vec<_> = self.state.log.iter().filter_map(early).collect();
        for (seq, digest) in early {
            let is_free = self.state.log.get(&seq).is_some_and(|slot| slot.accepted.is_none_or(|known| known.0 < view));
            if is_free {
                self.accept(view, seq, digest);
            }
        }
        let primary = self.primary();
        match self.leads() {
            true => self.propose(),
            // The new primary may not have heard of them.
            false => {
                self.state.waiting().into_iter().for_each(|request| self.send(primary, Message::Request(request)));
            }
        }
        if self.state.service.seq < self.state.stable.seq {
            self.fetch();
        }
        self.watch(true);
    }
}
