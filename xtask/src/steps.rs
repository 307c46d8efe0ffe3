//! Long work, as steps that say how long they may take, and then how long they took.

use std::time::{Duration, Instant};

use crate::{Outcome, say};

/// One step. It is created only if there is something to do.
pub struct Step {
    what: String,
    /// How long it takes on two cores.
    expected: &'static str,
    work: Box<dyn FnOnce() -> Outcome + Send>,
}

impl Step {
    pub fn new(
        what: impl Into<String>,
        expected: &'static str,
        work: impl FnOnce() -> Outcome + Send + 'static,
    ) -> Step {
        Step { what: what.into(), expected, work: Box::new(work) }
    }

    /// Several steps as one, one after the other.
    pub fn all(steps: Vec<Step>, expected: &'static str) -> Step {
        let what = steps.iter().map(|step| step.what.as_str()).collect::<Vec<_>>().join(", ");
        Step::new(what, expected, move || steps.into_iter().try_for_each(|step| (step.work)()))
    }

    /// Runs at the same time as another step, since neither keeps all cores busy all the time.
    pub fn beside(self, other: Step, expected: &'static str) -> Step {
        let what = format!("{} and, at the same time, {}", self.what, other.what);
        Step::new(what, expected, move || {
            std::thread::scope(|scope| {
                let beside = scope.spawn(other.work);
                (self.work)().and(beside.join().unwrap_or_else(|_| Err("A step has ended unexpectedly.".to_owned())))
            })
        })
    }
}

/// Runs the steps one after the other, up to the first that fails.
pub fn take(steps: Vec<Step>) -> Outcome {
    let count = steps.len();
    for (number, step) in (1..).zip(steps) {
        let (start, what) = (Instant::now(), step.what);
        say(&format!("Step {number} of {count}: {what}, about {} ...", step.expected));
        (step.work)()?;
        say(&format!("Step {number} of {count}: {what} took {}.", shown(start.elapsed())));
    }
    Ok(())
}

/// "48 s", "2 min 5 s".
pub fn shown(time: Duration) -> String {
    match (time.as_secs() / 60, time.as_secs() % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}
