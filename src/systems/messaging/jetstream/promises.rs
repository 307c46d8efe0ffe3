//! What the work queue promises, judged by what the publisher and the workers were told.

use super::replica::Replica;
use super::{FIRST, JetStream, Memory, Note, PUBLISHER, RETENTION, SERVER, Store, cluster, consumer_config};
use crate::never;
use crate::sim::NodeId;
use crate::sim::judge::verdict::{Breach, Kind};
use crate::sim::kernel::time::{SEC, Time};
use crate::sim::later::Later;
use crate::sim::machine::promise::{Limit, Promise};
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;

/// How many tasks and messages are remembered.
const KEPT: usize = 300;
/// How long beyond its ack wait a message may be with one worker.
const SLACK: Time = 5 * SEC;

/// What has been seen of the run so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    /// Stored lately: task and sequence.
    stored: Vec<(u32, u32)>,
    /// A task that was stored under two sequences.
    pub twice: Option<(u32, u32, u32)>,
    /// Messages that a worker has called done, lately.
    done: Vec<(u32, NodeId)>,
    /// A message that was handed out after it had been called done: by whom, and to whom.
    pub again: Option<(u32, NodeId, NodeId)>,
    /// Confirmed and not settled.
    open: Vec<u32>,
    /// Settled lately.
    settled: Vec<u32>,
    /// A task that was dropped, with an advisory.
    pub parked: Option<u32>,
    /// Hand-outs that the servers of R3 have agreed on: consumer sequence and stream sequence. Each server applies them,
    /// some later than others, and a hand-out happens once. With R1 there are none.
    handed: Later<Vec<(u32, u32)>>,
    /// Of hand-outs with at most this consumer sequence it is forgotten who has seen them.
    forgotten: Later<u32>,
}

fn keep<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if list.len() == KEPT {
        list.remove(0);
    }
    list.push(item);
}

impl Witness {
    /// A task is stored as a message. A stream that has lost its last messages gives their numbers out again.
    fn store(&mut self, id: u32, seq: u32) {
        if self.stored.iter().any(|known| known.1 == seq && known.0 != id) {
            self.done.retain(|done| done.0 != seq);
        }
        match self.stored.iter().find(|known| known.0 == id) {
            Some(known) if known.1 != seq => self.twice = self.twice.or(Some((id, known.1, seq))),
            Some(_) => {}
            None => keep(&mut self.stored, (id, seq)),
        }
    }

    /// A message is handed out.
    fn hand(&mut self, seq: u32, to: NodeId) {
        let before = self.done.iter().find(|done| done.0 == seq);
        self.again = self.again.or(before.map(|done| (seq, done.1, to)));
    }

    /// A task is not needed any more.
    fn settle(&mut self, id: u32, parked: bool) {
        self.open.retain(|open| *open != id);
        keep(&mut self.settled, id);
        if parked {
            self.parked = self.parked.or(Some(id));
        }
    }
}

pub(super) fn observe(witness: &mut Witness, notes: &[Note]) {
    for note in notes {
        match *note {
            Note::Stored { id, seq } => witness.store(id, seq),
            Note::Confirmed { id } if witness.settled.contains(&id) => {}
            Note::Confirmed { id } => keep(&mut witness.open, id),
            Note::Delivered { seq, to } => witness.hand(seq, to),
            Note::Handed { delivery, seq, .. }
                if delivery <= witness.forgotten.0 || witness.handed.0.contains(&(delivery, seq)) => {}
            Note::Handed { delivery, seq, to } => {
                if witness.handed.0.len() == KEPT {
                    witness.forgotten.0 = witness.forgotten.0.max(witness.handed.0[0].0);
                }
                keep(&mut witness.handed.0, (delivery, seq));
                witness.hand(seq, to);
            }
            Note::Done { seq, node } => {
                if !witness.done.iter().any(|done| done.0 == seq) {
                    keep(&mut witness.done, (seq, node));
                }
            }
            Note::Settled { id, parked } => witness.settle(id, parked),
            Note::Gone { id, .. } if witness.settled.contains(&id) => {}
            Note::Gone { id, parked } => witness.settle(id, parked),
        }
    }
}

fn name(world: &World<JetStream>, node: NodeId) -> String {
    JetStream::name(world.settings(), node)
}

/// A running server of R3.
pub fn replica(world: &World<JetStream>, node: NodeId) -> Option<&Replica> {
    match world.memory(node) {
        Some(Memory::Replica(own)) => Some(own),
        _ => None,
    }
}

/// The server of R3 that leads: of those that believe it, the one of the newest term.
pub fn leader(world: &World<JetStream>) -> Option<NodeId> {
    let term = |node: NodeId| replica(world, node).filter(|own| own.raft.leads()).map(|own| own.written.term);
    let all = cluster::servers(world.settings()).into_iter().filter_map(|node| Some((term(node)?, node)));
    all.max().map(|(_, node)| node)
}

/// The newest term that a server of R3 knows of, running or not.
fn newest_term(world: &World<JetStream>) -> u32 {
    let written = |node: NodeId| match replica(world, node) {
        Some(own) => Some(own.written.term),
        None => world.node(node).and_then(|node| node.disk.raft()).map(|disk| disk.term),
    };
    cluster::servers(world.settings()).into_iter().filter_map(written).max().unwrap_or(0)
}

/// What the server has: in memory or, while it is down, on disk. With R3, what the leader of the newest term has, once it
/// knows all that was committed before; else nobody can say. A leader of an older term may have missed what a later one did.
pub fn store(world: &World<JetStream>) -> Option<&Store> {
    if cluster::is_replicated(world.settings()) {
        let own = replica(world, leader(world)?)?;
        let speaks = own.raft.leads_and_knows() && own.written.term == newest_term(world);
        return speaks.then_some(&*own.store);
    }
    match world.memory(SERVER) {
        Some(Memory::Server { store, .. }) => Some(store),
        _ => world.node(SERVER).map(|node| &**node.disk.store()),
    }
}

/// Stored once.
pub const STORED_ONCE: Promise<JetStream> = never!(
    "stored-once",
    "A task is stored once",
    "However often the publisher sends it, a task is in the stream under one sequence.",
    |world| world.witness().twice,
    |world, (id, first, second)| Breach {
        nodes: vec![PUBLISHER, SERVER],
        text: format!("Task {id} is in the stream a second time, and will be worked on a second time."),
        values: vec![
            ("stored first".to_owned(), format!("as message {first}")),
            ("stored again".to_owned(), format!("as message {second}")),
        ],
    }
);

/// Worked once.
pub const WORKED_ONCE: Promise<JetStream> = never!(
    "done-is-done",
    "Done is done",
    "A message that a worker has called done is never handed out again.",
    |world| world.witness().again,
    |world, (seq, by, to)| Breach {
        nodes: vec![by, to],
        text: format!("Message {seq} was handed out again after it had been called done."),
        values: vec![
            (name(world, by), format!("called message {seq} done")),
            ("server".to_owned(), format!("hands it to {}", name(world, to))),
        ],
    }
);

/// A confirmed task that the server no longer has.
fn lost(world: &World<JetStream>) -> Option<u32> {
    let open = &world.witness().open;
    if open.is_empty() {
        return None;
    }
    let msgs = store(world)?.stream.msgs();
    open.iter().copied().find(|id| !msgs.iter().any(|stored| stored.task.id == *id))
}

/// Nothing confirmed is lost.
pub const NOT_LOST: Promise<JetStream> = never!(
    "confirmed-is-kept",
    "A confirmed task is kept",
    "A task with a PubAck stays in the stream until it is acknowledged, terminated, or dropped with an \
            advisory.",
    |world| lost(world),
    |world, id| Breach {
        nodes: vec![PUBLISHER, SERVER],
        text: format!("Task {id} was confirmed, nobody has acknowledged it, yet it is gone."),
        values: vec![
            ("publisher".to_owned(), format!("has a PubAck for task {id}")),
            ("server".to_owned(), format!("has no task {id}")),
        ],
    }
);

/// A message that has been with one worker for longer than its ack wait and some.
fn stuck(world: &World<JetStream>) -> Option<u32> {
    let config = consumer_config(world.settings());
    let clock = leader(world).unwrap_or(SERVER);
    let now = world.kernel().node(clock).local(world.kernel().now());
    let consumer = &store(world)?.consumer;
    let late = |since: Time, seq| now > since.saturating_add(config.wait(consumer.times(seq)) + SLACK);
    consumer.pending().iter().find(|pending| late(pending.since, pending.seq)).map(|pending| pending.seq)
}

/// Work goes on.
pub const MOVES: Promise<JetStream> = Promise {
    id: "no-message-is-stuck",
    title: "No message stays with a dead worker",
    about: "A message not acknowledged within its ack wait is redelivered or dropped within a few seconds.",
    kind: Kind::Eventually { within: 15 * SEC },
    holds: |world| stuck(world).is_none() && store(world).is_some(),
    explain: |world| Breach {
        nodes: vec![SERVER],
        text: match stuck(world) {
            Some(seq) => format!("Message {seq} is with a worker that will never acknowledge it."),
            None => "No server leads, and nothing is handed out.".to_owned(),
        },
        values: stuck(world)
            .map(|seq| (JetStream::name(world.settings(), SERVER), format!("waits for an ack of message {seq}")))
            .into_iter()
            .collect(),
    },
};

/// All workers.
pub fn workers(world: &World<JetStream>) -> Vec<NodeId> {
    (FIRST..FIRST + cluster::worker_count(world.settings())).map(NodeId::from).collect()
}

/// With the retention policy `limits` a stream drops its oldest messages, whether or not anybody has worked on them.
pub const LIMITS: &[Limit] = &[Limit {
    promises: &[NOT_LOST.id],
    beyond: |settings| settings.get(RETENTION) == 0,
    says: "Promised for a work queue and for interest: with limits, the oldest messages go when the stream is full, \
           acknowledged or not.",
}];
