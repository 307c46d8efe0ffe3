//! The consumer's application: it polls, works, commits, and polls again.
//!
//! With one worker the work is done in the poll loop. With more, polled records are handed to them; by rule each lane (a
//! partition or a key) has one worker, so that its records stay in order. What may be committed is what has no
//! unfinished record before it.

use std::rc::Rc;

use super::consumer::{Asked, Consumer, Item, Phase, Reading, Track};
use super::settings::is_on;
use super::wire::{Badge, Fetched, Offsets, Standing};
use super::{
    AUTO_COMMIT, BROKER, BUFFER, COMMIT_AFTER, DONE, Kafka, LANE, LATENCY, LENGTHS, MAX_POLL, Message, Note,
    ONE_WORKER, POLL_INTERVAL, RESET, STOPPED, Timer, WEIGHT, WORK,
};
use crate::sim::kernel::random;
use crate::sim::kernel::time::MS;
use crate::sim::numbers::counted;

impl Consumer {
    /// The offset up to which a partition is done: that of its oldest unfinished record, or where it polls next.
    pub fn watermark(&self, partition: u16) -> Option<u32> {
        let position = self.assigned.get(&partition)?.position?;
        let open = self.unfinished().filter(|item| item.partition == partition).map(|item| item.offset).min();
        Some(open.map_or(position, |open| open.min(position)))
    }
}

impl Reading<'_, '_> {
    /// Goes on as far as it can: runs after every event.
    pub(super) fn poll(&mut self) {
        self.dispatch();
        let (held, room) = (self.consumer.unfinished().count(), self.context.amount(BUFFER) as usize);
        if held > 0 && held >= room {
            return;
        }
        if held == 0 {
            self.context.cancel_timer(Timer::PollInterval);
        }
        if self.settle_first() {
            return;
        }
        if self.consumer.phase == Phase::Out {
            if *self.running {
                self.join();
            }
            return;
        }
        if let Some(share) = self.consumer.share.take() {
            self.take_up(&share);
        }
        if self.consumer.rejoin && self.consumer.phase == Phase::In {
            if !self.keeps_while_joining() {
                self.give_up_all();
            }
            self.join();
        }
        if self.consumer.phase == Phase::In || self.keeps_while_joining() {
            self.read_on();
        }
    }

    /// Commits what is done and stops if it is to. True while the poll has to wait for an answer.
    fn settle_first(&mut self) -> bool {
        let auto = is_on(self.context, AUTO_COMMIT);
        let changes = self.consumer.rejoin || self.consumer.share.is_some() || !*self.running;
        let due = !auto || changes || self.consumer.commit_due;
        if due && self.consumer.committing.is_none() && !self.consumer.commit_held {
            self.consumer.commit_due = false;
            self.commit();
        }
        if self.consumer.committing.is_some() && (!auto || changes) {
            return true;
        }
        if !*self.running && self.consumer.phase != Phase::Out {
            self.stop();
        }
        false
    }

    /// What could be committed and is not.
    fn uncommitted(&self) -> Offsets {
        let after = self.context.rule(COMMIT_AFTER);
        let offset = |(partition, track): (&u16, &Track)| {
            let at = if after { self.consumer.watermark(*partition) } else { track.position };
            at.filter(|_| at != track.committed).map(|at| (*partition, at))
        };
        Rc::new(self.consumer.assigned.iter().filter_map(offset).collect())
    }

    fn commit(&mut self) {
        let offsets = self.uncommitted();
        let badge = self.consumer.badge;
        if offsets.is_empty() || badge.generation == 0 {
            return;
        }
        let (name, after) = (self.name(), self.context.rule(COMMIT_AFTER));
        self.context.why_rule(COMMIT_AFTER, |_| {
            let at = offsets.iter().map(|(partition, offset)| format!("{offset} in partition {partition}"));
            let at = at.collect::<Vec<_>>().join(", ");
            match after {
                true => format!("{name} has done all before offset {at}, and commits that."),
                false => format!("{name} commits offset {at}, before it has done the work."),
            }
        });
        self.consumer.committing = Some(Rc::clone(&offsets));
        self.context.send(BROKER, Message::Commit { badge, offsets });
        self.expect();
    }

    pub(super) fn committed(&mut self, badge: Badge) {
        let name = self.name();
        let taken = self.consumer.committing.take().filter(|_| badge == self.consumer.badge);
        for (partition, offset) in taken.iter().flat_map(|offsets| offsets.iter()) {
            if let Some(track) = self.consumer.assigned.get_mut(partition) {
                track.committed = Some(*offset);
            }
        }
        self.answered();
        self.context.why(|_| format!("{name} hears that its offsets are committed."));
    }

    /// Stops waiting, unless something else was asked.
    fn answered(&mut self) {
        let waits = self.consumer.asked != Asked::Nothing || self.consumer.committing.is_some();
        if !waits && self.consumer.phase == Phase::In {
            self.context.cancel_timer(Timer::Retry);
        }
    }

    /// Takes up what the group has assigned; what is no longer in it is released.
    fn take_up(&mut self, share: &Rc<Vec<u16>>) {
        let name = self.name();
        let lost: Vec<u16> =
            self.consumer.assigned.keys().copied().filter(|partition| !share.contains(partition)).collect();
        for partition in &lost {
            self.consumer.assigned.remove(partition);
            self.consumer.fetched.retain(|item| item.partition != *partition);
            self.consumer.tasks.retain(|item| item.partition != *partition);
        }
        for partition in share.iter() {
            self.consumer.assigned.entry(*partition).or_default();
        }
        self.consumer.asked = Asked::Nothing;
        self.answered();
        self.consumer.owned = Rc::clone(share);
        self.consumer.owned_in = self.consumer.badge.generation;
        let cooperative = self.assignor().is_cooperative();
        self.consumer.rejoin |= cooperative && !lost.is_empty();
        if let Some(since) = self.consumer.stopped.take() {
            let (me, now) = (self.context.me().0, self.context.now());
            self.context.observe(STOPPED, me, now.saturating_sub(since));
        }
        self.context.why(|_| {
            let owned: Vec<String> = share.iter().map(|partition| format!("partition {partition}")).collect();
            match (owned.is_empty(), lost.is_empty()) {
                (true, true) => format!("{name} owns no partition: there is nothing for it to do."),
                (_, false) if cooperative => {
                    format!("{name} gives up {} and rejoins.", counted(lost.len() as u64, "partition"))
                }
                _ => format!("{name} owns now: {}.", owned.join(", ")),
            }
        });
    }

    /// Asks for offsets, polls what was fetched, or fetches more.
    fn read_on(&mut self) {
        let unknown: Vec<u16> =
            self.consumer.assigned.iter().filter(|entry| entry.1.position.is_none()).map(|entry| *entry.0).collect();
        if !unknown.is_empty() && self.consumer.asked != Asked::Where {
            self.consumer.asked = Asked::Where;
            let name = self.name();
            self.context.why(|_| {
                format!("{name} asks where its group stands in {}.", counted(unknown.len() as u64, "partition"))
            });
            self.context.send(BROKER, Message::Where { partitions: Rc::new(unknown) });
            self.expect();
        }
        if !self.consumer.fetched.is_empty() {
            self.take_records();
        }
        if self.consumer.fetched.is_empty() && self.consumer.asked == Asked::Nothing && self.has_room() {
            self.fetch();
        }
    }

    fn has_room(&self) -> bool {
        let held = self.consumer.unfinished().count();
        held == 0 || held < self.context.amount(BUFFER) as usize
    }

    /// A poll returns records: at most max.poll.records.
    fn take_records(&mut self) {
        let most = (self.context.amount(MAX_POLL) as usize).max(1).min(self.consumer.fetched.len());
        let taken: Vec<Item> = self.consumer.fetched.drain(..most).collect();
        for item in &taken {
            if let Some(track) = self.consumer.assigned.get_mut(&item.partition) {
                track.position = Some(item.offset + 1);
            }
        }
        let name = self.name();
        self.context.why(|_| format!("{name} polls {}.", counted(most as u64, "record")));
        self.consumer.tasks.extend(taken);
        // With a buffer the loop goes on polling, paused or not; without one it polls again when all of this is done.
        if self.context.amount(BUFFER) == 0 {
            let interval = self.context.amount(POLL_INTERVAL);
            self.context.set_timer(Timer::PollInterval, interval);
        }
        if !self.context.rule(COMMIT_AFTER) && self.consumer.committing.is_none() {
            self.commit();
        }
        self.dispatch();
    }

    fn fetch(&mut self) {
        let at = |(partition, track): (&u16, &Track)| Some((*partition, track.position?));
        let positions: Offsets = Rc::new(self.consumer.assigned.iter().filter_map(at).collect());
        if positions.is_empty() {
            return;
        }
        self.consumer.asked = Asked::Fetch;
        let name = self.name();
        self.context.why(|_| format!("{name} fetches from {}.", counted(positions.len() as u64, "partition")));
        self.context.send(BROKER, Message::Fetch { positions });
        self.expect();
    }

    fn group(&self) -> u8 {
        Kafka::group(self.context.settings(), self.context.me())
    }

    /// Where auto.offset.reset goes.
    fn reset_to(&self, start: u32, end: u32) -> u32 {
        if is_on(self.context, RESET) { start } else { end }
    }

    pub(super) fn located(&mut self, found: &[Standing]) {
        let (name, group) = (self.name(), self.group());
        if self.consumer.asked != Asked::Where {
            self.context.why(|_| format!("{name} has not asked for offsets since: an old answer."));
            return;
        }
        self.consumer.asked = Asked::Nothing;
        self.answered();
        for at in found {
            let reset = self.reset_to(at.start, at.end);
            let partition = at.partition;
            let Some(track) = self.consumer.assigned.get_mut(&partition) else { continue };
            track.committed = at.committed;
            let position = match at.committed {
                Some(committed) if (at.start..=at.end).contains(&committed) => {
                    self.context.note(Note::Begins { group, partition, at: committed });
                    committed
                }
                Some(committed) => {
                    self.context.note(Note::Begins { group, partition, at: committed });
                    self.context.note(Note::Reset { group, partition, from: committed, to: reset });
                    reset
                }
                None => {
                    self.context.note(Note::Wished { group, partition, from: 0, to: reset });
                    reset
                }
            };
            track.position = Some(position);
            self.context.why(|_| match at.committed {
                Some(committed) if committed == position => {
                    format!("{name} resumes at offset {position} of partition {partition}, its group's offset.")
                }
                Some(committed) => {
                    format!("Partition {partition} has no offset {committed} any more: {name} goes to {position}.")
                }
                None => format!("{name}'s group has no offset for partition {partition}: it begins at {position}."),
            });
        }
    }

    pub(super) fn fetched(&mut self, parts: &[Fetched]) {
        let (name, group) = (self.name(), self.group());
        if self.consumer.asked != Asked::Fetch {
            self.context.why(|_| format!("{name} has not asked for these since: it passes them over."));
            return;
        }
        self.consumer.asked = Asked::Nothing;
        self.answered();
        for part in parts {
            let (partition, from, reset) = (part.partition, part.from, self.reset_to(part.start, part.end));
            let Some(track) = self.consumer.assigned.get_mut(&partition) else { continue };
            if track.position != Some(from) {
                continue;
            }
            if part.out_of_range {
                track.position = Some(reset);
                self.context.note(Note::Reset { group, partition, from, to: reset });
                self.context.why(|_| {
                    format!("Partition {partition} has no offset {from}: {name} goes to {reset}, by auto.offset.reset.")
                });
            }
            let item = |(at, record)| Item { partition, offset: from + at as u32, record };
            self.consumer.fetched.extend(part.records.iter().copied().enumerate().map(item));
        }
        let count = self.consumer.fetched.len();
        self.context.why(|_| format!("{name} has {} in hand.", counted(count as u64, "record")));
    }

    /// What a record may not share with another worker's.
    fn lane(&self, item: &Item) -> u32 {
        match self.context.amount(LANE) {
            0 => u32::from(item.partition),
            _ => u32::from(item.record.key),
        }
    }

    /// Gives free workers their next records.
    fn dispatch(&mut self) {
        let ordered = self.context.rule(ONE_WORKER);
        for worker in 0..self.consumer.working.len() {
            if self.consumer.working[worker].is_some() {
                continue;
            }
            let busy: Vec<u32> = self.consumer.working.iter().flatten().map(|item| self.lane(item)).collect();
            let free = |item: &Item| !ordered || !busy.contains(&self.lane(item));
            let Some(at) = self.consumer.tasks.iter().position(free) else { return };
            let item = self.consumer.tasks.remove(at);
            self.consumer.working[worker] = Some(item);
            self.begin(worker as u8, item);
        }
    }

    fn begin(&mut self, worker: u8, item: Item) {
        let mean = self.context.amount(WORK);
        let mut length = random::exponential(self.context.draw(LENGTHS), mean).max(MS);
        if std::mem::take(&mut self.consumer.stalled) {
            length += 2 * self.context.amount(POLL_INTERVAL);
        }
        self.context.work(Timer::Work(worker), length);
        let (name, several) = (self.name(), self.consumer.working.len() > 1);
        self.context.why_rule(ONE_WORKER, |_| {
            let (partition, offset) = (item.partition, item.offset);
            match several {
                true => format!("Worker {} of {name} begins offset {offset} of partition {partition}.", worker + 1),
                false => format!("{name} works on offset {offset} of partition {partition}."),
            }
        });
    }

    pub(super) fn done(&mut self, worker: u8) {
        let name = self.name();
        let slot = self.consumer.working.get_mut(usize::from(worker)).and_then(Option::take);
        let Some(Item { partition, offset, record }) = slot else {
            self.context.why(|_| format!("{name} has nothing to finish."));
            return;
        };
        let (group, consumer) = (self.group(), self.context.me());
        self.context.note(Note::Done { group, consumer, partition, offset, record });
        let weight = self.context.amount(WEIGHT);
        self.context.count(DONE, consumer.0, weight);
        let took = self.context.now().saturating_sub(record.produced);
        self.context.observe(LATENCY, u16::from(group), took);
        self.context.why(|_| match record.key {
            0 => format!("{name} is done with offset {offset} of partition {partition}."),
            key => format!("{name} is done with {} {} of customer {key}.", record.event(), record.order()),
        });
    }
}
