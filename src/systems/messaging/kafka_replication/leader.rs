//! The leader's side: append, serve fetches, move the high watermark, and propose the ISR.

use super::broker::Replica;
use super::log::Entry;
use super::words::set;
use super::{
    ACKS_ALL, BATCH, Broker, CONSUMER, CONTROLLER, Consumed, EPOCHS, FETCH_WAIT, Fetched, Follower, LAG, MIN_ISR, MOST,
    Mask, Message, PRODUCER, Position, Produced, READ_TO_HW, RETRY, Timer, UNCOMMITTED, has, members, min_isr, node_of,
};

impl Replica<'_, '_> {
    fn min_isr(&self) -> u32 {
        min_isr(self.context.rule(MIN_ISR))
    }

    pub(super) fn produce(&mut self, id: u32, acks: i8) {
        if self.memory.leading.is_none() {
            self.context.why(|_| format!("The broker does not lead: record {id} is refused."));
            self.answer(id, Produced::NotLeader);
            return;
        }
        let (in_sync, least) = (self.memory.partition.isr.count_ones(), self.min_isr());
        if acks < 0 && in_sync < least {
            self.context.why_rule(MIN_ISR, |_| {
                format!("{in_sync} in sync, and {least} are the least: record {id} is refused (NOT_ENOUGH_REPLICAS).")
            });
            self.answer(id, Produced::NotEnoughReplicas);
            return;
        }
        let epoch = self.memory.partition.leader_epoch;
        let known = self.disk.log.find(id).filter(|_| acks < 0);
        let offset = known.unwrap_or_else(|| self.append(Entry { epoch, id }));
        self.context.why_rule(ACKS_ALL, |_| match (acks, known) {
            (-1, Some(_)) => format!("Record {id} is there already, at offset {offset}: the retry adds nothing."),
            (-1, None) => format!("Record {id} gets offset {offset}; the answer waits for the in-sync replicas."),
            (0, _) => format!("Record {id} gets offset {offset}; nobody waits for an answer."),
            _ => format!("Record {id} gets offset {offset}, and is acknowledged at once."),
        });
        match acks {
            -1 if offset < self.disk.hw => self.answer(id, Produced::At(offset)),
            -1 => self.wait_for(id, offset),
            0 => {}
            _ => self.answer(id, Produced::At(offset)),
        }
        self.advance();
        self.wake();
    }

    fn wait_for(&mut self, id: u32, offset: u32) {
        let Some(leading) = &mut self.memory.leading else { return };
        if !leading.waiting.contains(&(id, offset)) {
            leading.waiting.push((id, offset));
        }
    }

    fn answer(&mut self, id: u32, produced: Produced) {
        self.context.send(PRODUCER, Message::ProduceAnswer { id, produced });
    }

    /// A follower fetches.
    pub(super) fn fetched_from(&mut self, broker: Broker, leader_epoch: u16, epoch: u16, from: Position) {
        let own = self.memory.partition.leader_epoch;
        if self.memory.leading.is_none() || leader_epoch != own {
            self.context
                .why(|_| format!("A fetch for epoch {leader_epoch}, and this broker is in epoch {own}: no answer."));
            return;
        }
        if let Some(fetched) = self.parting(from) {
            self.context.why_rule(EPOCHS, |_| {
                format!(
                    "Broker {} has other records before offset {}: it is told where to go on.",
                    broker + 1,
                    from.offset
                )
            });
            self.send_records(broker, from, fetched);
            return;
        }
        self.progress(broker, epoch, from.offset);
        self.context.why(|_| format!("Broker {} has everything below offset {}.", broker + 1, from.offset));
        self.expand(broker);
        self.advance();
        if let Some(follower) = self.follower(broker) {
            follower.parked = Some(from);
        }
        self.context.set_timer(Timer::Wait(broker), FETCH_WAIT);
        self.wake();
    }

    /// What a follower has to be told before it may have records: where its log parts from the leader's.
    fn parting(&self, from: Position) -> Option<Fetched> {
        let log = &self.disk.log;
        if from.offset < log.start() {
            return Some(Fetched::Reset { start: log.start() });
        }
        if !self.context.rule(EPOCHS) {
            let beyond = from.offset > log.end();
            return beyond.then(|| Fetched::Diverging { epoch: from.last_epoch, end: log.end() });
        }
        let (epoch, end) = log.end_of_epoch(from.last_epoch);
        let parts = from.last_epoch > 0 && (epoch < from.last_epoch || end < from.offset);
        parts.then_some(Fetched::Diverging { epoch, end })
    }

    fn follower(&mut self, broker: Broker) -> Option<&mut Follower> {
        self.memory.leading.as_mut()?.followers.get_mut(&broker)
    }

    /// A follower's log ends here. It is caught up when it has what the leader had at its fetch before.
    fn progress(&mut self, broker: Broker, epoch: u16, end: u32) {
        let own_end = self.disk.log.end();
        let Some(follower) = self.follower(broker) else { return };
        let caught_up = end >= own_end || (follower.end.is_some() && end >= follower.target);
        (follower.end, follower.epoch, follower.target) = (Some(end), epoch, own_end);
        if caught_up {
            let lag = self.context.amount(LAG);
            self.context.set_timer(Timer::Lag(broker), lag);
        }
    }

    /// A follower that has everything committed, and the start of this epoch, may join the ISR.
    fn expand(&mut self, broker: Broker) {
        let (isr, hw) = (self.memory.partition.isr, self.disk.hw);
        let Some(leading) = &self.memory.leading else { return };
        let end = leading.followers.get(&broker).and_then(|follower| follower.end);
        let ready = end.is_some_and(|end| end >= hw.max(leading.begins));
        if ready && !has(isr, broker) && leading.proposed.is_none() {
            self.context
                .why(|_| format!("Broker {} has caught up: the leader asks for it to join the ISR.", broker + 1));
            self.propose(isr | 1 << broker);
        }
    }

    /// A follower was not caught up for replica.lag.time.max.ms.
    pub(super) fn lagged(&mut self, broker: Broker) {
        let isr = self.memory.partition.isr;
        let free = self.memory.leading.as_ref().is_some_and(|leading| leading.proposed.is_none());
        if free && has(isr, broker) {
            self.context.why(|_| {
                format!("Broker {} was behind for too long: the leader asks to take it out of the ISR.", broker + 1)
            });
            self.propose(isr & !(1 << broker));
        } else {
            self.context.why(|_| format!("Broker {} lags; nothing can be asked for now.", broker + 1));
        }
        let lag = self.context.amount(LAG);
        self.context.set_timer(Timer::Lag(broker), lag);
    }

    fn propose(&mut self, isr: Mask) {
        let partition = self.memory.partition;
        let Some(leading) = &mut self.memory.leading else { return };
        leading.proposed = Some(isr);
        leading.asked += 1;
        let ask = leading.asked;
        let mut brokers = [0; MOST];
        for (slot, (_, follower)) in (0..).zip(&leading.followers).map(|(_, entry)| (*entry.0, entry)) {
            if let Some(known) = brokers.get_mut(usize::from(slot)) {
                *known = follower.epoch;
            }
        }
        let (leader_epoch, epoch) = (partition.leader_epoch, partition.epoch);
        self.context.send(CONTROLLER, Message::AlterPartition { ask, leader_epoch, epoch, isr, brokers });
        self.context.set_timer(Timer::Retry, RETRY);
    }

    pub(super) fn propose_again(&mut self) {
        let proposed = self.memory.leading.as_ref().and_then(|leading| leading.proposed);
        match proposed {
            Some(isr) => {
                self.context
                    .why(|_| format!("The controller has not answered: the leader asks again for {}.", set(isr)));
                self.propose(isr);
            }
            None => self.context.why(|_| "Nothing is open with the controller.".to_owned()),
        }
    }

    pub(super) fn altered(&mut self, ask: u32, partition: super::Partition, accepted: bool) {
        self.context.why(|_| match accepted {
            true => "The controller has taken the new ISR.".to_owned(),
            false => "The controller has refused the new ISR.".to_owned(),
        });
        if partition.epoch > self.memory.partition.epoch {
            self.learn(partition);
        } else if let Some(leading) = &mut self.memory.leading {
            // Refused in the state that the leader knows: it asks again when there is a reason. A late refusal of an older
            // question says nothing about the newest, which may have been granted meanwhile.
            if partition.epoch == self.memory.partition.epoch && ask == leading.asked {
                leading.proposed = None;
            }
        }
    }

    /// Moves the high watermark to what all have who are in sync, or may soon be; tells who waits for it.
    pub(super) fn advance(&mut self) {
        let (isr, least, me) = (self.memory.partition.isr, self.min_isr(), self.me());
        let end = self.disk.log.end();
        let Some(leading) = &mut self.memory.leading else { return };
        let maximal = isr | leading.proposed.unwrap_or(0);
        let others = members(maximal).filter(|broker| *broker != me);
        let known = |broker: Broker| leading.followers.get(&broker).and_then(|follower| follower.end).unwrap_or(0);
        let all_have = others.map(known).min().unwrap_or(end).min(end);
        let hw = self.disk.hw;
        if all_have > hw && isr.count_ones() >= least {
            self.disk.hw = all_have;
            let done: Vec<(u32, u32)> = leading.waiting.iter().copied().filter(|wait| wait.1 < all_have).collect();
            leading.waiting.retain(|wait| wait.1 >= all_have);
            self.context.why(|_| {
                let all = set(maximal);
                match maximal.count_ones() {
                    1 => format!("Broker {all} alone is in sync: the high watermark moves to {all_have}."),
                    _ => format!(
                        "Brokers {all} all have what is below offset {all_have}: the high watermark moves there."
                    ),
                }
            });
            done.into_iter().for_each(|(id, offset)| self.answer(id, Produced::At(offset)));
            self.wake();
        }
        self.context.gauge(UNCOMMITTED, 0, i64::from(end - self.disk.hw.min(end)));
    }

    /// Answers waiting fetches for which there is something new.
    fn wake(&mut self) {
        let (end, hw) = (self.disk.log.end(), self.disk.hw);
        let Some(leading) = &self.memory.leading else { return };
        let fresh = |follower: &Follower| follower.parked.filter(|from| from.offset < end || follower.told < hw);
        let ready: Vec<(Broker, Position)> =
            leading.followers.iter().filter_map(|(broker, follower)| Some((*broker, fresh(follower)?))).collect();
        let reader = leading.reader.filter(|offset| *offset < self.readable());
        for (broker, from) in ready {
            self.serve(broker, from);
        }
        if let Some(offset) = reader {
            self.serve_reader(offset);
        }
    }

    fn serve(&mut self, broker: Broker, from: Position) {
        let records = self.disk.log.read(from.offset, self.disk.log.end(), BATCH);
        self.send_records(broker, from, Fetched::Records(records));
    }

    fn send_records(&mut self, broker: Broker, from: Position, fetched: Fetched) {
        let hw = self.disk.hw;
        if let Some(follower) = self.follower(broker) {
            follower.parked = None;
            follower.told = hw;
        }
        self.context.cancel_timer(Timer::Wait(broker));
        let leader_epoch = self.memory.partition.leader_epoch;
        self.context.send(node_of(broker), Message::FetchAnswer { leader_epoch, from, hw, fetched });
    }

    /// A fetch has waited long enough: it is answered with nothing.
    pub(super) fn waited(&mut self, broker: Broker) {
        self.context.why(|_| format!("Nothing new for broker {}: its fetch is answered empty.", broker + 1));
        if let Some(from) = self.follower(broker).and_then(|follower| follower.parked) {
            self.serve(broker, from);
        }
    }

    /// Where consumers have to stop.
    fn readable(&self) -> u32 {
        if self.context.rule(READ_TO_HW) { self.disk.hw } else { self.disk.log.end() }
    }

    pub(super) fn consume(&mut self, offset: u32) {
        let (start, end, until) = (self.disk.log.start(), self.disk.log.end(), self.readable());
        let Some(leading) = &mut self.memory.leading else {
            self.context.why(|_| "The broker does not lead: the consumer has to ask elsewhere.".to_owned());
            self.context.send(CONSUMER, Message::ConsumeAnswer { offset, consumed: Consumed::NotLeader });
            return;
        };
        if !(start..=end).contains(&offset) {
            self.context.why(|_| format!("The log has offsets {start} to {end}, and not {offset}."));
            self.context.send(CONSUMER, Message::ConsumeAnswer { offset, consumed: Consumed::Range { start, end } });
            return;
        }
        leading.reader = Some(offset);
        self.context.why_rule(READ_TO_HW, |_| format!("The consumer is at {offset}, and may read below {until}."));
        self.context.set_timer(Timer::WaitReader, FETCH_WAIT);
        self.wake();
    }

    fn serve_reader(&mut self, offset: u32) {
        let records = self.disk.log.read(offset, self.readable(), BATCH);
        if let Some(leading) = &mut self.memory.leading {
            leading.reader = None;
        }
        self.context.cancel_timer(Timer::WaitReader);
        self.context.send(CONSUMER, Message::ConsumeAnswer { offset, consumed: Consumed::Records(records) });
    }

    pub(super) fn reader_waited(&mut self) {
        self.context.why(|_| "Nothing new for the consumer: its fetch is answered empty.".to_owned());
        if let Some(offset) = self.memory.leading.as_ref().and_then(|leading| leading.reader) {
            self.serve_reader(offset);
        }
    }
}
