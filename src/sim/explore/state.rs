//! States as small sets of numbers, and the arena that holds them.

use super::Budget;
use super::model::{ItemId, Known, LocalId, WitnessId};
use crate::sim::NodeId;
use crate::sim::kernel::hash::{mix, scramble};
use crate::sim::small;

/// The cut directions of links: interned, because most states share them.
pub type CutsId = u32;

/// A state under construction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub locals: Vec<LocalId>,
    pub items: Vec<ItemId>,
    pub witness: WitnessId,
    pub cuts: CutsId,
    pub budget: Budget,
    pub print: u64,
}

/// The budget in one word.
pub fn pack(budget: Budget) -> u32 {
    let Budget { crashes, restarts, drops, duplicates, cuts, power_cuts } = budget;
    let kinds = [power_cuts, crashes, restarts, drops, duplicates, cuts];
    kinds.iter().fold(0, |all, kind| all << 4 | u32::from(*kind & 15))
}

fn unpack(word: u32) -> Budget {
    let at = |shift: u32| (word >> shift & 15) as u8;
    let (drops, duplicates, cuts) = (at(8), at(4), at(0));
    Budget { crashes: at(16), restarts: at(12), drops, duplicates, cuts, power_cuts: at(20) }
}

/// What a pending event at this rank of its class adds to a fingerprint.
#[inline]
pub fn item_print(print: u64, rank: usize) -> u64 {
    if rank == 0 { print } else { mix(print, rank as u64) }
}

/// The sum of the prints of pending events. Only the classes that keep an order have ranks above 0.
pub fn items_print(known: &Known, items: &[ItemId]) -> u64 {
    let (mut sum, mut class, mut rank) = (0u64, None, 0);
    for item in items {
        let item = &known.items[*item as usize];
        rank = if item.fifo && class == Some(item.class) { rank + 1 } else { 0 };
        class = Some(item.class);
        sum = sum.wrapping_add(item_print(item.print, rank));
    }
    sum
}

/// The part of a fingerprint that comes from cuts and budget.
pub fn budget_print(cuts: CutsId, budget: Budget) -> u64 {
    scramble(u64::from(cuts) << 32 | u64::from(pack(budget)) | 1 << 63)
}

impl State {
    /// The whole fingerprint.
    pub fn fingerprint(&self, known: &Known) -> u64 {
        let locals = self.locals.iter().map(|local| known.locals[*local as usize].print);
        locals
            .fold(0u64, u64::wrapping_add)
            .wrapping_add(items_print(known, &self.items))
            .wrapping_add(known.witnesses[self.witness as usize])
            .wrapping_add(budget_print(self.cuts, self.budget))
    }

    /// Whether an event is pending.
    pub fn has(items: &[ItemId], known: &Known, item: ItemId) -> bool {
        let class = |id: &ItemId| known.items[*id as usize].class;
        let first = items.partition_point(|other| class(other) < class(&item));
        items[first..].iter().take_while(|other| class(other) == class(&item)).any(|other| *other == item)
    }

    /// Puts a pending event in its place: after all of its class.
    pub fn insert(items: &mut Vec<ItemId>, known: &Known, item: ItemId) {
        let class = known.items[item as usize].class;
        let place = items.partition_point(|other| known.items[*other as usize].class <= class);
        items.insert(place, item);
    }
}

/// States one after the other, each `nodes + 6` words and its pending events.
#[derive(Default)]
pub struct Arena {
    words: Vec<u32>,
    starts: Vec<usize>,
    nodes: usize,
}

impl Arena {
    /// An empty arena for states of this many nodes.
    pub fn new(nodes: usize) -> Arena {
        Arena { words: Vec::new(), starts: Vec::new(), nodes }
    }

    /// Number of states.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Bytes held.
    pub fn memory(&self) -> u64 {
        (self.words.capacity() * 4 + self.starts.capacity() * size_of::<usize>()) as u64
    }

    /// Forgets all states but keeps the memory.
    pub fn clear(&mut self) {
        self.words.clear();
        self.starts.clear();
    }

    /// Appends a state; `number` is its place in the order of discovery.
    pub fn push(&mut self, state: &State, number: u32) {
        self.starts.push(self.words.len());
        self.words.extend_from_slice(&state.locals);
        let (low, high) = (state.print as u32, (state.print >> 32) as u32);
        self.words.extend_from_slice(&[number, state.witness, state.cuts, pack(state.budget), low, high]);
        self.words.extend_from_slice(&state.items);
    }

    /// Reads a state into `state` and returns its number.
    pub fn read(&self, index: usize, state: &mut State) -> u32 {
        let start = self.starts[index];
        let end = self.starts.get(index + 1).copied().unwrap_or(self.words.len());
        let (locals, rest) = self.words[start..end].split_at(self.nodes);
        state.locals.clear();
        state.locals.extend_from_slice(locals);
        state.items.clear();
        state.items.extend_from_slice(&rest[6..]);
        (state.witness, state.cuts, state.budget) = (rest[1], rest[2], unpack(rest[3]));
        state.print = u64::from(rest[4]) | u64::from(rest[5]) << 32;
        rest[0]
    }

    /// Removes the last state, reads it into `state` and returns its number.
    pub fn pop(&mut self, state: &mut State) -> Option<u32> {
        let last = self.len().checked_sub(1)?;
        let number = self.read(last, state);
        let start = self.starts.pop()?;
        self.words.truncate(start);
        Some(number)
    }
}

/// Sets of cut links by number; 0 is the first that was interned.
#[derive(Default)]
pub struct Cuts(Vec<Vec<(NodeId, NodeId)>>);

impl Cuts {
    /// The number of a set, which is kept sorted.
    pub fn intern(&mut self, mut cuts: Vec<(NodeId, NodeId)>) -> CutsId {
        small::sort(&mut cuts);
        cuts.dedup();
        let known = self.0.iter().position(|known| *known == cuts);
        known.unwrap_or_else(|| {
            self.0.push(cuts);
            self.0.len() - 1
        }) as u32
    }

    /// The set with a number.
    pub fn get(&self, id: CutsId) -> &[(NodeId, NodeId)] {
        &self.0[id as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_come_out_as_they_went_in() {
        let mut arena = Arena::new(2);
        let budget = Budget { crashes: 3, restarts: 0, drops: 15, duplicates: 1, cuts: 2, power_cuts: 4 };
        let one = State { locals: vec![1, 2], items: vec![5], witness: 7, cuts: 1, budget, print: u64::MAX - 5 };
        let two = State { items: vec![], print: 3, ..one.clone() };
        arena.push(&one, 10);
        arena.push(&two, 11);
        let mut read = State::default();
        assert_eq!((arena.read(0, &mut read), &read), (10, &one));
        assert_eq!((arena.pop(&mut read), &read), (Some(11), &two));
        assert_eq!((arena.pop(&mut read), &read), (Some(10), &one));
        assert_eq!(arena.pop(&mut read), None);
    }

    #[test]
    fn cut_links_are_a_set() {
        let (mut cuts, link) = (Cuts::default(), |a, b| (NodeId(a), NodeId(b)));
        assert_eq!(cuts.intern(Vec::new()), 0);
        assert_eq!(cuts.intern(vec![link(1, 0), link(0, 1)]), 1);
        assert_eq!(cuts.intern(vec![link(0, 1), link(1, 0)]), 1);
    }
}
