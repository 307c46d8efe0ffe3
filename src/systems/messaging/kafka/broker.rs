//! The broker: appends batches, answers fetches, keeps retention. Groups are in `coordinator`.

use litemap::LiteMap;
use std::rc::Rc;

use super::coordinator::Group;
use super::log::{Appended, Batch, Log, Record};
use super::wire::{Fetched, Offsets, Standing};
use super::{
    APPENDED, BrokerDisk, COMMAND_PARTITIONS, IDEMPOTENT, KEYS, Kafka, LAG, LONGEST_LOG, MAX_POLL, MOST_PARTITIONS,
    Memory, Message, Note, PARTITIONS, PRELOADED, READ_KEEPS, RETENTION, Timer, WEIGHT,
};
use crate::sim::NodeId;
use crate::sim::declare::commands::CommandCall;
use crate::sim::declare::settings::Settings;
use crate::sim::kernel::time::{MS, Micros};
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::numbers::counted;

/// fetch.max.wait.ms: how long a fetch waits for the first record.
const FETCH_WAIT: Micros = 500 * MS;

pub(super) struct Broker<'a, 'b> {
    pub disk: &'a mut BrokerDisk,
    pub groups: &'a mut LiteMap<u8, Group>,
    pub parked: &'a mut LiteMap<NodeId, Offsets>,
    pub context: &'a mut Context<'b, Kafka>,
}

/// The logs at the start: preloaded, with group A at the last record and group B at the third.
pub(super) fn blank(settings: &Settings) -> BrokerDisk {
    let preloaded = settings.amount(PRELOADED) as u32;
    let keys = settings.amount(KEYS) as u32;
    let record = |at: u32| match at.checked_rem(keys) {
        Some(key) => Record { key: key as u16 + 1, number: at / keys + 1, produced: 0 },
        None => Record { key: 0, number: at + 1, produced: 0 },
    };
    let mut disk = BrokerDisk::default();
    for partition in 0..settings.amount(PARTITIONS) as u16 {
        disk.logs.push(Rc::new(Log::with((0..preloaded).map(record))));
        if preloaded > 0 {
            disk.committed.insert((0, partition), preloaded - 1);
            disk.committed.insert((1, partition), preloaded.min(2));
        }
    }
    disk
}

pub(super) fn boot(disk: &BrokerDisk, context: &mut Context<Kafka>) -> Memory {
    let groups = disk.groups.clone();
    for (group, state) in &groups {
        for member in state.members.keys() {
            Broker::watch(context, *group, *member);
        }
    }
    Memory::Broker { groups, parked: LiteMap::new() }
}

impl Broker<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<Kafka>) {
        match event {
            Event::Message { from, message } => self.asked(from, message),
            Event::Timer(Timer::FetchWait(node)) => self.fetch_waited(node),
            Event::Timer(timer) => self.group_timer(timer),
            Event::Command(call) => self.commanded(&call),
        }
        self.measure();
    }

    fn asked(&mut self, from: NodeId, message: Message) {
        match message {
            Message::Produce(batch) => self.append(from, &batch),
            Message::Fetch { positions } => self.fetch(from, positions),
            Message::Where { partitions } => self.locate(from, &partitions),
            Message::Metadata => {
                let partitions = self.disk.logs.len() as u16;
                self.context.why(|s| {
                    let partitions = counted(u64::from(partitions), "partition");
                    format!("{} asks for metadata: the topic has {partitions}.", Kafka::name(s, from))
                });
                self.context.send(from, Message::Topic { partitions });
            }
            Message::AskLag => {
                let (records, partitions) = (self.lag(0), self.disk.logs.len() as u16);
                self.context.why(|_| {
                    format!("Group A is {} behind the ends of its partitions.", counted(u64::from(records), "record"))
                });
                self.context.send(from, Message::Lag { records, partitions });
            }
            Message::Grow { partitions } => self.grow(partitions),
            other => self.group_request(from, other),
        }
    }

    fn append(&mut self, from: NodeId, batch: &Batch) {
        // Without acknowledgements a producer is not idempotent: it would never know of a gap.
        let checked = self.context.rule(IDEMPOTENT) && batch.acks;
        let Some(log) = self.disk.logs.get_mut(usize::from(batch.partition)) else {
            self.context.why(|_| "There is no such partition.".to_owned());
            return;
        };
        let log = Rc::make_mut(log);
        let (done, count, partition) = (log.append(batch, checked), batch.records.len() as u64, batch.partition);
        let end = log.end();
        self.context.why(|_| match done {
            Appended::At(first) => {
                let records = counted(count, "record");
                format!("Partition {partition} takes {records}, from offset {first} on; its end is {end}.")
            }
            Appended::Duplicate => {
                format!(
                    "Partition {partition} has sequence number {} already: nothing is written twice.",
                    batch.sequence
                )
            }
            Appended::Gap => format!(
                "Sequence number {} comes too early for partition {partition}: the batch before it is missing.",
                batch.sequence
            ),
        });
        if batch.acks {
            let ok = done != Appended::Gap;
            self.context
                .send(from, Message::Produced { partition, producer: batch.producer, sequence: batch.sequence, ok });
        }
        if matches!(done, Appended::At(_)) {
            self.context.count(APPENDED, partition, count);
            self.keep_retention(partition);
            self.wake();
        }
    }

    fn keep_retention(&mut self, partition: u16) {
        let keeps = match self.context.amount(RETENTION) as usize {
            0 => LONGEST_LOG,
            few => few,
        };
        let Some(log) = self.disk.logs.get(usize::from(partition)) else { return };
        self.retain(partition, log.end().saturating_sub(keeps as u32));
    }

    /// Retention removes what is before an offset, whether or not anybody has read it.
    fn retain(&mut self, partition: u16, before: u32) {
        let Some(log) = self.disk.logs.get_mut(usize::from(partition)) else { return };
        if before <= log.start() {
            return;
        }
        Rc::make_mut(log).delete_before(before);
        let start = log.start();
        self.context
            .why(|_| format!("Retention removes what is before offset {start} of partition {partition}, read or not."));
        self.context.note(Note::Retained { partition, start });
    }

    /// What a group has read goes, as if the log were a queue: only without the rule.
    pub(super) fn consume(&mut self, partition: u16, before: u32) {
        let Some(log) = self.disk.logs.get_mut(usize::from(partition)) else { return };
        if before > log.start() {
            Rc::make_mut(log).delete_before(before);
            self.context.why_rule(READ_KEEPS, |_| {
                format!(
                    "Partition {partition} is treated as a queue: what is before offset {before} was read and goes."
                )
            });
        }
    }

    /// Answers fetches that waited for records.
    fn wake(&mut self) {
        let found = |(node, positions): (&NodeId, &Offsets)| self.find(positions).map(|parts| (*node, parts));
        let ready: Vec<(NodeId, Vec<Fetched>)> = self.parked.iter().filter_map(found).collect();
        for (node, parts) in ready {
            self.parked.remove(&node);
            self.context.cancel_timer(Timer::FetchWait(node));
            self.context.why(|s| format!("{}'s fetch has waited for these records.", Kafka::name(s, node)));
            self.context.send(node, Message::Records(Rc::new(parts)));
        }
    }

    /// What a fetch finds; `None` when it has to wait.
    fn find(&self, positions: &Offsets) -> Option<Vec<Fetched>> {
        let most = self.context.amount(MAX_POLL) as usize;
        let part = |&(partition, from): &(u16, u32)| {
            let log = self.disk.logs.get(usize::from(partition))?;
            let out_of_range = from < log.start() || from > log.end();
            let records = if out_of_range { Vec::new() } else { log.read(from, most) };
            let (start, end) = (log.start(), log.end());
            Some(Fetched { partition, from, records: Rc::new(records), start, end, out_of_range })
        };
        let parts: Vec<Fetched> = positions.iter().filter_map(part).collect();
        parts.iter().any(|part| part.out_of_range || !part.records.is_empty()).then_some(parts)
    }

    fn fetch(&mut self, from: NodeId, positions: Offsets) {
        self.parked.remove(&from);
        let Some(parts) = self.find(&positions) else {
            self.context.why(|s| format!("There is nothing new for {}: its fetch waits.", Kafka::name(s, from)));
            self.parked.insert(from, positions);
            self.context.set_timer(Timer::FetchWait(from), FETCH_WAIT);
            return;
        };
        self.context.cancel_timer(Timer::FetchWait(from));
        let count: usize = parts.iter().map(|part| part.records.len()).sum();
        let gone = parts.iter().find(|part| part.out_of_range).map(|part| (part.partition, part.from, part.start));
        let keeps = self.context.rule(READ_KEEPS);
        self.context.why_rule(READ_KEEPS, |s| match gone {
            Some((partition, asked, start)) => {
                format!("Partition {partition} has no offset {asked} any more: it begins at {start}.")
            }
            None => {
                let (name, records) = (Kafka::name(s, from), counted(count as u64, "record"));
                let them = if count == 1 { "it" } else { "them" };
                match keeps {
                    true => format!("{name} reads {records}; the log keeps {them}."),
                    false => format!("{name} reads {records}; the log will not keep {them}."),
                }
            }
        });
        self.context.send(from, Message::Records(Rc::new(parts)));
    }

    fn fetch_waited(&mut self, node: NodeId) {
        self.parked.remove(&node);
        self.context.why(|s| format!("No record came for {} in time: its fetch ends empty.", Kafka::name(s, node)));
        self.context.send(node, Message::Records(Rc::new(Vec::new())));
    }

    fn locate(&mut self, from: NodeId, partitions: &[u16]) {
        let group = Kafka::group(self.context.settings(), from);
        let at = |&partition: &u16| {
            let log = self.disk.logs.get(usize::from(partition))?;
            let committed = self.disk.committed.get(&(group, partition)).copied();
            Some(Standing { partition, committed, start: log.start(), end: log.end() })
        };
        let standings: Vec<Standing> = partitions.iter().filter_map(at).collect();
        self.context.why(|s| {
            let name = Kafka::name(s, from);
            format!("{name} learns what its group has committed for {}.", counted(standings.len() as u64, "partition"))
        });
        self.context.send(from, Message::Standings(Rc::new(standings)));
    }

    fn grow(&mut self, partitions: u16) {
        let wanted = partitions.min(MOST_PARTITIONS);
        while (self.disk.logs.len() as u16) < wanted {
            self.disk.logs.push(Rc::default());
        }
        let now = self.disk.logs.len();
        self.context.why(|_| format!("The topic has {now} partitions now; what is in the old ones stays there."));
    }

    fn commanded(&mut self, call: &CommandCall) {
        if call.command == COMMAND_PARTITIONS {
            self.grow(self.disk.logs.len() as u16 + call.value(0).clamp(1, 4) as u16);
            return;
        }
        let keep = call.value(0).max(0) as u32;
        self.context.why(|_| format!("Retention keeps {} in each partition.", counted(u64::from(keep), "record")));
        for partition in 0..self.disk.logs.len() as u16 {
            let end = self.disk.logs[usize::from(partition)].end();
            self.retain(partition, end.saturating_sub(keep));
        }
    }

    /// Records that a group has not committed yet, in all partitions.
    pub(super) fn lag(&self, group: u8) -> u32 {
        lag(self.disk, group).saturating_mul(self.context.amount(WEIGHT) as u32)
    }

    fn measure(&mut self) {
        for group in 0..self.context.amount(super::GROUPS) as u8 {
            let lag = self.lag(group);
            self.context.gauge(LAG, u16::from(group), i64::from(lag));
        }
    }
}

/// Records of the simulation that a group has not committed yet.
pub fn lag(disk: &BrokerDisk, group: u8) -> u32 {
    let behind = |(partition, log): (usize, &Rc<Log>)| {
        let committed = disk.committed.get(&(group, partition as u16)).copied().unwrap_or(0);
        log.end() - committed.clamp(log.start(), log.end())
    };
    disk.logs.iter().enumerate().map(behind).sum()
}
