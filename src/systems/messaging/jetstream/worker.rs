//! A worker: asks for a message, works on it, acknowledges it, and may want that confirmed.

use super::cluster::{home, stay, turn};
use super::consumer::Delivery;
use super::stream::Task;
use super::{
    ACK_RETRY, AckKind, DONE, DOUBLE_ACK, Disk, JetStream, LENGTHS, Memory, Message, Note, PULL_WAIT, Phase, Timer,
    WAITING, WORK,
};
use crate::sim::declare::commands::CommandId;
use crate::sim::kernel::random;
use crate::sim::kernel::time::{self, MS};
use crate::sim::machine::system::{Context, Event, System};

pub(super) struct Worker<'a, 'b> {
    pub disk: &'a mut Disk,
    pub phase: &'a mut Phase,
    pub seen: &'a mut u32,
    pub context: &'a mut Context<'b, JetStream>,
}

pub(super) fn boot(context: &mut Context<JetStream>) -> Memory {
    context.set_timer(Timer::Pull, MS);
    Memory::Worker { phase: Phase::Idle, seen: 0 }
}

impl Worker<'_, '_> {
    fn name(&self) -> String {
        JetStream::name(self.context.settings(), self.context.me())
    }

    pub(super) fn handle(&mut self, event: Event<JetStream>) {
        let name = self.name();
        match event {
            Event::Timer(Timer::Pull) if *self.phase == Phase::Idle => {
                turn(self.disk, self.context);
                self.pull();
            }
            Event::Timer(Timer::Done) => self.done(),
            Event::Timer(Timer::AckAgain) => self.ack_again(),
            Event::Message { from, message: Message::Deliver { delivery, task } } => {
                stay(self.disk, from, self.context);
                self.delivered(delivery, task);
            }
            Event::Message { from, message: Message::AckAck { seq } } => {
                stay(self.disk, from, self.context);
                self.confirmed(seq);
            }
            Event::Command(call) => self.told(call.command),
            _ => self.context.why(|_| format!("{name} is at work and asks for nothing.")),
        }
    }

    /// Asks for one message; asks again when the question has ended.
    fn pull(&mut self) {
        let name = self.name();
        *self.phase = Phase::Idle;
        self.disk.last += 1;
        let request = self.disk.last;
        self.context.why(|_| format!("{name} asks for one message."));
        self.context.send(home(self.disk, self.context), Message::Pull { request });
        self.context.set_timer(Timer::Pull, PULL_WAIT + 2 * super::LATENCY);
    }

    /// A message, for its last question or an earlier one.
    fn delivered(&mut self, delivery: Delivery, task: Task) {
        let (name, node) = (self.name(), self.context.me());
        let seq = delivery.seq;
        if *self.phase != Phase::Idle || delivery.delivery <= *self.seen {
            return self
                .context
                .why(|_| format!("{name} has no hand free for message {seq}, or had this delivery before."));
        }
        *self.seen = delivery.delivery;
        *self.phase = Phase::Works(delivery, task);
        self.context.cancel_timer(Timer::Pull);
        let mean = self.context.amount(WORK);
        let length = random::exponential(self.context.draw(LENGTHS), mean).max(MS);
        self.context.work(Timer::Done, length);
        let waited = self.context.now().saturating_sub(task.published);
        self.context.observe(WAITING, node.0, waited);
        self.context.why(|_| format!("{name} starts task {}, {} after it was published.", task.id, time::show(waited)));
    }

    fn answer(&mut self, seq: u32, kind: AckKind, reply: bool) {
        self.context.send(home(self.disk, self.context), Message::Ack { seq, kind, reply });
    }

    fn done(&mut self) {
        let name = self.name();
        let Phase::Works(delivery, task) = *self.phase else {
            return self.context.why(|_| format!("{name} has nothing to finish."));
        };
        let (seq, id) = (delivery.seq, task.id);
        if task.poison {
            self.context.why(|_| format!("{name} cannot do task {id}, and gives message {seq} back."));
            self.answer(seq, AckKind::Nak, false);
            return self.pull();
        }
        let double = self.context.rule(DOUBLE_ACK);
        self.context.why_rule(DOUBLE_ACK, |_| match double {
            true => {
                format!("{name} has worked on task {id}: it acknowledges message {seq}, and waits for the answer.")
            }
            false => format!("{name} acknowledges message {seq}, and calls it done without waiting for an answer."),
        });
        self.answer(seq, AckKind::Ack, double);
        if double {
            *self.phase = Phase::Confirms(delivery, task);
            self.context.set_timer(Timer::AckAgain, ACK_RETRY);
        } else {
            self.finish(seq);
        }
    }

    fn ack_again(&mut self) {
        let name = self.name();
        let Phase::Confirms(delivery, _) = *self.phase else {
            return self.context.why(|_| format!("{name} has nothing to acknowledge."));
        };
        let seq = delivery.seq;
        self.context
            .why_rule(DOUBLE_ACK, |_| format!("{name} has no answer yet: it acknowledges message {seq} again."));
        turn(self.disk, self.context);
        self.answer(seq, AckKind::Ack, true);
        self.context.set_timer(Timer::AckAgain, ACK_RETRY);
    }

    fn confirmed(&mut self, seq: u32) {
        let name = self.name();
        match *self.phase {
            Phase::Confirms(delivery, _) if delivery.seq == seq => {
                self.context.why_rule(DOUBLE_ACK, |_| {
                    format!(
                        "The server has the ack of message {seq}: {name} calls it done, and nobody will get it again."
                    )
                });
                self.context.cancel_timer(Timer::AckAgain);
                self.finish(seq);
            }
            _ => self.context.why(|_| format!("{name} knew before that message {seq} is acknowledged.")),
        }
    }

    fn finish(&mut self, seq: u32) {
        let node = self.context.me();
        self.context.note(Note::Done { seq, node });
        self.context.count(DONE, node.0, 1);
        self.pull();
    }

    /// The reader's commands: nak, term, in progress.
    fn told(&mut self, command: CommandId) {
        let name = self.name();
        let Phase::Works(delivery, _) = *self.phase else {
            return self.context.why(|_| format!("{name} has no message at work."));
        };
        let seq = delivery.seq;
        let kind = match command {
            super::NAK => AckKind::Nak,
            super::TERM => AckKind::Term,
            _ => AckKind::Progress,
        };
        self.context.why(|_| match kind {
            AckKind::Nak => format!("{name} gives message {seq} back."),
            AckKind::Term => format!("{name} says that message {seq} is not worth another try."),
            _ => format!("{name} says that it is still at work on message {seq}."),
        });
        self.answer(seq, kind, false);
        if kind != AckKind::Progress {
            self.context.cancel_timer(Timer::Done);
            self.pull();
        }
    }
}
