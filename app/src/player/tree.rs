//! A run with all its futures, and what can be taken back on it, as a value that outlives the page.

use wasm_bindgen::JsValue;

use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::live::LiveWorld;
use faultline::sim::run::tape::{Link, Origin, Stamped};
use faultline::sim::run::{Branch, Run};

use super::past::{Own, Past};
use super::replayed;
use crate::json;

/// The most futures that are remembered, and the most events that they may have together: they are run again when the
/// page is opened.
const MOST_FUTURES: usize = 40;
const MOST_EVENTS: u64 = 200_000;
/// The longest text of all futures, in characters: a browser gives a site about five million for all its pages.
const MOST_TEXT: usize = 120_000;

/// One future.
struct Future {
    /// From its start to its end.
    link: Link,
    /// Where it left another; the first left none.
    parent: Option<(usize, u64)>,
    continues: bool,
    dismissed: bool,
}

/// See the module's header.
pub struct Tree {
    futures: Vec<Future>,
    /// Where the reader stands.
    here: (usize, u64),
    undo: Vec<(usize, u64)>,
    redo: Vec<(usize, u64)>,
}

/// The last acts of a past that belong to the run at hand.
fn places(past: &[Past]) -> Vec<(usize, u64)> {
    let since = past.iter().rposition(|past| matches!(past, Past::Run(_))).map_or(0, |at| at + 1);
    let place = |past: &Past| match past {
        Past::Here { branch, step } => Some((*branch, *step)),
        Past::Run(_) => None,
    };
    past[since..].iter().filter_map(place).collect()
}

/// A past of these places.
fn past(places: &[(usize, u64)]) -> Vec<Past> {
    places.iter().map(|(branch, step)| Past::Here { branch: *branch, step: *step }).collect()
}

impl Tree {
    /// Of a run; only the future at hand, without what can be taken back, if all would be too much.
    pub(super) fn of(path: &str, origin: &Origin, run: &Run<LiveWorld>, undo: &[Past], redo: &[Past]) -> Tree {
        let future = |branch: &Branch<LiveWorld>| Future {
            link: Link {
                scenario: path.to_owned(),
                origin: origin.clone(),
                tape: branch.tape().clone(),
                step: branch.len(),
                check: 0,
            },
            parent: branch.parent(),
            continues: branch.continues(),
            dismissed: branch.is_dismissed(),
        };
        let all = run.branches();
        if all.len() <= MOST_FUTURES && all.iter().map(Branch::len).sum::<u64>() <= MOST_EVENTS {
            let futures = all.iter().map(future).collect();
            return Tree { futures, here: (run.current(), run.step_count()), undo: places(undo), redo: places(redo) };
        }
        let alone = Future { parent: None, ..future(run.branch()) };
        Tree { futures: vec![alone], here: (0, run.step_count()), undo: Vec::new(), redo: Vec::new() }
    }

    /// As JSON; nothing if it is too long.
    pub fn written(&self) -> JsValue {
        let numbers = |all: &[(usize, u64)]| -> JsValue {
            json::list(all.iter().flat_map(|(one, other)| [JsValue::from(*one as f64), JsValue::from(*other as f64)]))
        };
        let future = |future: &Future| -> JsValue {
            let parent = future.parent.map_or(JsValue::NULL, |parent| numbers(&[parent]));
            json::object([
                ("run", future.link.encode().into()),
                ("parent", parent),
                ("continues", future.continues.into()),
                ("dismissed", future.dismissed.into()),
            ])
        };
        let written = json::object([
            ("futures", json::list(self.futures.iter().map(future))),
            ("here", numbers(&[self.here])),
            ("undo", numbers(&self.undo)),
            ("redo", numbers(&self.redo)),
        ]);
        if json::text(&written, 0).len() > MOST_TEXT { JsValue::NULL } else { written }
    }

    /// What was written of the scenario at `guide/slug`; nothing if it is damaged.
    pub fn read(path: &str, written: &JsValue) -> Option<Tree> {
        let future = |value: JsValue| {
            let text = json::field(&value, "run").as_string()?;
            let parent = json::field(&value, "parent");
            Some(Future {
                link: Link::decode(path, &text).ok()?,
                parent: if parent.is_null() { None } else { Some(*pairs(&parent)?.first()?) },
                continues: json::field(&value, "continues").is_truthy(),
                dismissed: json::field(&value, "dismissed").is_truthy(),
            })
        };
        let futures = json::items(&json::field(written, "futures"))?;
        let futures: Vec<Future> = futures.into_iter().map(future).collect::<Option<_>>()?;
        let is_sound = |(at, future): (usize, &Future)| match future.parent {
            Some((parent, _)) => parent < at,
            None => at == 0,
        };
        if futures.is_empty() || !futures.iter().enumerate().all(is_sound) {
            return None;
        }
        Some(Tree {
            here: *pairs(&json::field(written, "here"))?.first().filter(|here| here.0 < futures.len())?,
            undo: pairs(&json::field(written, "undo"))?,
            redo: pairs(&json::field(written, "redo"))?,
            futures,
        })
    }

    /// The run, with its origin, where the reader stood.
    pub(super) fn grown(self, scenario: &'static dyn AnyScenario) -> Option<Own> {
        let mut futures = self.futures.into_iter();
        let first = futures.next()?.link;
        let mut run = replayed(scenario, &first.origin, &first.tape, first.step);
        let mut dismissed = Vec::new();
        for Future { link, parent, continues, dismissed: is_dismissed } in futures {
            let (parent, left) = parent?;
            let common = run.branches()[parent].tape().up_to(left).len();
            let inputs: Vec<Stamped> = link.tape.inputs().iter().skip(common).cloned().collect();
            run.regrow((parent, left), &inputs, link.step, continues);
            dismissed.extend(is_dismissed.then_some(run.current()));
        }
        run.switch(self.here.0);
        run.seek(self.here.1);
        dismissed.into_iter().for_each(|branch| run.dismiss(branch));
        Some(Own::of(first.origin, run, past(&self.undo), past(&self.redo)))
    }
}

/// Pairs of whole numbers from a list of them.
fn pairs(value: &JsValue) -> Option<Vec<(usize, u64)>> {
    let all: Vec<usize> = json::items(value)?.iter().map(json::whole).collect::<Option<_>>()?;
    let (pairs, []) = all.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|[one, other]| (*one, *other as u64)).collect())
}
