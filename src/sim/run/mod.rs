//! A run that can be stepped, stepped back, sought and branched.
//!
//! The state at a step is the origin with the tape replayed up to it; checkpoints make that quick. Going back and
//! doing something else opens a branch; the old future stays and can be returned to.

pub mod chaos;
pub mod compare;
pub mod events;
pub mod shrink;
pub mod simulation;
pub mod tape;

use std::rc::Rc;

use crate::sim::judge::verdict::Verdict;
use crate::sim::kernel::time::Time;
use crate::sim::run::events::Events;
use crate::sim::run::simulation::{Handled, Record, Refusal, Simulation};
use crate::sim::run::tape::{Input, Stamped, Tape};

/// Checkpoints are this far apart at first, in events; the distance doubles when there are too many.
const FIRST_SPACING: u64 = 64;
/// The most checkpoints a branch keeps.
const MOST_CHECKPOINTS: usize = 96;
/// The longest run, in events: its memory stays within 200 MB, and its link opens within seconds.
pub const MOST_EVENTS: u64 = 3_000_000;

/// A promise that broke on a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaking {
    /// Index of the promise in the scenario's list.
    pub promise: usize,
    /// The event after which it was broken.
    pub step: u64,
}

/// One future: a tape and what happened under it.
#[derive(Clone)]
pub struct Branch<W> {
    tape: Tape,
    /// The branch it left, and after how many events.
    parent: Option<(usize, u64)>,
    /// Whether it only continues the branch that it left: nothing but the reader's next act parts the two.
    continues: bool,
    /// Whether the reader wants to see it no more.
    dismissed: bool,
    events: Events,
    /// The world after so many events; branches share them.
    checkpoints: Vec<(u64, Rc<W>)>,
    spacing: u64,
    breakings: Vec<Breaking>,
}

impl<W> Branch<W> {
    /// What the reader did on it.
    pub fn tape(&self) -> &Tape {
        &self.tape
    }

    /// The branch it left, and after how many events. `None` for the first.
    pub fn parent(&self) -> Option<(usize, u64)> {
        self.parent
    }

    /// Whether it only goes on where another ended: what was done there could then be taken back by itself.
    pub fn continues(&self) -> bool {
        self.continues
    }

    /// Whether the reader wants to see it no more.
    pub fn is_dismissed(&self) -> bool {
        self.dismissed
    }

    /// What happened on it, from the start of the run.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// The promises that broke on it, in order.
    pub fn breakings(&self) -> &[Breaking] {
        &self.breakings
    }

    /// The event with this number, from 1.
    pub fn event(&self, step: u64) -> Option<Handled> {
        self.events.get(step.checked_sub(1)? as usize)
    }

    /// Virtual time after this many events, as far as they have happened.
    pub fn time_at(&self, step: u64) -> Time {
        step.checked_sub(1).and_then(|at| self.events.time(at as usize)).unwrap_or(0)
    }

    /// How many events it has.
    pub fn len(&self) -> u64 {
        self.events.len() as u64
    }

    /// Whether nothing has happened on it.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

/// See the module's header.
pub struct Run<W> {
    world: W,
    branches: Vec<Branch<W>>,
    current: usize,
    /// How many of the inputs that come just after the events so far are still to be applied.
    held: usize,
}

impl<W: Simulation + Clone> Run<W> {
    /// A run that stands at the start of `world`, with inputs already on its tape.
    pub fn new(world: W, tape: Tape) -> Run<W> {
        let branch = Branch {
            tape,
            parent: None,
            continues: false,
            dismissed: false,
            events: Events::default(),
            checkpoints: vec![(0, Rc::new(world.clone()))],
            spacing: FIRST_SPACING,
            breakings: Vec::new(),
        };
        let mut run = Run { world, branches: vec![branch], current: 0, held: 0 };
        run.apply_inputs();
        run
    }

    /// The world at the cursor.
    pub fn world(&self) -> &W {
        &self.world
    }

    /// Events handled up to the cursor.
    pub fn step_count(&self) -> u64 {
        self.world.kernel().steps()
    }

    /// All futures seen so far.
    pub fn branches(&self) -> &[Branch<W>] {
        &self.branches
    }

    /// Which future the cursor is on.
    pub fn current(&self) -> usize {
        self.current
    }

    /// The future the cursor is on.
    pub fn branch(&self) -> &Branch<W> {
        &self.branches[self.current]
    }

    /// Whether the cursor stands at the end of what has happened on this branch.
    pub fn is_at_end(&self) -> bool {
        self.step_count() == self.branch().len()
    }

    /// Whether the run is as long as a run may be.
    pub fn is_full(&self) -> bool {
        self.step_count() >= MOST_EVENTS
    }

    /// Goes one event forward. `None` when nothing will happen any more, or the run is as long as it may be.
    pub fn step(&mut self) -> Option<Handled> {
        if self.is_full() {
            return None;
        }
        self.settle();
        let handled = self.world.step()?;
        let branch = &mut self.branches[self.current];
        let is_new = handled.step > branch.len();
        if is_new {
            branch.events.push(handled);
        }
        self.note_breakings();
        self.apply_inputs();
        if is_new {
            self.keep_checkpoint();
        }
        Some(handled)
    }

    /// Applies the tape's inputs that come just after the events so far.
    fn apply_inputs(&mut self) {
        let step = self.world.kernel().steps();
        let branch = &self.branches[self.current];
        if !branch.tape.reaches(step) {
            return;
        }
        for Stamped { input, .. } in branch.tape.after(step) {
            // An input that no longer applies (a dropped message that was never sent) is skipped, the same way in
            // every replay.
            let _ = self.world.apply(input);
        }
        self.note_breakings();
    }

    fn note_breakings(&mut self) {
        let branch = &mut self.branches[self.current];
        for (promise, standing) in self.world.standings().iter().enumerate() {
            if let Verdict::Broken(broken) = &standing.verdict
                && !branch.breakings.iter().any(|known| known.promise == promise)
            {
                branch.breakings.push(Breaking { promise, step: broken.step });
            }
        }
    }

    /// The state at a step includes the inputs stamped with it, so checkpoints are taken after them.
    fn keep_checkpoint(&mut self) {
        let step = self.world.kernel().steps();
        let branch = &mut self.branches[self.current];
        if !step.is_multiple_of(branch.spacing) {
            return;
        }
        branch.checkpoints.push((step, Rc::new(self.world.clone())));
        if branch.checkpoints.len() > MOST_CHECKPOINTS {
            branch.spacing *= 2;
            let spacing = branch.spacing;
            branch.checkpoints.retain(|(step, _)| step.is_multiple_of(spacing));
        }
    }

    /// Goes to the state after `step` events; forward beyond what has happened, it runs on. Ends where the run ends.
    pub fn seek(&mut self, step: u64) {
        let here = self.step_count();
        let branch = &self.branches[self.current];
        let index = branch.checkpoints.partition_point(|checkpoint| checkpoint.0 <= step);
        if let Some((at, world)) = index.checked_sub(1).and_then(|index| branch.checkpoints.get(index))
            && (step < here || *at > here)
        {
            self.world = W::clone(world);
            self.held = 0;
            if *at == 0 {
                self.apply_inputs();
            }
        }
        self.settle();
        while self.step_count() < step && self.step().is_some() {}
    }

    /// Goes to the state after `step` events that have happened and the first `applied` of the inputs that come there.
    /// Whatever is done next, the others are applied first.
    pub fn seek_amid(&mut self, step: u64, applied: usize) {
        let inputs = self.branch().tape.after(step).len();
        if applied >= inputs || step > self.branch().len() {
            return self.seek(step);
        }
        let Some(world) = self.amid(step, applied) else { return };
        self.world = world;
        self.held = inputs - applied;
    }

    /// Events handled up to the cursor, and how many of the inputs that come there have been applied.
    pub fn place(&self) -> (u64, usize) {
        let step = self.step_count();
        (step, self.branch().tape.after(step).len() - self.held)
    }

    /// Whether anything was done on this branch later than at the cursor.
    pub fn is_acted_later(&self) -> bool {
        self.held > 0 || self.branch().tape.reaches(self.step_count() + 1)
    }

    /// What was done up to the cursor.
    pub fn tape_here(&self) -> Tape {
        let mut tape = self.branch().tape.clone();
        tape.truncate(self.step_count());
        tape.drop_last(self.held);
        tape
    }

    /// Applies the inputs that are still held.
    fn settle(&mut self) {
        let inputs = self.branches[self.current].tape.after(self.step_count());
        apply_all(&mut self.world, &inputs[inputs.len() - std::mem::take(&mut self.held)..]);
    }

    /// Goes to the last state at or before a moment of virtual time, within what has happened; later, it runs on.
    pub fn seek_time(&mut self, time: Time) {
        let events = &self.branch().events;
        let (mut low, mut high) = (0, events.len());
        while low < high {
            let middle = (low + high) / 2;
            if events.time(middle).is_some_and(|at| at <= time) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        self.seek(low as u64);
        while self.world.next_at().is_some_and(|at| at <= time) && self.step().is_some() {}
    }

    /// Goes one event back. False at the start.
    pub fn back(&mut self) -> bool {
        match self.step_count().checked_sub(1) {
            Some(step) => {
                self.seek(step);
                true
            }
            None => false,
        }
    }

    /// Does something at the cursor. With a future ahead, that future stays and a branch opens.
    /// A refused input changes nothing.
    pub fn act(&mut self, input: Input) -> Result<(), Refusal> {
        self.act_on(input, false)
    }

    /// As [`Run::act`], but always on a branch of its own, so that it can be taken back by switching back.
    pub fn act_apart(&mut self, input: Input) -> Result<(), Refusal> {
        self.act_on(input, true)
    }

    fn act_on(&mut self, input: Input, apart: bool) -> Result<(), Refusal> {
        self.settle();
        self.world.clone().apply(&input)?;
        let step = self.step_count();
        let has_future = !self.is_at_end() || self.branch().tape.reaches(step + 1);
        if has_future || apart {
            self.open_branch(step);
            self.branches[self.current].continues = !has_future;
        }
        self.world.apply(&input)?;
        let branch = &mut self.branches[self.current];
        branch.tape.push(step, input);
        branch.checkpoints.retain(|(at, _)| *at < step || *at == 0);
        if step > 0 {
            branch.checkpoints.push((step, Rc::new(self.world.clone())));
        }
        self.note_breakings();
        Ok(())
    }

    /// Opens a branch at `step` with these inputs, runs it to `last`, and returns to where it begins.
    pub fn graft(&mut self, step: u64, inputs: &[Stamped], last: u64) {
        self.seek(step);
        self.open_branch(step);
        let (now, later): (Vec<&Stamped>, Vec<&Stamped>) = inputs.iter().partition(|stamped| stamped.after <= step);
        for stamped in now {
            // What no longer applies here changes nothing.
            let _ = self.act(stamped.input.clone());
        }
        let branch = &mut self.branches[self.current];
        later.into_iter().for_each(|stamped| branch.tape.push(stamped.after, stamped.input.clone()));
        self.seek(last);
        self.seek(step);
    }

    /// Opens a branch again that had left another at a step, with what was done on it since, up to `last`.
    pub fn regrow(&mut self, (parent, step): (usize, u64), inputs: &[Stamped], last: u64, continues: bool) {
        self.switch(parent);
        self.graft(step, inputs, last);
        self.branches[self.current].continues = continues;
    }

    /// Marks another future as one that the reader wants to see no more; going there brings it back.
    pub fn dismiss(&mut self, branch: usize) {
        if let Some(other) = self.branches.get_mut(branch).filter(|_| branch != self.current) {
            other.dismissed = true;
        }
    }

    /// What was done first where a future left another, in words. `None` for the first, and where nothing was done.
    pub fn opened_by(&self, branch: usize) -> Option<String> {
        let branch = self.branches.get(branch)?;
        let (parent, left) = branch.parent?;
        let known = self.branches[parent].tape.up_to(left).len();
        let first = branch.tape.inputs().get(known)?;
        let before = branch.tape.inputs()[..known].iter().filter(|stamped| stamped.after == first.after).count();
        Some(amid(branch, first.after, before)?.describe_input(&first.input))
    }

    fn open_branch(&mut self, step: u64) {
        let mut branch = self.branch().clone();
        branch.tape.truncate(step);
        branch.events.truncate(step as usize);
        branch.checkpoints.retain(|(at, _)| *at <= step);
        branch.breakings.retain(|breaking| breaking.step <= step);
        branch.parent = Some((self.current, step));
        (branch.continues, branch.dismissed) = (false, false);
        self.branches.push(branch);
        self.current = self.branches.len() - 1;
    }

    /// Goes to another future, at the furthest step that it shares with the current one. False when there is no such
    /// branch.
    pub fn switch(&mut self, branch: usize) -> bool {
        let Some(target) = self.branches.get(branch) else {
            return false;
        };
        let step = self.step_count().min(target.len()).min(self.shared_steps(branch));
        self.current = branch;
        self.branches[branch].dismissed = false;
        self.world = W::clone(&self.branches[branch].checkpoints[0].1);
        self.held = 0;
        self.apply_inputs();
        self.seek(step);
        true
    }

    /// How many events this branch and another have in common.
    pub fn shared_steps(&self, other: usize) -> u64 {
        let line = |mut at: usize| {
            let mut line = vec![(at, u64::MAX)];
            while let Some((parent, step)) = self.branches[at].parent {
                let reach = line.last().map_or(step, |last| last.1.min(step));
                line.push((parent, reach));
                at = parent;
            }
            line
        };
        let (ours, theirs) = (line(self.current), line(other));
        let common = ours.iter().filter_map(|a| theirs.iter().find(|b| b.0 == a.0).map(|b| a.1.min(b.1)));
        common.max().unwrap_or(0)
    }

    /// What happened at these steps (from 1) and why, in words: replays from a checkpoint before them.
    pub fn records(&self, first: u64, last: u64) -> Vec<(Handled, Record)> {
        let branch = self.branch();
        let (first, last) = (first.max(1), last.min(branch.len()));
        let mut found = Vec::new();
        let Some(mut world) = self.amid(first - 1, usize::MAX).filter(|_| first <= last) else { return found };
        while world.kernel().steps() < last {
            world.set_recording(true);
            let Some(handled) = world.step() else { break };
            found.push((handled, world.record().clone()));
            world.set_recording(false);
            apply_all(&mut world, branch.tape.after(handled.step));
        }
        found
    }

    /// The world one event before the cursor. `None` at the start.
    pub fn before(&self) -> Option<W> {
        self.amid(self.step_count().checked_sub(1)?, usize::MAX)
    }

    /// The world after `step` events that have happened and the first `applied` of the inputs that come there.
    pub fn amid(&self, step: u64, applied: usize) -> Option<W> {
        amid(self.branch(), step, applied)
    }

    /// What an input of the tape was, in words. Needs the state it met, so it replays up to it.
    pub fn describe_inputs(&self, step: u64) -> Vec<String> {
        let Some(mut world) = self.amid(step, 0) else { return Vec::new() };
        let described = self.branch().tape.after(step).iter().map(|stamped| {
            let words = world.describe_input(&stamped.input);
            let _ = world.apply(&stamped.input);
            words
        });
        described.collect()
    }
}

fn amid<W: Simulation + Clone>(branch: &Branch<W>, step: u64, applied: usize) -> Option<W> {
    let inputs = branch.tape.after(step);
    let applied = applied.min(inputs.len());
    // A checkpoint has all inputs that come at its step; the start has none.
    let is_before = |at: u64| at < step || at == step && applied == inputs.len();
    let index = branch.checkpoints.partition_point(|checkpoint| is_before(checkpoint.0)).saturating_sub(1);
    let (at, start) = branch.checkpoints.get(index)?;
    let mut world = W::clone(start);
    if *at == step && step > 0 {
        return Some(world);
    }
    if *at == 0 && step > 0 {
        apply_all(&mut world, branch.tape.after(0));
    }
    while world.kernel().steps() < step && world.step().is_some() {
        let now = world.kernel().steps();
        if now < step {
            apply_all(&mut world, branch.tape.after(now));
        }
    }
    apply_all(&mut world, &inputs[..applied]);
    Some(world)
}

fn apply_all<W: Simulation>(world: &mut W, inputs: &[Stamped]) {
    for stamped in inputs {
        let _ = world.apply(&stamped.input);
    }
}
