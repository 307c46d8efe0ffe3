//! The follower's side: fetch, append, and truncate where the logs part.

use super::broker::Replica;
use super::{EPOCHS, Fetched, Message, Position, RETRY, Timer, node_of};
use crate::sim::numbers::counted;

impl Replica<'_, '_> {
    fn position(&self) -> Position {
        Position { offset: self.disk.log.end(), last_epoch: self.disk.log.last_epoch() }
    }

    /// Asks the leader for what comes after the own log.
    pub(super) fn fetch(&mut self) {
        let partition = self.memory.partition;
        let Some(leader) = partition.leader.filter(|leader| *leader != self.me()) else { return };
        let from = self.position();
        let message = Message::Fetch { leader_epoch: partition.leader_epoch, broker_epoch: self.memory.epoch, from };
        self.context.send(node_of(leader), message);
        self.context.set_timer(Timer::Retry, 2 * RETRY);
    }

    pub(super) fn fetch_answered(&mut self, leader_epoch: u16, from: Position, hw: u32, fetched: Fetched) {
        let follows = self.memory.leading.is_none() && leader_epoch == self.memory.partition.leader_epoch;
        if !follows || from != self.position() {
            self.context.why(|_| "This answers a fetch of before: the broker passes it over.".to_owned());
            return;
        }
        match fetched {
            Fetched::Records(records) => {
                records.iter().for_each(|entry| {
                    self.append(*entry);
                });
                let (end, added) = (self.disk.log.end(), records.len());
                self.disk.hw = self.disk.hw.max(hw.min(end));
                let hw = self.disk.hw;
                self.context.why(|_| {
                    let added = counted(added as u64, "record");
                    format!("The broker appends {added}: its log ends at {end}, its high watermark is {hw}.")
                });
            }
            Fetched::Diverging { epoch, end } => self.truncate(epoch, end),
            Fetched::Reset { start } => {
                self.disk.log.restart_at(start);
                self.disk.hw = start;
                self.context.why(|_| format!("The leader's log begins at {start}: the broker starts there."));
            }
        }
        self.fetch();
    }

    /// The leader's latest epoch up to the own last one is `epoch`, and ends at `end`.
    fn truncate(&mut self, epoch: u16, end: u32) {
        let (known, own_end) = self.disk.log.end_of_epoch(epoch);
        let keep = match (self.context.rule(EPOCHS), known == epoch) {
            (true, false) => own_end,
            _ => own_end.min(end),
        };
        let dropped = self.disk.log.truncate(keep);
        let kept = self.disk.log.end();
        self.disk.hw = self.disk.hw.min(kept);
        self.context.why_rule(EPOCHS, |_| {
            let dropped = counted(u64::from(dropped), "record");
            format!("The leader's epoch {epoch} ends at {end}: the broker drops {dropped}, down to {kept}.")
        });
    }
}
