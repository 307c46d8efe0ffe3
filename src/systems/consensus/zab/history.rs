//! A server's history: what it has accepted, and below that a snapshot of what was delivered long ago.

use std::rc::Rc;

use crate::mechanisms::zab::{Logs, Sync, Zxid, sync};

/// This many transactions stay in a history; older ones are folded into its snapshot once they are delivered.
pub const KEPT: usize = 24;
/// This many of them count as held in memory: ZooKeeper's `commitLogCount`, which is 500 there.
const RECENT: usize = 8;

/// A change of state: a register (0 is x, 1 is y, 2 is z) gets a value. The primary has computed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Txn {
    pub zxid: Zxid,
    pub register: u8,
    pub value: i16,
}

impl std::fmt::Display for Txn {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        let name = ["x", "y", "z"].get(usize::from(self.register)).unwrap_or(&"?");
        write!(out, "{name}={}", self.value)
    }
}

/// The registers.
pub type State = [Option<i16>; 3];

/// Puts a change into the registers.
pub fn apply(state: &mut State, txn: &Txn) {
    if let Some(register) = state.get_mut(usize::from(txn.register)) {
        *register = Some(txn.value);
    }
}

/// What a server has accepted, in order. Clones share it until one of them changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct History {
    /// How many transactions the snapshot holds.
    base: u32,
    /// The last of them.
    base_zxid: Zxid,
    /// The registers after them.
    state: State,
    txns: Rc<Vec<Txn>>,
}

impl History {
    /// A history of these transactions.
    pub fn new(txns: Vec<Txn>) -> History {
        History { txns: Rc::new(txns), ..History::default() }
    }

    /// How many transactions the snapshot holds.
    pub fn base(&self) -> u32 {
        self.base
    }

    /// The registers as the snapshot has them.
    pub fn state(&self) -> State {
        self.state
    }

    /// The transactions after the snapshot.
    pub fn txns(&self) -> &[Txn] {
        &self.txns
    }

    /// How many transactions it has in all.
    pub fn len(&self) -> u32 {
        self.base + self.txns.len() as u32
    }

    /// Whether nothing has ever been accepted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The last zxid; 0 when there is none.
    pub fn last(&self) -> Zxid {
        self.txns.last().map_or(self.base_zxid, |txn| txn.zxid)
    }

    /// The transaction at a place, counted from 0. `None` beyond the end and within the snapshot.
    pub fn get(&self, place: u32) -> Option<&Txn> {
        self.txns.get(place.checked_sub(self.base)? as usize)
    }

    /// The zxid of the last of this many transactions; 0 for those of long ago.
    pub fn zxid_of(&self, count: u32) -> Zxid {
        match count.checked_sub(1).and_then(|place| self.get(place)) {
            Some(txn) => txn.zxid,
            None if count == self.base => self.base_zxid,
            None => 0,
        }
    }

    /// Appends a transaction.
    pub fn push(&mut self, txn: Txn) {
        Rc::make_mut(&mut self.txns).push(txn);
    }

    /// Forgets what comes after a zxid. False when that transaction is not there.
    pub fn cut_back(&mut self, to: Zxid) -> bool {
        let keep = self.txns.iter().take_while(|txn| txn.zxid <= to).count();
        Rc::make_mut(&mut self.txns).truncate(keep);
        self.last() == to
    }

    /// Folds old transactions into the snapshot, of those that are `delivered`.
    pub fn fold(&mut self, delivered: u32) {
        while self.txns.len() > KEPT && self.base < delivered {
            let first = Rc::make_mut(&mut self.txns).remove(0);
            apply(&mut self.state, &first);
            self.base += 1;
            self.base_zxid = first.zxid;
        }
    }

    /// What a follower needs that ends with this zxid.
    pub fn update_for(&self, follower: Zxid) -> Update {
        let zxids: Vec<Zxid> = self.txns.iter().map(|txn| txn.zxid).collect();
        let (_, recent) = zxids.split_at(zxids.len().saturating_sub(RECENT));
        let missing = |proposals: Vec<Zxid>| {
            Rc::new(self.txns.iter().filter(|txn| proposals.contains(&txn.zxid)).copied().collect::<Vec<_>>())
        };
        match sync(Logs { last: self.last(), recent, older: &zxids }, follower) {
            Sync::Diff { proposals, .. } => Update::Diff(missing(proposals)),
            Sync::Trunc { to, proposals } => Update::Trunc(to, missing(proposals)),
            Sync::Snap => Update::Snap(self.clone()),
        }
    }

    /// Takes a leader's update in. False when it does not fit.
    pub fn update(&mut self, update: &Update) -> bool {
        let (fits, txns) = match update {
            Update::Nothing => return true,
            Update::Snap(history) => {
                self.clone_from(history);
                return true;
            }
            Update::Diff(txns) => (true, txns),
            Update::Trunc(to, txns) => (self.cut_back(*to), txns),
        };
        txns.iter().for_each(|txn| self.push(*txn));
        fits
    }
}

/// How a leader brings a follower up to date.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Update {
    /// What it lacks.
    Diff(Rc<Vec<Txn>>),
    /// Where to cut back to, and what it lacks after that.
    Trunc(Zxid, Rc<Vec<Txn>>),
    /// Everything.
    Snap(History),
    /// Nothing at all: the rule that asks for it is off.
    Nothing,
}

impl Update {
    /// Its name in ZooKeeper, and how many transactions it brings.
    pub fn words(&self) -> String {
        match self {
            Update::Diff(txns) if txns.is_empty() => "an empty DIFF".to_owned(),
            Update::Diff(txns) => format!("DIFF of {}", txns.len()),
            Update::Trunc(_, txns) => format!("TRUNC, then {}", txns.len()),
            Update::Snap(history) => format!("SNAP of {}", history.len()),
            Update::Nothing => "no update".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::zab::zxid;

    fn history(zxids: &[Zxid]) -> History {
        History::new(zxids.iter().map(|zxid| Txn { zxid: *zxid, register: 0, value: *zxid as i16 }).collect())
    }

    /// Whatever a follower ends with, of a history that a leader can meet, the update leaves it with the leader's.
    #[test]
    fn an_update_leaves_the_leaders_history() {
        let leader = history(&[zxid(1, 1), zxid(1, 2), zxid(2, 1), zxid(2, 2)]);
        let lists: [&[Zxid]; 6] = [
            &[],
            &[zxid(1, 1)],
            &[zxid(1, 1), zxid(1, 2), zxid(1, 3)],
            &[zxid(1, 1), zxid(1, 2), zxid(2, 1)],
            &[zxid(1, 1), zxid(1, 2), zxid(2, 1), zxid(2, 2), zxid(2, 3)],
            leader.txns().iter().map(|txn| txn.zxid).collect::<Vec<_>>().leak(),
        ];
        for list in lists {
            let mut follower = history(list);
            assert!(follower.update(&leader.update_for(follower.last())));
            assert_eq!(follower, leader, "{list:?}");
        }
    }

    #[test]
    fn old_transactions_are_folded_into_the_snapshot() {
        let mut long = history(&(1..=40).map(|counter| zxid(1, counter)).collect::<Vec<_>>());
        long.fold(10);
        assert_eq!((long.base(), long.len(), long.txns().len()), (10, 40, 30));
        long.fold(40);
        assert_eq!((long.base(), long.txns().len(), long.last()), (16, KEPT, zxid(1, 40)));
        assert_eq!((long.get(15), long.get(16).map(|txn| txn.zxid)), (None, Some(zxid(1, 17))));
        assert!(matches!(long.update_for(zxid(1, 3)), Update::Snap(_)));
    }
}
