//! The worker's side: does what it is asked, and reports its progress every tenth of a second.

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::DedicatedWorkerGlobalScope;

use faultline::guides::find;
use faultline::lab::search::{Quest, Search};
use faultline::sim::run::Run;
use faultline::sim::run::shrink::Shrinker;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::Link;

use super::{Ask, Reply, pack, unpack};

/// Moves between two looks at the clock.
const CHUNK: u64 = 20_000;
/// Milliseconds between two progress reports.
const EVERY: f64 = 100.0;

fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

fn say(reply: &Reply) {
    // A page that is gone does not hear it, but then nobody needs the answer.
    let _ = scope().post_message(&pack(reply));
}

/// Listens for as long as the worker lives.
pub fn start() {
    console_error_panic_hook::set_once();
    let listen = Closure::<dyn Fn(web_sys::MessageEvent)>::new(|event: web_sys::MessageEvent| {
        let done = match unpack(event.data()) {
            Some(Ask::Search { path, run, quest }) => search(&path, &run, &quest),
            Some(Ask::Shrink { path, run, promise }) => shrink(&path, &run, promise),
            None => Err("The page and its worker are different versions. Reload the page.".to_owned()),
        };
        say(&done.unwrap_or_else(Reply::Sorry));
    });
    scope().set_onmessage(Some(listen.as_ref().unchecked_ref()));
    listen.forget();
    say(&Reply::Ready);
}

/// Says something at most every tenth of a second.
struct Now(f64);

impl Now {
    fn and_then(&mut self, reply: impl FnOnce() -> Reply) {
        let now = js_sys::Date::now();
        if now - self.0 >= EVERY {
            self.0 = now;
            say(&reply());
        }
    }
}

fn search(path: &str, run: &str, quest: &Quest) -> Result<Reply, String> {
    let scenario = find(path).ok_or("There is no such scenario.")?;
    let link = Link::decode(path, run).map_err(|bad| bad.to_string())?;
    let mut search = Search::new(scenario, &link, quest).ok_or("This scenario cannot be searched.")?;
    let mut now = Now(0.0);
    loop {
        if let Some(found) = search.advance(CHUNK) {
            let run = found.run.map(|run| run.encode());
            return Ok(Reply::Found { words: found.words, run, progress: found.report.progress });
        }
        now.and_then(|| Reply::Searching(search.progress()));
    }
}

fn shrink(path: &str, run: &str, promise: usize) -> Result<Reply, String> {
    let scenario = find(path).ok_or("There is no such scenario.")?;
    let link = Link::decode(path, run).map_err(|bad| bad.to_string())?;
    let start = || scenario.start(&link.origin);
    let mut run = Run::new(start(), link.tape.clone());
    run.seek(link.step);
    let mut shrinker = Shrinker::new(start(), run.branch(), promise).ok_or("This run does not break that promise.")?;
    let (before, mut now) = (shrinker.progress(), Now(0.0));
    while shrinker.advance() {
        let progress = shrinker.progress();
        now.and_then(|| Reply::Shrinking { tried: progress.tried, inputs: progress.inputs, steps: progress.steps });
    }
    let after = shrinker.progress();
    let mut small = Run::new(start(), shrinker.tape().clone());
    small.seek(after.steps);
    let (tape, check) = (shrinker.tape().clone(), small.world().fingerprint() as u32);
    let link = Link { tape, step: after.steps, check, ..link };
    Ok(Reply::Shrunk {
        run: link.encode(),
        from: (before.inputs, before.steps),
        to: (after.inputs, after.steps),
        tried: after.tried,
    })
}
