//! Raft for another system: what that one wants replicated is an entry here, and its state machine is its own. It hears of
//! committed entries by [`Note::Applied`](super::Note::Applied), in their order, and of snapshots by
//! [`Note::Restored`](super::Note::Restored); the state that belongs to a snapshot is its to keep and to send along.

use super::{Disk, Memory, Payload, Raft, Role, Server, Words};
use crate::sim::NodeId;
use crate::sim::machine::system::Context;

/// Appends an operation of the system on top, if this server leads and its log has room for it. Returns its index.
pub fn propose(disk: &mut Disk, memory: &mut Memory, operation: Words, context: &mut Context<Raft>) -> Option<u32> {
    let mut server = Server { disk, memory, context };
    let takes = matches!(server.memory.role, Role::Leader(_)) && !server.is_full();
    takes.then(|| server.append(Payload::Hosted(operation)))
}

impl Memory {
    /// Whether the server believes that it leads.
    pub fn leads(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// Whether it leads and has applied all that was committed before its election.
    pub fn leads_and_knows(&self) -> bool {
        matches!(&self.role, Role::Leader(leadership) if self.commit >= leadership.first)
    }

    /// A follower says that the logs agree up to an index only. If it had more before, it has lost it: a leader believes
    /// it and sends it again, as nats-server's does (raft.go, catchupFollower). What is committed stays committed.
    pub fn believe(&mut self, follower: NodeId, index: u32) {
        let Role::Leader(leadership) = &mut self.role else { return };
        if let Some(matched) = leadership.matched.get_mut(follower.index()) {
            *matched = (*matched).min(index);
        }
    }
}
