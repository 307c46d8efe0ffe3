//! A consumer: joins its group, keeps its place by heartbeats, and learns what it owns. What it does with that is in
//! `poll`.
//!
//! Two threads run in Kafka's client: the application's, which polls and works, and a heartbeat's (KIP-62). So what the
//! group wants is heard at any time and acted on at the next poll.

use litemap::LiteMap;
use std::rc::Rc;

use super::log::Record;
use super::settings::is_on;
use super::wire::{Badge, MemberId, Offsets, Refused, Shares, Subscription};
use super::{
    AUTO_COMMIT, BROKER, COMMAND_SEEK, COMMAND_STALL, COMMAND_START, COMMAND_STOP, COMMIT_INTERVAL, HEARTBEAT, Kafka,
    METADATA_AGE, Memory, Message, Note, ONE_OWNER, PARTITIONS, POLL_INTERVAL, STATIC, Timer, WORKERS,
};
use crate::mechanisms::assignors::{self, Assignor, Partition};
use crate::sim::declare::commands::CommandCall;
use crate::sim::kernel::time::{SEC, Time};
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::numbers::counted;
use crate::sim::small;

/// How far a member has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Phase {
    /// In no group.
    #[default]
    Out,
    /// It has asked to join.
    Joining,
    /// It is in a generation and waits for its assignment.
    Syncing,
    /// It knows what it owns.
    In,
}

/// A record at hand, and where it is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Item {
    /// Its partition.
    pub partition: u16,
    /// Its offset.
    pub offset: u32,
    /// What it says.
    pub record: Record,
}

/// A partition that the consumer owns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Track {
    /// The offset the next poll goes on from; `None` until the group's offset is known.
    pub position: Option<u32>,
    /// The offset that it knows to be committed.
    pub committed: Option<u32>,
}

/// What was asked and not answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Asked {
    /// Nothing.
    #[default]
    Nothing,
    /// Where the group stands.
    Where,
    /// Records.
    Fetch,
}

/// See the module's header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Consumer {
    /// Who it is in the group.
    pub badge: Badge,
    /// How far it has come.
    pub phase: Phase,
    /// The group rebalances: join at the next poll.
    pub rejoin: bool,
    /// What it was assigned and has not taken up yet.
    pub share: Option<Rc<Vec<u16>>>,
    /// What it owns.
    pub assigned: LiteMap<u16, Track>,
    /// What it was assigned last, and in which generation.
    pub owned: Rc<Vec<u16>>,
    /// See `owned`.
    pub owned_in: u32,
    /// What it asked the broker for.
    pub asked: Asked,
    /// Fetched, and not polled yet.
    pub fetched: Vec<Item>,
    /// Polled, and not begun yet.
    pub tasks: Vec<Item>,
    /// What each worker works on.
    pub working: Vec<Option<Item>>,
    /// A commit that was not answered.
    pub committing: Option<Offsets>,
    /// Commits are of no use before the group has settled.
    pub commit_held: bool,
    /// Auto-commit is due at the next poll.
    pub commit_due: bool,
    /// How many partitions the topic has, as far as it knows.
    pub partitions: u16,
    /// Since when it has owned nothing, during a rebalance.
    pub stopped: Option<Time>,
    /// The next record takes too long.
    pub stalled: bool,
}

impl Consumer {
    /// Everything polled and not done.
    pub fn unfinished(&self) -> impl Iterator<Item = &Item> {
        self.tasks.iter().chain(self.working.iter().flatten())
    }

    /// Whether it has, or will read, this record.
    pub fn will_see(&self, partition: u16, offset: u32) -> bool {
        let here = self.unfinished().any(|item| (item.partition, item.offset) == (partition, offset));
        let at = self.assigned.get(&partition).and_then(|track| track.position);
        here || at.is_some_and(|position| position <= offset)
    }
}

pub(super) struct Reading<'a, 'b> {
    pub running: &'a mut bool,
    pub consumer: &'a mut Consumer,
    pub context: &'a mut Context<'b, Kafka>,
}

/// A consumer joins at once if it is to run.
pub(super) fn boot(running: bool, context: &mut Context<Kafka>) -> Memory {
    let workers = context.amount(WORKERS).clamp(1, 4) as usize;
    let partitions = context.amount(PARTITIONS) as u16;
    let mut consumer = Consumer { working: vec![None; workers], partitions, ..Consumer::default() };
    let mut runs = running;
    let mut reading = Reading { running: &mut runs, consumer: &mut consumer, context };
    if running {
        reading.start();
    }
    Memory::Consumer(consumer)
}

impl Reading<'_, '_> {
    pub(super) fn name(&self) -> String {
        Kafka::name(self.context.settings(), self.context.me())
    }

    pub(super) fn assignor(&self) -> Assignor {
        Kafka::assignor(self.context.settings())
    }

    /// Whether it owns its partitions while it rejoins: by the protocol, or because nothing forbids it.
    pub(super) fn keeps_while_joining(&self) -> bool {
        self.assignor().is_cooperative() || !self.context.rule(ONE_OWNER)
    }

    fn start(&mut self) {
        if self.context.amount(METADATA_AGE) > 0 {
            self.context.set_timer(Timer::Metadata, 1);
        }
        if is_on(self.context, AUTO_COMMIT) {
            let interval = self.context.amount(COMMIT_INTERVAL);
            self.context.set_timer(Timer::AutoCommit, interval);
        }
        self.join();
    }

    pub(super) fn handle(&mut self, event: Event<Kafka>) {
        match event {
            Event::Message { message, .. } => self.told(message),
            Event::Timer(timer) => self.timer(timer),
            Event::Command(call) => self.commanded(&call),
        }
        self.poll();
    }

    fn told(&mut self, message: Message) {
        match message {
            Message::Joined { badge, roster } => self.joined(badge, roster),
            Message::Synced { badge, share } => self.synced(badge, share),
            Message::Refused { badge, why } => self.refused(badge, why),
            Message::Committed { badge } => self.committed(badge),
            Message::Standings(found) => self.located(&found),
            Message::Records(parts) => self.fetched(&parts),
            Message::Topic { partitions } => self.topic(partitions),
            Message::Run(run) => self.run(run),
            Message::Beat { .. } => {
                let name = self.name();
                self.context.why(|_| format!("{name} hears that its group is unchanged."));
            }
            _ => self.context.pass_over(),
        }
    }

    fn timer(&mut self, timer: Timer) {
        let name = self.name();
        match timer {
            Timer::Work(worker) => self.done(worker),
            Timer::Heartbeat => self.beat(),
            Timer::PollInterval => self.poll_is_late(),
            Timer::Retry => self.retry(),
            Timer::AutoCommit => {
                self.consumer.commit_due = true;
                self.context.why(|_| format!("Auto-commit is due: {name} commits at its next poll."));
                let interval = self.context.amount(COMMIT_INTERVAL);
                self.context.set_timer(Timer::AutoCommit, interval);
            }
            Timer::Metadata => {
                let age = self.context.amount(METADATA_AGE);
                self.context.why(|_| format!("{name} asks how many partitions the topic has."));
                self.context.send(BROKER, Message::Metadata);
                self.context.set_timer(Timer::Metadata, age);
            }
            _ => self.context.why(|_| "A consumer has no such timer.".to_owned()),
        }
    }

    /// Waits for an answer, and asks again when none comes.
    pub(super) fn expect(&mut self) {
        let patience = match self.consumer.phase {
            Phase::Joining => self.context.amount(POLL_INTERVAL) + SEC,
            _ => SEC,
        };
        self.context.set_timer(Timer::Retry, patience);
    }

    /// Asks to join: with the partitions that it owns, or owned last.
    pub(super) fn join(&mut self) {
        self.consumer.phase = Phase::Joining;
        self.consumer.rejoin = false;
        let (name, badge) = (self.name(), self.consumer.badge);
        let owned = match self.assignor() {
            Assignor::CooperativeSticky => Rc::new(self.consumer.assigned.keys().copied().collect()),
            Assignor::Sticky => Rc::clone(&self.consumer.owned),
            _ => Rc::default(),
        };
        self.context.why(|_| match badge.member {
            0 => format!("{name} asks to join its group."),
            member => format!("{name}, member {member}, joins again for the next generation."),
        });
        let instance = is_on(self.context, STATIC);
        let owned_in = self.consumer.owned_in;
        self.context.send(BROKER, Message::Join { badge, instance, owned, owned_in });
        self.expect();
    }

    fn joined(&mut self, badge: Badge, roster: Option<Rc<Vec<Subscription>>>) {
        let name = self.name();
        if self.consumer.phase != Phase::Joining {
            self.context.why(|_| format!("{name} has joined already: an old answer."));
            return;
        }
        self.consumer.badge = badge;
        self.consumer.phase = Phase::Syncing;
        let generation = badge.generation;
        let shares = roster.map(|roster| self.lead(&roster));
        self.context.why(|_| match &shares {
            Some(shares) => {
                format!("{name} leads generation {generation}: it deals to {}.", counted(shares.len() as u64, "member"))
            }
            None => format!("{name} is in generation {generation} and asks what it owns."),
        });
        self.context.send(BROKER, Message::Sync { badge, shares });
        let interval = self.context.amount(HEARTBEAT);
        self.context.set_timer(Timer::Heartbeat, interval);
        self.expect();
    }

    /// The leader assigns, with the assignor of the group.
    fn lead(&self, roster: &[Subscription]) -> Shares {
        let member = |line: &Subscription| assignors::Member {
            id: line.member,
            instance: line.instance.map(u32::from),
            topics: vec![0],
            owned: line.owned.iter().map(|index| Partition { topic: 0, index: *index }).collect(),
            generation: (line.generation > 0).then_some(line.generation),
        };
        let members: Vec<assignors::Member> = roster.iter().map(member).collect();
        let assignor = match self.assignor() {
            Assignor::CooperativeSticky if !self.context.rule(ONE_OWNER) => Assignor::Sticky,
            other => other,
        };
        let given = assignor.assign(&[self.consumer.partitions], &members);
        let share = |(line, given): (&Subscription, Vec<Partition>)| {
            let mut share: Vec<u16> = given.into_iter().map(|partition| partition.index).collect();
            small::sort(&mut share);
            (line.member, Rc::new(share))
        };
        Rc::new(roster.iter().zip(given).map(share).collect())
    }

    fn synced(&mut self, badge: Badge, share: Rc<Vec<u16>>) {
        let name = self.name();
        if self.consumer.phase != Phase::Syncing || badge != self.consumer.badge {
            self.context.why(|_| format!("{name} is not in that generation any more: an old answer."));
            return;
        }
        self.context.why(|_| {
            format!("{name} is assigned {}, from its next poll on.", counted(share.len() as u64, "partition"))
        });
        self.consumer.phase = Phase::In;
        self.consumer.commit_held = false;
        self.consumer.share = Some(share);
    }

    /// The group wants a new join, or does not know the consumer (any more).
    fn refused(&mut self, badge: Badge, why: Refused) {
        let name = self.name();
        if badge.member != self.consumer.badge.member || self.consumer.phase == Phase::Out {
            self.context.why(|_| format!("{name} is not that member any more: an old answer."));
            return;
        }
        let committing = self.consumer.committing.take().is_some();
        if why == Refused::Rebalance {
            self.consumer.commit_held = committing;
            self.consumer.rejoin |= self.consumer.phase == Phase::In;
            if self.consumer.phase == Phase::Syncing {
                self.consumer.phase = Phase::In;
                self.consumer.rejoin = true;
            }
            self.context.why(|_| format!("{name} hears that its group rebalances: it joins again at its next poll."));
            return;
        }
        if badge.generation != self.consumer.badge.generation && why == Refused::IllegalGeneration {
            self.context.why(|_| format!("{name} has moved on to a newer generation: an old answer."));
            return;
        }
        self.context.why(|_| format!("{name} is fenced: {}. What it owned is lost, and it must rejoin.", why.code()));
        let member: MemberId = if why == Refused::IllegalGeneration { badge.member } else { 0 };
        self.lose(member);
    }

    /// onPartitionsLost: nothing is owned any more, and nothing can be committed.
    fn lose(&mut self, member: MemberId) {
        self.consumer.badge = Badge { member, generation: 0 };
        self.consumer.phase = Phase::Out;
        self.consumer.rejoin = false;
        self.consumer.share = None;
        self.consumer.owned = Rc::default();
        self.consumer.owned_in = 0;
        self.give_up_all();
        self.consumer.committing = None;
        self.consumer.commit_held = false;
        self.context.cancel_timer(Timer::Heartbeat);
        self.context.cancel_timer(Timer::PollInterval);
        self.context.cancel_timer(Timer::Retry);
    }

    /// Gives up every partition: what was fetched or polled for it and not begun is dropped.
    pub(super) fn give_up_all(&mut self) {
        if !self.consumer.assigned.is_empty() {
            self.consumer.stopped = Some(self.context.now());
        }
        self.consumer.assigned.clear();
        self.consumer.fetched.clear();
        self.consumer.asked = Asked::Nothing;
    }

    fn beat(&mut self) {
        let (name, badge) = (self.name(), self.consumer.badge);
        let interval = self.context.amount(HEARTBEAT);
        self.context.set_timer(Timer::Heartbeat, interval);
        if self.consumer.phase == Phase::Joining {
            self.context.why(|_| format!("{name} is joining: it sends no heartbeat now."));
            return;
        }
        self.context.why(|_| format!("{name} says that it is alive, in generation {}.", badge.generation));
        self.context.send(BROKER, Message::Heartbeat { badge });
    }

    fn poll_is_late(&mut self) {
        let (name, badge) = (self.name(), self.consumer.badge);
        let says = self.says_goodbye();
        self.context.why(|_| match says {
            true => format!("{name} has not polled for max.poll.interval: it leaves its group of its own accord."),
            false => format!("{name} has not polled for max.poll.interval: it stops its heartbeats."),
        });
        if says {
            self.context.send(BROKER, Message::Leave { badge });
        }
        self.lose(0);
    }

    fn retry(&mut self) {
        let (name, badge) = (self.name(), self.consumer.badge);
        self.context.why(|_| format!("{name} has had no answer for too long, and asks again."));
        match self.consumer.phase {
            Phase::Out => return,
            Phase::Joining => {
                self.join();
                return;
            }
            Phase::Syncing => {
                self.consumer.phase = Phase::In;
                self.consumer.rejoin = true;
            }
            Phase::In => {}
        }
        self.consumer.asked = Asked::Nothing;
        if let Some(offsets) = self.consumer.committing.clone() {
            self.context.send(BROKER, Message::Commit { badge, offsets });
            self.expect();
        }
    }

    fn topic(&mut self, partitions: u16) {
        let (name, before) = (self.name(), self.consumer.partitions);
        self.consumer.partitions = partitions;
        self.consumer.rejoin |= partitions > before && self.consumer.phase != Phase::Out;
        self.context.why(|_| match partitions > before {
            true => format!("{name} learns that there are {partitions} partitions now, not {before}: it joins again."),
            false => format!("{name} learns that the topic has {} still.", counted(u64::from(partitions), "partition")),
        });
    }

    fn run(&mut self, run: bool) {
        let name = self.name();
        let change = run != *self.running;
        *self.running = run;
        self.context.why(|_| match (run, change) {
            (true, true) => format!("{name} is started."),
            (false, true) => format!("{name} is to leave, as soon as it polls."),
            _ => format!("{name} is told what it is doing already."),
        });
        if run && change && self.consumer.phase == Phase::Out {
            self.start();
        }
    }

    /// Static members do not leave: only their session timeout ends their place (KIP-345).
    fn says_goodbye(&self) -> bool {
        !is_on(self.context, STATIC)
    }

    /// Leaves at a poll, everything being committed that can be.
    pub(super) fn stop(&mut self) {
        let (name, badge) = (self.name(), self.consumer.badge);
        let says = self.says_goodbye();
        self.context.why(|_| match says {
            true => format!("{name} leaves its group and stops."),
            false => format!("{name} stops; a static member keeps its place for a session timeout."),
        });
        if says && badge.member != 0 {
            self.context.send(BROKER, Message::Leave { badge });
        }
        self.lose(0);
        self.consumer.stopped = None;
        self.context.cancel_timer(Timer::AutoCommit);
        self.context.cancel_timer(Timer::Metadata);
    }

    fn commanded(&mut self, call: &CommandCall) {
        match call.command {
            COMMAND_SEEK => self.seek(call.value(1).max(0) as u32),
            COMMAND_START => self.run(true),
            COMMAND_STOP => self.run(false),
            COMMAND_STALL => {
                let name = self.name();
                self.consumer.stalled = true;
                self.context.why(|_| format!("The next record will keep {name} busy for too long."));
            }
            _ => self.context.why(|_| "A consumer knows no such command.".to_owned()),
        }
    }

    fn seek(&mut self, offset: u32) {
        let (name, group) = (self.name(), Kafka::group(self.context.settings(), self.context.me()));
        self.context.why(|_| format!("{name} goes to offset {offset} in each of its partitions."));
        for (partition, track) in &mut self.consumer.assigned {
            let from = track.position.unwrap_or(0);
            track.position = Some(offset);
            self.context.note(Note::Wished { group, partition: *partition, from, to: offset });
        }
        self.consumer.fetched.clear();
        self.consumer.tasks.clear();
        self.consumer.asked = Asked::Nothing;
    }
}
