//! What ZooKeeper's servers compute without talking: the order of votes and their tally, quorums of acknowledgements,
//! and how a follower is brought up to date.
//!
//! After Apache ZooKeeper: `FastLeaderElection.totalOrderPredicate`, `Vote.equals`, `QuorumMaj` and
//! `LearnerHandler.syncFollower`.

/// A transaction's number: the epoch in the upper half, a counter within it in the lower.
pub type Zxid = u64;

/// The zxid with this epoch and counter.
pub const fn zxid(epoch: u32, counter: u32) -> Zxid {
    (epoch as u64) << 32 | counter as u64
}

/// The epoch of a zxid.
pub const fn epoch(zxid: Zxid) -> u32 {
    (zxid >> 32) as u32
}

/// The counter of a zxid.
pub const fn counter(zxid: Zxid) -> u32 {
    zxid as u32
}

/// A vote for a leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Vote {
    /// The leader voted for.
    pub id: u16,
    /// The last zxid of that server.
    pub zxid: Zxid,
    /// The epoch of that server (`peerEpoch`).
    pub epoch: u32,
    /// The round of the election in which the vote was cast (`electionEpoch`).
    pub round: u32,
    /// Whether the voter is still looking for a leader.
    pub looking: bool,
    /// The version of the format; servers before 3.4.6 sent none.
    pub version: u32,
}

impl Vote {
    /// Whether this vote wins over another: the later epoch, then the later zxid, then the greater id.
    pub fn beats(&self, other: &Vote) -> bool {
        (self.epoch, self.zxid, self.id) > (other.epoch, other.zxid, other.id)
    }

    /// Whether two votes count for the same candidate.
    pub fn agrees(&self, other: &Vote) -> bool {
        if self.looking || other.looking {
            return (self.id, self.zxid, self.round, self.epoch) == (other.id, other.zxid, other.round, other.epoch);
        }
        let mixed = (self.version > 0) != (other.version > 0);
        self.id == other.id && (mixed || self.epoch == other.epoch)
    }
}

/// Whether a quorum of all `servers` has cast votes that agree with this one.
pub fn elects<'a>(votes: impl Iterator<Item = &'a Vote>, candidate: &Vote, servers: usize) -> bool {
    votes.filter(|vote| vote.agrees(candidate)).count() > servers / 2
}

/// Whether a majority of the voters has acknowledged; acknowledgements of others do not count. Sets of ids as bits.
pub fn acknowledged(voters: u64, acks: u64) -> bool {
    (voters & acks).count_ones() > voters.count_ones() / 2
}

/// How a follower is brought up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sync {
    /// It keeps all it has, and gets these as well. `upto`: the last zxid it will have.
    Diff { upto: Zxid, proposals: Vec<Zxid> },
    /// It forgets what comes after `to`, and then gets these.
    Trunc { to: Zxid, proposals: Vec<Zxid> },
    /// It gets the whole state.
    Snap,
}

/// What a leader still has of its history.
#[derive(Clone, Copy, Debug)]
pub struct Logs<'a> {
    /// The last transaction it has processed.
    pub last: Zxid,
    /// The newest committed ones, in memory.
    pub recent: &'a [Zxid],
    /// Older ones, on disk; empty when they are of no use.
    pub older: &'a [Zxid],
}

/// Chooses how to bring a follower up to date when its last transaction is `follower`.
pub fn sync(logs: Logs, follower: Zxid) -> Sync {
    let greatest = logs.recent.last().copied().unwrap_or(logs.last);
    let least = logs.recent.first().copied().unwrap_or(logs.last);
    let begins_epoch = counter(follower) == 0;
    let mut queue = Queue { follower, upto: greatest, queued: follower, start: None, proposals: Vec::new() };
    if logs.last == follower {
        return Sync::Diff { upto: follower, proposals: Vec::new() };
    } else if follower > greatest && !begins_epoch {
        return Sync::Trunc { to: greatest, proposals: Vec::new() };
    } else if (least..=greatest).contains(&follower) {
        queue.take(logs.recent, Zxid::MAX);
    } else if follower < least && logs.older.first().is_some_and(|first| *first <= follower) {
        queue.take(logs.older, least);
        if queue.queued < least {
            // A gap between what is on disk and what is in memory.
            return Sync::Snap;
        }
        queue.take(logs.recent, Zxid::MAX);
    }
    match queue.start {
        Some(Start::Diff) => Sync::Diff { upto: greatest, proposals: queue.proposals },
        Some(Start::Trunc(to)) => Sync::Trunc { to, proposals: queue.proposals },
        None => Sync::Snap,
    }
}

enum Start {
    Diff,
    Trunc(Zxid),
}

/// What is queued for a follower (`queueCommittedProposals`).
struct Queue {
    follower: Zxid,
    upto: Zxid,
    queued: Zxid,
    start: Option<Start>,
    proposals: Vec<Zxid>,
}

impl Queue {
    fn take(&mut self, log: &[Zxid], most: Zxid) {
        let begins_epoch = counter(self.follower) == 0;
        let mut before = 0;
        for zxid in log.iter().copied().take_while(|zxid| *zxid <= most) {
            if zxid < self.follower {
                before = zxid;
                continue;
            }
            if self.start.is_none() {
                if zxid == self.follower || begins_epoch {
                    self.start = Some(Start::Diff);
                } else if epoch(zxid) == epoch(self.follower) {
                    self.start = Some(Start::Trunc(before));
                } else {
                    // A follower cannot go back across an epoch boundary.
                    return;
                }
            }
            if zxid > self.queued {
                self.proposals.push(zxid);
                self.queued = zxid;
            }
        }
        if self.start.is_none() && begins_epoch && self.upto >= self.follower {
            self.start = Some(Start::Diff);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vote(epoch: u32, zxid: Zxid, id: u16) -> Vote {
        Vote { id, zxid, epoch, round: 1, looking: true, version: 0 }
    }

    #[test]
    fn the_later_epoch_wins_then_the_longer_history_then_the_id() {
        assert!(vote(2, 0, 0).beats(&vote(1, 9, 9)));
        assert!(vote(1, 2, 0).beats(&vote(1, 1, 9)));
        assert!(vote(1, 1, 2).beats(&vote(1, 1, 1)));
        assert!(!vote(1, 1, 1).beats(&vote(1, 1, 1)));
    }

    #[test]
    fn a_zxid_is_an_epoch_and_a_counter() {
        assert_eq!((epoch(zxid(3, 7)), counter(zxid(3, 7))), (3, 7));
        assert!(zxid(2, 1) > zxid(1, u32::MAX));
    }

    #[test]
    fn a_follower_with_a_tail_that_nobody_committed_is_cut_back() {
        let log = [zxid(1, 1), zxid(1, 2)];
        let logs = Logs { last: zxid(1, 2), recent: &log, older: &[] };
        assert_eq!(sync(logs, zxid(1, 4)), Sync::Trunc { to: zxid(1, 2), proposals: Vec::new() });
        assert_eq!(sync(logs, zxid(1, 1)), Sync::Diff { upto: zxid(1, 2), proposals: vec![zxid(1, 2)] });
        assert_eq!(sync(logs, 0), Sync::Snap);
    }
}
