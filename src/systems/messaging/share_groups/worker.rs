//! A worker: fetches records, works on one after the other, and answers for each.

use super::share::{AckType, Place};
use super::{
    AFTER_WORK, BATCH, BROKER, DONE, Delivery, FETCH_WAIT, LATENCY, LENGTHS, LOCK_DURATION, Memory, Message, Note,
    ON_FAILURE, PATIENCE, Phase, REJECT, RENEW, ShareGroups, Timer, WAITING, WORK, is_shared,
};
use crate::sim::declare::commands::CommandId;
use crate::sim::kernel::random;
use crate::sim::kernel::time::{self, MS};
use crate::sim::machine::system::{Context, Event, System};

pub(super) struct Worker<'a, 'b> {
    pub epoch: &'a mut u32,
    pub phase: &'a mut Phase,
    pub hand: &'a mut Vec<Delivery>,
    pub context: &'a mut Context<'b, ShareGroups>,
}

pub(super) fn boot(context: &mut Context<ShareGroups>) -> Memory {
    context.set_timer(Timer::Fetch, MS);
    Memory::Worker { phase: Phase::Asks, hand: Vec::new() }
}

impl Worker<'_, '_> {
    fn name(&self) -> String {
        ShareGroups::name(self.context.settings(), self.context.me())
    }

    pub(super) fn handle(&mut self, event: Event<ShareGroups>) {
        let name = self.name();
        match event {
            Event::Timer(Timer::Fetch) if *self.phase == Phase::Asks => self.fetch(),
            Event::Timer(Timer::Done) => self.done(),
            Event::Timer(Timer::Renew) => self.renew(),
            Event::Timer(Timer::Patience) => {
                self.context.why(|_| format!("{name} has no answer, and will not know whether its own one arrived."));
                self.next();
            }
            Event::Message { message: Message::Records { epoch, deliveries }, .. } => self.got(epoch, deliveries),
            Event::Message { message: Message::Answer { epoch, place, kind, taken }, .. } => {
                self.answered(epoch, place, kind, taken);
            }
            Event::Command(call) => self.told(call.command),
            _ => self.context.why(|_| format!("{name} is at work and asks for nothing.")),
        }
    }

    fn fetch(&mut self) {
        let (name, most) = (self.name(), self.context.amount(BATCH) as usize);
        *self.phase = Phase::Asks;
        *self.epoch += 1;
        self.context.why(|_| format!("{name} fetches."));
        self.context.send(BROKER, Message::Fetch { epoch: *self.epoch, most });
        self.context.set_timer(Timer::Fetch, FETCH_WAIT + 2 * LATENCY);
    }

    fn got(&mut self, epoch: u32, deliveries: Vec<Delivery>) {
        let name = self.name();
        if *self.phase != Phase::Asks || epoch != *self.epoch {
            return self.context.why(|_| format!("{name} has fetched again since, and does not take these records."));
        }
        self.context.cancel_timer(Timer::Fetch);
        *self.hand = deliveries;
        if !self.context.rule(AFTER_WORK) {
            self.context.why_rule(AFTER_WORK, |_| format!("{name} accepts what it gets, before the work."));
            for place in self.places() {
                self.send(place, AckType::Accept);
            }
        }
        self.arm_renewal();
        self.begin();
    }

    fn places(&self) -> Vec<Place> {
        self.hand.iter().map(|delivery| delivery.place).collect()
    }

    fn send(&mut self, place: Place, kind: AckType) {
        self.context.send(BROKER, Message::Acknowledge { epoch: *self.epoch, place, kind });
    }

    fn begin(&mut self) {
        let (name, node) = (self.name(), self.context.me());
        let Some(&Delivery { place, record, .. }) = self.hand.first() else { return self.fetch() };
        *self.phase = Phase::Works;
        let mean = self.context.amount(WORK);
        let length = random::exponential(self.context.draw(LENGTHS), mean).max(MS);
        self.context.work(Timer::Done, length);
        let waited = self.context.now().saturating_sub(record.produced);
        self.context.observe(WAITING, node.0, waited);
        self.context.why(|_| format!("{name} starts on record {place}, {} after it was produced.", time::show(waited)));
    }

    /// Half of the lock is over: all that the worker has is locked anew.
    fn renew(&mut self) {
        let name = self.name();
        if !self.context.settings().is_on(RENEW) || *self.phase != Phase::Works {
            self.arm_renewal();
            return self.context.why(|_| format!("{name} renews nothing now."));
        }
        self.context.why(|_| format!("{name} is still at work, and renews its lock."));
        for place in self.places() {
            self.send(place, AckType::Renew);
        }
        self.arm_renewal();
    }

    fn arm_renewal(&mut self) {
        let settings = self.context.settings();
        if settings.is_on(RENEW) && is_shared(settings) && self.context.rule(AFTER_WORK) {
            let half = self.context.amount(LOCK_DURATION) / 2;
            self.context.set_timer(Timer::Renew, half);
        }
    }

    /// The work on the first record is over.
    fn done(&mut self) {
        let (name, node) = (self.name(), self.context.me());
        let (Phase::Works, Some(&Delivery { place, record, .. })) = (*self.phase, self.hand.first()) else {
            return self.context.why(|_| format!("{name} has nothing to finish."));
        };
        let failed = self.context.settings().get(ON_FAILURE);
        let kind = match (record.poison, failed) {
            (false, _) => AckType::Accept,
            (true, 0) => AckType::Release,
            (true, _) => AckType::Reject,
        };
        if !record.poison {
            self.context.note(Note::Worked { place });
        }
        if !self.context.rule(AFTER_WORK) {
            self.context.why_rule(AFTER_WORK, |_| match record.poison {
                true => format!("{name} cannot work on record {place}, which it has accepted."),
                false => format!("{name} has worked on record {place}, which it accepted before."),
            });
            self.context.count(DONE, node.0, u64::from(!record.poison));
            return self.next();
        }
        self.context.why_rule(AFTER_WORK, |_| match kind {
            AckType::Accept => format!("{name} has worked on record {place}, and accepts it."),
            AckType::Release => format!("{name} cannot work on record {place}, and releases it."),
            _ => format!("{name} cannot work on record {place}, and rejects it."),
        });
        self.reply(kind);
        if record.poison && !is_shared(self.context.settings()) {
            self.hand.truncate(1);
        }
    }

    /// Answers for the record at work, and waits for the broker's word.
    fn reply(&mut self, kind: AckType) {
        let Some(place) = self.hand.first().map(|delivery| delivery.place) else { return };
        self.send(place, kind);
        *self.phase = Phase::Answers(kind);
        self.context.set_timer(Timer::Patience, PATIENCE);
    }

    fn answered(&mut self, epoch: u32, place: Place, kind: AckType, taken: bool) {
        let (name, node) = (self.name(), self.context.me());
        let first = self.hand.first().map(|delivery| delivery.place);
        if *self.phase != Phase::Answers(kind) || epoch != *self.epoch || first != Some(place) {
            return self.context.why(|_| match (kind, taken) {
                (AckType::Renew, true) => format!("{name} has more time for record {place}."),
                (AckType::Renew, false) => format!("{name} has lost its lock on record {place}, and works on."),
                _ => format!("{name} does not wait for this answer."),
            });
        }
        self.context.why(|_| match taken {
            true => format!("The broker has taken the answer of {name} for record {place}."),
            false => format!("{name} was too late with record {place}: somebody else may do it again."),
        });
        if taken && kind == AckType::Accept {
            self.context.note(Note::Accepted { place, node });
            self.context.count(DONE, node.0, 1);
        }
        self.next();
    }

    fn next(&mut self) {
        self.context.cancel_timer(Timer::Patience);
        if !self.hand.is_empty() {
            self.hand.remove(0);
        }
        if self.hand.is_empty() {
            self.context.cancel_timer(Timer::Renew);
        }
        self.begin();
    }

    /// The reader's commands: release, reject.
    fn told(&mut self, command: CommandId) {
        let name = self.name();
        if *self.phase != Phase::Works || !self.context.rule(AFTER_WORK) {
            return self.context.why(|_| format!("{name} holds no record that it could answer for."));
        }
        let kind = if command == REJECT { AckType::Reject } else { AckType::Release };
        self.context.why(|_| format!("{name} stops its work: {}.", kind.word()));
        self.context.cancel_timer(Timer::Done);
        self.reply(kind);
    }
}
