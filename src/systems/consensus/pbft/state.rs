//! What a replica keeps: its log of certificates, its service, and what it has heard of other views.

use litemap::LiteMap;
use std::rc::Rc;

use super::{Digest, Request};
use crate::sim::kernel::hash::stable;
use crate::sim::small;

/// The service: every request in its place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Service {
    /// The last number that was executed.
    pub seq: u32,
    /// Stands for all that was executed, in order.
    pub chain: u64,
    /// Each client's last timestamp and its result.
    pub last: LiteMap<u8, (u32, u32)>,
}

impl Service {
    /// Executes the next number. A request that was executed before, or the null request, does nothing.
    pub fn execute(&mut self, digest: Digest) {
        self.seq += 1;
        let Some(Request { client, t }) = digest.filter(|request| !self.has(*request)) else { return };
        self.chain = stable(&(self.chain, client, t));
        self.last.insert(client, (t, self.seq));
    }

    /// Whether a request, or a later one of the same client, was executed.
    pub fn has(&self, request: Request) -> bool {
        self.last.get(&request.client).is_some_and(|last| last.0 >= request.t)
    }
}

/// A checkpoint and who signed it: stable with 2f + 1 signatures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stable {
    pub seq: u32,
    /// Of the service's state.
    pub digest: u64,
    /// Who signed, a bit each.
    pub by: u64,
}

/// A proof that a request was prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Proof {
    pub seq: u32,
    pub view: u32,
    pub digest: Digest,
    /// Who signed: the primary's pre-prepare and the backups' prepares.
    pub by: u64,
}

/// Prepares or commits of one request under one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Votes {
    pub commit: bool,
    pub view: u32,
    pub digest: Digest,
    pub by: u64,
}

/// A sequence number in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Slot {
    /// The pre-prepare that it accepted: its view and request.
    pub accepted: Option<(u32, Digest)>,
    /// A pre-prepare of a view that it has not entered yet.
    pub early: Option<(u32, Digest)>,
    /// Prepares and commits.
    pub votes: Vec<Votes>,
    /// The latest proof that it is prepared.
    pub prepared: Option<Proof>,
    /// Committed here.
    pub decided: Option<Digest>,
}

impl Slot {
    /// Who has prepared, or committed, this request in a view.
    pub fn by(&self, commit: bool, view: u32, digest: Digest) -> u64 {
        let same = |votes: &&Votes| (votes.commit, votes.view, votes.digest) == (commit, view, digest);
        self.votes.iter().find(same).map_or(0, |votes| votes.by)
    }

    /// Adds a vote. False when it was there.
    pub fn vote(&mut self, commit: bool, view: u32, digest: Digest, by: u64) -> bool {
        let same = |votes: &&mut Votes| (votes.commit, votes.view, votes.digest) == (commit, view, digest);
        match self.votes.iter_mut().find(same) {
            Some(votes) if votes.by & by == by => false,
            Some(votes) => {
                votes.by |= by;
                true
            }
            None => {
                self.votes.push(Votes { commit, view, digest, by });
                // One order for one set of votes: states that differ in it alone are the same.
                small::sort_by_key(&mut self.votes, |votes| (votes.view, votes.commit, votes.digest));
                true
            }
        }
    }
}

/// A view-change message: to which view, the last stable checkpoint, and what was prepared after it (sets C and P).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    pub view: u32,
    pub stable: Stable,
    pub proofs: Rc<[Proof]>,
}

/// A new-view message: the view changes it rests on (set V), and what it proposes again (set O).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NewView {
    pub view: u32,
    pub changes: Rc<[(u16, Change)]>,
    pub order: Rc<[(u32, Digest)]>,
}

/// What a new view has to propose again: for every number above the latest stable checkpoint up to the highest one that
/// was prepared, what was prepared in the latest view, or the null request (section 4.4).
pub fn to_carry_over(changes: &[(u16, Change)]) -> (Stable, Vec<(u32, Digest)>) {
    let stable = changes.iter().map(|change| change.1.stable).max_by_key(|stable| stable.seq).unwrap_or_default();
    let proofs = || changes.iter().flat_map(|change| change.1.proofs.iter());
    let highest = proofs().map(|proof| proof.seq).max().unwrap_or(0);
    let digest = |seq: u32| {
        let latest = proofs().filter(|proof| proof.seq == seq).max_by_key(|proof| proof.view);
        (seq, latest.and_then(|proof| proof.digest))
    };
    (stable, (stable.seq + 1..=highest).map(digest).collect())
}

/// All that a replica keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    /// The view it is in, or wants to enter.
    pub view: u32,
    /// Whether it has left a view and waits for the next.
    pub changing: bool,
    /// The log above the last stable checkpoint.
    pub log: LiteMap<u32, Slot>,
    pub service: Service,
    /// The last stable checkpoint.
    pub stable: Stable,
    /// The service as it was at the last stable checkpoint and at later ones.
    pub saved: Vec<Rc<Service>>,
    /// Later checkpoints, and who has signed them.
    pub checkpoints: Vec<Stable>,
    /// The latest request of each client that is not executed.
    pub pending: LiteMap<u8, u32>,
    /// The latest view change of each replica.
    pub changes: LiteMap<u16, Change>,
    /// How the present view began. View 0 needs none.
    pub new_view: Option<NewView>,
    /// The last number up to which it took over another's state instead of executing; 0 for never.
    pub took_over: u32,
}

impl State {
    /// The last number in use.
    pub fn last(&self) -> u32 {
        let used = |(seq, slot): (&u32, &Slot)| slot.accepted.is_some_and(|known| known.0 == self.view).then_some(*seq);
        let last = self.log.iter().filter_map(used).max().unwrap_or(0);
        last.max(self.stable.seq)
    }

    /// The requests that wait to be executed.
    pub fn waiting(&self) -> Vec<Request> {
        self.pending.iter().map(|(client, t)| Request { client: *client, t: *t }).collect()
    }

    /// The number that a request has in this view, if it has one.
    pub fn number_of(&self, request: Request, me: u64) -> Option<u32> {
        let is_it = |slot: &Slot| {
            slot.accepted == Some((self.view, Some(request))) || slot.by(true, self.view, Some(request)) & me != 0
        };
        self.log.iter().find(|(_, slot)| is_it(slot)).map(|(seq, _)| *seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(seq: u32, proofs: &[(u32, u32, u32)]) -> Change {
        let proof =
            |&(seq, view, t): &(u32, u32, u32)| Proof { seq, view, digest: Some(Request { client: 0, t }), by: 7 };
        Change { view: 5, stable: Stable { seq, digest: 0, by: 7 }, proofs: proofs.iter().map(proof).collect() }
    }

    /// Section 4.4: from min-s to max-s, the proof of the highest view, and null requests in the gaps.
    #[test]
    fn a_new_view_takes_the_latest_proofs_and_fills_gaps() {
        let changes =
            [(0, change(2, &[(3, 1, 30), (5, 0, 50)])), (1, change(1, &[(3, 4, 31), (2, 0, 20)])), (3, change(0, &[]))];
        let (stable, order) = to_carry_over(&changes);
        let ask = |t: u32| Some(Request { client: 0, t });
        assert_eq!((stable.seq, order), (2, vec![(3, ask(31)), (4, None), (5, ask(50))]));
        assert_eq!(to_carry_over(&[]), (Stable::default(), Vec::new()));
    }

    #[test]
    fn a_request_is_executed_once() {
        let mut service = Service::default();
        let request = Request { client: 1, t: 3 };
        service.execute(Some(request));
        let chain = service.chain;
        service.execute(None);
        service.execute(Some(request));
        assert_eq!((service.seq, service.chain, service.last.get(&1)), (3, chain, Some(&(3, 1))));
    }
}
