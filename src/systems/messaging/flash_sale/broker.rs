//! The log: partitions that take each batch once, keep it, and hand it to any reader.

use litemap::LiteMap;
use std::rc::Rc;

use super::queue::{self, Queue};
use super::{FlashSale, LAG, LOG, MAX_POLL, Memory, Message, Note, PAUSE};
use crate::mechanisms::producer_state::{ProducerState, Verdict};
use crate::sim::NodeId;
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::numbers::counted;

/// A partition. What is committed stays in Kafka for 7 days; here only its number is kept, and what is not committed as
/// runs of orders.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Partition {
    /// The group's committed offset.
    pub committed: u64,
    /// From there to the end.
    pub open: Queue,
    producer: ProducerState,
}

impl Partition {
    /// The log end offset.
    pub fn end(&self) -> u64 {
        self.committed + u64::from(self.open.len())
    }
}

/// A fetch that waits for orders: its number, where from in each partition, and how many at most.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Waiting {
    number: u32,
    positions: Rc<Vec<(u16, u64)>>,
    most: u32,
}

/// Fetches that wait, by who asked.
pub type Parked = LiteMap<NodeId, Waiting>;

pub(super) struct Broker<'a, 'b> {
    pub partitions: &'a mut [Rc<Partition>],
    pub parked: &'a mut Parked,
    pub context: &'a mut Context<'b, FlashSale>,
}

pub(super) fn boot() -> Memory {
    Memory::Log(Parked::new())
}

impl Broker<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<FlashSale>) {
        let Event::Message { from, message } = event else {
            self.context.pass_over();
            return;
        };
        match message {
            Message::Produce { partition, session, sequence, runs } => {
                let answer = match self.append(partition, session, sequence, &runs) {
                    Verdict::Append | Verdict::Duplicate(_) => Message::Produced { partition, session, sequence },
                    Verdict::OutOfOrder | Verdict::OldEpoch(_) => Message::OutOfOrder { partition },
                };
                self.context.send(from, answer);
                self.wake();
            }
            Message::Where { partitions } => {
                let at = |&partition: &u16| Some((partition, self.partitions.get(usize::from(partition))?.committed));
                let found: Vec<(u16, u64)> = partitions.iter().filter_map(at).collect();
                self.context
                    .why(|s| format!("{} learns what is committed in its partitions.", FlashSale::name(s, from)));
                self.context.send(from, Message::Standings(Rc::new(found)));
            }
            Message::Fetch { number, positions, most } => {
                self.context.why(|s| {
                    format!("{} asks for at most {}.", FlashSale::name(s, from), counted(u64::from(most), "order"))
                });
                self.parked.insert(from, Waiting { number, positions, most });
                self.wake();
            }
            Message::Commit { partition, offset } => self.commit(from, partition, offset),
            _ => self.context.pass_over(),
        }
    }

    fn append(&mut self, at: u16, session: u16, sequence: u32, runs: &[queue::Run]) -> Verdict {
        let Some(partition) = self.partitions.get_mut(usize::from(at)) else { return Verdict::OutOfOrder };
        let count = queue::count(runs);
        let verdict = partition.producer.check(session, sequence, count);
        if verdict == Verdict::Append {
            let partition = Rc::make_mut(partition);
            let offset = partition.end() as u32;
            partition.producer.appended(session, sequence, count, offset);
            runs.iter().for_each(|run| partition.open.push(*run));
        }
        let (end, lag) = (partition.end(), partition.open.len());
        self.context.gauge(LAG, at, i64::from(lag));
        self.context.why_rule(LOG, |_| match verdict {
            Verdict::Append => {
                format!("Partition {at} takes {}: its end is {end}, its lag {lag}.", counted(u64::from(count), "order"))
            }
            _ => format!("Partition {at} does not take sequence number {sequence} (again)."),
        });
        verdict
    }

    fn commit(&mut self, from: NodeId, at: u16, offset: u64) {
        let Some(partition) = self.partitions.get_mut(usize::from(at)) else { return };
        let step = offset.saturating_sub(partition.committed).min(u64::from(partition.open.len()));
        let partition = Rc::make_mut(partition);
        partition.open.take(step as u32);
        partition.committed += step;
        let (committed, lag) = (partition.committed, partition.open.len());
        self.context.gauge(LAG, at, i64::from(lag));
        self.context.note(Note::Committed { partition: at, offset: committed });
        self.context.why(|s| {
            format!(
                "{} has committed offset {committed} of partition {at}: {} to go.",
                FlashSale::name(s, from),
                counted(u64::from(lag), "order")
            )
        });
    }

    /// Answers fetches for which there is something.
    fn wake(&mut self) {
        let poll = self.context.amount(MAX_POLL) as u32;
        let find = |(node, waiting): (&NodeId, &Waiting)| {
            let (mut left, mut found) = (poll.min(waiting.most), Vec::new());
            for &(at, from) in waiting.positions.iter() {
                let Some(partition) = self.partitions.get(usize::from(at)) else { continue };
                let skip = from.saturating_sub(partition.committed) as u32;
                let runs = if left == 0 { Vec::new() } else { partition.open.peek(skip, left) };
                left -= queue::count(&runs);
                if !runs.is_empty() {
                    found.push((at, from, Rc::new(runs)));
                }
            }
            (!found.is_empty()).then_some((*node, waiting.number, found))
        };
        let ready: Vec<_> = self.parked.iter().filter_map(find).collect();
        let bounded = self.context.rule(PAUSE);
        for (node, number, found) in ready {
            self.parked.remove(&node);
            let count: u32 = found.iter().map(|part| queue::count(&part.2)).sum();
            self.context.why_rule(PAUSE, |s| {
                let orders = counted(u64::from(count), "order");
                let room = if bounded { "as many as it asked room for" } else { "room or no room" };
                format!("{} gets {orders}, {room}.", FlashSale::name(s, node))
            });
            self.context.send(node, Message::Records(number, Rc::new(found)));
        }
    }
}
