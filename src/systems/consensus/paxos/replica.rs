//! The learner and the replica: what was chosen, applied in the order of the slots; catching up.

use super::{
    COMMIT_LATENCY, COMMITTED, Entry, FILL_GAPS, KEPT, Log, Message, Node, Note, Paxos, Phase, Slot, State, clients,
    slot_word,
};
use crate::sim::NodeId;
use crate::sim::declare::settings::Settings;
use crate::sim::machine::system::System;
use crate::sim::numbers::are;

impl Node<'_, '_> {
    /// Learns that a value is chosen.
    pub(super) fn learn(&mut self, entry: Entry) {
        let Entry { slot, value, .. } = entry;
        let node = self.me();
        let known = self.disk.chosen.get(slot).map(|known| known.value);
        let is_past = slot < self.first_open() && known.is_none();
        if is_past || known == Some(value) {
            return;
        }
        self.context.note(Note::Learned { node, slot, value });
        if known.is_some() {
            return;
        }
        self.disk.chosen.put(entry);
        if self.is_log() {
            self.drop_open(slot);
            self.apply();
        } else {
            self.decided(slot);
        }
    }

    /// A decree is decided, as far as this proposer knows.
    fn decided(&mut self, slot: Slot) {
        let (node, since) = (self.me(), self.memory.since);
        if self.memory.wish.is_some() {
            let now = self.context.now();
            self.context.observe(COMMIT_LATENCY, node.0, now.saturating_sub(since));
        }
        if matches!(self.memory.phase, Phase::Accept { .. }) {
            self.context.count(COMMITTED, node.0, 1);
        }
        if let Some(entry) = self.disk.chosen.get(slot) {
            self.disk.state.slot = slot - 1;
            self.disk.state.registers[0] = Some(entry.value.value);
        }
        self.disk.state.slot = slot;
        self.disk.round = 0;
        self.disk.chosen.forget_below(slot);
        self.rest();
    }

    /// A later decree is under way: this proposer missed what was decided.
    pub(super) fn skip_to(&mut self, slot: Slot) {
        self.disk.state.slot = slot - 1;
        self.disk.round = 0;
        self.rest();
    }

    /// A slot that turns out to be chosen is no longer open.
    fn drop_open(&mut self, slot: Slot) {
        if let Phase::Accept { open, .. } = &mut self.memory.phase {
            open.retain(|open| open.slot != slot);
        }
    }

    /// Applies every chosen slot that follows on the last one applied. A leader answers the clients.
    fn apply(&mut self) {
        let node = self.me();
        while let Some(Entry { slot, value, .. }) = self.disk.chosen.get(self.first_open()) {
            self.disk.state.apply(value);
            self.context.note(Note::Applied { node, slot, value });
            let leads = matches!(self.memory.phase, Phase::Accept { .. });
            let client = clients(self.context.settings()).filter(|_| leads && value.id != 0);
            if let Some(client) = client {
                self.context.note(Note::Answered { slot, id: value.id });
                self.send(client, Message::Answer { id: value.id });
            }
        }
        self.forget();
    }

    fn forget(&mut self) {
        let first = self.first_open().saturating_sub(KEPT);
        self.disk.chosen.forget_below(first);
        self.disk.accepted.forget_below(first);
    }

    /// The first slot of which it still knows what was accepted and chosen.
    pub(super) fn first_kept(&self) -> Slot {
        if !self.is_log() {
            return 0;
        }
        let first = self.disk.chosen.entries().first().map_or(Slot::MAX, |entry| entry.slot);
        first.min(self.first_open())
    }

    /// Learns from another server, or from the proposer of the ballot that won.
    pub(super) fn told_chosen(&mut self, from: NodeId, log: &Log) {
        let (me, open) = (self.me(), self.first_open());
        for entry in log.entries() {
            if !self.is_log() && entry.slot > self.first_open() {
                self.disk.state.slot = entry.slot - 1;
            }
            self.learn(*entry);
        }
        let after = self.first_open();
        let (last, told) = (log.last(), log.entries().len());
        let waits = last >= after;
        let words = |s: &Settings| {
            let (me, from, word) = (Paxos::name(s, me), Paxos::name(s, from), slot_word(s));
            let news = match log.entries() {
                [one] => format!("{} is chosen in {word} {}", one.value, one.slot),
                _ => format!("{} chosen, up to slot {last}", are(told as u64, "slot")),
            };
            match (after > open, waits) {
                (_, true) => format!("{me} learns from {from} that {news}. Slot {after} is open, so it has to wait."),
                (true, _) => format!("{me} learns from {from} that {news}, and applies it."),
                (false, _) => format!("{me} hears from {from} that {news}. It knew that."),
            }
        };
        if waits { self.context.why_rule(FILL_GAPS, words) } else { self.context.why(words) }
    }

    /// A server lacks chosen slots.
    pub(super) fn asked_to_catch_up(&mut self, from: NodeId, slot: Slot) {
        let (me, upto) = (self.me(), self.first_open() - 1);
        self.context.why(|s| {
            let (me, from) = (Paxos::name(s, me), Paxos::name(s, from));
            format!("{me} sends {from} what it lacks: from slot {slot} to {upto}.")
        });
        self.send_chosen(from, slot);
    }

    /// A candidate asks for slots that this server knows to be chosen and has discarded.
    pub(super) fn help_up(&mut self, from: NodeId, slot: Slot) {
        let (me, first) = (self.me(), self.first_kept());
        self.context.why(|s| {
            let (me, from) = (Paxos::name(s, me), Paxos::name(s, from));
            format!("{me} promises nothing: {from} asks for slot {slot}; all below {first} was chosen long ago.")
        });
        self.send_chosen(from, slot);
    }

    fn send_chosen(&mut self, to: NodeId, slot: Slot) {
        if slot < self.first_kept() {
            let state = self.disk.state;
            self.send(to, Message::Snapshot { state });
        }
        let log = self.disk.chosen.between(slot, Slot::MAX);
        if !log.entries().is_empty() {
            self.send(to, Message::Chosen { log });
        }
    }

    /// Takes over the state of another server.
    pub(super) fn got_snapshot(&mut self, from: NodeId, state: State) {
        let (node, mine, slot) = (self.me(), self.disk.state.slot, state.slot);
        self.context.why(|s| {
            let (me, from) = (Paxos::name(s, node), Paxos::name(s, from));
            match slot > mine {
                true => {
                    format!("{me} had applied up to slot {mine}. It takes {from}'s state, which is at slot {slot}.")
                }
                false => format!("{me} is at slot {mine} itself; {from}'s state is of no use."),
            }
        });
        if slot > mine {
            self.disk.state = state;
            self.disk.chosen.forget_below(slot + 1);
            self.context.note(Note::Installed { node, slot });
            self.apply();
        }
    }
}
