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
    let mut points: Vec<(u64, Point)> = Vec::new();
    for (op, call) in calls.iter().enumerate() {
        points.push((call.called, Point { op, is_return: false }));
        points.extend(call.returned.map(|at| (at, Point { op, is_return: true })));
    }
    // At equal times calls come first: the two are concurrent.
    let order = small::order(points.iter().map(|(at, point)| at << 1 | u64::from(point.is_return)));
    let points: Vec<Point> = order.map(|at| points[at].1).collect();
    search(spec, calls, List::new(points, calls.len()))
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

    /// Whether the state after placing an operation rules out the answer of the next telling one.
    fn is_hopeless<S: Spec>(&self, spec: &S, calls: &[Call<S::Op>], placing: usize, state: &S::State) -> bool {
        let mut open: Vec<&S::Op> = Vec::new();
        let mut place = self.next[0];
        while place < self.end() {
            let Point { op, is_return } = self.points[place - 1];
            if op != placing && is_return && spec.is_telling(&calls[op].op) {
                return !spec.could_give(state, &calls[op].op, &open);
            }
            if op != placing && !is_return {
                open.push(&calls[op].op);
            }
            place = self.next[place];
        }
        false
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

fn search<S: Spec>(spec: &S, calls: &[Call<S::Op>], mut list: List) -> Result<Sequence, Misfit> {
    let mut tried = Table::default();
    // Where each placed operation stands, the state before it, and whether it is placed for good.
    let mut placed: Vec<(usize, S::State, bool)> = Vec::new();
    let mut state = spec.start();
    // The sum of the marks of the placed operations stands for their set.
    let mark = |op: usize| scramble(op as u64 + 1);
    let (mut set, mut longest, mut stuck) = (0u64, Vec::new(), 0);
    let mut unanswered = calls.iter().filter(|call| call.returned.is_some()).count();
    let looks_ahead = calls.iter().any(|call| spec.is_telling(&call.op));
    let mut place = list.next[0];
    while unanswered > 0 {
        let point = (place < list.end()).then(|| list.points[place - 1]);
        if let Some(Point { op, is_return: false }) = point {
            let next = spec.apply(&state, &calls[op].op).map(|next| (stable(&next), next));
            let next = next.filter(|(_, next)| !looks_ahead || !list.is_hopeless(spec, calls, op, next));
            let next = next.filter(|(print, _)| tried.insert(mix(set.wrapping_add(mark(op)), *print), 0));
            match next {
                Some((print, next)) => {
                    // A look at an object of unknown contents makes them known.
                    let is_for_good = spec.only_looks(&calls[op].op) && print == stable(&state);
                    let is_for_good = is_for_good && calls[op].returned.is_some();
                    placed.push((place, std::mem::replace(&mut state, next), is_for_good));
                    set = set.wrapping_add(mark(op));
                    unanswered -= usize::from(calls[op].returned.is_some());
                    list.take_out(place);
                    place = list.next[0];
                }
                None => place = list.next[place],
            }
            continue;
        }
        // The return of an operation that could not be placed: the last placed one is taken back.
        if placed.len() >= longest.len() {
            longest = placed.iter().map(|(place, _, _)| list.points[place - 1].op).collect();
            stuck = point.map_or(stuck, |point| point.op);
        }
        loop {
            let Some((last, before, is_for_good)) = placed.pop() else {
                return Err(Misfit { longest, first: stuck });
            };
            let op = list.points[last - 1].op;
            state = before;
            set = set.wrapping_sub(mark(op));
            unanswered += usize::from(calls[op].returned.is_some());
            list.put_back(last);
            place = list.next[last];
            if !is_for_good {
                break;
            }
        }
    }
    Ok(placed.into_iter().map(|(place, _, _)| list.points[place - 1].op).collect())
}

/// The search for sequential consistency: which operation of each client comes next.
struct Clients<'a, S: Spec> {
    spec: &'a S,
    calls: &'a [Call<S::Op>],
    clients: Vec<Vec<usize>>,
    next: Vec<u32>,
    tried: Table,
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
        if !self.tried.insert(mix(stable(&self.next), stable(state)), 0) {
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
