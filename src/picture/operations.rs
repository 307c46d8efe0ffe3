//! The history as lanes: what each client asked and the answer it got, as bars over virtual time; the moment at which
//! each operation may have taken effect; and the first that fits nowhere.

use std::fmt::Write;

use super::decimal::tenths;
use super::svg::escape;
use crate::sim::NodeId;
use crate::sim::judge::consistency::Judged;
use crate::sim::judge::history::{Answer, Ask, OpId, Operation};
use crate::sim::kernel::time::{self, Time};

const WIDTH: u32 = 900;
const LEFT: u32 = 62;
const RIGHT: u32 = WIDTH - 6;
const TOP: usize = 20;
const LANE: usize = 44;
const BAR: usize = 17;

/// See the module's header.
pub struct Lanes<'a> {
    /// Names of the clients, in the order of their lanes.
    pub clients: Vec<(NodeId, String)>,
    /// The operations, in the order they were invoked.
    pub operations: &'a [Operation],
    /// How they were judged, key by key.
    pub judged: &'a [Judged],
    /// The moment up to which open operations reach.
    pub now: Time,
    /// When the reader disturbed the system.
    pub marks: Vec<Time>,
}

/// The moments at which operations may have taken effect, in an order that fits.
pub fn moments(judged: &Judged) -> Vec<(OpId, Time)> {
    let order = judged.verdict.as_ref().unwrap_or_else(|misfit| &misfit.longest);
    let mut last = 0;
    let moment = |at: &usize| {
        let operation = judged.operations[*at];
        last = last.max(operation.asked.0);
        (operation.op, last)
    };
    order.iter().map(moment).collect()
}

fn tone(operation: &Operation) -> &'static str {
    match operation.answered.map(|answered| answered.2) {
        None => "tone-question",
        Some(Answer::Failed) => "tone-broken",
        Some(Answer::Unknown) => "tone-risk",
        Some(_) if operation.ask == Ask::Read => "tone-consumer",
        Some(_) => "tone-producer",
    }
}

impl Lanes<'_> {
    fn start(&self) -> Time {
        self.operations.iter().map(|operation| operation.asked.0).min().unwrap_or(0)
    }

    fn x(&self, at: Time) -> f64 {
        let (start, now) = (self.start(), self.now.max(self.start() + 1));
        f64::from(LEFT)
            + at.clamp(start, now).saturating_sub(start) as f64 / (now - start) as f64 * f64::from(RIGHT - LEFT)
    }

    /// The drawing.
    pub fn svg(&self) -> String {
        let height = TOP + LANE * self.clients.len();
        let label = "Operations of each client over time; dots are moments at which they may have taken effect";
        let mut out = format!(r#"<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">"#);
        let (start, end) = (time::show(self.start()), time::show(self.now));
        let _ = write!(
            out,
            r#"<text class="lane-time" x="{LEFT}" y="12">{start}</text><text class="lane-time is-end" x="{WIDTH}" y="12">{end}</text>"#
        );
        for at in self.marks.iter().filter(|at| (self.start()..=self.now).contains(*at)) {
            let _ = write!(out, r#"<path class="input-line" d="M{} 16V{height}"/>"#, tenths(self.x(*at)));
        }
        for (lane, (client, name)) in self.clients.iter().enumerate() {
            let top = TOP + LANE * lane;
            let _ = write!(out, r#"<text class="lane-name" x="0" y="{}">{}</text>"#, top + 18, escape(name));
            let own = self.operations.iter().filter(|operation| operation.client == *client);
            for (index, operation) in own.enumerate() {
                self.draw(&mut out, operation, top + index % 2 * 20);
            }
        }
        out.push_str("</svg>");
        out
    }

    fn draw(&self, out: &mut String, operation: &Operation, y: usize) {
        // What has no answer may take effect at any later time.
        let end = operation.answered.filter(|answered| answered.2 != Answer::Unknown).map(|answered| answered.0);
        let (is_open, end) = (end.is_none(), end.unwrap_or(self.now));
        let (left, right) = (self.x(operation.asked.0), self.x(end));
        let (width, text) = ((right - left).max(3.0), escape(&operation.to_string()));
        let misfit = if self.fits_nowhere(operation.op) { " is-misfit" } else { "" };
        let (tone, open) = (tone(operation), if is_open { " is-open" } else { "" });
        let _ = write!(
            out,
            r#"<g class="op {tone}{misfit}{open}"><rect x="{}" y="{y}" width="{}" height="{BAR}" rx="3"/><title>{text}</title>"#,
            tenths(left),
            tenths(width)
        );
        if width > 6.3 * text.len() as f64 {
            let _ = write!(out, r#"<text x="{}" y="{}">{text}</text>"#, tenths(left + 4.0), y + 13);
        }
        let moment = self.judged.iter().flat_map(moments).find(|moment| moment.0 == operation.op);
        if let Some((_, at)) = moment {
            let (x, y) = (tenths(self.x(at)), y + BAR);
            let _ = write!(out, r#"<circle class="moment" cx="{x}" cy="{y}" r="3"/>"#);
        }
        out.push_str("</g>");
    }

    fn fits_nowhere(&self, op: OpId) -> bool {
        self.judged.iter().any(|judged| {
            judged
                .verdict
                .as_ref()
                .is_err_and(|misfit| judged.operations.get(misfit.first).is_some_and(|one| one.op == op))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::judge::consistency::{Call, Register, RegisterOp, linearize};

    fn history() -> Vec<Operation> {
        let one = |op, client, ask, asked, answer, end| Operation {
            op: OpId(op),
            client: NodeId(client),
            key: 0,
            ask,
            asked: (asked, asked),
            answered: Some((end, end, answer)),
        };
        vec![
            one(0, 0, Ask::Write(200), 0, Answer::Ok, 100),
            one(1, 1, Ask::Read, 10, Answer::Value(Some(200)), 30),
            one(2, 2, Ask::Read, 40, Answer::Value(Some(0)), 90),
        ]
    }

    fn judged(operations: &[Operation]) -> Judged {
        let op = |one: &Operation| match (one.ask, one.answered) {
            (Ask::Write(value), _) => RegisterOp::Write(value),
            (_, Some((_, _, Answer::Value(value)))) => RegisterOp::Read(Ok(value)),
            _ => RegisterOp::Read(Err(())),
        };
        let call = |one: &Operation| Call {
            client: u32::from(one.client.0),
            op: op(one),
            called: one.asked.1,
            returned: one.answered.map(|answered| answered.1),
        };
        let calls: Vec<_> = operations.iter().map(call).collect();
        let verdict = linearize(&Register { start: Some(Some(0)) }, &calls);
        Judged { key: 0, operations: operations.to_vec(), verdict }
    }

    #[test]
    fn the_operation_that_fits_nowhere_is_marked_and_the_others_have_a_moment() {
        let operations = history();
        let judged = [judged(&operations)];
        let clients = (0..3).map(|id| (NodeId(id), format!("<{id}>"))).collect();
        let svg = Lanes { clients, operations: &operations, judged: &judged, now: 120, marks: vec![40] }.svg();
        assert_eq!((svg.matches("is-misfit").count(), svg.matches("class=\"moment\"").count()), (1, 2), "{svg}");
        assert!(svg.contains("&lt;0&gt;"));
    }

    #[test]
    fn moments_lie_between_call_and_answer_and_never_go_back() {
        let operations = &history()[..2];
        let moments = moments(&judged(operations));
        assert_eq!(moments, vec![(OpId(0), 0), (OpId(1), 10)]);
        for (op, at) in moments {
            let one = operations[op.0 as usize];
            assert!((one.asked.0..=one.answered.map_or(0, |answered| answered.0)).contains(&at));
        }
    }
}
