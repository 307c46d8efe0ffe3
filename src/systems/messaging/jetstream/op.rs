//! What the servers of R3 agree on: operations on stream and consumer, in the order of Raft's log.
//!
//! Each server applies them to its own state. So that all come to the same, everything that might differ between two
//! servers is in the operation: the leader's time, and the settings that a reader may turn meanwhile.

use super::consumer::{ConsumerConfig, Next};
use super::stream::{PubAck, StreamConfig, Task};
use super::{AckKind, Store, consumer_config, stream_config};
use crate::sim::NodeId;
use crate::sim::declare::settings::Settings;
use crate::sim::kernel::time::{Micros, Time};
use crate::systems::consensus::raft::Words;

/// An operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// A task is stored, unless its id is in the window (and `dedup` says that it counts).
    Store { task: Task, dedup: bool, window: Micros, now: Time },
    /// What is next to be delivered goes to a worker. `max_deliver`: 0 for any number.
    Hand { to: NodeId, max_deliver: u32, max_ack_pending: u32, now: Time },
    /// A worker's answer to a delivery.
    Answer { from: NodeId, seq: u32, kind: AckKind, reply: bool, now: Time },
    /// The ack wait is over of a message that was delivered this many times.
    Expire { seq: u32, times: u32 },
}

/// What an operation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Of `Store`.
    Stored(PubAck),
    /// Of `Hand`.
    Handed(Next),
    /// Of `Answer`: the tasks that need no delivery any more, with their sequences.
    Settled(Vec<(u32, u32)>),
    /// Of `Expire`: whether the message has to be delivered again.
    Queued(bool),
}

const KINDS: [AckKind; 4] = [AckKind::Ack, AckKind::Nak, AckKind::Term, AckKind::Progress];

/// The first word: which operation, three small numbers, and a number of 32 bits.
fn head(tag: u64, flags: u64, node: NodeId, number: u32) -> u64 {
    tag | flags << 8 | u64::from(node.0) << 16 | u64::from(number) << 32
}

impl Op {
    /// As Raft carries it.
    pub fn words(self) -> Words {
        match self {
            Op::Store { task, dedup, window, now } => {
                let flags = u64::from(dedup) | u64::from(task.poison) << 1;
                [head(0, flags, NodeId(0), task.id), now, task.published, window]
            }
            Op::Hand { to, max_deliver, max_ack_pending, now } => {
                [head(1, 0, to, max_deliver), now, u64::from(max_ack_pending), 0]
            }
            Op::Answer { from, seq, kind, reply, now } => {
                let flags = kind as u64 | u64::from(reply) << 2;
                [head(2, flags, from, seq), now, 0, 0]
            }
            Op::Expire { seq, times } => [head(3, 0, NodeId(0), seq), 0, u64::from(times), 0],
        }
    }

    /// The way back.
    pub fn read(words: Words) -> Op {
        let [first, now, more, window] = words;
        let (flags, node, number) = (first >> 8 & 0xff, NodeId((first >> 16) as u16), (first >> 32) as u32);
        match first & 0xff {
            0 => {
                let task = Task { id: number, poison: flags & 2 != 0, published: more };
                Op::Store { task, dedup: flags & 1 != 0, window, now }
            }
            1 => Op::Hand { to: node, max_deliver: number, max_ack_pending: more as u32, now },
            2 => {
                let kind = KINDS[(flags & 3) as usize];
                Op::Answer { from: node, seq: number, kind, reply: flags & 4 != 0, now }
            }
            _ => Op::Expire { seq: number, times: more as u32 },
        }
    }
}

impl Store {
    /// Applies an operation.
    pub fn apply(&mut self, op: Op, settings: &Settings) -> Outcome {
        let (stream, consumer) = (stream_config(settings), consumer_config(settings));
        match op {
            Op::Store { task, dedup, window, now } => {
                let config = StreamConfig { duplicates: window, ..stream };
                Outcome::Stored(self.stream.store(&config, dedup.then_some(task.id), task, true, now))
            }
            Op::Hand { max_deliver, max_ack_pending, now, .. } => {
                let max_deliver = (max_deliver > 0).then_some(max_deliver);
                let config = ConsumerConfig { max_deliver, max_ack_pending, ..consumer };
                Outcome::Handed(self.consumer.next(&config, &self.stream, now))
            }
            Op::Answer { seq, kind, now, .. } => Outcome::Settled(self.answered(&stream, &consumer, seq, kind, now)),
            Op::Expire { seq, times } => {
                Outcome::Queued(self.consumer.times(seq) == times && self.consumer.expire(seq))
            }
        }
    }

    fn answered(
        &mut self,
        stream: &StreamConfig,
        consumer: &ConsumerConfig,
        seq: u32,
        kind: AckKind,
        now: Time,
    ) -> Vec<(u32, u32)> {
        let settled = self.consumer.answer(consumer, seq, kind, now);
        let tasks = settled.into_iter().filter_map(|seq| Some((self.stream.get(seq)?.task.id, seq)));
        let tasks: Vec<(u32, u32)> = tasks.collect();
        tasks.iter().for_each(|(_, seq)| self.stream.settle(stream, *seq));
        tasks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_survives_its_words() {
        let task = Task { id: u32::MAX, poison: true, published: 7 };
        let ops = [
            Op::Store { task, dedup: true, window: 120_000_000, now: u64::MAX },
            Op::Store { task: Task { poison: false, ..task }, dedup: false, window: 1, now: 0 },
            Op::Hand { to: NodeId(6), max_deliver: 0, max_ack_pending: 1_000, now: 5 },
            Op::Answer { from: NodeId(2), seq: 9, kind: AckKind::Progress, reply: true, now: 3 },
            Op::Answer { from: NodeId(3), seq: 1, kind: AckKind::Ack, reply: false, now: 4 },
            Op::Expire { seq: 3, times: 2 },
        ];
        for op in ops {
            assert_eq!(Op::read(op.words()), op);
        }
    }
}
