//! Clients sit beside the servers and ask whichever of them believes that it leads. Reads are confirmed by a round of
//! heartbeats or by a lease (dissertation, section 6.4).

use super::config::SETS;
use super::{
    ARRIVAL, CHURN, COMMIT_LATENCY, COMMITTED, CONFIRM_READ, Command, KIND, LOAD, Leadership, MOST_ENTRIES, Note,
    Payload, READ_LATENCY, READS, Raft, Role, Server, TIMEOUT, Timer, VALUE, WRITES, register_name,
};
use crate::sim::declare::commands::CommandCall;
use crate::sim::judge::history::{Answer, Ask, OpId};
use crate::sim::kernel::random;
use crate::sim::kernel::time::{self, Time};
use crate::sim::machine::system::{Context, System};
use crate::sim::measure::workload;

/// The most reads that wait at a leader.
const MOST_READS: usize = 8;

/// A write that a client waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Write {
    pub index: u32,
    pub op: OpId,
    pub since: Time,
}

/// A read that a client waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Read {
    pub register: u8,
    /// The state must have come this far.
    pub index: u32,
    /// A quorum must have sent this stamp back.
    pub stamp: u64,
    pub ticket: u32,
    pub op: OpId,
    pub since: Time,
}

/// Arms the next operation, where the load is not the reader's alone.
pub(super) fn await_next(context: &mut Context<Raft>) {
    let load = context.amount(LOAD);
    if let Some(pause) = workload::poisson(context, ARRIVAL, load) {
        context.set_timer(Timer::Client, pause);
    }
}

impl Server<'_, '_> {
    /// The client beside the server asks for something, if the server leads.
    pub(super) fn client_acts(&mut self) {
        let me = self.context.me();
        await_next(self.context);
        let draw = self.context.draw(VALUE);
        // A new value each time, so that a read tells which write it saw.
        let (register, value) = (random::below(draw, 3) as u8, (self.disk.log.last_index() as i16 + 1) % 1_000);
        if !matches!(self.memory.role, Role::Leader(_)) {
            self.context.why(|s| format!("{} does not lead: its client asks elsewhere.", Raft::name(s, me)));
        } else if self.context.settings().is_on(CHURN) && random::below(draw.rotate_left(16), 5) == 0 {
            let wanted = random::below(draw.rotate_left(48), SETS.len() as u64) as i64;
            self.change_members(&CommandCall { command: super::CHANGE_MEMBERS, values: vec![wanted] });
        } else if random::below(self.context.draw(KIND), 100) < self.context.amount(WRITES) {
            self.set(Command { register, value });
        } else {
            self.get(register);
        }
    }

    /// A client asks to set a register.
    pub(super) fn asked_to_set(&mut self, call: &CommandCall) {
        self.set(Command { register: call.value(0) as u8, value: call.value(1) as i16 });
    }

    fn set(&mut self, command: Command) {
        let me = self.context.me();
        let payload = Payload::Command(command);
        let op = self.context.invoke(u32::from(command.register), Ask::Write(i64::from(command.value)));
        if !matches!(self.memory.role, Role::Leader(_)) {
            self.refuse(op, &payload.to_string());
            return;
        }
        if self.is_full() {
            self.context.why(|s| {
                let me = Raft::name(s, me);
                format!("The log of {me} has {MOST_ENTRIES} entries, the most it takes here: {payload} is refused.")
            });
            self.context.answer(op, Answer::Failed);
            return;
        }
        let since = self.context.now();
        let index = self.disk.log.last_index() + 1;
        if let Role::Leader(leader) = &mut self.memory.role {
            leader.writes.push(Write { index, op, since });
        }
        self.append(payload);
    }

    /// Tells a client to ask elsewhere.
    fn refuse(&mut self, op: OpId, what: &str) {
        let (me, leader) = (self.context.me(), self.memory.leader);
        self.context.why(|s| {
            let other = leader.map_or("it knows of no leader".to_owned(), |l| format!("ask {}", Raft::name(s, l)));
            format!("{} does not lead, so it refuses {what}: {other}.", Raft::name(s, me))
        });
        self.context.answer(op, Answer::Failed);
    }

    /// Tells clients that their writes are committed.
    pub(super) fn acknowledge(&mut self) {
        let (commit, me) = (self.memory.commit, self.context.me());
        let Role::Leader(leader) = &mut self.memory.role else { return };
        let (done, open): (Vec<Write>, Vec<Write>) = leader.writes.iter().partition(|write| write.index <= commit);
        leader.writes = open;
        for write in done {
            self.context.note(Note::Acknowledged { index: write.index });
            self.context.answer(write.op, Answer::Ok);
            let took = self.context.now().saturating_sub(write.since);
            self.context.observe(COMMIT_LATENCY, me.0, took);
            self.context.count(COMMITTED, 0, 1);
        }
    }

    /// A client asks for a register.
    pub(super) fn asked_to_get(&mut self, call: &CommandCall) {
        self.get(call.value(0) as u8);
    }

    fn get(&mut self, register: u8) {
        let (me, name) = (self.context.me(), register_name(usize::from(register)));
        let op = self.context.invoke(u32::from(register), Ask::Read);
        let waiting = match &self.memory.role {
            Role::Leader(leader) => leader.reads.len(),
            _ => {
                self.refuse(op, &format!("to read {name}"));
                return;
            }
        };
        if waiting >= MOST_READS {
            self.context
                .why(|s| format!("{waiting} reads are already waiting at {}: this one is refused.", Raft::name(s, me)));
            self.context.answer(op, Answer::Failed);
            return;
        }
        self.memory.tickets += 1;
        let (ticket, since, commit) = (self.memory.tickets, self.context.now(), self.memory.commit);
        self.context.note(Note::ReadBegan { node: me, ticket });
        let by_lease = self.context.settings().get(READS) == 1;
        let Role::Leader(leader) = &mut self.memory.role else { return };
        let index = commit.max(leader.first);
        let stamp = match by_lease {
            true => since.saturating_sub(self.context.amount(TIMEOUT)) + 1,
            false => {
                leader.round += 1;
                leader.round
            }
        };
        let read = Read { register, index, stamp, ticket, op, since };
        leader.reads.push(read);
        if !self.context.rule(CONFIRM_READ) {
            self.context.why_rule(CONFIRM_READ, |s| {
                format!("{} answers at once, without asking whether it still leads.", Raft::name(s, me))
            });
        } else if by_lease {
            self.context.why_rule(CONFIRM_READ, |s| {
                let me = Raft::name(s, me);
                format!("{me} may answer if a quorum has answered it since {}: that is its lease.", time::show(stamp))
            });
        } else {
            self.context.why_rule(CONFIRM_READ, |s| {
                let me = Raft::name(s, me);
                format!("{me} notes index {index} and asks everyone whether it still leads, in round {stamp}.")
            });
            self.replicate_to_all();
        }
        self.serve_reads();
    }

    /// Answers the reads that may be answered.
    pub(super) fn serve_reads(&mut self) {
        let Role::Leader(leader) = &self.memory.role else { return };
        if leader.reads.is_empty() {
            return;
        }
        let (me, now, commit) = (self.context.me(), self.context.now(), self.memory.commit);
        let (echoed, is_sure) = (leader.echoed.clone(), !self.context.rule(CONFIRM_READ));
        let own = if self.context.settings().get(READS) == 1 { now } else { u64::MAX };
        let reached = self.reached(|node| if node == me { own } else { echoed[node.index()] });
        let Role::Leader(leader) = &mut self.memory.role else { return };
        let may = |read: &&Read| is_sure || (reached >= read.stamp && commit >= read.index);
        let ready: Vec<Read> = leader.reads.iter().filter(may).copied().collect();
        leader.reads.retain(|read| !ready.contains(read));
        for read in ready {
            let value = self.memory.registers.get(usize::from(read.register)).copied().flatten();
            self.context.why_rule(CONFIRM_READ, |s| {
                let (me, name) = (Raft::name(s, me), register_name(usize::from(read.register)));
                let shown = value.map_or("nothing".to_owned(), |value| value.to_string());
                format!("{me} answers {name}: {shown}, the state after index {commit}.")
            });
            self.context.note(Note::ReadEnded { node: me, ticket: read.ticket, index: commit });
            self.context.answer(read.op, Answer::Value(value.map(i64::from)));
            self.context.observe(READ_LATENCY, me.0, now.saturating_sub(read.since));
        }
    }

    /// A server that no longer leads cannot say what becomes of the writes; the reads have certainly not happened.
    pub(super) fn let_clients_go(&mut self, leadership: Leadership) {
        leadership.writes.iter().for_each(|write| self.context.answer(write.op, Answer::Unknown));
        leadership.reads.iter().for_each(|read| self.context.answer(read.op, Answer::Failed));
    }
}
