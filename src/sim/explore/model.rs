//! What the search knows of a system: numbers. The system itself lies behind [`Model`].

use crate::sim::NodeId;

/// A node's own state, interned: disk, memory, armed timers, up or down.
pub type LocalId = u32;
/// A pending message, timer or command, interned.
pub type ItemId = u32;
/// What the promises remember, interned.
pub type WitnessId = u32;
/// The notes of one reaction, kept; 0 for none.
pub type NotesId = u32;

/// What is known of an interned node state.
#[derive(Clone, Debug, Default)]
pub struct Local {
    /// Its part of a state's fingerprint.
    pub print: u64,
    /// Its armed timers.
    pub timers: Vec<ItemId>,
    /// Not crashed.
    pub up: bool,
    /// Events wait while it is paused.
    pub paused: bool,
}

/// What is known of an interned pending event.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// Its part of a state's fingerprint.
    pub print: u64,
    /// Where it happens.
    pub to: NodeId,
    /// The sender; the node itself for timers and commands.
    pub from: NodeId,
    /// A message, not a timer or command.
    pub is_message: bool,
    /// A timer, which is part of its node's state.
    pub is_timer: bool,
    /// Items of the same class lie together in a state, and only the first may happen: the messages of a FIFO link
    /// form one class, and anything else is a class by itself.
    pub class: u64,
    /// Whether its class keeps an order.
    pub fifo: bool,
}

/// What a node does when something happens to it.
#[derive(Clone, Debug, Default)]
pub struct Reaction {
    /// The node's state afterwards.
    pub local: LocalId,
    /// What it sends, in order.
    pub sends: Vec<ItemId>,
    /// What it notes for the promises.
    pub notes: NotesId,
}

/// Something that happens to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A pending event.
    Item(ItemId),
    /// A crash.
    Crash,
    /// A power cut.
    PowerCut,
    /// A restart.
    Restart,
}

/// A state as the model sees it.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The state of each node.
    pub locals: &'a [LocalId],
    /// What is pending besides the timers, in canonical order.
    pub items: &'a [ItemId],
    /// What the promises remember.
    pub witness: WitnessId,
    /// Directions of links that are cut.
    pub cuts: &'a [(NodeId, NodeId)],
}

/// How a state is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// A promise about every state that does not hold here.
    pub broken: Option<usize>,
    /// Promises about the end that do not hold here (bit n: promise n).
    pub waiting: u64,
    /// Whether the state lies within the constraint: only then does the search expand it.
    pub within: bool,
}

/// The start of a search.
#[derive(Clone, Debug, Default)]
pub struct Start {
    pub locals: Vec<LocalId>,
    pub items: Vec<ItemId>,
    pub witness: WitnessId,
    pub cuts: Vec<(NodeId, NodeId)>,
}

/// Everything interned so far.
#[derive(Default)]
pub struct Known {
    pub locals: Vec<Local>,
    pub items: Vec<Item>,
    /// The witnesses' parts of a fingerprint.
    pub witnesses: Vec<u64>,
}

/// A system behind numbers. What it interns is appended to `known`.
pub trait Model {
    /// The state the search begins with.
    fn start(&mut self, known: &mut Known) -> Start;
    /// What a node in this state does when something happens to it.
    fn react(&mut self, known: &mut Known, node: NodeId, local: LocalId, what: Happening) -> Reaction;
    /// What the promises remember after these notes, in a world whose nodes are in these states afterwards.
    fn witness(&mut self, known: &mut Known, view: View, notes: NotesId) -> WitnessId;
    /// Judges a state.
    fn judge(&mut self, known: &Known, view: View) -> Judgement;
    /// Whether a promise has looked at what is pending so far.
    fn looks_at_messages(&self) -> bool;
    /// The schedule as inputs, from the start on.
    fn schedule(&self, moves: &[super::Move]) -> Option<super::Schedule>;
}
