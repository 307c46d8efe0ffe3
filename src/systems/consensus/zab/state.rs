//! What servers know and say: their disks and memories, roles, messages, timers, and what a bystander notes.

use super::history::{History, State, Txn, Update};
use crate::mechanisms::zab::{Vote, Zxid};
use crate::sim::NodeId;
use crate::sim::kernel::time::{Micros, Time};

/// What survives a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Disk {
    /// The latest epoch it has promised (`acceptedEpoch`, f.p in the paper).
    pub accepted: u32,
    /// The epoch whose leader it last synchronised with (`currentEpoch`, f.a in the paper).
    pub current: u32,
    /// What it has accepted (h in the paper).
    pub history: History,
    /// Connections it has opened: keeps messages of different ones apart, as TCP does.
    pub connection: u32,
}

/// The phases of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Phase 1.
    Discovery,
    /// Phase 2.
    Sync,
    /// Phase 3.
    Broadcast,
}

/// A server that looks for a leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Looking {
    /// Its vote.
    pub vote: Vote,
    /// The votes it knows of in this round, its own included.
    pub votes: Vec<Option<Vote>>,
    /// How long it waits before it says its vote again.
    pub wait: Micros,
}

/// A server that follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Following {
    /// Whom.
    pub leader: NodeId,
    /// The number of its connection.
    pub link: u32,
    /// How far it is.
    pub stage: Stage,
    pub(super) got: u32,
    pub(super) sent: u32,
}

/// A follower as its leader knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Learner {
    pub(super) link: u32,
    pub(super) got: u32,
    pub(super) sent: u32,
    pub(super) promised: u32,
    pub(super) state: Option<(u32, History)>,
    /// The end of the history it was told to take over.
    pub(super) told: Option<Zxid>,
}

/// A proposal that is not committed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Outstanding {
    /// Its zxid.
    pub zxid: Zxid,
    /// Who has it: a set of servers.
    pub acks: u64,
    pub(super) asked: Time,
}

/// A server that leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Leading {
    /// How far it is.
    pub stage: Stage,
    /// Its epoch; 0 until it has chosen one.
    pub epoch: u32,
    /// Proposals that are not committed yet, in order.
    pub outstanding: Vec<Outstanding>,
    /// Who has promised the epoch, who has the history, who was heard of lately: sets of servers.
    pub acked: u64,
    pub synced: u64,
    pub(super) heard: u64,
    pub(super) silent: u32,
    pub(super) counter: u32,
    pub(super) learners: Vec<Option<Learner>>,
}

impl Leading {
    pub(super) fn new(servers: usize, me: NodeId) -> Leading {
        let mine = 1 << me.0;
        Leading {
            stage: Stage::Discovery,
            epoch: 0,
            outstanding: Vec::new(),
            acked: mine,
            synced: mine,
            heard: mine,
            silent: 0,
            counter: 0,
            learners: vec![None; servers],
        }
    }
}

/// What a server is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    Looking(Looking),
    Following(Following),
    Leading(Leading),
}

/// A server that wants to follow one that is still looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Early {
    pub(super) from: NodeId,
    pub(super) link: u32,
    pub(super) promised: u32,
}

/// What does not survive a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Memory {
    /// What it is.
    pub role: Role,
    /// The round of the election (`logicalclock`).
    pub round: u32,
    /// How many transactions it has delivered, those of its snapshot included.
    pub delivered: u32,
    /// The registers x, y and z after these.
    pub state: State,
    pub(super) early: Vec<Early>,
}

/// What a leader and a follower say over their connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Body {
    /// The follower's promise so far.
    CEpoch { promised: u32 },
    /// The leader's new epoch.
    NewEpoch { epoch: u32 },
    /// The follower promises it; `counts`: for the first time.
    AckEpoch { counts: bool, current: u32, history: History },
    /// The history to begin the epoch with.
    NewLeader { epoch: u32, update: Update },
    /// The follower has it (ACK-LD).
    AckLeader,
    /// The leader is established (COMMIT-LD): deliver up to here.
    CommitLeader { upto: Zxid },
    /// A change of state.
    Propose { txn: Txn },
    /// The follower has it.
    Ack { zxid: Zxid },
    /// A quorum has it.
    Commit { zxid: Zxid },
}

/// What servers send each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// A vote, or the word of one that leads.
    Notification { vote: Vote },
    /// The `seq`-th message of a connection in its direction.
    Packet { link: u32, seq: u32, body: Body },
    /// The leader is there, and has sent this many messages.
    Ping { link: u32, sent: u32 },
    /// So is the follower.
    Pong { link: u32, sent: u32 },
}

/// What a server may have armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// Say the vote again.
    Notify,
    /// No better vote has come.
    Finalize,
    /// No word has come from the leader, or no quorum of followers.
    Patience,
    /// The leader's tick.
    Tick,
    /// A client's request reaches the leader.
    Request,
}

/// What a bystander sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A leader is established, with this history.
    Leads { node: NodeId, epoch: u32, history: History },
    /// A server delivers a transaction at a place, counted from 0.
    Delivered { node: NodeId, place: u32, txn: Txn },
}
