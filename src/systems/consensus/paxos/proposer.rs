//! The proposer: phases 1 and 2 (section 2.2), progress (section 2.4), and the leader of a log (section 3).

use super::{
    ADOPT_HIGHEST, ALL_OPEN_SLOTS, BACK_OFF, BACK_OFF_BASE, BALLOTS, BETWEEN, Ballot, Entry, FILL_GAPS, HEARTBEAT, Log,
    MAJORITY, Message, Node, Note, Open, PATIENCE, PER_COMMAND, Paxos, Phase, SKIP_PHASE_1, STAGGER, Slot, TIMEOUT,
    Timer, Value, acceptors, proposers, slot_word,
};
use crate::sim::NodeId;
use crate::sim::declare::commands::CommandCall;
use crate::sim::kernel::random::Purpose;
use crate::sim::kernel::time::{self, MS, Micros};
use crate::sim::machine::system::{Context, System};
use crate::sim::numbers::{counted, counted_or_no};

/// What the draws of a proposer are for.
const TIMEOUT_DRAW: Purpose = Purpose(0);
/// From one decree to the next.
const REST: Micros = 1_500 * MS;
/// The most slots a leader has open (section 3 calls it alpha).
const MOST_OPEN: usize = 16;

/// How long a server waits for a leader before it tries to lead.
pub(super) fn election_timeout(context: &mut Context<Paxos>) -> Micros {
    let least = context.amount(TIMEOUT);
    context.draw_between(TIMEOUT_DRAW, least, 2 * least)
}

/// How long after the first proposer this one begins.
pub(super) fn turn(context: &Context<Paxos>) -> Micros {
    MS + u64::from(context.me().0) * context.amount(STAGGER)
}

impl Node<'_, '_> {
    /// Sends to every acceptor but itself that is not in the set, and books it on the slot.
    fn ask_acceptors(&mut self, without: u64, slot: Slot, message: &Message) {
        let (me, mut sent) = (self.me(), 0);
        for to in acceptors(self.context.settings()).map(NodeId::from) {
            if to != me && without >> to.0 & 1 == 0 {
                sent += 1;
                self.send(to, message.clone());
            }
        }
        if let Phase::Accept { open, .. } = &mut self.memory.phase {
            open.iter_mut().filter(|open| open.slot == slot).for_each(|open| open.sent += sent);
        }
    }

    /// Sends to every learner but itself.
    pub(super) fn tell_learners(&mut self, message: &Message) {
        let me = self.me();
        for to in proposers(self.context.settings()).map(NodeId::from).filter(|to| *to != me) {
            self.send(to, message.clone());
        }
    }

    /// Restarts a server's election timer.
    pub(super) fn await_leader(&mut self) {
        let delay = election_timeout(self.context);
        self.context.set_timer(Timer::Try, delay);
    }

    /// Time to begin a ballot: a decree's first, another after no answers, or an election.
    pub(super) fn time_to_try(&mut self) {
        if self.is_log() {
            if matches!(self.memory.phase, Phase::Accept { .. }) {
                self.context.why(|_| "It leads; it has nobody to wait for.".to_owned());
            } else {
                self.prepare();
            }
            return;
        }
        if self.memory.wish.is_none() {
            let (decree, me) = (self.first_open(), self.me());
            // Decree 1: x=11 from P1, x=12 from P2. Decree 2: x=21, x=22.
            let value = ((decree - 1) % 9 + 1) as i16 * 10 + me.0 as i16 + 1;
            self.take_up(value);
        }
        self.prepare();
    }

    /// Takes up a value, to be proposed where nothing else must be.
    fn take_up(&mut self, value: i16) {
        let value = Value { id: 1, register: 0, value };
        self.memory.wish = Some(value);
        self.memory.since = self.context.now();
        self.memory.refused = 0;
        self.context.note(Note::Proposed { value });
    }

    /// The reader gives a proposer a value.
    pub(super) fn told_to_propose(&mut self, call: &CommandCall) {
        self.take_up(call.value(1) as i16);
        self.prepare();
    }

    /// Phase 1a, in a ballot above every one it knows of.
    fn prepare(&mut self) {
        let me = self.me();
        self.disk.round = self.disk.round.saturating_add(1);
        let (ballot, from, is_log) =
            (Ballot { round: self.disk.round, proposer: me }, self.first_open(), self.is_log());
        let (name, hears_all) = (self.named(ballot), self.context.rule(ALL_OPEN_SLOTS));
        self.context.why(|s| {
            let me = Paxos::name(s, me);
            let slots = if hears_all { format!("every slot from {from}") } else { format!("slot {from} alone") };
            match is_log {
                true => format!("{me} has heard no leader in time. It prepares ballot {name}, for {slots}."),
                false => format!("{me} begins ballot {name} for decree {from} and asks every acceptor for a promise."),
            }
        });
        self.context.count(BALLOTS, me.0, 1);
        self.context.cancel_timer(Timer::Ready);
        self.memory.phase = Phase::Prepare { ballot, from, promised: 0, found: Log::default() };
        self.memory.leader = None;
        self.ask_acceptors(0, from, &Message::Prepare { ballot, slot: from, all: is_log });
        if is_log {
            self.await_leader();
            self.promise(ballot);
            let mine = self.disk.accepted.between(from, self.last_asked_about(from));
            self.take_promise(me, &mine);
        } else {
            self.try_again_later();
        }
    }

    /// The last slot of which a new leader wants to hear.
    fn last_asked_about(&self, from: Slot) -> Slot {
        if self.is_log() && self.context.rule(ALL_OPEN_SLOTS) { Slot::MAX } else { from }
    }

    fn try_again_later(&mut self) {
        let more = if self.context.rule(BACK_OFF) { self.back_off() } else { 0 };
        let patience = self.context.amount(PATIENCE);
        self.try_after(patience + more);
    }

    /// Begins another ballot after this long, unless nothing needs to be begun again.
    fn try_after(&mut self, delay: Micros) {
        match self.context.amount(PATIENCE) {
            0 => self.context.cancel_timer(Timer::Try),
            _ => self.context.set_timer(Timer::Try, delay),
        }
    }

    /// A random wait, longer after each refusal.
    fn back_off(&mut self) -> Micros {
        let longest = self.context.amount(BACK_OFF_BASE) << self.memory.refused.saturating_sub(1);
        self.context.draw_between(TIMEOUT_DRAW, 0, longest)
    }

    /// An acceptor promises.
    pub(super) fn got_promise(&mut self, from: NodeId, ballot: Ballot, slot: Slot, accepted: &Log) {
        let (me, name) = (self.me(), self.named(ballot));
        match &mut self.memory.phase {
            Phase::Prepare { ballot: mine, from: first, .. } if *mine == ballot && *first == slot => {
                let last = self.last_asked_about(slot);
                self.take_promise(from, &accepted.between(slot, last));
            }
            Phase::Accept { ballot: mine, open, .. } if *mine == ballot => {
                let waits = open.iter_mut().find(|open| open.slot == slot && !open.asked);
                if let Some(waits) = waits {
                    waits.promised |= 1 << from.0;
                }
                self.context.why(|s| {
                    let (me, from) = (Paxos::name(s, me), Paxos::name(s, from));
                    format!("{me} has {from}'s promise of {name} for slot {slot}.")
                });
                self.begin_ready_slots();
            }
            _ => self
                .context
                .why(|s| format!("{} has left ballot {name}; this promise is of no use.", Paxos::name(s, me))),
        }
    }

    fn take_promise(&mut self, from: NodeId, accepted: &Log) {
        let (me, need) = (self.me(), self.quorum());
        let Phase::Prepare { promised, found, .. } = &mut self.memory.phase else { return };
        if promised.count_ones() as usize >= need {
            self.context.why_rule(MAJORITY, |s| {
                format!("{} has its {need} promises already and goes by them.", Paxos::name(s, me))
            });
            return;
        }
        *promised |= 1 << from.0;
        accepted.entries().iter().for_each(|entry| found.put_higher(*entry));
        let have = promised.count_ones() as usize;
        if from != me {
            self.context.why_rule(MAJORITY, |s| {
                let (me, from) = (Paxos::name(s, me), Paxos::name(s, from));
                format!("{me} has {from}'s promise: {have} of the {need} it needs.")
            });
        }
        if have < need {
            return;
        }
        let between = self.context.amount(BETWEEN);
        if self.is_log() || between == 0 { self.begin_phase_2() } else { self.context.work(Timer::Ready, between) }
    }

    /// Enough acceptors have promised.
    pub(super) fn begin_phase_2(&mut self) {
        let Phase::Prepare { ballot, from, promised, found } = &self.memory.phase else {
            self.context.why(|_| "Its ballot is over; there is nothing to ask for.".to_owned());
            return;
        };
        let (ballot, from, promised) = (*ballot, *from, *promised);
        let found = if self.context.rule(ADOPT_HIGHEST) { found.clone() } else { Log::default() };
        self.memory.phase = Phase::Accept { ballot, next: from, open: Vec::new() };
        if self.is_log() {
            self.lead(ballot, from, &found);
        } else if let Some(wish) = self.memory.wish {
            let (me, name, adopted) = (self.me(), self.named(ballot), found.get(from));
            let told = adopted.map_or(String::new(), |entry| self.named(entry.ballot));
            self.context.why_rule(ADOPT_HIGHEST, |s| {
                let me = Paxos::name(s, me);
                match adopted {
                    Some(entry) => format!("{me} adopts {}, accepted in {told}, for its ballot {name}.", entry.value),
                    None => format!("{me} proposes its own value, {wish}, in ballot {name}."),
                }
            });
            self.propose(adopted.map_or(wish, |entry| entry.value), promised, true);
        }
    }

    /// Proposes again what the promises told of, and no-ops between; then it is ready for commands.
    fn lead(&mut self, ballot: Ballot, from: Slot, found: &Log) {
        let (me, name) = (self.me(), self.named(ballot));
        let known = self.disk.chosen.last().max(self.disk.state.slot);
        let last = found.last().max(known);
        self.memory.leader = Some(me);
        self.context.cancel_timer(Timer::Try);
        let (mut again, mut gaps) = (0, 0);
        for slot in from..=last {
            if self.disk.chosen.get(slot).is_some() {
                continue;
            }
            let Phase::Accept { next, .. } = &mut self.memory.phase else { return };
            *next = slot;
            match found.get(slot) {
                Some(entry) => {
                    again += 1;
                    self.propose(entry.value, 0, true);
                }
                None if self.context.rule(FILL_GAPS) => {
                    gaps += 1;
                    self.propose(Value::NOOP, 0, true);
                }
                None => {}
            }
        }
        if let Phase::Accept { next, .. } = &mut self.memory.phase {
            *next = (last + 1).max(from);
        }
        let fills = self.context.rule(FILL_GAPS);
        self.context.why_rule(FILL_GAPS, |s| {
            let values = counted_or_no(again as u64, "value");
            let gaps = if fills { counted_or_no(gaps as u64, "gap") } else { "no gap".to_owned() };
            let me = Paxos::name(s, me);
            format!("{me} leads in ballot {name}, from slot {from} on: it proposes {values} again and fills {gaps}.")
        });
        self.send_heartbeats();
    }

    /// Proposes a value in the next slot. Where phase 1 is not done for it, it comes first.
    fn propose(&mut self, value: Value, promised: u64, is_prepared: bool) {
        let Phase::Accept { ballot, next, open } = &mut self.memory.phase else { return };
        let (ballot, slot) = (*ballot, *next);
        *next += 1;
        open.push(Open { slot, value, promised, asked: is_prepared, accepted: 0, old: false, sent: 0 });
        if is_prepared {
            self.ask_to_accept(Entry { slot, ballot, value });
        } else {
            self.ask_acceptors(0, slot, &Message::Prepare { ballot, slot, all: false });
        }
    }

    /// Phase 2a. A server is an acceptor itself and accepts at once.
    fn ask_to_accept(&mut self, entry: Entry) {
        let Entry { slot, ballot, value } = entry;
        self.ask_acceptors(0, slot, &Message::Accept { ballot, slot, value });
        if self.is_log() {
            self.accept(entry);
            let me = self.me();
            self.count_accepted(me, slot);
        }
    }

    /// Begins phase 2 of the slots whose own phase 1 is done.
    fn begin_ready_slots(&mut self) {
        let need = self.quorum();
        loop {
            let Phase::Accept { ballot, open, .. } = &mut self.memory.phase else { return };
            let ready = |open: &&mut Open| !open.asked && open.promised.count_ones() as usize >= need;
            let Some(open) = open.iter_mut().find(ready) else { return };
            open.asked = true;
            let entry = Entry { slot: open.slot, ballot: *ballot, value: open.value };
            self.ask_to_accept(entry);
        }
    }

    /// An acceptor has accepted.
    pub(super) fn got_accepted(&mut self, from: NodeId, ballot: Ballot, slot: Slot) {
        let (me, name, need) = (self.me(), self.named(ballot), self.quorum());
        let open = match &self.memory.phase {
            Phase::Accept { ballot: mine, open, .. } if *mine == ballot => open.iter().find(|open| open.slot == slot),
            _ => None,
        };
        let have = open.map(|open| ((open.accepted | 1 << from.0).count_ones() as usize, open.value));
        self.context.why_rule(MAJORITY, |s| {
            let (me, from, word) = (Paxos::name(s, me), Paxos::name(s, from), slot_word(s));
            match have {
                Some((have, value)) if have >= need => {
                    format!(
                        "{from} has accepted too, {have} in all: {value} is chosen in {word} {slot}, and {me} says so."
                    )
                }
                Some((have, _)) => {
                    format!("{from} has accepted in {word} {slot}: {have} of the {need} that {me} needs.")
                }
                None => format!("{me} no longer waits for {word} {slot} in ballot {name}."),
            }
        });
        if have.is_some() {
            self.count_accepted(from, slot);
        }
    }

    /// Once a quorum has accepted, the value is chosen: the proposer learns it and tells the learners.
    fn count_accepted(&mut self, from: NodeId, slot: Slot) {
        let need = self.quorum();
        let Phase::Accept { ballot, open, .. } = &mut self.memory.phase else { return };
        let Some(at) = open.iter().position(|open| open.slot == slot) else { return };
        open[at].accepted |= 1 << from.0;
        if (open[at].accepted.count_ones() as usize) < need {
            return;
        }
        let open = open.remove(at);
        let entry = Entry { slot, ballot: *ballot, value: open.value };
        // Each request brings an answer; every other learner hears; a client asked and is told.
        let learners = proposers(self.context.settings()).end - 1;
        let spent = 2 * i64::from(open.sent) + learners as i64 + 2;
        self.context.gauge(PER_COMMAND, self.context.me().0, spent);
        self.tell_learners(&Message::Chosen { log: Log::of(entry) });
        self.learn(entry);
    }

    /// A ballot of its own, or its heartbeat, was refused.
    pub(super) fn got_refused(&mut self, from: NodeId, ballot: Ballot, promised: Ballot, slot: Slot) {
        let (me, name, bound) = (self.me(), self.named(ballot), self.named(promised));
        let is_over = !self.is_log() && slot > self.first_open();
        if self.memory.phase.ballot() != Some(ballot) {
            self.context.why(|s| format!("{} has left ballot {name} already.", Paxos::name(s, me)));
            return;
        }
        self.disk.round = self.disk.round.max(promised.round);
        self.memory.phase = Phase::Idle;
        self.context.cancel_timer(Timer::Ready);
        self.memory.refused = self.memory.refused.saturating_add(1).min(5);
        let backs_off = !self.is_log() && self.context.rule(BACK_OFF);
        let wait = if backs_off { self.back_off() } else { 0 };
        self.context.why_rule(BACK_OFF, |s| {
            let (me, from) = (Paxos::name(s, me), Paxos::name(s, from));
            let then = if backs_off { format!(" It waits {}.", time::show(wait)) } else { String::new() };
            match is_over {
                true => format!("{me} abandons ballot {name}: {from} is at decree {slot} already."),
                false => format!("{me} abandons ballot {name}: {from} has promised {bound}.{then}"),
            }
        });
        if self.is_log() {
            self.context.cancel_timer(Timer::Heartbeat);
            self.memory.leader = None;
            self.await_leader();
        } else if is_over {
            self.skip_to(slot);
        } else if backs_off {
            self.try_after(wait);
        } else {
            self.prepare();
        }
    }

    /// A decree is over for this proposer: the next begins after a rest.
    pub(super) fn rest(&mut self) {
        self.memory.phase = Phase::Idle;
        self.memory.wish = None;
        self.memory.refused = 0;
        self.context.cancel_timer(Timer::Ready);
        let turn = turn(self.context);
        self.try_after(REST + turn);
    }

    /// Time to tell the others that there is a leader, and to send again what may be lost.
    pub(super) fn heartbeat_due(&mut self) {
        let Phase::Accept { ballot, open, .. } = &mut self.memory.phase else {
            self.context.why(|_| "It no longer leads; no heartbeat is due.".to_owned());
            return;
        };
        let (ballot, again) = (*ballot, open.iter().filter(|open| open.old).copied().collect::<Vec<_>>());
        open.iter_mut().for_each(|open| open.old = true);
        let (me, count) = (self.me(), again.len());
        self.context.why(|s| match count {
            0 => format!("{} leads, and tells everyone.", Paxos::name(s, me)),
            _ => {
                let slots = counted(count as u64, "slot");
                format!("{} leads: it tells everyone, and asks again for {slots}.", Paxos::name(s, me))
            }
        });
        for Open { slot, value, promised, asked, accepted, .. } in again {
            match asked {
                true => self.ask_acceptors(accepted, slot, &Message::Accept { ballot, slot, value }),
                false => self.ask_acceptors(promised, slot, &Message::Prepare { ballot, slot, all: false }),
            }
        }
        self.send_heartbeats();
    }

    fn send_heartbeats(&mut self) {
        let (delay, slot) = (self.context.amount(HEARTBEAT), self.first_open());
        let Phase::Accept { ballot, .. } = self.memory.phase else { return };
        if delay > 0 {
            self.tell_learners(&Message::Heartbeat { ballot, slot });
            self.context.set_timer(Timer::Heartbeat, delay);
        }
    }

    /// A client asks for a command.
    pub(super) fn asked_by_client(&mut self, from: NodeId, value: Value) {
        let (me, id, leader) = (self.me(), value.id, self.memory.leader);
        let Phase::Accept { next, open, .. } = &self.memory.phase else {
            self.context.why(|s| {
                let other =
                    leader.map_or("it knows of no leader".to_owned(), |node| format!("ask {}", Paxos::name(s, node)));
                format!("{} does not lead, so it refuses {value}: {other}.", Paxos::name(s, me))
            });
            return self.send(from, Message::Redirect { id, leader });
        };
        let (slot, full) = (*next, open.len() >= MOST_OPEN);
        let has_slot = open.iter().any(|open| open.value.id == id)
            || self.disk.chosen.entries().iter().any(|entry| entry.value.id == id);
        if self.disk.state.has(id) {
            self.context.why(|_| format!("Request {id} is applied already: it answers again."));
            self.send(from, Message::Answer { id });
        } else if full || has_slot {
            self.context.why(|_| match full {
                true if !has_slot => {
                    format!("{MOST_OPEN} slots are open, the most it takes: request {id} must come again.")
                }
                _ => format!("Request {id} has a slot already: {value} will be answered once it is applied."),
            });
        } else {
            let skips = self.context.settings().is_on(SKIP_PHASE_1);
            self.context.why(|s| {
                let me = Paxos::name(s, me);
                match skips {
                    true => format!("{me} proposes {value} in slot {slot}: phase 1 was done when it began to lead."),
                    false => format!("{me} wants {value} in slot {slot}, and begins with phase 1."),
                }
            });
            self.propose(value, 1 << me.0, skips);
        }
    }
}
