//! The linearizability checker against brute force, which tries every order, on random histories: few values, so that
//! they repeat, and some operations that are never answered.

use std::fmt::Write;

use faultline::sim::judge::consistency::{Call, Register, RegisterOp, check_text, linearize};
use faultline::sim::kernel::hash::scramble;

use crate::clock::timed;

const HISTORIES: u64 = 60_000;

/// Random numbers, the same in every run.
pub struct Draw(pub u64);

impl Draw {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 += 1;
        scramble(self.0) % bound
    }
}

/// When an operation was called, and when it returned, if it did.
pub type Open = (u64, Option<u64>);

/// Three to eight operations of two to four clients, each client's one after the other.
pub fn spans(draw: &mut Draw) -> Vec<(u32, Open)> {
    let (count, clients) = (3 + draw.below(6) as usize, 2 + draw.below(3) as u32);
    let mut spans: Vec<(u32, Open)> = Vec::new();
    let mut open: Vec<Option<usize>> = vec![None; clients as usize];
    let mut now = 0;
    while spans.len() < count || open.iter().any(Option::is_some) {
        now += 1;
        let client = draw.below(u64::from(clients)) as usize;
        match open[client].take() {
            // One in eight is never answered; its client goes on.
            Some(op) if draw.below(8) > 0 => spans[op].1.1 = Some(now),
            None if spans.len() < count => {
                open[client] = Some(spans.len());
                spans.push((client as u32, (now, None)));
            }
            _ => {}
        }
    }
    spans
}

/// Whether some order fits, by trying them all: an operation may come next once all that returned before it was called
/// have come.
fn fits<T: Clone>(state: T, spans: &[(u32, Open)], done: u32, apply: &impl Fn(&T, usize) -> Option<T>) -> bool {
    let is_done = |op: usize| done >> op & 1 == 1;
    if (0..spans.len()).all(|op| is_done(op) || spans[op].1.1.is_none()) {
        return true;
    }
    let may_come = |op: usize| {
        let called = spans[op].1.0;
        !is_done(op) && (0..spans.len()).all(|other| is_done(other) || spans[other].1.1.is_none_or(|at| at > called))
    };
    let mut next = (0..spans.len()).filter(|op| may_come(*op));
    next.any(|op| apply(&state, op).is_some_and(|after| fits(after, spans, done | 1 << op, apply)))
}

pub fn register_op(draw: &mut Draw, is_answered: bool) -> RegisterOp {
    let value = |draw: &mut Draw| draw.below(3) as i64;
    match draw.below(5) {
        0 | 1 => RegisterOp::Write(value(draw)),
        2 | 3 if is_answered => RegisterOp::Read(Ok(Some(value(draw)))),
        2 | 3 => RegisterOp::Write(value(draw)),
        _ => {
            let done = if is_answered { Some(draw.below(2) == 0) } else { None };
            RegisterOp::CompareAndSet { from: value(draw), to: value(draw), done }
        }
    }
}

/// What a register holds after an operation, if that could have given its answer.
fn register_after(held: i64, op: &RegisterOp) -> Option<i64> {
    match *op {
        RegisterOp::Read(Ok(value)) => (value == Some(held)).then_some(held),
        RegisterOp::Read(Err(())) => Some(held),
        RegisterOp::Write(value) => Some(value),
        RegisterOp::CompareAndSet { from, to, done } => {
            let is_done = held == from;
            done.is_none_or(|done| done == is_done).then_some(if is_done { to } else { held })
        }
    }
}

#[test]
fn registers_are_judged_as_by_trying_every_order() {
    let _timed = timed();
    let mut draw = Draw(1);
    let mut linearizable = 0;
    for number in 0..HISTORIES {
        let spans = spans(&mut draw);
        let ops: Vec<RegisterOp> = spans.iter().map(|span| register_op(&mut draw, span.1.1.is_some())).collect();
        let call = |(&(client, (called, returned)), &op)| Call { client, op, called, returned };
        let calls: Vec<Call<RegisterOp>> = spans.iter().zip(&ops).map(call).collect();
        let expected = fits(0, &spans, 0, &|held, op| register_after(*held, &ops[op]));
        let found = linearize(&Register { start: Some(Some(0)) }, &calls).is_ok();
        assert_eq!(found, expected, "history {number}: {calls:#?}");
        linearizable += u64::from(expected);
    }
    println!("{HISTORIES} histories of a register, {linearizable} of them linearizable: no difference");
    assert!((HISTORIES / 20..HISTORIES / 20 * 19).contains(&linearizable), "{linearizable} tell too little");
}

/// Puts and appends of short texts and gets of what may be there, as lines of a store's history.
#[test]
fn stores_are_judged_as_by_trying_every_order() {
    let _timed = timed();
    let mut draw = Draw(2);
    let mut linearizable = 0;
    for number in 0..HISTORIES {
        let spans = spans(&mut draw);
        let texts = ["", "a", "b", "ab", "aa"];
        let ops: Vec<(&str, &str)> = spans
            .iter()
            .map(|_| match draw.below(4) {
                0 => (":put", texts[draw.below(3) as usize]),
                1 => (":append", texts[draw.below(3) as usize]),
                _ => (":get", texts[draw.below(5) as usize]),
            })
            .collect();
        let after = |held: &String, op: usize| match ops[op] {
            (":put", text) => Some(text.to_owned()),
            (":append", text) => Some(held.clone() + text),
            (_, text) => (spans[op].1.1.is_none() || held == text).then(|| held.clone()),
        };
        let expected = fits(String::new(), &spans, 0, &after);
        let text = lines(&spans, &ops);
        let found = check_text(&text).map(|report| report.is_linearizable());
        assert_eq!(found, Ok(expected), "history {number}:\n{text}");
        linearizable += u64::from(expected);
    }
    println!("{HISTORIES} histories of a store, {linearizable} of them linearizable: no difference");
    assert!((HISTORIES / 20..HISTORIES / 20 * 19).contains(&linearizable), "{linearizable} tell too little");
}

/// A history as text. A client whose operation was never answered goes on under another number.
fn lines(spans: &[(u32, Open)], ops: &[(&str, &str)]) -> String {
    let mut points: Vec<(u64, usize, bool)> = Vec::new();
    for (op, (_, (called, returned))) in spans.iter().enumerate() {
        points.push((*called, op, false));
        points.extend(returned.map(|at| (at, op, true)));
    }
    points.sort_unstable();
    let mut text = String::new();
    for (_, op, is_return) in points {
        let (kind, value) = match (is_return, ops[op].0) {
            (false, ":get") => (":invoke", "nil".to_owned()),
            (is_return, _) => (if is_return { ":ok" } else { ":invoke" }, format!("\"{}\"", ops[op].1)),
        };
        let f = ops[op].0;
        let _ = writeln!(text, "{{:process {op}, :type {kind}, :f {f}, :key \"k\", :value {value}}}");
    }
    text
}
