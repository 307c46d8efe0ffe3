//! Looking ahead: a successor's fingerprint, before the successor is built.
//!
//! A fingerprint is a sum over the parts of a state, so it changes by what changes. For most moves that is one number,
//! known since the reaction was first met ([`Gist`]); for those with notes or an order, a few more terms.

use super::model::{Happening, ItemId, LocalId};
use super::moves::Move;
use super::state::{State, budget_print, item_print};
use super::step::Stepper;
use super::{Budget, Network};
use crate::sim::NodeId;

/// What is known of a move before its successor is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It makes no difference and the network is patient: it does not count as a move.
    Idle,
    /// It leads to the state with this fingerprint.
    Print(u64),
    /// The successor must be built to be known.
    Open,
}

/// What a reaction means to the search.
#[derive(Clone, Copy, Default)]
pub struct Gist {
    /// The number of the reaction.
    pub reaction: u32,
    /// Whether the node stays as it is, sends nothing and notes nothing.
    pub is_idle: bool,
    /// Whether `change` is all that happens to the fingerprint.
    pub is_plain: bool,
    /// What the node's new state and what it sends add to the fingerprint, less its old state and what has happened.
    pub change: u64,
}

impl Stepper {
    /// What a move out of a state leads to, as far as the changes alone can tell.
    #[inline]
    pub fn foresee(&mut self, state: &State, one: Move) -> Outlook {
        match one {
            Move::Happen(id) => self.foresee_happening(state, id),
            fault => self.foresee_fault(state, fault).map_or(Outlook::Open, Outlook::Print),
        }
    }

    #[inline]
    fn foresee_happening(&mut self, state: &State, id: ItemId) -> Outlook {
        let item = &self.known.items[id as usize];
        let (node, local) = (item.to, state.locals[item.to.index()]);
        let may_wait = self.network == Network::Patient && item.is_message && !item.fifo;
        let is_cut = item.is_message && self.cuts.get(state.cuts).contains(&(item.from, item.to));
        if !self.known.locals[local as usize].up || is_cut && !may_wait {
            return Outlook::Print(state.print.wrapping_add(self.passing(&state.items, id)));
        }
        let gist = self.react(node, local, Happening::Item(id));
        if may_wait && gist.is_idle {
            Outlook::Idle
        } else if is_cut {
            Outlook::Print(state.print.wrapping_add(self.passing(&state.items, id)))
        } else if gist.is_plain && self.cuts.get(state.cuts).is_empty() {
            Outlook::Print(state.print.wrapping_add(gist.change))
        } else {
            let change = self.change(state, local, gist, Some(id));
            change.map_or(Outlook::Open, |change| Outlook::Print(state.print.wrapping_add(change)))
        }
    }

    fn foresee_fault(&mut self, state: &State, fault: Move) -> Option<u64> {
        let mut budget = state.budget;
        let change = match fault {
            Move::Drop(id, which) => {
                budget.drops -= 1;
                self.removal(&state.items, id, which)
            }
            Move::Duplicate(id) => {
                budget.duplicates -= 1;
                self.arrival(&state.items, id, 0)
            }
            Move::Crash(node) => {
                budget.crashes -= 1;
                self.foresee_change(state, node, Happening::Crash)?
            }
            Move::PowerCut(node) => {
                budget.power_cuts -= 1;
                self.foresee_change(state, node, Happening::PowerCut)?
            }
            Move::Restart(node) => {
                budget.restarts -= 1;
                self.foresee_change(state, node, Happening::Restart)?
            }
            Move::Happen(_) | Move::Cut(..) => return None,
        };
        Some(state.print.wrapping_add(change).wrapping_add(self.spent(state, budget)))
    }

    /// What a smaller budget adds to the fingerprint.
    fn spent(&self, state: &State, budget: Budget) -> u64 {
        budget_print(state.cuts, budget).wrapping_sub(budget_print(state.cuts, state.budget))
    }

    /// What a crash or restart adds to the fingerprint. With notes it is open: they are taken in a world where a
    /// different set of nodes is up.
    fn foresee_change(&mut self, state: &State, node: NodeId, what: Happening) -> Option<u64> {
        let local = state.locals[node.index()];
        let gist = self.react(node, local, what);
        let has_notes = self.reactions[gist.reaction as usize].notes != 0;
        if has_notes { None } else { self.change(state, local, gist, None) }
    }

    /// What a reaction adds to the fingerprint, term by term. `gone`: what happened, if it was a pending event.
    fn change(&self, state: &State, local: LocalId, gist: Gist, gone: Option<ItemId>) -> Option<u64> {
        let reaction = &self.reactions[gist.reaction as usize];
        let (cuts, print) = (self.cuts.get(state.cuts), |local: LocalId| self.known.locals[local as usize].print);
        let mut change = print(reaction.local).wrapping_sub(print(local));
        if reaction.notes != 0 {
            let witness = self.witnesses.get(self.notes_key(state, reaction.notes))?;
            let of = |witness: u32| self.known.witnesses[witness as usize];
            change = change.wrapping_add(of(witness)).wrapping_sub(of(state.witness));
        }
        if let Some(id) = gone {
            change = change.wrapping_add(self.passing(&state.items, id));
        }
        if reaction.sends.is_empty() {
            return Some(change);
        }
        self.sends_change(state, &reaction.sends, gone)
            .filter(|_| cuts.is_empty())
            .map(|sent| change.wrapping_add(sent))
    }

    /// What messages add to the fingerprint, in the order in which they are sent. Unknown where earlier messages
    /// decide which of these are new.
    fn sends_change(&self, state: &State, sends: &[ItemId], gone: Option<ItemId>) -> Option<u64> {
        let class = |id: ItemId| self.known.items[id as usize].class;
        let mut change = 0u64;
        for (at, &send) in sends.iter().enumerate() {
            if self.network == Network::Repeating {
                if self.known.items[send as usize].fifo || sends[..at].contains(&send) {
                    return None;
                }
                if self.known.items[send as usize].is_message && State::has(&state.items, &self.known, send) {
                    continue;
                }
            }
            let ahead = sends[..at].iter().filter(|other| class(**other) == class(send)).count();
            let behind = gone.is_some_and(|gone| class(gone) == class(send) && !self.stays(gone));
            change = change.wrapping_add(self.arrival(&state.items, send, ahead as isize - isize::from(behind)));
        }
        Some(change)
    }

    /// What one more pending event adds to the fingerprint, this many places further back than the state alone would
    /// put it.
    fn arrival(&self, items: &[ItemId], id: ItemId, further: isize) -> u64 {
        let item = &self.known.items[id as usize];
        let rank = if item.fifo { self.class_of(items, id).len().saturating_add_signed(further) } else { 0 };
        item_print(item.print, rank)
    }

    /// What a pending event adds to the fingerprint by having happened.
    fn passing(&self, items: &[ItemId], id: ItemId) -> u64 {
        if self.stays(id) { 0 } else { self.removal(items, id, 0) }
    }

    /// What taking a pending event away adds to the fingerprint, the one of this number among equal ones: in a class that
    /// keeps an order, those behind it move up.
    fn removal(&self, items: &[ItemId], id: ItemId, which: u8) -> u64 {
        let item = &self.known.items[id as usize];
        if !item.fifo {
            return item.print.wrapping_neg();
        }
        let class = self.class_of(items, id);
        let mut equal = (0..class.len()).filter(|at| class[*at] == id);
        let place = equal.nth(usize::from(which)).unwrap_or(class.len());
        let print = |rank: usize| item_print(self.known.items[class[rank] as usize].print, rank);
        let moved = |rank: usize| item_print(self.known.items[class[rank] as usize].print, rank - 1);
        let before = (place..class.len()).map(print).fold(0u64, u64::wrapping_add);
        let after = (place + 1..class.len()).map(moved).fold(0u64, u64::wrapping_add);
        after.wrapping_sub(before)
    }

    /// The pending events of the same class.
    fn class_of<'a>(&self, items: &'a [ItemId], id: ItemId) -> &'a [ItemId] {
        let class = |id: &ItemId| self.known.items[*id as usize].class;
        let first = items.partition_point(|other| class(other) < class(&id));
        let count = items[first..].iter().take_while(|other| class(other) == class(&id)).count();
        &items[first..first + count]
    }
}
