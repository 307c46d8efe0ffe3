//! A client coordinates its own operations: it asks a read quorum, then stores on a write quorum.

use super::{
    DONE, Disk, FAILED, HANDOFF, KIND, LATENCY, Message, NEWEST, Note, OVERLAP, Operation, Phase, QuorumStore,
    READ_LATENCY, READ_MAJORITY, READ_REPAIR, STRICT, Stored, THINK, THINKING, Timer, Version, WRITE_LATENCY,
    WRITE_MAJORITY, WRITES, quorums, replicas, spare,
};
use crate::sim::NodeId;
use crate::sim::declare::commands::CommandId;
use crate::sim::declare::rules::RuleSet;
use crate::sim::judge::history::{Answer, Ask};
use crate::sim::kernel::random;
use crate::sim::kernel::time::{MS, Time};
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::measure::workload;
use crate::sim::numbers::are;

/// How often a client without work looks whether its think time was turned up.
const IDLE: Time = 500 * MS;

pub(super) struct Client<'a, 'b> {
    pub disk: &'a mut Disk,
    pub operation: &'a mut Option<Operation>,
    pub context: &'a mut Context<'b, QuorumStore>,
}

/// Arms the client's next operation.
pub(super) fn think(context: &mut Context<QuorumStore>) {
    let delay = match context.amount(THINK) {
        0 => IDLE,
        mean => workload::think(context, THINKING, mean),
    };
    context.set_timer(Timer::Think, delay);
}

impl Client<'_, '_> {
    fn name(&self) -> String {
        QuorumStore::name(self.context.settings(), self.context.me())
    }

    /// R and W now.
    fn quorums(&self) -> (usize, usize) {
        let rules = [OVERLAP, WRITE_MAJORITY, READ_MAJORITY];
        let rules = rules.iter().fold(RuleSet::ALL, |set, rule| set.with(*rule, self.context.rule(*rule)));
        quorums(self.context.settings(), rules)
    }

    pub(super) fn handle(&mut self, event: Event<QuorumStore>) {
        match event {
            Event::Timer(Timer::Think) => self.next_operation(),
            Event::Timer(Timer::Impatient(request)) => self.leave_hints(request),
            Event::Timer(Timer::Deadline(request)) => self.deadline(request),
            Event::Command(call) => self.command(call.command, call.value(1)),
            Event::Message { from, message: Message::Answer { request, stored } } => {
                self.answered(from, request, stored)
            }
            Event::Message { from, message: Message::Ack { request, .. } } => self.acked(from, request, false),
            Event::Message { message: Message::Hinted { request, home }, .. } => self.acked(home, request, true),
            _ => self.context.pass_over(),
        }
    }

    fn next_operation(&mut self) {
        if self.context.amount(THINK) == 0 {
            self.context.why(|_| "The think time is 0: no operations but your own.".to_owned());
            think(self.context);
            return;
        }
        // No value is written twice, so that a read tells which write it saw.
        let value = (self.disk.last_request * 2 + u32::from(self.context.me().0)) % 10_000;
        let kind = self.context.draw(KIND);
        let writes = random::chance(kind, self.context.amount(WRITES) as u32 * 10_000);
        self.begin(writes.then_some(value as i16));
    }

    fn command(&mut self, command: CommandId, value: i64) {
        self.begin((command == super::WRITE).then_some(value as i16));
    }

    fn begin(&mut self, write: Option<i16>) {
        if self.operation.is_some() {
            let name = self.name();
            self.context.why(|_| format!("{name} is busy with another operation: this one is dropped."));
            return;
        }
        self.context.cancel_timer(Timer::Think);
        let (name, (read_quorum, _)) = (self.name(), self.quorums());
        let op = self.context.invoke(0, write.map_or(Ask::Read, |value| Ask::Write(i64::from(value))));
        if write.is_none() {
            let client = self.context.me();
            self.context.note(Note::ReadBegan { client });
        }
        self.context.why_rule(OVERLAP, |_| match write {
            Some(value) => {
                format!(
                    "{name} will write x={value}. First it asks for the newest version, and waits for {read_quorum}."
                )
            }
            None => format!("{name} reads x: it asks every replica and waits for {read_quorum}."),
        });
        let phase = Phase::Asking { answers: Vec::new() };
        let request = self.next_request();
        *self.operation = Some(Operation { write, request, phase, op, since: self.context.now() });
        for node in replicas(self.context.settings()) {
            self.context.send(node, Message::Query { request });
        }
        let patience = self.context.amount(LATENCY).saturating_mul(20).max(200 * MS);
        self.context.set_timer(Timer::Deadline(op.0), patience);
    }

    fn next_request(&mut self) -> u32 {
        self.disk.last_request += 1;
        self.disk.last_request
    }

    /// A replica tells what it has.
    fn answered(&mut self, from: NodeId, request: u32, stored: Stored) {
        let (read_quorum, name) = (self.quorums().0, self.name());
        let answers = match self.operation {
            Some(Operation { request: current, phase: Phase::Asking { answers }, .. }) if *current == request => {
                answers
            }
            _ => {
                self.context.why(|s| format!("{} answers late: {name} no longer asks.", QuorumStore::name(s, from)));
                return;
            }
        };
        if !answers.iter().any(|answer| answer.0 == from) {
            answers.push((from, stored));
        }
        let have = answers.len();
        self.context.why_rule(OVERLAP, |s| {
            let replica = QuorumStore::name(s, from);
            format!(
                "{replica} has x={}, {}: answer {have} of the {read_quorum} that {name} waits for.",
                stored.value, stored.version
            )
        });
        if have >= read_quorum {
            let answers = std::mem::take(answers);
            self.quorum_answered(&answers);
        }
    }

    fn quorum_answered(&mut self, answers: &[(NodeId, Stored)]) {
        let newest = answers.iter().map(|answer| answer.1).max_by_key(|stored| stored.version).unwrap_or_default();
        let Some(write) = self.operation.as_ref().map(|operation| operation.write) else { return };
        if let Some(value) = write {
            let counter = newest.version.counter.max(self.disk.last_counter) + 1;
            self.disk.last_counter = counter;
            let stored = Stored { version: Version { counter, client: self.context.me().0 }, value };
            let (name, version) = (self.name(), stored.version);
            self.context
                .why(|_| format!("{name} takes {version}, above every version it was told, and stores it everywhere."));
            self.store(stored, 0);
            return;
        }
        let first = answers.first().map_or(newest, |answer| answer.1);
        let result = if self.context.rule(NEWEST) { newest } else { first };
        let name = self.name();
        self.context.why_rule(NEWEST, |_| {
            let which = if result == newest { "newest" } else { "first" };
            format!("{name} takes the {which} answer: x={}, {}.", result.value, result.version)
        });
        let holders = answers.iter().filter(|answer| answer.1.version >= result.version);
        let holders = holders.fold(0u64, |set, answer| set | 1 << answer.0.0);
        self.return_or_write_back(result, holders);
    }

    fn return_or_write_back(&mut self, result: Stored, holders: u64) {
        let (write_quorum, name) = (self.quorums().1, self.name());
        let have = holders.count_ones() as usize;
        if !self.context.rule(READ_REPAIR) {
            self.context.why_rule(READ_REPAIR, |_| {
                format!("{name} answers at once: only {} known to have it.", are(have as u64, "replica"))
            });
            self.finish(result);
        } else if have >= write_quorum {
            self.context
                .why_rule(READ_REPAIR, |_| format!("A write quorum has it ({have}): {name} need not write it back."));
            self.repair(result, holders);
            self.finish(result);
        } else {
            self.context.why_rule(READ_REPAIR, |_| {
                format!("Only {} known to have it: {name} writes it back first.", are(have as u64, "replica"))
            });
            self.store(result, holders);
        }
    }

    /// Sends what was read to replicas that answered with less, without waiting for them.
    fn repair(&mut self, result: Stored, holders: u64) {
        for node in replicas(self.context.settings()).filter(|node| holders >> node.0 & 1 == 0) {
            self.context.send(node, Message::Store { request: 0, stored: result });
        }
    }

    /// Phase two: store on a write quorum; some are known to have it already.
    fn store(&mut self, stored: Stored, acked: u64) {
        let request = self.next_request();
        if let Some(operation) = self.operation.as_mut() {
            operation.request = request;
            operation.phase = Phase::Storing { stored, acked, hinted: 0 };
        }
        for node in replicas(self.context.settings()).filter(|node| acked >> node.0 & 1 == 0) {
            self.context.send(node, Message::Store { request, stored });
        }
        if self.context.settings().is_on(HANDOFF) || !self.context.rule(STRICT) {
            let patience = self.context.amount(LATENCY).saturating_mul(4);
            self.context.set_timer(Timer::Impatient(request), patience);
        }
    }

    /// Replicas that have not stored it yet: the spare node keeps it for them.
    fn leave_hints(&mut self, request: u32) {
        let name = self.name();
        let Some(Operation { request: current, phase: Phase::Storing { stored, acked, .. }, .. }) = self.operation
        else {
            self.context.why(|_| format!("{name} has what it needs: no hint is left."));
            return;
        };
        let (stored, acked, is_current) = (*stored, *acked, *current == request);
        if !is_current {
            self.context.why(|_| format!("{name} has moved on: no hint is left."));
            return;
        }
        let spare = spare(self.context.settings());
        let missing: Vec<NodeId> = replicas(self.context.settings()).filter(|node| acked >> node.0 & 1 == 0).collect();
        self.context.why_rule(STRICT, |s| {
            let names: Vec<String> = missing.iter().map(|node| QuorumStore::name(s, *node)).collect();
            match &names[..] {
                [one] => format!("{one} has not answered: {name} leaves a hint with the spare node."),
                _ => format!("{} have not answered: {name} leaves hints with the spare node.", names.join(" and ")),
            }
        });
        for home in missing {
            self.context.send(spare, Message::Hint { request, home, stored });
        }
    }

    /// A replica has stored it, or the spare node keeps a hint.
    fn acked(&mut self, from: NodeId, request: u32, is_hint: bool) {
        let (write_quorum, name, strict) = (self.quorums().1, self.name(), self.context.rule(STRICT));
        let Some(Operation { request: current, phase: Phase::Storing { stored, acked, hinted }, .. }) = self.operation
        else {
            self.context.why(|_| format!("{name} no longer waits for this."));
            return;
        };
        if *current != request {
            self.context.why(|_| format!("{name} no longer waits for this."));
            return;
        }
        let set = if is_hint { &mut *hinted } else { &mut *acked };
        *set |= 1 << from.0;
        let counted = if strict { *acked } else { *acked | *hinted };
        let (have, stored) = (counted.count_ones() as usize, *stored);
        self.context.why_rule(STRICT, |s| {
            let who = QuorumStore::name(s, from);
            let what = match (is_hint, strict) {
                (true, true) => format!("A hint for {who} is kept; it does not count"),
                (true, false) => format!("A hint for {who} is kept, and counts"),
                _ => format!("{who} has {} or newer", stored.version),
            };
            format!("{what}: {have} of the {write_quorum} that {name} waits for.")
        });
        if have >= write_quorum {
            self.finish(stored);
        }
    }

    fn finish(&mut self, stored: Stored) {
        let Some(operation) = self.operation.take() else { return };
        let client = self.context.me();
        let took = self.context.now().saturating_sub(operation.since);
        match operation.write {
            Some(_) => {
                self.context.note(Note::WriteAcked { client, stored });
                self.context.answer(operation.op, Answer::Ok);
                self.context.observe(WRITE_LATENCY, client.0, took);
            }
            None => {
                self.context.note(Note::ReadEnded { client, stored });
                let value = (stored.version.counter > 0).then_some(i64::from(stored.value));
                self.context.answer(operation.op, Answer::Value(value));
                self.context.observe(READ_LATENCY, client.0, took);
            }
        }
        self.context.count(DONE, client.0, 1);
        self.context.cancel_timer(Timer::Deadline(operation.op.0));
        self.context.cancel_timer(Timer::Impatient(operation.request));
        self.hint_the_rest(&operation);
        think(self.context);
    }

    /// A write that is acknowledged leaves a hint for every replica that has not stored it yet.
    fn hint_the_rest(&mut self, operation: &Operation) {
        let Phase::Storing { stored, acked, .. } = operation.phase else { return };
        if operation.write.is_none() || !self.context.settings().is_on(HANDOFF) {
            return;
        }
        let spare = spare(self.context.settings());
        for home in replicas(self.context.settings()).filter(|node| acked >> node.0 & 1 == 0) {
            self.context.send(spare, Message::Hint { request: 0, home, stored });
        }
    }

    fn deadline(&mut self, op: u32) {
        let name = self.name();
        let Some(operation) = self.operation.take_if(|operation| operation.op.0 == op) else {
            self.context.why(|_| format!("{name} has its answer already."));
            return;
        };
        let is_write = operation.write.is_some();
        self.context.why(|_| match is_write {
            true => format!("{name} did not reach a quorum in time. Its write may or may not be seen later."),
            false => format!("{name} did not reach a quorum in time: the read fails."),
        });
        self.context.answer(operation.op, if is_write { Answer::Unknown } else { Answer::Failed });
        let client = self.context.me();
        self.context.note(Note::Ended { client });
        self.context.count(FAILED, client.0, 1);
        self.context.cancel_timer(Timer::Impatient(operation.request));
        think(self.context);
    }
}
