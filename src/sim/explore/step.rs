//! How a system moves between states of numbers: the moves out of a state, and what each leads to.
//!
//! A handler runs once for each pair of a node's state and a happening; later meetings are a look-up.

use super::ahead::{Gist, Outlook};
use super::model::{Happening, ItemId, Judgement, Known, LocalId, Model, NotesId, Reaction, View};
use super::moves::{MOST_EQUAL, Move};
use super::state::{Cuts, State};
use super::{Budget, Network};
use crate::sim::NodeId;
use crate::sim::kernel::hash::mix;
use crate::sim::kernel::table::Table;
use crate::sim::small;

/// 2^64 divided by the golden ratio: multiplying by it spreads numbers over a table.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// See the module's header.
pub struct Stepper {
    model: Box<dyn Model>,
    pub(super) known: Known,
    pub(super) cuts: Cuts,
    pub(super) network: Network,
    memo: Table<Gist>,
    pub(super) reactions: Vec<Reaction>,
    pub(super) witnesses: Table,
}

impl Stepper {
    /// Moves of this system; the state it begins with comes back as well.
    pub fn new(mut model: Box<dyn Model>, network: Network, budget: Budget) -> (Stepper, State) {
        let mut known = Known::default();
        let start = model.start(&mut known);
        let mut cuts = Cuts::default();
        let id = cuts.intern(start.cuts);
        let mut state =
            State { locals: start.locals, items: Vec::new(), witness: start.witness, cuts: id, budget, print: 0 };
        start.items.into_iter().for_each(|item| State::insert(&mut state.items, &known, item));
        state.print = state.fingerprint(&known);
        let (memo, witnesses) = (Table::default(), Table::default());
        (Stepper { model, known, cuts, network, memo, reactions: Vec::new(), witnesses }, state)
    }

    /// The system behind the numbers.
    pub fn model(&self) -> &dyn Model {
        &*self.model
    }

    /// Bytes held, roughly.
    pub fn memory(&self) -> u64 {
        let interned = self.known.locals.len() * 256 + self.known.items.len() * 128 + self.reactions.len() * 80;
        self.memo.memory() + self.witnesses.memory() + interned as u64
    }

    /// Judges a state.
    pub fn judge(&mut self, state: &State) -> Judgement {
        self.model.judge(&self.known, view(state, &self.cuts))
    }

    /// Whether every node is up and runs, and no link is cut: nothing but the system itself is to blame.
    pub fn is_healthy(&self, state: &State) -> bool {
        let runs = |local: &LocalId| {
            let local = &self.known.locals[*local as usize];
            local.up && !local.paused
        };
        self.cuts.get(state.cuts).is_empty() && state.locals.iter().all(runs)
    }

    /// Every move out of a state.
    pub fn moves(&self, state: &State, moves: &mut Vec<Move>) {
        moves.clear();
        let mut class = None;
        for id in &state.items {
            let item = &self.known.items[*id as usize];
            let is_first = class != Some(item.class);
            class = Some(item.class);
            if is_first && !self.known.locals[state.locals[item.to.index()] as usize].paused {
                moves.push(Move::Happen(*id));
            }
        }
        for local in &state.locals {
            let local = &self.known.locals[*local as usize];
            if !local.paused {
                moves.extend(local.timers.iter().map(|timer| Move::Happen(*timer)));
            }
        }
        if state.budget != Budget::NONE {
            self.faults(state, moves);
        }
    }

    fn faults(&self, state: &State, moves: &mut Vec<Move>) {
        let budget = state.budget;
        let mut messages: Vec<ItemId> = state.items.clone();
        messages.retain(|id| self.known.items[*id as usize].is_message);
        small::sort(&mut messages);
        if budget.drops > 0 {
            self.drops(&messages, moves);
        }
        messages.dedup();
        if budget.duplicates > 0 {
            moves.extend(messages.iter().map(|id| Move::Duplicate(*id)));
        }
        for (node, local) in state.locals.iter().enumerate() {
            let node = NodeId::from(node);
            match self.known.locals[*local as usize].up {
                true => {
                    moves.extend((budget.crashes > 0).then_some(Move::Crash(node)));
                    moves.extend((budget.power_cuts > 0).then_some(Move::PowerCut(node)));
                }
                false if budget.restarts > 0 => moves.push(Move::Restart(node)),
                _ => {}
            }
        }
        if budget.cuts > 0 {
            // A cut matters only once a message is on that link; cutting it earlier comes to the same.
            let link = |id: &ItemId| (self.known.items[*id as usize].from, self.known.items[*id as usize].to);
            let mut links: Vec<(NodeId, NodeId)> = messages.iter().map(link).collect();
            small::sort(&mut links);
            links.dedup();
            links.retain(|link| !self.cuts.get(state.cuts).contains(link));
            moves.extend(links.into_iter().map(|(from, to)| Move::Cut(from, to)));
        }
    }

    /// Equal messages differ by their places only where the link keeps an order.
    fn drops(&self, messages: &[ItemId], moves: &mut Vec<Move>) {
        for (at, id) in messages.iter().enumerate() {
            let which = messages[..at].iter().rev().take_while(|other| *other == id).count() as u8;
            if which == 0 || self.known.items[*id as usize].fifo && which < MOST_EQUAL {
                moves.push(Move::Drop(*id, which));
            }
        }
    }

    /// Whether a move makes no difference and the network is patient: then it does not count as a move.
    pub fn is_idle(&mut self, state: &State, one: Move) -> bool {
        matches!(one, Move::Happen(_)) && self.foresee(state, one) == Outlook::Idle
    }

    /// Whether a pending event stays in the state after it has happened. A timer is part of its node's state and is
    /// never among them.
    #[inline]
    pub(super) fn stays(&self, id: ItemId) -> bool {
        let item = &self.known.items[id as usize];
        item.is_timer || self.network == Network::Repeating && item.is_message
    }

    /// Builds the state that a move leads to.
    pub fn successor(&mut self, state: &State, one: Move, next: &mut State) {
        self.build(state, one, next);
        next.print = next.fingerprint(&self.known);
    }

    /// Builds the state that a move leads to, given its fingerprint.
    pub fn foreseen(&mut self, state: &State, one: Move, print: u64, next: &mut State) {
        self.build(state, one, next);
        next.print = print;
        debug_assert_eq!(print, next.fingerprint(&self.known), "{one:?} was foreseen wrongly");
    }

    fn build(&mut self, state: &State, one: Move, next: &mut State) {
        next.locals.clone_from(&state.locals);
        next.items.clone_from(&state.items);
        (next.witness, next.cuts, next.budget) = (state.witness, state.cuts, state.budget);
        match one {
            Move::Happen(id) => self.happen(id, next),
            Move::Drop(id, which) => {
                next.budget.drops -= 1;
                remove(&mut next.items, id, which);
            }
            Move::Duplicate(id) => {
                next.budget.duplicates -= 1;
                State::insert(&mut next.items, &self.known, id);
            }
            Move::Crash(node) => {
                next.budget.crashes -= 1;
                self.affect(node, Happening::Crash, next);
            }
            Move::PowerCut(node) => {
                next.budget.power_cuts -= 1;
                self.affect(node, Happening::PowerCut, next);
            }
            Move::Restart(node) => {
                next.budget.restarts -= 1;
                self.affect(node, Happening::Restart, next);
            }
            Move::Cut(from, to) => {
                next.budget.cuts -= 1;
                let mut cuts = self.cuts.get(state.cuts).to_vec();
                cuts.push((from, to));
                next.cuts = self.cuts.intern(cuts);
            }
        }
    }

    fn happen(&mut self, id: ItemId, next: &mut State) {
        let item = self.known.items[id as usize];
        if !self.stays(id) {
            remove(&mut next.items, id, 0);
        }
        let is_up = self.known.locals[next.locals[item.to.index()] as usize].up;
        let is_cut = item.is_message && self.cuts.get(next.cuts).contains(&(item.from, item.to));
        if is_up && !is_cut {
            self.affect(item.to, Happening::Item(id), next);
        }
    }

    /// A node reacts: its state, what it sends, what the promises see.
    fn affect(&mut self, node: NodeId, what: Happening, next: &mut State) {
        let number = self.react(node, next.locals[node.index()], what).reaction as usize;
        next.locals[node.index()] = self.reactions[number].local;
        for at in 0..self.reactions[number].sends.len() {
            let send = self.reactions[number].sends[at];
            let item = &self.known.items[send as usize];
            let is_cut = item.is_message && self.cuts.get(next.cuts).contains(&(item.from, item.to));
            let is_there =
                self.network == Network::Repeating && item.is_message && State::has(&next.items, &self.known, send);
            if !is_cut && !is_there {
                State::insert(&mut next.items, &self.known, send);
            }
        }
        let notes = self.reactions[number].notes;
        if notes != 0 {
            self.remember(notes, next);
        }
    }

    /// The promises take notes.
    fn remember(&mut self, notes: NotesId, next: &mut State) {
        let key = self.notes_key(next, notes);
        if let Some(known) = self.witnesses.get(key) {
            next.witness = known;
            return;
        }
        let witness = self.model.witness(&mut self.known, view(next, &self.cuts), notes);
        self.witnesses.insert(key, witness);
        next.witness = witness;
    }

    /// What promises remember depends on what they remembered, on the notes, on who is up and on which links are cut.
    pub(super) fn notes_key(&self, state: &State, notes: NotesId) -> u64 {
        let up = |local: &LocalId| u64::from(self.known.locals[*local as usize].up);
        let who = state.locals.iter().fold(1u64, |all, local| all.wrapping_mul(GOLDEN).wrapping_add(up(local)));
        mix(who, mix(u64::from(state.witness) << 32 | u64::from(notes), u64::from(state.cuts)))
    }

    #[inline]
    pub(super) fn react(&mut self, node: NodeId, local: LocalId, what: Happening) -> Gist {
        let code = match what {
            Happening::Item(item) => u64::from(item),
            Happening::Crash => u64::from(u32::MAX),
            Happening::Restart => u64::from(u32::MAX - 1),
            Happening::PowerCut => u64::from(u32::MAX - 2),
        };
        // An odd multiplication keeps keys apart and spreads them over the table.
        let key = (code << 32 | u64::from(local)).wrapping_add(1).wrapping_mul(GOLDEN);
        self.memo.get(key).unwrap_or_else(|| self.react_anew(key, node, local, what))
    }

    #[cold]
    fn react_anew(&mut self, key: u64, node: NodeId, local: LocalId, what: Happening) -> Gist {
        let reaction = self.model.react(&mut self.known, node, local, what);
        let gist = self.gist(local, what, &reaction);
        self.reactions.push(reaction);
        self.memo.insert(key, gist);
        gist
    }

    fn gist(&self, local: LocalId, what: Happening, reaction: &Reaction) -> Gist {
        let gone = match what {
            Happening::Item(id) => Some(&self.known.items[id as usize]).filter(|_| !self.stays(id)),
            Happening::Crash | Happening::PowerCut | Happening::Restart => None,
        };
        let print = |local: LocalId| self.known.locals[local as usize].print;
        let sends = reaction.sends.iter().map(|send| &self.known.items[*send as usize]);
        let repeats = self.network == Network::Repeating && !reaction.sends.is_empty();
        let has_order = gone.into_iter().chain(sends.clone()).any(|item| item.fifo);
        let added = sends.fold(print(reaction.local), |sum, item| sum.wrapping_add(item.print));
        Gist {
            reaction: self.reactions.len() as u32,
            is_idle: reaction.local == local && reaction.sends.is_empty() && reaction.notes == 0,
            is_plain: reaction.notes == 0 && !has_order && !repeats,
            change: added.wrapping_sub(print(local)).wrapping_sub(gone.map_or(0, |item| item.print)),
        }
    }
}

fn view<'a>(state: &'a State, cuts: &'a Cuts) -> View<'a> {
    View { locals: &state.locals, items: &state.items, witness: state.witness, cuts: cuts.get(state.cuts) }
}

/// Takes one of the events away: of equal ones, the one of this number.
fn remove(items: &mut Vec<ItemId>, item: ItemId, which: u8) {
    let mut equal = (0..items.len()).filter(|at| items[*at] == item);
    if let Some(place) = equal.nth(usize::from(which)) {
        items.remove(place);
    }
}
