//! Random fault schedules: inputs drawn from a seed, within a scenario's fault model.

use super::Run;
use super::simulation::{Handled, Simulation};
use super::tape::Input;
use crate::sim::NodeId;
use crate::sim::kernel::PendingKind;
use crate::sim::kernel::random::{self, Drawer};
use crate::sim::kernel::time::MS;

/// The faults under which a scenario makes its promises. By default, everything is off.
#[derive(Clone, Copy, Debug)]
pub struct FaultModel {
    /// Nodes crash and come back from their disks.
    pub crash: bool,
    /// Machines lose power and come back from what was synced.
    pub power_cut: bool,
    /// Nodes pause and resume.
    pub pause: bool,
    /// Nodes slow down.
    pub slow: bool,
    /// Clocks drift and jump.
    pub skew: bool,
    /// Links are cut, one way or between two groups.
    pub cut: bool,
    /// Messages are lost.
    pub drop: bool,
    /// Messages arrive twice.
    pub duplicate: bool,
    /// Messages are late.
    pub delay: bool,
    /// The most nodes down or paused at once.
    pub most_down: usize,
    /// The nodes that faults may strike; `None` for all.
    pub nodes: Option<fn(NodeId) -> bool>,
}

impl FaultModel {
    /// No faults at all.
    pub const NONE: FaultModel = FaultModel {
        crash: false,
        power_cut: false,
        pause: false,
        slow: false,
        skew: false,
        cut: false,
        drop: false,
        duplicate: false,
        delay: false,
        most_down: 0,
        nodes: None,
    };
    /// Everything an asynchronous system with crashes and recoveries must withstand; clocks are right, disks stay.
    pub const ASYNCHRONOUS: FaultModel = FaultModel {
        crash: true,
        power_cut: false,
        pause: true,
        slow: true,
        skew: false,
        cut: true,
        drop: true,
        duplicate: true,
        delay: true,
        most_down: usize::MAX,
        nodes: None,
    };
}

/// Random faults over a run for some events; then everything is healed, and the run settles for the same number of
/// events.
pub struct Storm {
    chaos: Chaos,
    /// How long each half is, in events.
    length: u64,
    /// Events of the first half so far, and when the next fault comes.
    stormy: u64,
    next: u64,
    /// Events of the second half so far; `None` before it.
    calm: Option<u64>,
}

impl Storm {
    /// Faults of this model, from this seed.
    pub fn new(faults: FaultModel, seed: u64, length: u64) -> Storm {
        let mut chaos = Chaos::new(faults, seed);
        let next = chaos.gap();
        Storm { chaos, length, stormy: 0, next, calm: None }
    }

    /// The next event, after the faults that come before it. `None` when the storm is over.
    pub fn step<W: Simulation + Clone>(&mut self, run: &mut Run<W>) -> Option<Handled> {
        if self.calm.is_none() {
            let handled = self.under_faults(run);
            if handled.is_some() {
                return handled;
            }
            for input in Chaos::heal(run.world()) {
                let _ = run.act(input);
            }
            self.calm = Some(0);
        }
        let calm = self.calm.as_mut().filter(|calm| **calm < self.length)?;
        *calm += 1;
        run.step()
    }

    fn under_faults<W: Simulation + Clone>(&mut self, run: &mut Run<W>) -> Option<Handled> {
        while self.stormy < self.length {
            if self.stormy == self.next {
                self.next += self.chaos.gap();
                if let Some(input) = self.chaos.next(run.world()) {
                    // A fault that no longer applies is skipped.
                    let _ = run.act(input);
                }
            }
            self.stormy += 1;
            let handled = run.step();
            if handled.is_some() || run.world().kernel().is_healthy() {
                return handled;
            }
        }
        None
    }
}

/// A whole [`Storm`] over a run.
pub fn storm<W: Simulation + Clone>(run: &mut Run<W>, faults: FaultModel, seed: u64, length: u64) {
    let mut storm = Storm::new(faults, seed, length);
    while storm.step(run).is_some() {}
}

/// A source of random faults. See the module's header.
pub struct Chaos {
    model: FaultModel,
    seed: u64,
    drawn: u64,
}

impl Chaos {
    /// Faults of this model, from this seed.
    pub fn new(model: FaultModel, seed: u64) -> Chaos {
        Chaos { model, seed, drawn: 0 }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.drawn += 1;
        random::below(random::draw(self.seed, Drawer::Chaos, 0, self.drawn), bound)
    }

    /// How many events to let pass before the next input: 1 to 60, mostly few.
    pub fn gap(&mut self) -> u64 {
        let widest = 1 + self.below(60);
        1 + self.below(widest)
    }

    /// The next fault, or the end of one. `None` when the drawn kind has nothing to strike.
    pub fn next<W: Simulation>(&mut self, world: &W) -> Option<Input> {
        match self.below(12) {
            0 | 1 => self.end_node_fault(world),
            2 => Some(Input::HealAll),
            3 if self.model.crash => self.strike(world).map(|node| self.fell(node)),
            4 if self.model.pause => self.strike(world).map(|node| Input::Pause { node }),
            5 if self.model.slow => {
                let percent = if self.below(2) == 0 { 100 } else { 100 + self.below(2_000) as u32 };
                self.any_node(world).map(|node| Input::Slow { node, percent })
            }
            6 if self.model.skew => {
                let offset = self.below(400) as i64 * MS as i64 - 200 * MS as i64;
                let drift_ppm = self.below(400_000) as i32 - 200_000;
                self.any_node(world).map(|node| Input::Skew { node, offset, drift_ppm })
            }
            7 if self.model.cut => self.cut(world),
            8 if self.model.cut => {
                let all = (1u64 << world.kernel().nodes().len().min(63)) - 1;
                Some(Input::Partition { side: self.below(all) & all })
            }
            9 if self.model.drop => self.flight(world).map(|id| Input::Drop { id }),
            10 if self.model.duplicate => self.flight(world).map(|id| Input::Duplicate { id }),
            11 if self.model.delay => {
                let by = MS * (1 + self.below(400));
                self.flight(world).map(|id| Input::Delay { id, by })
            }
            _ => None,
        }
    }

    /// How a node goes down: with its process or with its machine's power, and then perhaps in the middle of a write. It
    /// has draws of its own, so a schedule with power cuts strikes the same nodes at the same moments as one without.
    fn fell(&self, node: NodeId) -> Input {
        let how = random::draw(self.seed, Drawer::Chaos, 1, self.drawn);
        match random::below(how, 4) {
            1 if self.model.power_cut => Input::PowerCut { node },
            2 if self.model.power_cut => Input::TearWrite { node, lost: 1 + (how & 3) as u32 },
            _ => Input::Crash { node },
        }
    }

    /// The inputs that end every fault in the world.
    pub fn heal<W: Simulation>(world: &W) -> Vec<Input> {
        let mut inputs = vec![Input::HealAll];
        for (id, state) in world.kernel().nodes().iter().enumerate() {
            let node = NodeId::from(id);
            if !state.up {
                inputs.push(Input::Restart { node });
            }
            if state.paused {
                inputs.push(Input::Resume { node });
            }
            if state.slow != 100 {
                inputs.push(Input::Slow { node, percent: 100 });
            }
            if state.offset != 0 || state.drift_ppm != 0 {
                inputs.push(Input::Skew { node, offset: 0, drift_ppm: 0 });
            }
        }
        inputs
    }

    fn pick(&mut self, candidates: &[NodeId]) -> Option<NodeId> {
        let index = self.below(candidates.len() as u64) as usize;
        candidates.get(index).copied()
    }

    fn allowed<W: Simulation>(&self, world: &W, keep: impl Fn(NodeId) -> bool) -> Vec<NodeId> {
        let within = |node: &NodeId| self.model.nodes.is_none_or(|allowed| allowed(*node));
        (0..world.kernel().nodes().len()).map(NodeId::from).filter(within).filter(|node| keep(*node)).collect()
    }

    fn any_node<W: Simulation>(&mut self, world: &W) -> Option<NodeId> {
        let nodes = self.allowed(world, |_| true);
        self.pick(&nodes)
    }

    /// A running node, as long as not too many are down.
    fn strike<W: Simulation>(&mut self, world: &W) -> Option<NodeId> {
        let down = world.kernel().nodes().iter().filter(|state| !state.up || state.paused).count();
        if down >= self.model.most_down {
            return None;
        }
        let nodes = self.allowed(world, |node| world.kernel().is_running(node));
        self.pick(&nodes)
    }

    fn end_node_fault<W: Simulation>(&mut self, world: &W) -> Option<Input> {
        let nodes = self.allowed(world, |node| !world.kernel().is_running(node));
        let node = self.pick(&nodes)?;
        Some(if world.kernel().node(node).up { Input::Resume { node } } else { Input::Restart { node } })
    }

    fn cut<W: Simulation>(&mut self, world: &W) -> Option<Input> {
        let from = self.any_node(world)?;
        let others = self.allowed(world, |node| node != from);
        let to = self.pick(&others)?;
        Some(if world.kernel().connected(from, to) { Input::Cut { from, to } } else { Input::Heal { from, to } })
    }

    fn flight<W: Simulation>(&mut self, world: &W) -> Option<u64> {
        let mut ids: Vec<u64> = world
            .kernel()
            .pending()
            .filter(|entry| matches!(entry.kind, PendingKind::Deliver { .. }))
            .map(|entry| entry.id)
            .collect();
        ids.sort_unstable();
        let index = self.below(ids.len() as u64) as usize;
        ids.get(index).copied()
    }
}
