//! The controller: registers brokers, watches their sessions, elects leaders, and keeps the ISR.

use super::words::{partition as told, set};
use super::{
    Broker, CLEAN, CONTROLLER, ControllerDisk, Disk, ISR_SIZE, MOST, Mask, Memory, Message, Note, Partition,
    Replication, SESSION, SETTLED, Timer, broker_of, everyone, has, members, node_of, replicas, settled,
};
use crate::sim::NodeId;
use crate::sim::declare::settings::Settings;
use crate::sim::kernel::time;
use crate::sim::machine::system::{Context, Event};

pub(super) struct Controller<'a, 'b> {
    pub disk: &'a mut ControllerDisk,
    pub context: &'a mut Context<'b, Replication>,
}

/// A new partition: all replicas are in sync, nobody is there to lead.
pub(super) fn blank(settings: &Settings) -> ControllerDisk {
    let isr = everyone(settings);
    if settings.is_on(SETTLED) {
        let last = replicas(settings) as u16;
        return ControllerDisk { partition: settled(settings), alive: isr, epochs: [1, 2, 3, 4, 5], last };
    }
    let partition = Partition { leader: None, leader_epoch: 0, isr, epoch: 0 };
    ControllerDisk { partition, alive: 0, epochs: [0; MOST], last: 0 }
}

/// A controller that restarts gives every broker a whole session.
pub(super) fn boot(disk: &ControllerDisk, context: &mut Context<Replication>) -> Memory {
    let session = context.amount(SESSION);
    members(disk.alive).for_each(|broker| context.set_timer(Timer::Session(broker), session));
    Memory::Controller
}

impl Controller<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<Replication>) {
        let before = self.disk.partition;
        match event {
            Event::Message { from, message: Message::Register { blank } } => self.registered(from, blank),
            Event::Message { from, message: Message::Heartbeat { epoch, seen } } => self.heard(from, epoch, seen),
            Event::Message { from, message: Message::AlterPartition { ask, leader_epoch, epoch, isr, brokers } } => {
                let accepted = self.alter(broker_of(from), (leader_epoch, epoch), isr, brokers);
                let partition = self.disk.partition;
                self.context.send(from, Message::Altered { ask, partition, accepted });
            }
            Event::Timer(Timer::Session(broker)) => self.silent(broker),
            Event::Command(_) => self.move_leader(),
            _ => self.context.pass_over(),
        }
        if self.disk.partition != before {
            self.publish();
        }
    }

    /// Tells every broker that is there.
    fn publish(&mut self) {
        let partition = self.disk.partition;
        self.context.gauge(ISR_SIZE, CONTROLLER.0, i64::from(partition.isr.count_ones()));
        self.context.why(|_| format!("The metadata says now: {}.", told(&partition)));
        for broker in members(self.disk.alive) {
            self.context.send(node_of(broker), Message::Metadata { partition });
        }
    }

    fn registered(&mut self, from: NodeId, blank: bool) {
        let broker = broker_of(from);
        if blank {
            self.context.note(Note::Blank { broker });
        }
        self.disk.last += 1;
        let epoch = self.disk.last;
        self.context.why(|_| format!("Broker {} registers and gets broker epoch {epoch}.", broker + 1));
        let former = self.disk.epochs.get_mut(usize::from(broker)).map_or(0, |slot| std::mem::replace(slot, epoch));
        let before = self.disk.partition;
        if former > 0 {
            self.fence(broker);
        }
        self.bump(before);
        let partition = self.disk.partition;
        self.context.send(from, Message::Registered { epoch, partition });
        self.unfence(broker);
    }

    fn heard(&mut self, from: NodeId, epoch: u16, seen: u16) {
        let broker = broker_of(from);
        if self.disk.epochs.get(usize::from(broker)) != Some(&epoch) {
            self.context.why(|_| format!("Broker {} speaks under an old broker epoch: {epoch}.", broker + 1));
            self.context.send(from, Message::Stale);
            return;
        }
        self.context.why(|_| format!("Broker {} is alive: its session continues.", broker + 1));
        let partition = self.disk.partition;
        self.unfence(broker);
        if seen < partition.epoch {
            self.context.send(from, Message::Metadata { partition });
        }
    }

    /// A broker may take part again.
    fn unfence(&mut self, broker: Broker) {
        let session = self.context.amount(SESSION);
        self.context.set_timer(Timer::Session(broker), session);
        self.disk.alive |= 1 << broker;
        let before = self.disk.partition;
        if before.leader.is_none() {
            self.elect();
        }
        self.bump(before);
    }

    fn silent(&mut self, broker: Broker) {
        let session = self.context.amount(SESSION);
        self.context.why(|_| {
            let length = time::show(session);
            format!(
                "No heartbeat of broker {} has come for a whole session, {length}: it is fenced, and leads nothing.",
                broker + 1
            )
        });
        let before = self.disk.partition;
        self.fence(broker);
        self.bump(before);
    }

    /// Takes a broker out of the ISR, unless it is the last in it, and out of the lead.
    fn fence(&mut self, broker: Broker) {
        self.disk.alive &= !(1 << broker);
        self.context.cancel_timer(Timer::Session(broker));
        let partition = &mut self.disk.partition;
        let rest = partition.isr & !(1 << broker);
        if has(partition.isr, broker) && rest != 0 {
            partition.isr = rest;
        }
        if partition.leader == Some(broker) {
            self.elect();
        }
    }

    /// One change of the partition is one step of its epoch.
    fn bump(&mut self, before: Partition) {
        let partition = &mut self.disk.partition;
        partition.epoch = before.epoch + u16::from(*partition != before);
    }

    /// Elects the first in-sync replica that is there; without the rule, anyone who is there.
    fn elect(&mut self) {
        let clean = self.context.rule(CLEAN);
        let ControllerDisk { partition, alive, .. } = &mut *self.disk;
        let in_sync = members(partition.isr & *alive).next();
        let anyone = members(*alive).next().filter(|_| !clean);
        let leader = in_sync.or(anyone);
        if leader == partition.leader {
            return;
        }
        if let Some(leader) = leader.filter(|leader| !has(partition.isr, *leader)) {
            partition.isr = 1 << leader;
        }
        partition.leader = leader;
        partition.leader_epoch += 1;
        let (epoch, isr) = (partition.leader_epoch, partition.isr);
        self.context.why_rule(CLEAN, |_| match (leader, in_sync) {
            (Some(leader), Some(_)) => format!("Broker {} is in sync: it leads epoch {epoch}.", leader + 1),
            (Some(leader), None) => {
                format!("Nobody in sync is there: broker {} leads epoch {epoch} all the same.", leader + 1)
            }
            _ => format!("Nobody of the ISR ({}) is there: the partition has no leader.", set(isr)),
        });
    }

    /// Elects the next in-sync replica after the present leader.
    fn move_leader(&mut self) {
        let ControllerDisk { partition, alive, .. } = &mut *self.disk;
        let Some(old) = partition.leader else {
            self.context.why(|_| "Nobody leads: there is no leadership to move.".to_owned());
            return;
        };
        let others = partition.isr & *alive & !(1 << old);
        let Some(next) = members(others).find(|broker| *broker > old).or(members(others).next()) else {
            self.context.why(|_| "Nobody else is in sync: the leadership stays.".to_owned());
            return;
        };
        partition.leader = Some(next);
        partition.leader_epoch += 1;
        partition.epoch += 1;
        let epoch = partition.leader_epoch;
        self.context.why(|_| format!("Broker {} takes over and leads epoch {epoch}.", next + 1));
    }

    /// A leader wants another ISR; whether it gets it. `epochs`: the leader epoch and the partition epoch that it goes by.
    fn alter(&mut self, from: Broker, epochs: (u16, u16), isr: Mask, brokers: [u16; MOST]) -> bool {
        let ControllerDisk { partition, alive, epochs: known, .. } = &mut *self.disk;
        let current = partition.leader == Some(from) && (partition.leader_epoch, partition.epoch) == epochs;
        let sound = |broker: Broker| {
            let at = usize::from(broker);
            has(*alive, broker) && (broker == from || known.get(at) == brokers.get(at))
        };
        let grows = isr & !partition.isr;
        let accepted = current && has(isr, from) && members(grows).all(sound);
        if accepted {
            partition.isr = isr;
            partition.epoch += 1;
        }
        self.context.why(|_| match (accepted, current) {
            (true, _) => format!("The ISR is {} now, as leader {} asked.", set(isr), from + 1),
            (_, true) => format!("The ISR cannot be {}: one of them is fenced, or came back since.", set(isr)),
            _ => format!("Broker {} goes by an old state of the partition: its ISR is refused.", from + 1),
        });
        accepted
    }
}

/// The metadata of a world's controller.
pub fn disk_of(disk: &Disk) -> Option<&ControllerDisk> {
    match disk {
        Disk::Controller(disk) => Some(disk),
        _ => None,
    }
}
