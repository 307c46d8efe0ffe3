//! A world as the explorer's model: interns its nodes, messages and timers, and runs handlers on a bench.

use std::rc::Rc;

use crate::sim::NodeId;
use crate::sim::declare::commands::CommandCall;
use crate::sim::explore::model::{
    Happening, Item, ItemId, Judgement, Known, Local, LocalId, Model, NotesId, Reaction, Start, View, WitnessId,
};
use crate::sim::explore::{Move, Schedule};
use crate::sim::judge::verdict::Kind;
use crate::sim::kernel::hash::{mix, stable};
use crate::sim::kernel::table::Table;
use crate::sim::kernel::{Cause, Pending, PendingKind};
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::fabric::Payload;
use crate::sim::machine::world::inputs::each_link;
use crate::sim::machine::world::{Node, World};
use crate::sim::run::simulation::Simulation;
use crate::sim::run::tape::{Input, Tape};
use crate::sim::small;

/// A pending event's contents.
enum Content<S: System> {
    Message(S::Message),
    Timer(S::Timer),
    Command(CommandCall),
}

/// A node's state, interned: its contents and its armed timers.
struct LocalState<S: System> {
    contents: Rc<Node<S>>,
    timers: Vec<S::Timer>,
}

/// A pending event, interned.
struct Interned<S: System> {
    from: NodeId,
    to: NodeId,
    content: Content<S>,
}

/// See the module's header.
pub struct Instance<S: System> {
    start: World<S>,
    within: fn(&World<S>) -> bool,
    promise: Option<usize>,
    /// Where handlers run, one node at a time.
    bench: World<S>,
    /// Where states are put together to be judged.
    whole: World<S>,
    loaded: Vec<LocalId>,
    loaded_cuts: Vec<(NodeId, NodeId)>,
    /// Whether pending events are put there as well: only once a promise has looked at them.
    with_pending: bool,
    /// Whether a promise has looked at what is pending.
    promises_look: bool,
    locals: Vec<LocalState<S>>,
    local_ids: Table,
    items: Vec<Interned<S>>,
    item_ids: Table,
    witnesses: Vec<Rc<S::Witness>>,
    witness_ids: Table,
    notes: Vec<Vec<S::Note>>,
}

impl<S: System> Instance<S> {
    /// The world as it is now, with any event next. `promise`: the one that matters; `None` for any. States outside
    /// `within` are counted but not expanded.
    pub fn new(start: &World<S>, promise: Option<usize>, within: fn(&World<S>) -> bool) -> Instance<S> {
        let mut bench = start.clone();
        bench.set_timeless();
        bench.fabric.history = Default::default();
        bench.fabric.metrics = Default::default();
        each_link(&mut bench.fabric.kernel, &|_, _, link| link.cut = false);
        bench.sweep();
        Instance {
            start: start.clone(),
            within,
            promise,
            whole: bench.clone(),
            loaded: vec![u32::MAX; bench.nodes.len()],
            loaded_cuts: Vec::new(),
            with_pending: false,
            promises_look: false,
            bench,
            locals: Vec::new(),
            local_ids: Table::default(),
            items: Vec::new(),
            item_ids: Table::default(),
            witnesses: Vec::new(),
            witness_ids: Table::default(),
            notes: vec![Vec::new()],
        }
    }

    /// The number of the state a node has in a world.
    fn intern_local(&mut self, known: &mut Known, node: NodeId, from: Place) -> LocalId {
        let world = match from {
            Place::Start => &self.start,
            Place::Bench => &self.bench,
        };
        let state = world.fabric.kernel.node(node);
        let mut timers: Vec<S::Timer> = world.fabric.timers[node.index()].iter().map(|armed| armed.0).collect();
        small::sort_by_key(&mut timers, stable);
        let slot = &world.nodes[node.index()];
        let flags = u64::from(state.up) | u64::from(state.paused) << 1;
        let own = mix(slot.fingerprint(), u64::from(node.0) << 2 | flags);
        let print = timers.iter().fold(own, |print, timer| mix(print, stable(timer)));
        if let Some(id) = self.local_ids.get(print) {
            return id;
        }
        let contents = Rc::clone(&slot.node);
        let ids = timers.iter().map(|timer| self.intern_item(known, node, node, Content::Timer(*timer))).collect();
        let id = self.locals.len() as u32;
        self.local_ids.insert(print, id);
        self.locals.push(LocalState { contents, timers });
        known.locals.push(Local { print, timers: ids, up: state.up, paused: state.paused });
        id
    }

    fn intern_item(&mut self, known: &mut Known, from: NodeId, to: NodeId, content: Content<S>) -> ItemId {
        let link = u64::from(from.0) << 16 | u64::from(to.0);
        let (print, kind) = match &content {
            Content::Message(message) => (stable(message), 1u64),
            Content::Timer(timer) => (stable(timer), 2),
            Content::Command(call) => (stable(call), 3),
        };
        let print = mix(print, kind << 32 | link);
        if let Some(id) = self.item_ids.get(print) {
            return id;
        }
        let id = self.items.len() as u32;
        let fifo = kind == 1 && S::link(&self.start.fabric.settings, from, to).fifo;
        let class = if fifo { 1 << 63 | link } else { u64::from(id) };
        self.item_ids.insert(print, id);
        self.items.push(Interned { from, to, content });
        known.items.push(Item { print, to, from, is_message: kind == 1, is_timer: kind == 2, class, fifo });
        id
    }

    fn intern_witness(&mut self, known: &mut Known, witness: Rc<S::Witness>) -> WitnessId {
        let print = mix(stable(&*witness), 5);
        if let Some(id) = self.witness_ids.get(print) {
            return id;
        }
        let id = self.witnesses.len() as u32;
        self.witness_ids.insert(print, id);
        self.witnesses.push(witness);
        known.witnesses.push(print);
        id
    }

    /// What a world has pending besides its timers, in the order in which it was scheduled.
    fn intern_pending(&mut self, known: &mut Known, from: Place) -> Vec<ItemId> {
        let world = match from {
            Place::Start => &self.start,
            Place::Bench => &self.bench,
        };
        let contents = world.fabric.kernel.slots_in_order().into_iter().filter_map(|(slot, entry)| {
            let payload = world.fabric.payloads.get(slot as usize)?.clone()?;
            match (payload, entry.kind) {
                (Payload::Message(message), PendingKind::Deliver { from, .. }) => {
                    Some((from, entry.node, Content::Message(message)))
                }
                (Payload::Command(call), _) => Some((entry.node, entry.node, Content::Command(call))),
                _ => None,
            }
        });
        let contents: Vec<_> = contents.collect();
        contents.into_iter().map(|(from, to, content)| self.intern_item(known, from, to, content)).collect()
    }

    /// Puts a node's state on the bench, alone.
    fn load_bench(&mut self, known: &Known, node: NodeId, local: LocalId) {
        self.bench.sweep();
        let LocalState { contents, timers } = &self.locals[local as usize];
        self.bench.place(node, contents, known.locals[local as usize].up);
        for timer in timers {
            self.bench.fabric.set_timer(node, *timer, 0);
        }
    }

    /// Puts a state together, except for what is pending.
    fn load_nodes(&mut self, known: &Known, view: View) {
        let witness = &self.witnesses[view.witness as usize];
        if !Rc::ptr_eq(witness, &self.whole.witness) {
            self.whole.witness = Rc::clone(witness);
        }
        for (index, (local, loaded)) in view.locals.iter().zip(&mut self.loaded).enumerate() {
            if loaded != local {
                *loaded = *local;
                let contents = &self.locals[*local as usize].contents;
                self.whole.place(NodeId::from(index), contents, known.locals[*local as usize].up);
            }
        }
        if self.loaded_cuts != view.cuts {
            self.loaded_cuts = view.cuts.to_vec();
            each_link(&mut self.whole.fabric.kernel, &|from, to, link| link.cut = view.cuts.contains(&(from, to)));
        }
    }

    /// Puts a state's pending events in place.
    fn load_pending(&mut self, known: &Known, view: View) {
        let whole = &mut self.whole;
        whole.sweep();
        for (index, local) in view.locals.iter().enumerate() {
            for timer in &self.locals[*local as usize].timers {
                whole.fabric.set_timer(NodeId::from(index), *timer, 0);
            }
        }
        for id in view.items {
            let item = &known.items[*id as usize];
            let (kind, payload) = match &self.items[*id as usize].content {
                Content::Message(message) => {
                    let kind = PendingKind::Deliver { from: item.from, fifo: item.fifo };
                    (kind, Payload::Message(message.clone()))
                }
                Content::Command(call) => (PendingKind::Command, Payload::Command(call.clone())),
                Content::Timer(timer) => (PendingKind::Timer, Payload::Timer(*timer)),
            };
            whole.put(item.to, kind, payload);
        }
    }

    /// Judges the state that was put together.
    fn judge_whole(&mut self) -> Judgement {
        let mut judgement = Judgement { within: (self.within)(&self.whole), ..Judgement::default() };
        let kernel = &self.whole.fabric.kernel;
        let by_bound = kernel.was_looked_at();
        kernel.forget_looks();
        for (index, promise) in self.whole.promises.iter().enumerate() {
            let is_made = self.start.standings.get(index).is_none_or(|standing| !standing.verdict.is_outside());
            let matters = is_made && self.promise.is_none_or(|wanted| wanted == index);
            if !matters || promise.kind == Kind::Reachable || (promise.holds)(&self.whole) {
                continue;
            }
            match promise.kind {
                Kind::Always => judgement.broken = judgement.broken.or(Some(index)),
                _ => judgement.waiting |= 1 << (index % 64),
            }
        }
        let kernel = &self.whole.fabric.kernel;
        self.promises_look |= kernel.was_looked_at();
        if by_bound {
            kernel.look();
        }
        judgement
    }

    /// The pending event of a world that an interned event stands for.
    fn find(&self, world: &World<S>, item: ItemId) -> Option<u64> {
        let choices = world.choices();
        self.pending(world, item).find(|id| choices.iter().any(|choice| choice.id == *id))
    }

    /// What is pending in a world and equal to this, in its order, whether or not it may happen next.
    fn pending<'a>(&'a self, world: &'a World<S>, item: ItemId) -> impl Iterator<Item = u64> + 'a {
        let Interned { from, to, content } = &self.items[item as usize];
        let is_it = move |slot: u32| match (content, world.fabric.payloads.get(slot as usize)) {
            (Content::Message(one), Some(Some(Payload::Message(other)))) => stable(one) == stable(other),
            (Content::Timer(one), Some(Some(Payload::Timer(other)))) => one == other,
            (Content::Command(one), Some(Some(Payload::Command(other)))) => one == other,
            _ => false,
        };
        let is_there = move |entry: &Pending| match entry.kind {
            PendingKind::Deliver { from: sender, .. } => entry.node == *to && sender == *from,
            _ => entry.node == *to,
        };
        let all = world.fabric.kernel.slots_in_order().into_iter();
        all.filter(move |(slot, entry)| is_there(entry) && is_it(*slot)).map(|(_, entry)| entry.id)
    }
}

impl<S: System> Model for Instance<S> {
    fn start(&mut self, known: &mut Known) -> Start {
        let nodes = self.start.nodes.len();
        let locals = (0..nodes).map(|id| self.intern_local(known, NodeId::from(id), Place::Start)).collect();
        let items = self.intern_pending(known, Place::Start);
        let witness = self.intern_witness(known, Rc::clone(&self.start.witness));
        let cuts = self.start.fabric.kernel.cut_links().map(|(from, to)| (NodeId(from), NodeId(to))).collect();
        Start { locals, items, witness, cuts }
    }

    fn react(&mut self, known: &mut Known, node: NodeId, local: LocalId, what: Happening) -> Reaction {
        self.load_bench(known, node, local);
        match what {
            Happening::Item(item) => {
                let Interned { from, content, .. } = &self.items[item as usize];
                let event = match content {
                    Content::Message(message) => Event::Message { from: *from, message: message.clone() },
                    Content::Timer(timer) => Event::Timer(*timer),
                    Content::Command(call) => Event::Command(call.clone()),
                };
                self.bench.happen(node, event);
            }
            Happening::Crash => self.bench.crash(node),
            Happening::PowerCut => self.bench.cut_power(node, None),
            Happening::Restart => self.bench.restart(node),
        }
        let local = self.intern_local(known, node, Place::Bench);
        let sends = self.intern_pending(known, Place::Bench);
        let notes = match std::mem::take(&mut self.bench.fabric.notes) {
            none if none.is_empty() => 0,
            notes => {
                self.notes.push(notes);
                self.notes.len() as u32 - 1
            }
        };
        Reaction { local, sends, notes }
    }

    fn witness(&mut self, known: &mut Known, view: View, notes: NotesId) -> WitnessId {
        self.load_nodes(known, view);
        self.load_pending(known, view);
        let mut witness = Rc::clone(&self.witnesses[view.witness as usize]);
        let scene = Scene { settings: &self.whole.fabric.settings, kernel: &self.whole.fabric.kernel };
        S::observe(Rc::make_mut(&mut witness), &self.notes[notes as usize], &scene);
        self.intern_witness(known, witness)
    }

    fn judge(&mut self, known: &Known, view: View) -> Judgement {
        self.load_nodes(known, view);
        if !self.with_pending {
            self.whole.fabric.kernel.forget_looks();
            let judgement = self.judge_whole();
            if !self.whole.fabric.kernel.was_looked_at() {
                return judgement;
            }
            self.with_pending = true;
        }
        self.load_pending(known, view);
        self.judge_whole()
    }

    fn looks_at_messages(&self) -> bool {
        self.promises_look
    }

    fn schedule(&self, moves: &[Move]) -> Option<Schedule> {
        let mut world = self.start.clone();
        world.set_timeless();
        let mut tape = Tape::default();
        for one in moves {
            let input = match *one {
                Move::Happen(item) => Input::Choose { id: self.find(&world, item)? },
                Move::Drop(item, which) => Input::Drop { id: self.pending(&world, item).nth(usize::from(which))? },
                Move::Duplicate(item) => Input::Duplicate { id: self.pending(&world, item).next()? },
                Move::Crash(node) => Input::Crash { node },
                Move::PowerCut(node) => Input::PowerCut { node },
                Move::Restart(node) => Input::Restart { node },
                Move::Cut(from, to) => Input::Cut { from, to },
            };
            tape.push(world.kernel().steps(), input.clone());
            world.apply(&input).ok()?;
            if one.is_protocol() {
                world.step()?;
            }
        }
        Some(Schedule { tape, steps: world.kernel().steps() })
    }
}

/// What the bench needs of a world.
impl<S: System> World<S> {
    /// Forgets everything pending and everything noted.
    fn sweep(&mut self) {
        self.fabric.kernel.sweep();
        self.fabric.payloads.clear();
        self.fabric.timers.iter_mut().for_each(Vec::clear);
        self.fabric.notes.clear();
    }

    /// Puts a node into a state.
    fn place(&mut self, node: NodeId, contents: &Rc<Node<S>>, up: bool) {
        let slot = &mut self.nodes[node.index()];
        slot.node = Rc::clone(contents);
        slot.print.set(None);
        self.fabric.kernel.node_mut(node).up = up;
    }

    /// Makes something pending.
    fn put(&mut self, node: NodeId, kind: PendingKind, payload: Payload<S>) {
        let (slot, _) = self.fabric.kernel.schedule(node, kind, 0, Cause::Start);
        crate::sim::machine::world::Fabric::put(&mut self.fabric.payloads, slot, payload);
    }

    /// Lets something happen to a node. A timer that fires is no longer armed.
    fn happen(&mut self, node: NodeId, event: Event<S>) {
        if let Event::Timer(timer) = event {
            self.fabric.cancel_timer(node, timer);
        }
        if let Node { disk, memory: Some(memory) } = self.nodes[node.index()].change() {
            S::handle(disk, memory, event, &mut Context { node, fabric: &mut self.fabric });
        }
    }
}

/// Which of the instance's worlds.
#[derive(Clone, Copy)]
enum Place {
    Start,
    Bench,
}
