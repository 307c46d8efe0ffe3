//! Makes a run that breaks a promise smaller, while it still breaks the same promise.
//!
//! First delta debugging over the inputs (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input",
//! 2002), at their moments of virtual time; then power cuts become crashes, where those do as well; then the remaining
//! inputs are moved earlier, so that less happens before them. A run is accepted if it breaks the promise with fewer
//! inputs, or with as many inputs and fewer events.

use super::compare::{Timed, replay_at, timed};
use super::simulation::Simulation;
use super::tape::{Input, Stamped, Tape};
use crate::sim::kernel::time::Time;
use crate::sim::run::{Branch, Run};

/// How much longer than the given run a smaller one may take to break the promise.
const PATIENCE: u64 = 2;

/// How far the shrinker has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Runs tried.
    pub tried: u64,
    /// Inputs of the smallest run so far.
    pub inputs: usize,
    /// The event at which it breaks the promise.
    pub steps: u64,
}

/// What is being tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Leaving out a part: this one of `parts`.
    LeaveOut { parts: usize, part: usize },
    /// Crashing the node of this input instead of cutting its power.
    Milder { input: usize },
    /// Moving this input, and all after it, earlier by a part of the time since the one before.
    Earlier { input: usize, shift: u32 },
    /// Nothing is left to try.
    Done,
}

/// See the module's header.
pub struct Shrinker<W> {
    start: W,
    promise: usize,
    inputs: Vec<Timed>,
    tape: Tape,
    steps: u64,
    time: Time,
    most: u64,
    stage: Stage,
    tried: u64,
}

impl<W: Simulation + Clone> Shrinker<W> {
    /// A shrinker for this branch, which begins at `start` and breaks the promise. `None` when it does not break it.
    pub fn new(start: W, branch: &Branch<W>, promise: usize) -> Option<Shrinker<W>> {
        let breaking = branch.breakings().iter().find(|breaking| breaking.promise == promise)?;
        let steps = breaking.step;
        let time = branch.time_at(steps);
        let mut inputs = timed(branch);
        inputs.truncate(branch.tape().inputs().partition_point(|stamped| stamped.after <= steps));
        let tape = Tape::new(branch.tape().inputs().iter().take(inputs.len()).cloned().collect());
        let parts = inputs.len().clamp(1, 2);
        let stage = Stage::LeaveOut { parts, part: 0 };
        Some(Shrinker { start, promise, inputs, tape, steps, time, most: steps * PATIENCE + 64, stage, tried: 0 })
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        Progress { tried: self.tried, inputs: self.inputs.len(), steps: self.steps }
    }

    /// The smallest tape so far; it breaks the promise at `progress().steps`.
    pub fn tape(&self) -> &Tape {
        &self.tape
    }

    /// Tries to the end.
    pub fn run(&mut self) {
        while self.advance() {}
    }

    /// Tries one more thing. False when nothing is left to try.
    pub fn advance(&mut self) -> bool {
        match self.stage {
            Stage::LeaveOut { parts, part } => self.leave_out(parts, part),
            Stage::Milder { input } => self.milder(input),
            Stage::Earlier { input, shift } => self.earlier(input, shift),
            Stage::Done => return false,
        }
        self.stage != Stage::Done
    }

    fn leave_out(&mut self, parts: usize, part: usize) {
        let count = self.inputs.len();
        let (from, to) = (count * part / parts, count * (part + 1) / parts);
        let rest: Vec<Timed> = [&self.inputs[..from], &self.inputs[to..]].concat();
        self.stage = if from < to && self.accept(rest, false) {
            // What is left is cut into one part fewer.
            let parts = (parts - 1).max(2).min(self.inputs.len().max(1));
            if self.inputs.is_empty() { Stage::Done } else { Stage::LeaveOut { parts, part: 0 } }
        } else if part + 1 < parts {
            Stage::LeaveOut { parts, part: part + 1 }
        } else if parts < count {
            Stage::LeaveOut { parts: (parts * 2).min(count), part: 0 }
        } else {
            Stage::Milder { input: 0 }
        };
    }

    /// A crash in place of a power cut: where it breaks the promise just so, what was on the disk does not matter.
    fn milder(&mut self, input: usize) {
        self.stage = match self.inputs.get(input).map(|timed| &timed.input) {
            Some(Input::PowerCut { node } | Input::TearWrite { node, .. }) => {
                let mut crashed = self.inputs.clone();
                crashed[input].input = Input::Crash { node: *node };
                self.accept(crashed, true);
                Stage::Milder { input: input + 1 }
            }
            Some(_) => Stage::Milder { input: input + 1 },
            None => Stage::Earlier { input: 0, shift: 0 },
        };
    }

    fn earlier(&mut self, input: usize, shift: u32) {
        if input >= self.inputs.len() {
            self.stage = Stage::Done;
            return;
        }
        let before = input.checked_sub(1).map_or(0, |before| self.inputs[before].at);
        let gap = self.inputs[input].at - before;
        // By the whole gap first, then by a half, a quarter, an eighth of it.
        let by = gap - if shift == 0 { 0 } else { gap - (gap >> shift) };
        let mut moved = self.inputs.clone();
        moved[input..].iter_mut().for_each(|timed| timed.at -= by.min(timed.at - before));
        let is_smaller = by > 0 && self.accept(moved, false);
        self.stage = match is_smaller || shift >= 3 {
            true => Stage::Earlier { input: input + 1, shift: 0 },
            false => Stage::Earlier { input, shift: shift + 1 },
        };
    }

    /// Takes these inputs if they break the promise and there are fewer of them, or as many with fewer events before
    /// it breaks, or if `milder` no more events.
    fn accept(&mut self, inputs: Vec<Timed>, milder: bool) -> bool {
        self.tried += 1;
        let broken = |run: &Run<W>| run.branch().breakings().iter().any(|breaking| breaking.promise == self.promise);
        let until = self.time.saturating_mul(PATIENCE);
        let (run, _) = replay_at(self.start.clone(), &inputs, until, self.most, broken);
        let breaking = run.branch().breakings().iter().find(|breaking| breaking.promise == self.promise);
        let Some(steps) = breaking.map(|breaking| breaking.step) else { return false };
        // Inputs that no longer applied, or that came after it broke, are dropped as well.
        let kept = run.branch().tape().inputs().iter().filter(|stamped| stamped.after <= steps);
        let kept: Vec<Stamped> = kept.cloned().collect();
        let is_earlier = steps < self.steps || milder && steps == self.steps;
        let is_smaller = kept.len() < self.inputs.len() || kept.len() == self.inputs.len() && is_earlier;
        if is_smaller {
            self.inputs = timed(run.branch());
            self.inputs.truncate(kept.len());
            (self.tape, self.steps, self.time) = (Tape::new(kept), steps, run.branch().time_at(steps));
        }
        is_smaller
    }
}
