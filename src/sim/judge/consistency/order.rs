//! Finds an order in which operations could have happened one at a time, or the first that fits nowhere.
//!
//! The search of Wing and Gong with Lowe's memory of what has failed: it goes through calls and returns in time order,
//! places an open operation as soon as the object allows it, and takes the last one back when it reaches the return of
//! an operation that it could not place. A set of placed operations with the state they lead to is tried only once. An
//! answered operation that changes nothing in any state and fits now is placed for good: whatever order fits with it
//! later fits with it now. A write of what is held already is none: later it may undo another write.

use std::hash::Hash;

use crate::sim::kernel::hash::{mix, scramble, stable};
use crate::sim::kernel::table::Table;
use crate::sim::small;

/// An object that operations act on one at a time.
pub trait Spec {
    /// What it holds.
    type State: Clone + Hash;
    /// What is asked and what was answered.
    type Op;
    /// What it holds at first.
    fn start(&self) -> Self::State;
    /// What it holds after the operation; `None` when it could not have given this answer.
    fn apply(&self, state: &Self::State, op: &Self::Op) -> Option<Self::State>;
    /// Whether an operation with this answer changes nothing, whatever the object holds. Must not be true of one that
    /// may change something.
    fn only_looks(&self, _op: &Self::Op) -> bool {
        false
    }
    /// Whether an operation's answer says so much about what the object held before that looking ahead to it pays.
    fn is_telling(&self, _op: &Self::Op) -> bool {
        false
    }
    /// Whether some order of open operations could lead from a state to one that gives a telling operation's answer.
    /// Must not be false where one could.
    fn could_give(&self, _state: &Self::State, _telling: &Self::Op, _open: &[&Self::Op]) -> bool {
        true
    }
}

/// An operation and when it was open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call<Op> {
    /// Which client asked; each of its operations ends before its next begins.
    pub client: u32,
    /// What was asked and answered.
    pub op: Op,
    /// When it was asked.
    pub called: u64,
    /// When it was answered. `None`: never, so it may have happened at any later time or not at all.
    pub returned: Option<u64>,
}

/// An order that fits: indices of the operations, in the order in which they took effect. Operations that were never
/// answered may be missing.
pub type Sequence = Vec<usize>;

/// No order fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The longest order that was found.
    pub longest: Sequence,
    /// The operation that fits nowhere after it.
    pub first: usize,
}

/// A point in time: an operation is called, or returns.
#[derive(Clone, Copy)]
struct Point {
    op: usize,
    is_return: bool,
}

/// An order that respects real time: an operation that returned before another was called comes before it.
pub fn linearize<S: Spec>(spec: &S, calls: &[Call<S::Op>]) -> Result<Sequence, Misfit> {
    let mut search = Linearizer::new(spec, calls);
    loop {
        if let Some(verdict) = search.advance(u64::MAX) {
            return verdict;
        }
    }
}

/// An order that respects each client's own order alone.
pub fn sequence<S: Spec>(spec: &S, calls: &[Call<S::Op>]) -> Result<Sequence, Misfit> {
    let mut clients: Vec<Vec<usize>> = Vec::new();
    let mut known: Vec<u32> = Vec::new();
    for op in small::order(calls.iter().map(|call| call.called)) {
        let at = known.iter().position(|client| *client == calls[op].client).unwrap_or_else(|| {
            known.push(calls[op].client);
            clients.push(Vec::new());
            known.len() - 1
        });
        clients[at].push(op);
    }
    let mut walk = Clients { spec, calls, clients, next: vec![0; known.len()], tried: Table::default() };
    let (mut order, mut longest) = (Vec::new(), Vec::new());
    if walk.place(&spec.start(), &mut order, &mut longest) {
        return Ok(order);
    }
    let first = (0..calls.len()).filter(|op| calls[*op].returned.is_some() && !longest.contains(op));
    let first = first.min_by_key(|op| calls[*op].called).unwrap_or(0);
    Err(Misfit { longest, first })
}

/// Calls and returns in time order.
fn points<Op>(calls: &[Call<Op>]) -> Vec<Point> {
    let mut points: Vec<(u64, Point)> = Vec::new();
    for (op, call) in calls.iter().enumerate() {
        points.push((call.called, Point { op, is_return: false }));
        points.extend(call.returned.map(|at| (at, Point { op, is_return: true })));
    }
    // At equal times calls come first: the two are concurrent.
    let order = small::order(points.iter().map(|(at, point)| at << 1 | u64::from(point.is_return)));
    order.map(|at| points[at].1).collect()
}

/// Calls and returns in time order, as a doubly linked list; placed operations are taken out of it.
struct List {
    points: Vec<Point>,
    next: Vec<usize>,
    before: Vec<usize>,
    /// Where the return of an operation stands; the end of the list if it has none.
    returns: Vec<usize>,
}

impl List {
    fn new(points: Vec<Point>, ops: usize) -> List {
        // Place 0 is the head, place n + 1 the end; point n stands at place n + 1.
        let end = points.len() + 1;
        let mut returns = vec![end; ops];
        points
            .iter()
            .enumerate()
            .filter(|(_, point)| point.is_return)
            .for_each(|(at, point)| returns[point.op] = at + 1);
        let next = (1..=end + 1).collect();
        let before = (0..=end).map(|place: usize| place.saturating_sub(1)).collect();
        List { points, next, before, returns }
    }

    fn end(&self) -> usize {
        self.points.len() + 1
    }

    /// The next telling operation, if its answer is ruled out by the state after placing another one; and how many
    /// points that look took.
    fn ruled_out<S: Spec>(
        &self,
        spec: &S,
        calls: &[Call<S::Op>],
        placing: usize,
        state: &S::State,
    ) -> (Option<usize>, u64) {
        let mut open: Vec<&S::Op> = Vec::new();
        let mut place = self.next[0];
        for passed in 0..FURTHEST {
            if place >= self.end() {
                return (None, passed);
            }
            let Point { op, is_return } = self.points[place - 1];
            if op != placing && is_return && spec.is_telling(&calls[op].op) {
                return ((!spec.could_give(state, &calls[op].op, &open)).then_some(op), passed);
            }
            if op != placing && !is_return {
                open.push(&calls[op].op);
            }
            place = self.next[place];
        }
        (None, FURTHEST)
    }

    fn unlink(&mut self, place: usize) {
        let (before, next) = (self.before[place], self.next[place]);
        self.next[before] = next;
        self.before[next] = before;
    }

    fn relink(&mut self, place: usize) {
        let (before, next) = (self.before[place], self.next[place]);
        self.next[before] = place;
        self.before[next] = place;
    }

    fn take_out(&mut self, place: usize) {
        self.unlink(place);
        let answer = self.returns[self.points[place - 1].op];
        if answer < self.end() {
            self.unlink(answer);
        }
    }

    fn put_back(&mut self, place: usize) {
        let answer = self.returns[self.points[place - 1].op];
        if answer < self.end() {
            self.relink(answer);
        }
        self.relink(place);
    }
}

/// How many points a look ahead passes at most.
const FURTHEST: u64 = 4_096;

/// An operation that has been placed.
struct Placed<State> {
    /// Where its call stands.
    place: usize,
    /// What the object held before it.
    before: State,
    /// Whether it is placed for good.
    is_for_good: bool,
}

/// The search for linearizability, which can be advanced a little at a time.
pub struct Linearizer<'a, S: Spec> {
    spec: &'a S,
    calls: &'a [Call<S::Op>],
    list: List,
    /// Where in the list the search stands.
    place: usize,
    state: S::State,
    placed: Vec<Placed<S::State>>,
    /// The sum of the marks of the placed operations stands for their set.
    set: u64,
    /// Sets of placed operations, each with the state it led to.
    tried: Table<()>,
    steps: u64,
    /// Answered operations that are not placed.
    unanswered: usize,
    looks_ahead: bool,
    longest: Sequence,
    /// How many of the longest order's operations are placed still, and as they were.
    shared: usize,
    /// What fits nowhere after the longest order.
    stuck: usize,
}

impl<'a, S: Spec> Linearizer<'a, S> {
    /// A search for an order that respects real time.
    pub fn new(spec: &'a S, calls: &'a [Call<S::Op>]) -> Linearizer<'a, S> {
        let list = List::new(points(calls), calls.len());
        Linearizer {
            spec,
            calls,
            place: list.next[0],
            list,
            state: spec.start(),
            placed: Vec::new(),
            set: 0,
            tried: Table::default(),
            steps: 0,
            unanswered: calls.iter().filter(|call| call.returned.is_some()).count(),
            looks_ahead: calls.iter().any(|call| spec.is_telling(&call.op)),
            longest: Vec::new(),
            shared: 0,
            stuck: 0,
        }
    }

    /// How many states it has visited.
    pub fn states(&self) -> u64 {
        self.tried.count() as u64
    }

    /// How many calls and returns it has looked at, to place them, to take them back, or ahead.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Searches on for about this many steps, each of which visits one state at most. Gives the verdict, once there is one.
    pub fn advance(&mut self, steps: u64) -> Option<Result<Sequence, Misfit>> {
        let until = self.steps.saturating_add(steps);
        while self.unanswered > 0 {
            if self.steps >= until {
                return None;
            }
            self.steps += 1;
            let point = (self.place < self.list.end()).then(|| self.list.points[self.place - 1]);
            if let Some(Point { op, is_return: false }) = point {
                self.look_at(op);
                continue;
            }
            // The return of an operation that could not be placed: the last placed one is taken back.
            self.remember(point.map(|point| point.op));
            if !self.take_back() {
                return Some(Err(Misfit { longest: std::mem::take(&mut self.longest), first: self.stuck }));
            }
        }
        Some(Ok(self.placed.iter().map(|placed| self.list.points[placed.place - 1].op).collect()))
    }

    fn mark(op: usize) -> u64 {
        scramble(op as u64 + 1)
    }

    /// The state after placing an operation, if that is possible and leaves the next telling answer possible.
    fn after(&mut self, op: usize) -> Option<S::State> {
        let next = self.spec.apply(&self.state, &self.calls[op].op)?;
        if self.looks_ahead {
            let (barred, passed) = self.list.ruled_out(self.spec, self.calls, op, &next);
            self.steps += passed;
            return barred.is_none().then_some(next);
        }
        Some(next)
    }

    /// Places the operation whose call the search stands at, or passes it by.
    fn look_at(&mut self, op: usize) {
        let next = self.after(op).map(|next| (stable(&next), next));
        let set = self.set.wrapping_add(Self::mark(op));
        let Some((print, next)) = next.filter(|(print, _)| self.tried.insert(mix(set, *print), ())) else {
            self.place = self.list.next[self.place];
            return;
        };
        let is_answered = self.calls[op].returned.is_some();
        // A look at an object of unknown contents makes them known.
        let is_for_good = is_answered && self.spec.only_looks(&self.calls[op].op) && print == stable(&self.state);
        let before = std::mem::replace(&mut self.state, next);
        self.placed.push(Placed { place: self.place, before, is_for_good });
        self.set = set;
        self.unanswered -= usize::from(is_answered);
        self.list.take_out(self.place);
        self.place = self.list.next[0];
    }

    /// Remembers the order so far if none was longer, and the operation that could not be placed after it: or rather
    /// the one whose answer rules that out.
    fn remember(&mut self, stuck: Option<usize>) {
        if self.placed.len() < self.longest.len() {
            return;
        }
        self.longest.truncate(self.shared);
        let rest = self.placed[self.shared..].iter().map(|placed| self.list.points[placed.place - 1].op);
        self.longest.extend(rest);
        self.shared = self.placed.len();
        if let Some(op) = stuck {
            let next = self.spec.apply(&self.state, &self.calls[op].op).filter(|_| self.looks_ahead);
            let barred = next.and_then(|next| self.list.ruled_out(self.spec, self.calls, op, &next).0);
            self.stuck = barred.unwrap_or(op);
        }
    }

    /// Takes back the last operation that is not placed for good, and all after it. False when there is none.
    fn take_back(&mut self) -> bool {
        while let Some(last) = self.placed.pop() {
            let op = self.list.points[last.place - 1].op;
            self.steps += 1;
            self.shared = self.shared.min(self.placed.len());
            self.state = last.before;
            self.set = self.set.wrapping_sub(Self::mark(op));
            self.unanswered += usize::from(self.calls[op].returned.is_some());
            self.list.put_back(last.place);
            self.place = self.list.next[last.place];
            if !last.is_for_good {
                return true;
            }
        }
        false
    }
}

/// The search for sequential consistency: which operation of each client comes next.
struct Clients<'a, S: Spec> {
    spec: &'a S,
    calls: &'a [Call<S::Op>],
    clients: Vec<Vec<usize>>,
    next: Vec<u32>,
    tried: Table<()>,
}

impl<S: Spec> Clients<'_, S> {
    fn place(&mut self, state: &S::State, order: &mut Sequence, longest: &mut Sequence) -> bool {
        if order.len() > longest.len() {
            longest.clone_from(order);
        }
        let is_done = |(ops, next): (&Vec<usize>, &u32)| {
            ops[*next as usize..].iter().all(|op| self.calls[*op].returned.is_none())
        };
        if self.clients.iter().zip(&self.next).all(is_done) {
            return true;
        }
        if !self.tried.insert(mix(stable(&self.next), stable(state)), ()) {
            return false;
        }
        for client in 0..self.clients.len() {
            let Some(&op) = self.clients[client].get(self.next[client] as usize) else { continue };
            if let Some(after) = self.spec.apply(state, &self.calls[op].op) {
                self.next[client] += 1;
                order.push(op);
                if self.place(&after, order, longest) {
                    return true;
                }
                order.pop();
                self.next[client] -= 1;
            }
        }
        false
    }
}
