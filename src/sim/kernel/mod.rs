//! Virtual time, the event queue, links, node faults and randomness. Schedules ids; never looks into a payload.

pub mod hash;
pub mod link;
pub mod random;
pub mod table;
pub mod time;

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;

use super::NodeId;
use crate::sim::kernel::link::{Fate, LinkSpec, LinkState};
use crate::sim::kernel::time::{Micros, Time};
use crate::sim::small;
use random::{Drawer, Purpose};

/// What made something happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The world began.
    Start,
    /// The event with this number (events are counted from 1).
    Event(u64),
    /// An input of the reader, after this many events.
    Input(u64),
}

/// What a pending event will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PendingKind {
    /// A message arrives.
    Deliver { from: NodeId, fifo: bool },
    /// A timer fires.
    Timer,
    /// A client command reaches the node.
    Command,
}

/// An event that is yet to happen. Its payload is in the world, at the same slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Unique in the run, growing in the order of scheduling.
    pub id: u64,
    /// When it is due.
    pub at: Time,
    /// When it was scheduled: for a message, when it was sent.
    pub since: Time,
    /// Where it happens.
    pub node: NodeId,
    /// What it is.
    pub kind: PendingKind,
    /// What scheduled it.
    pub cause: Cause,
}

/// Why a message did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lost {
    /// The link lost it.
    Loss,
    /// The link was cut.
    Cut,
    /// The receiver was down.
    Down,
    /// The reader dropped it.
    Dropped,
}

/// What became of a message that was sent.
pub(in crate::sim) enum Sent {
    /// It is on its way, in this slot.
    Once(u32),
    /// It is on its way twice.
    Twice(u32, u32),
    /// It is lost; it would have taken this long.
    Lost(Lost, Micros),
}

/// A node as the kernel sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeState {
    /// Not crashed.
    pub up: bool,
    /// Events wait until it resumes: a long garbage collection, a suspended machine.
    pub paused: bool,
    /// How slow, in percent of the normal time: 100 is normal, 1000 ten times as slow.
    pub slow: u32,
    /// The clock's offset from true time, in microseconds.
    pub offset: i64,
    /// The clock's rate against true time, in millionths; +1000 gains a millisecond every second.
    pub drift_ppm: i32,
    /// When it last crashed or came back; 0 at first.
    pub up_changed: Time,
    drift_since: Time,
    draws: [u32; Purpose::COUNT],
}

impl Default for NodeState {
    fn default() -> Self {
        let draws = [0; Purpose::COUNT];
        NodeState { up: true, paused: false, slow: 100, offset: 0, drift_ppm: 0, up_changed: 0, drift_since: 0, draws }
    }
}

impl NodeState {
    /// Whether nothing is wrong with the node.
    pub fn is_healthy(&self) -> bool {
        self.up && !self.paused && self.slow == 100 && self.offset == 0 && self.drift_ppm == 0
    }

    /// What the node's own clock shows.
    pub fn local(&self, now: Time) -> Time {
        let drift = (now.saturating_sub(self.drift_since)) as i64 * i64::from(self.drift_ppm) / 1_000_000;
        now.saturating_add_signed(self.offset.saturating_add(drift))
    }

    /// How long the node takes for something that normally takes `micros`.
    pub fn slowed(&self, micros: Micros) -> Micros {
        if self.slow == 100 { micros } else { micros.saturating_mul(u64::from(self.slow)) / 100 }
    }

    /// How long a length on the node's own clock is in true time.
    fn true_length(&self, micros: Micros) -> Micros {
        match self.drift_ppm {
            0 => micros,
            ppm => (u128::from(micros) * 1_000_000 / (1_000_000 + i128::from(ppm)).max(1) as u128) as Micros,
        }
    }
}

/// The latest virtual time an event may be due: about 73 years, far from overflow.
const HORIZON: Time = 1 << 51;

/// See the module's header.
#[derive(Clone)]
pub struct Kernel {
    seed: u64,
    now: Time,
    steps: u64,
    next_id: u64,
    queue: BinaryHeap<Reverse<(Time, u64, u32)>>,
    /// What is due at paused nodes.
    waiting: Vec<(Time, u64, u32)>,
    slots: Vec<Option<Pending>>,
    free: Vec<u32>,
    pending: u32,
    nodes: Vec<NodeState>,
    links: Vec<Rc<Vec<LinkState>>>,
    forced: Option<u64>,
    disturbed_links: u32,
    timeless: bool,
    /// Whether anybody has looked at what is pending. The kernel's own scheduling does not count.
    was_looked_at: Cell<bool>,
}

impl Kernel {
    pub(in crate::sim) fn new(seed: u64, nodes: usize) -> Kernel {
        let row = Rc::new(vec![LinkState::default(); nodes]);
        Kernel {
            seed,
            now: 0,
            steps: 0,
            next_id: 0,
            queue: BinaryHeap::new(),
            waiting: Vec::new(),
            slots: Vec::new(),
            free: Vec::new(),
            pending: 0,
            nodes: vec![NodeState::default(); nodes],
            links: vec![row; nodes],
            forced: None,
            disturbed_links: 0,
            timeless: false,
            was_looked_at: Cell::new(false),
        }
    }

    /// A kernel for one event of a system inside another: the clock stands at `now`, nothing is pending.
    pub(in crate::sim) fn for_one_event(&self, seed: u64, nodes: usize, now: Time) -> Kernel {
        Kernel { now, steps: self.steps, timeless: self.timeless, ..Kernel::new(seed, nodes) }
    }

    /// The seed of the run.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Virtual time: when the last event happened.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Events handled so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// All nodes, by id.
    pub fn nodes(&self) -> &[NodeState] {
        &self.nodes
    }

    /// A node; an unknown one looks healthy.
    pub fn node(&self, node: NodeId) -> NodeState {
        self.nodes.get(node.index()).copied().unwrap_or_default()
    }

    /// Whether the node has not crashed.
    #[inline]
    pub(in crate::sim) fn is_up(&self, node: NodeId) -> bool {
        self.nodes.get(node.index()).is_none_or(|state| state.up)
    }

    /// Whether the node is up and not paused.
    pub fn is_running(&self, node: NodeId) -> bool {
        let state = self.node(node);
        state.up && !state.paused
    }

    /// One direction of a link.
    pub fn link(&self, from: NodeId, to: NodeId) -> LinkState {
        self.links.get(from.index()).and_then(|row| row.get(to.index())).copied().unwrap_or_default()
    }

    /// Whether messages from one node reach the other at all, as far as links go.
    #[inline]
    pub fn connected(&self, from: NodeId, to: NodeId) -> bool {
        !self.links.get(from.index()).and_then(|row| row.get(to.index())).is_some_and(|link| link.cut)
    }

    /// Whether no node and no link is disturbed by a fault.
    pub fn is_healthy(&self) -> bool {
        self.disturbed_links == 0 && self.nodes.iter().all(NodeState::is_healthy)
    }

    /// Whether no link is disturbed by a fault.
    pub fn are_links_healthy(&self) -> bool {
        self.disturbed_links == 0
    }

    /// All that is yet to happen, in no particular order.
    pub fn pending(&self) -> impl Iterator<Item = &Pending> {
        self.look();
        self.slots.iter().flatten()
    }

    /// How many events are yet to happen.
    pub fn pending_count(&self) -> u32 {
        self.look();
        self.pending
    }

    /// A pending event by its id.
    pub fn find(&self, id: u64) -> Option<&Pending> {
        self.pending().find(|pending| pending.id == id)
    }

    /// When the next event is due. `None` when nothing will happen any more, or everything due waits for paused nodes.
    pub fn upcoming(&self) -> Option<Time> {
        self.look();
        let at = match (self.forced.and_then(|id| self.find(id)), self.queue.peek()) {
            (Some(forced), _) => forced.at,
            (None, Some(&Reverse((at, id, slot)))) if self.is_current(at, id, slot) => at,
            // The first in the queue was cancelled or moved: look at all there is.
            _ => self.pending().filter(|entry| !self.is_paused(entry.node)).map(|entry| entry.at).min()?,
        };
        Some(at.max(self.now))
    }

    fn is_paused(&self, node: NodeId) -> bool {
        self.nodes.get(node.index()).is_some_and(|state| state.up && state.paused)
    }

    fn is_current(&self, at: Time, id: u64, slot: u32) -> bool {
        matches!(&self.slots[slot as usize], Some(entry) if entry.id == id && entry.at == at)
    }

    pub(in crate::sim) fn slot_of(&self, id: u64) -> Option<u32> {
        self.slots.iter().position(|slot| matches!(slot, Some(entry) if entry.id == id)).map(|slot| slot as u32)
    }

    pub(in crate::sim) fn entry(&self, slot: u32) -> Option<&Pending> {
        self.slots.get(slot as usize).and_then(Option::as_ref)
    }

    /// What is pending, with its slots, in the order in which it was scheduled.
    pub fn slots_in_order(&self) -> Vec<(u32, Pending)> {
        let all: Vec<(u32, Pending)> = self.slots().map(|(slot, entry)| (slot, *entry)).collect();
        small::order(all.iter().map(|(_, entry)| entry.id)).map(|at| all[at]).collect()
    }

    pub(in crate::sim) fn slots(&self) -> impl Iterator<Item = (u32, &Pending)> {
        self.look();
        self.slots.iter().enumerate().filter_map(|(slot, entry)| entry.as_ref().map(|entry| (slot as u32, entry)))
    }

    /// Notes that somebody looks at what is pending, even if nothing is: that is an answer too.
    pub(in crate::sim) fn look(&self) {
        self.was_looked_at.set(true);
    }

    /// Whether anybody has looked at what is pending since [`Kernel::forget_looks`].
    pub(in crate::sim) fn was_looked_at(&self) -> bool {
        self.was_looked_at.get()
    }

    pub(in crate::sim) fn forget_looks(&self) {
        self.was_looked_at.set(false);
    }

    /// Schedules an event after `delay`; the caller puts the payload at the slot that comes back.
    #[inline]
    pub(in crate::sim) fn schedule(
        &mut self,
        node: NodeId,
        kind: PendingKind,
        delay: Micros,
        cause: Cause,
    ) -> (u32, u64) {
        let id = self.next_id;
        self.next_id += 1;
        let at = self.now.saturating_add(delay).min(HORIZON);
        let entry = Pending { id, at, since: self.now, node, kind, cause };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(entry);
                slot
            }
            None => {
                self.slots.push(Some(entry));
                self.slots.len() as u32 - 1
            }
        };
        self.pending += 1;
        self.enqueue((at, id, slot), node);
        (slot, id)
    }

    /// Sends over a link. The caller puts the message at the slots that come back.
    #[inline]
    pub(in crate::sim) fn send(&mut self, from: NodeId, to: NodeId, spec: &LinkSpec, cause: Cause) -> Sent {
        let Some(state) = self.links.get_mut(from.index()).and_then(|row| Rc::make_mut(row).get_mut(to.index())) else {
            return Sent::Lost(Lost::Down, 0);
        };
        let fate = if self.timeless { Fate::Arrives(0) } else { state.next_fate(self.seed, (from.0, to.0), spec) };
        if state.cut {
            return Sent::Lost(Lost::Cut, spec.latency.sample(u64::MAX / 2));
        }
        match fate {
            Fate::Lost(latency) => Sent::Lost(Lost::Loss, latency),
            Fate::Arrives(latency) => Sent::Once(self.deliver(from, to, latency, spec.fifo, cause)),
            Fate::Twice(latency, again) => {
                let first = self.deliver(from, to, latency, spec.fifo, cause);
                Sent::Twice(first, self.deliver(from, to, again, spec.fifo, cause))
            }
        }
    }

    fn deliver(&mut self, from: NodeId, to: NodeId, latency: Micros, fifo: bool, cause: Cause) -> u32 {
        let delay = self.arrival_delay(from, to, latency, fifo);
        self.schedule(to, PendingKind::Deliver { from, fifo }, delay, cause).0
    }

    /// A slow sender adds to the latency; a FIFO link lets nothing overtake.
    #[inline]
    fn arrival_delay(&mut self, from: NodeId, to: NodeId, latency: Micros, fifo: bool) -> Micros {
        let delay = self.nodes[from.index()].slowed(latency);
        if !fifo || self.timeless {
            return delay;
        }
        let state = &mut Rc::make_mut(&mut self.links[from.index()])[to.index()];
        state.last_arrival = state.last_arrival.max(self.now.saturating_add(delay));
        state.last_arrival - self.now
    }

    #[inline]
    pub(in crate::sim) fn schedule_timer(&mut self, node: NodeId, delay: Micros, cause: Cause) -> (u32, u64) {
        let delay = self.nodes[node.index()].true_length(delay);
        self.schedule(node, PendingKind::Timer, delay, cause)
    }

    pub(in crate::sim) fn remove(&mut self, slot: u32) -> Option<Pending> {
        let entry = self.slots.get_mut(slot as usize)?.take()?;
        self.free.push(slot);
        self.pending -= 1;
        Some(entry)
    }

    /// Takes the next event. Events of paused nodes wait outside the queue. Nothing changes when there is none.
    #[inline]
    pub(in crate::sim) fn pop(&mut self) -> Option<(u32, Pending)> {
        if let Some(slot) = self.forced.take().and_then(|id| self.slot_of(id)) {
            let entry = self.remove(slot)?;
            return Some((slot, self.begin(entry)));
        }
        while let Some(Reverse((at, id, slot))) = self.queue.pop() {
            if let Some(entry) = self.slots[slot as usize].take_if(|entry| entry.id == id && entry.at == at) {
                self.free.push(slot);
                self.pending -= 1;
                return Some((slot, self.begin(entry)));
            }
        }
        None
    }

    #[inline]
    fn begin(&mut self, entry: Pending) -> Pending {
        if !self.timeless {
            self.now = self.now.max(entry.at);
        }
        self.steps += 1;
        entry
    }

    /// Makes this pending event the next one, whatever else is due. False when there is no such event, or when its
    /// node is paused.
    pub(in crate::sim) fn force(&mut self, id: u64) -> bool {
        let possible = self.find(id).is_some_and(|entry| !self.node(entry.node).paused);
        if possible {
            self.forced = Some(id);
        }
        possible
    }

    /// Moves a pending event to another time.
    pub(in crate::sim) fn reschedule(&mut self, slot: u32, at: Time) {
        if let Some(entry) = self.slots.get_mut(slot as usize).and_then(Option::as_mut) {
            entry.at = at.clamp(self.now, HORIZON);
            let (due, node) = ((entry.at, entry.id, slot), entry.node);
            self.enqueue(due, node);
        }
    }

    #[inline]
    fn enqueue(&mut self, due: (Time, u64, u32), node: NodeId) {
        if self.is_paused(node) {
            self.waiting.push(due);
        } else if !self.timeless {
            self.queue.push(Reverse(due));
        }
    }

    /// Pauses or resumes a node. Events that fall due while it is paused wait, and happen in order as soon as it
    /// resumes.
    pub(in crate::sim) fn set_paused(&mut self, node: NodeId, paused: bool) {
        self.node_mut(node).paused = paused;
        let all = self.queue.drain().map(|due| due.0).chain(std::mem::take(&mut self.waiting));
        for (at, id, slot) in all.collect::<Vec<_>>() {
            if let Some(entry) = self.slots[slot as usize].filter(|_| self.is_current(at, id, slot)) {
                self.enqueue((at, id, slot), entry.node);
            }
        }
    }

    pub(in crate::sim) fn node_mut(&mut self, node: NodeId) -> &mut NodeState {
        &mut self.nodes[node.index()]
    }

    /// Takes a node down or up, at this moment.
    pub(in crate::sim) fn set_up(&mut self, node: NodeId, up: bool) {
        let now = self.now;
        let state = self.node_mut(node);
        (state.up, state.up_changed) = (up, now);
    }

    /// Sets the clock of a node: its offset and its rate from now on.
    pub(in crate::sim) fn skew(&mut self, node: NodeId, offset: i64, drift_ppm: i32) {
        let now = self.now;
        let state = self.node_mut(node);
        state.offset = offset;
        state.drift_ppm = drift_ppm;
        state.drift_since = now;
    }

    /// Changes one direction of a link and keeps count of the disturbed ones.
    pub(in crate::sim) fn change_link(&mut self, from: NodeId, to: NodeId, change: impl FnOnce(&mut LinkState)) {
        let Some(state) = self.links.get_mut(from.index()).and_then(|row| Rc::make_mut(row).get_mut(to.index())) else {
            return;
        };
        let disturbed = |state: &LinkState| u32::from(state.cut || state.extra > 0 || state.loss_ppm > 0);
        let before = disturbed(state);
        change(state);
        self.disturbed_links = self.disturbed_links + disturbed(state) - before;
    }

    /// The next draw of a node for a purpose. While exploring, a draw does not depend on how many came before.
    #[inline]
    pub(in crate::sim) fn draw(&mut self, node: NodeId, purpose: Purpose) -> u64 {
        let slot = &mut self.nodes[node.index()].draws[usize::from(purpose.0) % Purpose::COUNT];
        if !self.timeless {
            *slot += 1;
        }
        random::draw(self.seed, Drawer::Node(node.0), purpose.0, u64::from(*slot))
    }

    /// Forgets everything pending.
    pub(in crate::sim) fn sweep(&mut self) {
        self.queue.clear();
        self.waiting.clear();
        self.slots.clear();
        self.free.clear();
        self.pending = 0;
        self.forced = None;
    }

    /// Leaves virtual time behind: any pending event may come next. For the explorer.
    pub(in crate::sim) fn set_timeless(&mut self) {
        self.timeless = true;
        self.queue.clear();
    }

    /// Whether the explorer drives this kernel.
    pub fn is_timeless(&self) -> bool {
        self.timeless
    }

    pub(in crate::sim) fn cut_links(&self) -> impl Iterator<Item = (u16, u16)> {
        self.links.iter().enumerate().flat_map(|(from, row)| {
            row.iter().enumerate().filter(|(_, state)| state.cut).map(move |(to, _)| (from as u16, to as u16))
        })
    }
}
