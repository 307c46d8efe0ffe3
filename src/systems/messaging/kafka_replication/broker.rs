//! A broker: registers, keeps its session, and takes its part from the metadata.

use crate::sim::numbers::counted;
use crate::sim::small::map_of;

use super::log::Entry;
use super::{
    Broker, BrokerDisk, BrokerMemory, CONSUMER, CONTROLLER, Consumed, EPOCHS, FIRST, FLUSH, Follower, LAG, Leading,
    Memory, Message, PRODUCER, Partition, Produced, RETRY, Replication, SESSION, SETTLED, Timer, broker_of, has,
    settled,
};
use crate::sim::NodeId;
use crate::sim::machine::system::{Context, Event};

pub(super) struct Replica<'a, 'b> {
    pub disk: &'a mut BrokerDisk,
    pub memory: &'a mut BrokerMemory,
    pub context: &'a mut Context<'b, Replication>,
}

/// A broker registers as soon as it is there.
pub(super) fn boot(disk: &BrokerDisk, context: &mut Context<Replication>) -> Memory {
    context.set_timer(Timer::Heartbeat, 0);
    let mut memory = BrokerMemory::default();
    if context.settings().is_on(SETTLED) && !disk.known {
        let partition = settled(context.settings());
        memory.epoch = u16::from(broker_of(context.me())) + 1;
        Replica { disk: &mut disk.clone(), memory: &mut memory, context }.learn(partition);
    }
    Memory::Broker(memory)
}

impl Replica<'_, '_> {
    pub(super) fn me(&self) -> Broker {
        broker_of(self.context.me())
    }

    pub(super) fn handle(&mut self, event: Event<Replication>) {
        self.disk.known |= self.memory.epoch > 0;
        match event {
            Event::Timer(timer) => self.fired(timer),
            Event::Message { from, message } => self.received(from, message),
            Event::Command(_) => self.context.why(|_| "A broker takes no commands.".to_owned()),
        }
    }

    fn fired(&mut self, timer: Timer) {
        match timer {
            Timer::Heartbeat => self.beat(),
            Timer::Lag(broker) => self.lagged(broker),
            Timer::Wait(broker) => self.waited(broker),
            Timer::WaitReader => self.reader_waited(),
            Timer::Retry if self.memory.leading.is_some() => self.propose_again(),
            Timer::Retry => {
                self.context.why(|_| "The leader has not answered: the broker fetches again.".to_owned());
                self.fetch();
            }
            _ => self.context.why(|_| "This timer is for others.".to_owned()),
        }
    }

    fn received(&mut self, from: NodeId, message: Message) {
        match message {
            Message::Registered { epoch, partition } => self.registered(epoch, partition),
            Message::Metadata { partition } => self.learn(partition),
            Message::Altered { ask, partition, accepted } => self.altered(ask, partition, accepted),
            Message::Stale => self.stale(),
            Message::Fetch { leader_epoch, broker_epoch, from: position } => {
                self.fetched_from(broker_of(from), leader_epoch, broker_epoch, position);
            }
            Message::FetchAnswer { leader_epoch, from: position, hw, fetched } => {
                self.fetch_answered(leader_epoch, position, hw, fetched);
            }
            Message::Produce { id, acks } => self.produce(id, acks),
            Message::Consume { offset } => self.consume(offset),
            Message::WhoLeads => self.tell(from),
            _ => self.context.pass_over(),
        }
    }

    /// A heartbeat, or a registration while there is none.
    fn beat(&mut self) {
        let interval = self.context.amount(SESSION) / 4;
        let (epoch, seen, known) = (self.memory.epoch, self.memory.partition.epoch, self.disk.known);
        if epoch == 0 {
            self.context.why(|_| "The broker is not registered yet: it asks the controller.".to_owned());
            self.context.send(CONTROLLER, Message::Register { blank: !known });
            self.context.set_timer(Timer::Heartbeat, interval.max(RETRY / 2));
            return;
        }
        self.context.why(|_| format!("The broker says that it is there, under broker epoch {epoch}."));
        self.context.send(CONTROLLER, Message::Heartbeat { epoch, seen });
        self.context.set_timer(Timer::Heartbeat, interval);
    }

    fn registered(&mut self, epoch: u16, partition: Partition) {
        if epoch <= self.memory.epoch {
            self.context.why(|_| format!("Broker epoch {epoch} is not news."));
            return;
        }
        self.memory.epoch = epoch;
        self.disk.known = true;
        let interval = self.context.amount(SESSION) / 4;
        self.context.set_timer(Timer::Heartbeat, interval);
        self.context.why(|_| format!("The broker is registered under broker epoch {epoch}."));
        self.learn(partition);
    }

    fn stale(&mut self) {
        self.memory.epoch = 0;
        self.context.why(|_| "The controller knows another broker epoch: the broker registers again.".to_owned());
        self.context.set_timer(Timer::Heartbeat, 0);
    }

    fn tell(&mut self, to: NodeId) {
        let Partition { leader, leader_epoch: epoch, .. } = self.memory.partition;
        self.context.why(|_| match leader {
            Some(leader) => format!("As far as this broker knows, broker {} leads epoch {epoch}.", leader + 1),
            None => "As far as this broker knows, nobody leads.".to_owned(),
        });
        self.context.send(to, Message::Leads { leader, epoch });
    }

    /// Writes a record into the log, and flushes it where flush.messages says so.
    pub(super) fn append(&mut self, entry: Entry) -> u32 {
        let offset = self.disk.log.append(entry, self.context.now());
        if self.context.settings().is_on(FLUSH) {
            self.disk.log.flush();
        }
        offset
    }

    /// Takes over a newer record of the partition.
    pub(super) fn learn(&mut self, partition: Partition) {
        let before = self.memory.partition;
        if partition.epoch <= before.epoch {
            self.context.why(|_| format!("The broker knows partition epoch {} already.", partition.epoch));
            return;
        }
        self.memory.partition = partition;
        let leads = partition.leader == Some(self.me());
        if partition.leader_epoch > before.leader_epoch {
            self.step_down();
            match (leads, partition.leader) {
                (true, _) => self.lead(),
                (false, Some(_)) => self.follow(),
                (false, None) => self.context.why(|_| "Nobody leads: the broker waits.".to_owned()),
            }
        } else if leads {
            self.context
                .why(|_| format!("The ISR has {} now.", counted(u64::from(partition.isr.count_ones()), "member")));
            if let Some(leading) = &mut self.memory.leading {
                leading.proposed = None;
            }
            self.advance();
        } else {
            self.context.why(|_| "The ISR has changed; the leader is the same.".to_owned());
        }
    }

    /// Ends a leadership: everyone who waits is told.
    fn step_down(&mut self) {
        self.context.cancel_timer(Timer::Retry);
        let Some(leading) = self.memory.leading.take() else { return };
        for broker in leading.followers.keys() {
            self.context.cancel_timer(Timer::Lag(*broker));
            self.context.cancel_timer(Timer::Wait(*broker));
        }
        self.context.cancel_timer(Timer::WaitReader);
        for (id, _) in leading.waiting {
            self.context.send(PRODUCER, Message::ProduceAnswer { id, produced: Produced::NotLeader });
        }
        if let Some(offset) = leading.reader {
            self.context.send(CONSUMER, Message::ConsumeAnswer { offset, consumed: Consumed::NotLeader });
        }
    }

    fn lead(&mut self) {
        let (me, partition, begins) = (self.me(), self.memory.partition, self.disk.log.end());
        let others = (0..(self.context.nodes() - FIRST) as Broker).filter(|broker| *broker != me);
        let followers = map_of(others.map(|broker| (broker, Follower::default())));
        let lag = self.context.amount(LAG);
        for broker in followers.keys().filter(|broker| has(partition.isr, **broker)) {
            self.context.set_timer(Timer::Lag(*broker), lag);
        }
        let epoch = partition.leader_epoch;
        self.context.why(|_| format!("The broker leads epoch {epoch}, which begins at offset {begins}."));
        self.memory.leading = Some(Leading { followers, begins, ..Leading::default() });
        self.advance();
    }

    /// Follows a new leader. Without leader epochs, what lies beyond the own high watermark goes first.
    fn follow(&mut self) {
        let (epoch, hw) = (self.memory.partition.leader_epoch, self.disk.hw);
        if self.context.rule(EPOCHS) {
            self.context.why(|_| format!("The broker follows in epoch {epoch}, and keeps its log until it has asked."));
        } else {
            let dropped = self.disk.log.truncate(hw);
            self.context.why_rule(EPOCHS, |_| {
                let dropped = counted(u64::from(dropped), "record");
                format!("The broker follows in epoch {epoch}, and drops {dropped} beyond its watermark {hw}.")
            });
        }
        self.fetch();
    }
}
