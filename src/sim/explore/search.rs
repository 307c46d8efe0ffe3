//! The search itself: expands states in order, and knows most successors by their fingerprint before it builds them.

use super::ahead::Outlook;
use super::lasso::{Edges, Trap};
use super::model::Model;
use super::moves::Move;
use super::state::{Arena, State};
use super::step::Stepper;
use super::{Bounds, Limit, Order, Outcome, Progress, Report, Schedule};
use crate::sim::kernel::random::{self, Drawer};
use crate::sim::kernel::table::Table;

/// A search that can be advanced a little at a time.
pub struct Explorer {
    stepper: Stepper,
    bounds: Bounds,
    seen: Table<()>,
    /// How each state was reached: from which, by what.
    origins: Vec<(u32, u32)>,
    /// States of the current depth, of which `cursor` have been expanded, and states of the next.
    level: Arena,
    next: Arena,
    cursor: usize,
    depth: u32,
    walk: Walk,
    edges: Edges,
    tried: u64,
    furthest: u32,
    limit: Option<Limit>,
    found: Option<(usize, Vec<Move>)>,
    moves: Vec<Move>,
    ahead: Vec<Ahead>,
    successor: State,
}

/// A move out of the state that is being expanded.
struct Ahead {
    one: Move,
    /// The successor's fingerprint, where it is known before the successor is built.
    print: Option<u64>,
    /// Whether the successor is known to have been seen. It means something only with a fingerprint, and where it is
    /// not set, the successor may still have been seen.
    is_seen: bool,
}

/// A random walk: where it began, where it stands and how it got there.
struct Walk {
    start: State,
    state: State,
    path: Vec<Move>,
    draws: u64,
}

impl Explorer {
    /// A search at its start. `endings`: whether promises about the end are checked as well, which costs memory.
    pub fn new(model: Box<dyn Model>, bounds: Bounds, endings: bool) -> Explorer {
        let (stepper, start) = Stepper::new(model, bounds.network, bounds.budget);
        let nodes = start.locals.len();
        let mut explorer = Explorer {
            stepper,
            bounds,
            seen: Table::default(),
            origins: Vec::new(),
            level: Arena::new(nodes),
            next: Arena::new(nodes),
            cursor: 0,
            depth: 0,
            walk: Walk { start: start.clone(), state: start.clone(), path: Vec::new(), draws: 0 },
            edges: Edges::new(endings),
            tried: 0,
            furthest: 0,
            limit: None,
            found: None,
            moves: Vec::new(),
            ahead: Vec::new(),
            successor: State::default(),
        };
        explorer.admit(&start, None);
        std::mem::swap(&mut explorer.level, &mut explorer.next);
        explorer
    }

    /// How far the search has come.
    pub fn progress(&self) -> Progress {
        let seen = self.seen.memory() + (self.origins.capacity() * 8) as u64 + self.edges.memory();
        Progress {
            states: self.seen.count() as u64,
            tried: self.tried,
            depth: self.furthest,
            open: (self.level.len() - self.cursor + self.next.len()) as u64,
            memory: seen + self.level.memory() + self.next.memory() + self.stepper.memory(),
        }
    }

    /// Searches to the end.
    pub fn run(&mut self) -> Report {
        loop {
            if let Some(report) = self.advance(1 << 16) {
                return report;
            }
        }
    }

    /// Searches on for about this many moves. Gives the report, once there is one.
    pub fn advance(&mut self, moves: u64) -> Option<Report> {
        let until = self.tried + moves;
        if self.progress().memory > self.bounds.memory {
            return Some(self.end(Limit::Memory));
        }
        while self.found.is_none() && self.tried < until {
            // Random walks never end by themselves, so their number of moves is limited.
            let walked = if matches!(self.bounds.order, Order::Random { .. }) { self.tried } else { 0 };
            if self.seen.count() as u64 >= self.bounds.states || walked >= self.bounds.states {
                return Some(self.end(Limit::States));
            }
            let goes_on = match self.bounds.order {
                Order::Breadth => self.leave_nearest(),
                Order::Depth => self.leave_newest(),
                Order::Random { seed } => self.walk(seed),
            };
            if !goes_on {
                return Some(self.conclude());
            }
        }
        self.found.is_some().then(|| self.conclude())
    }

    /// Ends the search here; what was seen counts.
    pub fn stop(&mut self) -> Report {
        self.end(Limit::Stopped)
    }

    /// A schedule as inputs from the start on. `None` when it cannot be followed there.
    pub fn schedule(&self, moves: &[Move]) -> Option<Schedule> {
        self.stepper.model().schedule(moves)
    }

    fn end(&mut self, limit: Limit) -> Report {
        self.limit = Some(limit);
        self.conclude()
    }

    fn conclude(&mut self) -> Report {
        let (progress, limit) = (self.progress(), self.limit);
        let looks_at_messages = self.stepper.model().looks_at_messages();
        let outcome = match (self.found.take(), self.edges.trap()) {
            (Some((promise, moves)), _) => Outcome::Broken { promise, moves: self.shortened(promise, moves) },
            (None, Some(trap)) => self.trapped(trap),
            (None, None) if limit.is_none() => Outcome::Holds,
            (None, None) => Outcome::Unknown,
        };
        Report { outcome, progress, limit, endings: self.edges.is_on(), looks_at_messages }
    }

    /// The schedule without the moves that it does not need. A breadth-first schedule needs them all.
    fn shortened(&mut self, promise: usize, mut moves: Vec<Move>) -> Vec<Move> {
        let mut at = if self.bounds.order == Order::Breadth { 0 } else { moves.len() };
        while let Some(left_out) = at.checked_sub(1) {
            let mut rest = moves.clone();
            rest.remove(left_out);
            if let Some(length) = self.breaks_after(promise, &rest) {
                rest.truncate(length);
                moves = rest;
            }
            at = left_out.min(moves.len());
        }
        moves
    }

    /// After how many of these moves the promise is broken; `None` when it is not, or a move is not possible.
    fn breaks_after(&mut self, promise: usize, moves: &[Move]) -> Option<usize> {
        let (mut state, mut next, mut possible) = (self.walk.start.clone(), State::default(), Vec::new());
        for (at, one) in moves.iter().enumerate() {
            self.stepper.moves(&state, &mut possible);
            if !possible.contains(one) {
                return None;
            }
            self.stepper.successor(&state, *one, &mut next);
            std::mem::swap(&mut state, &mut next);
            if self.stepper.judge(&state).broken == Some(promise) {
                return Some(at + 1);
            }
        }
        None
    }

    fn trapped(&self, trap: Trap) -> Outcome {
        let mut moves = self.path(trap.state);
        moves.extend(trap.moves.iter().map(|word| Move::unpack(*word)));
        Outcome::Trapped { promise: trap.promise, moves, circle: trap.circle }
    }

    fn leave_nearest(&mut self) -> bool {
        if self.cursor == self.level.len() {
            std::mem::swap(&mut self.level, &mut self.next);
            self.next.clear();
            self.cursor = 0;
            self.depth += 1;
        }
        if self.cursor == self.level.len() {
            return false;
        }
        let mut state = std::mem::take(&mut self.walk.state);
        let number = self.level.read(self.cursor, &mut state);
        self.cursor += 1;
        self.leave(&state, number, self.depth);
        self.walk.state = state;
        true
    }

    fn leave_newest(&mut self) -> bool {
        let mut state = std::mem::take(&mut self.walk.state);
        // States found from now on are in `next`; the very first is in `level`.
        let number = self.next.pop(&mut state).or_else(|| self.level.pop(&mut state));
        if let Some(number) = number {
            let depth = self.path(number).len() as u32;
            self.leave(&state, number, depth);
        }
        self.walk.state = state;
        number.is_some()
    }

    /// Tries every move out of a state.
    fn leave(&mut self, state: &State, number: u32, depth: u32) {
        if depth >= self.bounds.depth {
            self.limit = Some(Limit::Depth);
            return;
        }
        self.look_ahead(state);
        let ahead = std::mem::take(&mut self.ahead);
        for next in &ahead {
            self.tried += 1;
            let print = match next.print {
                Some(print) if next.is_seen || self.seen.has(print) => print,
                // What else leads out of this state will not be known, so it does not count as left.
                _ if self.seen.count() as u64 >= self.bounds.states => {
                    self.ahead = ahead;
                    return;
                }
                _ => self.reach(state, next, number, depth + 1),
            };
            if self.edges.is_on() && next.one.is_protocol() {
                self.edges.add(number, print, next.one.pack());
            }
            if self.found.is_some() {
                break;
            }
        }
        self.edges.left(number);
        self.ahead = ahead;
    }

    /// Lists the moves out of a state. The table of what was seen is far larger than any cache, so all the look-ups
    /// are issued before the first answer is needed.
    fn look_ahead(&mut self, state: &State) {
        self.stepper.moves(state, &mut self.moves);
        self.ahead.clear();
        for &one in &self.moves {
            match self.stepper.foresee(state, one) {
                Outlook::Idle => {}
                Outlook::Print(print) => {
                    self.ahead.push(Ahead { one, print: Some(print), is_seen: print == state.print })
                }
                Outlook::Open => self.ahead.push(Ahead { one, print: None, is_seen: false }),
            }
        }
        for next in &mut self.ahead {
            let print = next.print.unwrap_or(state.print);
            next.is_seen |= self.seen.is_at_home(print);
        }
    }

    /// Builds the successor, admits it if it is new, and returns its fingerprint.
    fn reach(&mut self, state: &State, ahead: &Ahead, number: u32, depth: u32) -> u64 {
        let mut next = std::mem::take(&mut self.successor);
        match ahead.print {
            Some(print) => self.stepper.foreseen(state, ahead.one, print, &mut next),
            None => self.stepper.successor(state, ahead.one, &mut next),
        }
        if !self.seen.has(next.print) {
            self.furthest = self.furthest.max(depth);
            self.admit(&next, Some((number, ahead.one)));
        }
        let print = next.print;
        self.successor = next;
        print
    }

    /// Admits a state that was not seen before.
    fn admit(&mut self, state: &State, from: Option<(u32, Move)>) {
        let number = self.seen.count() as u32;
        self.seen.insert(state.print, ());
        let (parent, word) = from.map_or((0, 0), |(parent, one)| (parent, one.pack()));
        self.origins.push((parent, word));
        let judgement = self.stepper.judge(state);
        if let Some(promise) = judgement.broken {
            self.found = Some((promise, self.path(number)));
        }
        if self.edges.is_on() {
            self.edges.state(state.print, if self.stepper.is_healthy(state) { judgement.waiting } else { 0 });
        }
        if judgement.within {
            self.next.push(state, number);
        }
    }

    /// The moves from the start to a state.
    fn path(&self, mut number: u32) -> Vec<Move> {
        let mut moves = Vec::new();
        while number != 0 {
            let (parent, word) = self.origins[number as usize];
            moves.push(Move::unpack(word));
            number = parent;
        }
        moves.reverse();
        moves
    }

    /// One move of a random walk. A walk that ends starts over.
    fn walk(&mut self, seed: u64) -> bool {
        let mut moves = std::mem::take(&mut self.moves);
        self.stepper.moves(&self.walk.state, &mut moves);
        moves.retain(|one| !self.stepper.is_idle(&self.walk.state, *one));
        if moves.is_empty() && self.walk.path.is_empty() {
            return false;
        }
        self.tried += 1;
        if moves.is_empty() || self.walk.path.len() as u32 >= self.bounds.depth {
            self.walk.state = self.walk.start.clone();
            self.walk.path.clear();
        } else {
            self.walk.draws += 1;
            let word = random::draw(seed, Drawer::Explorer, 0, self.walk.draws);
            let one = moves[random::below(word, moves.len() as u64) as usize];
            self.walk_to(one);
        }
        self.moves = moves;
        true
    }

    fn walk_to(&mut self, one: Move) {
        let mut next = std::mem::take(&mut self.successor);
        self.stepper.successor(&self.walk.state, one, &mut next);
        self.walk.path.push(one);
        self.furthest = self.furthest.max(self.walk.path.len() as u32);
        let judgement = self.stepper.judge(&next);
        self.seen.insert(next.print, ());
        if let Some(promise) = judgement.broken {
            self.found = Some((promise, self.walk.path.clone()));
        }
        if judgement.within {
            std::mem::swap(&mut self.walk.state, &mut next);
        } else {
            self.walk.state = self.walk.start.clone();
            self.walk.path.clear();
        }
        self.successor = next;
    }
}
