//! What nodes send each other: Kafka's requests and answers, by their names in the protocol.

use std::rc::Rc;

use super::log::{Batch, Record};

/// A member id that the coordinator has given; 0 for none yet. Kafka's are strings.
pub type MemberId = u32;

/// Why the coordinator refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refused {
    /// UNKNOWN_MEMBER_ID: the group does not know the member (any more).
    UnknownMember,
    /// ILLEGAL_GENERATION: the group has moved on.
    IllegalGeneration,
    /// FENCED_INSTANCE_ID: another member took the static member's place.
    FencedInstance,
    /// REBALANCE_IN_PROGRESS: join again.
    Rebalance,
}

impl Refused {
    /// Its name in the protocol.
    pub const fn code(self) -> &'static str {
        match self {
            Refused::UnknownMember => "UNKNOWN_MEMBER_ID",
            Refused::IllegalGeneration => "ILLEGAL_GENERATION",
            Refused::FencedInstance => "FENCED_INSTANCE_ID",
            Refused::Rebalance => "REBALANCE_IN_PROGRESS",
        }
    }
}

/// Who speaks: the member and the generation it believes to be in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Badge {
    /// The member.
    pub member: MemberId,
    /// Its generation; 0 before the first.
    pub generation: u32,
}

/// A member as the leader sees it: its id, whether it is static, what it owned and in which generation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subscription {
    /// The member.
    pub member: MemberId,
    /// group.instance.id: the node's number.
    pub instance: Option<u16>,
    /// The partitions it says it owns.
    pub owned: Rc<Vec<u16>>,
    /// The generation in which it got them.
    pub generation: u32,
}

/// Partitions by member.
pub type Shares = Rc<Vec<(MemberId, Rc<Vec<u16>>)>>;

/// Partitions and offsets.
pub type Offsets = Rc<Vec<(u16, u32)>>;

/// Where a partition stands, as OffsetFetch and ListOffsets tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Standing {
    /// The partition.
    pub partition: u16,
    /// The group's committed offset.
    pub committed: Option<u32>,
    /// Log start offset.
    pub start: u32,
    /// Log end offset.
    pub end: u32,
}

/// What a fetch found in one partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fetched {
    /// The partition.
    pub partition: u16,
    /// The offset that was asked for.
    pub from: u32,
    /// The records from there on.
    pub records: Rc<Vec<Record>>,
    /// Log start offset.
    pub start: u32,
    /// Log end offset.
    pub end: u32,
    /// OFFSET_OUT_OF_RANGE: the log does not have it (any more).
    pub out_of_range: bool,
}

/// A request or an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// Produce, one batch.
    Produce(Rc<Batch>),
    /// Its answer: the producer id and the sequence number of the batch; whether the log has it.
    Produced { partition: u16, producer: u32, sequence: u32, ok: bool },
    /// JoinGroup.
    Join { badge: Badge, instance: bool, owned: Rc<Vec<u16>>, owned_in: u32 },
    /// Its answer; the leader also gets the members.
    Joined { badge: Badge, roster: Option<Rc<Vec<Subscription>>> },
    /// SyncGroup; the leader's has the assignment.
    Sync { badge: Badge, shares: Option<Shares> },
    /// Its answer.
    Synced { badge: Badge, share: Rc<Vec<u16>> },
    /// Heartbeat.
    Heartbeat { badge: Badge },
    /// Its answer, if all is well.
    Beat { badge: Badge },
    /// LeaveGroup.
    Leave { badge: Badge },
    /// OffsetCommit.
    Commit { badge: Badge, offsets: Offsets },
    /// Its answer, if it was taken.
    Committed { badge: Badge },
    /// Any group request was refused.
    Refused { badge: Badge, why: Refused },
    /// OffsetFetch and, for what has no offset, ListOffsets.
    Where { partitions: Rc<Vec<u16>> },
    /// Their answer.
    Standings(Rc<Vec<Standing>>),
    /// Fetch.
    Fetch { positions: Offsets },
    /// Its answer.
    Records(Rc<Vec<Fetched>>),
    /// Metadata.
    Metadata,
    /// Its answer: how many partitions the topic has.
    Topic { partitions: u16 },
    /// A scaler asks for the lag of group A.
    AskLag,
    /// The answer: records not committed, and partitions.
    Lag { records: u32, partitions: u16 },
    /// A scaler asks for more partitions: CreatePartitions.
    Grow { partitions: u16 },
    /// A scaler starts or stops a consumer.
    Run(bool),
}

impl Message {
    /// The request's or answer's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Message::Produce(_) => "Produce",
            Message::Produced { ok: true, .. } => "Produce: written",
            Message::Produced { .. } => "Produce: OUT_OF_ORDER_SEQUENCE_NUMBER",
            Message::Join { .. } => "JoinGroup",
            Message::Joined { .. } => "JoinGroup answer",
            Message::Sync { .. } => "SyncGroup",
            Message::Synced { .. } => "SyncGroup answer",
            Message::Heartbeat { .. } => "Heartbeat",
            Message::Beat { .. } => "Heartbeat answer",
            Message::Leave { .. } => "LeaveGroup",
            Message::Commit { .. } => "OffsetCommit",
            Message::Committed { .. } => "OffsetCommit: taken",
            Message::Refused { why, .. } => why.code(),
            Message::Where { .. } => "OffsetFetch",
            Message::Standings(_) => "OffsetFetch answer",
            Message::Fetch { .. } => "Fetch",
            Message::Records(_) => "Fetch answer",
            Message::Metadata => "Metadata",
            Message::Topic { .. } => "Metadata answer",
            Message::AskLag => "the lag?",
            Message::Lag { .. } => "the lag",
            Message::Grow { .. } => "CreatePartitions",
            Message::Run(true) => "start",
            Message::Run(false) => "stop",
        }
    }
}
