//! Controls: every setting, command and kind of fault changes what happens.
//!
//! Two runs go side by side and stop at the first moment at which they differ. The run without the change is kept,
//! because many changes are compared with it.

use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::info::Info;
use faultline::guides::kit::live::LiveWorld;
use faultline::sim::declare::commands::CommandCall;
use faultline::sim::declare::rules::{RuleId, RuleSet};
use faultline::sim::declare::settings::{SettingId, Takes};
use faultline::sim::kernel::{Pending, PendingKind};
use faultline::sim::run::Run;
use faultline::sim::run::chaos::Storm;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::{Input, Origin, Stamped, Tape};

use super::{busy, check, ensure, origin, run};

/// How long two runs go side by side, in events.
const LENGTH: usize = 1_500;
/// How long each half of a storm is.
const STORM: u64 = 800;
/// The moments at which an input is tried.
const MOMENTS: [u64; 4] = [0, 20, 100, 400];

/// When, where, and what state.
type Moment = (u64, u16, u64);

/// A run that is only computed as far as somebody asks.
struct Trace {
    run: Run<LiveWorld>,
    storm: Option<Storm>,
    moments: Vec<Moment>,
}

impl Trace {
    /// What happens after a step without any fault: when, where, what state, and what is due when. A changed setting
    /// alone does not count as a difference.
    fn calm(scenario: &'static dyn AnyScenario, origin: &Origin, tape: Tape, step: u64) -> Trace {
        let mut run = Run::new(scenario.start(origin), tape);
        run.seek(step);
        Trace { run, storm: None, moments: Vec::new() }
    }

    /// What happens under random faults.
    fn stormy(scenario: &'static dyn AnyScenario, origin: &Origin, tape: Tape) -> Trace {
        let storm = Some(Storm::new(scenario.info().faults, 2, STORM));
        Trace { run: Run::new(scenario.start(origin), tape), storm, moments: Vec::new() }
    }

    fn at(&mut self, index: usize) -> Option<Moment> {
        while self.moments.len() <= index {
            let moment = self.next()?;
            self.moments.push(moment);
        }
        self.moments.get(index).copied()
    }

    fn next(&mut self) -> Option<Moment> {
        let handled = match &mut self.storm {
            Some(storm) => storm.step(&mut self.run)?,
            None => self.run.step()?,
        };
        let world = self.run.world();
        let due = |sum: u64, entry: &Pending| sum.wrapping_add(entry.at * (3 + u64::from(entry.node.0)));
        let pending = if self.storm.is_none() { world.kernel().pending().fold(0, due) } else { 0 };
        Some((handled.time, handled.node.0, world.state_fingerprint() ^ pending))
    }

    /// Whether two runs differ anywhere: in some moment, or in their length.
    fn differs(&mut self, mut other: Trace) -> bool {
        let most = if self.storm.is_some() { usize::MAX } else { LENGTH };
        for index in 0..most {
            match (self.at(index), other.at(index)) {
                (None, None) => return false,
                (one, other) if one != other => return true,
                _ => {}
            }
        }
        false
    }
}

/// The runs from one origin with no input.
struct Plain {
    scenario: &'static dyn AnyScenario,
    origin: Origin,
    calm: Vec<(u64, Trace)>,
    stormy: Trace,
}

impl Plain {
    fn new(scenario: &'static dyn AnyScenario, origin: Origin) -> Plain {
        let stormy = Trace::stormy(scenario, &origin, Tape::default());
        Plain { scenario, origin, calm: Vec::new(), stormy }
    }

    fn calm(&mut self, step: u64) -> &mut Trace {
        let at = self.calm.iter().position(|known| known.0 == step).unwrap_or_else(|| {
            self.calm.push((step, Trace::calm(self.scenario, &self.origin, Tape::default(), step)));
            self.calm.len() - 1
        });
        &mut self.calm[at].1
    }

    /// Whether an input after a step changes what happens after it.
    fn moved_at(&mut self, step: u64, input: &Input) -> bool {
        let changed = Trace::calm(self.scenario, &self.origin, only(step, input), step);
        self.calm(step).differs(changed)
    }

    /// Whether an input, given at any of several moments, changes what happens, with or without faults around it.
    fn moved_by(&mut self, input: &Input) -> bool {
        MOMENTS.into_iter().any(|step| self.moved_at(step, input))
            || self.stormy.differs(Trace::stormy(self.scenario, &self.origin, only(0, input)))
    }

    /// Whether a run from another origin differs, with or without faults.
    fn differs_from(&mut self, origin: &Origin) -> bool {
        let scenario = self.scenario;
        self.calm(0).differs(Trace::calm(scenario, origin, Tape::default(), 0))
            || self.stormy.differs(Trace::stormy(scenario, origin, Tape::default()))
    }
}

fn only(step: u64, input: &Input) -> Tape {
    Tape::new(vec![Stamped { after: step, input: input.clone() }])
}

#[test]
fn every_control_changes_the_run() {
    check(|scenario, info| {
        let mut known: Vec<Plain> = Vec::new();
        let mut idle: Vec<String> = Vec::new();
        for (id, setting, value) in &info.settings {
            let (min, max) = setting.control.bounds();
            let moves = [min, max].into_iter().filter(|other| other != value).any(|other| {
                let input = Input::Setting { setting: *id, value: other };
                starts(info, *id).any(|origin| {
                    let plain = kept(&mut known, scenario, &origin);
                    let turned = Origin { settings: [&*origin.settings, &[(*id, other)]].concat(), ..origin };
                    (setting.takes == Takes::AtStart || plain.moved_by(&input)) && plain.differs_from(&turned)
                })
            });
            if !moves {
                idle.push(format!("setting {}", setting.id));
            }
        }
        let plain = kept(&mut known, scenario, &origin(info));
        for (index, command) in &info.commands {
            let input = Input::Command(CommandCall { command: *index, values: command.complete(&[]) });
            if !plain.moved_by(&input) {
                idle.push(format!("command {}", command.id));
            }
        }
        ensure(idle.is_empty(), || format!("these move nothing: {}{}", idle.join(", "), hint(info)))
    });
}

/// Where a setting is tried: with all rules on and with each one off, since some settings matter only there; idle, and
/// under load except for the setting itself.
fn starts(info: &Info, setting: SettingId) -> impl Iterator<Item = Origin> {
    let load: Vec<_> = info.busy.iter().copied().filter(|known| known.0 != setting).collect();
    let rules = std::iter::once(origin(info)).chain(info.rules.iter().map(|rule| without(info, rule.0)));
    rules.flat_map(move |origin| [Vec::new(), load.clone()].map(|settings| Origin { settings, ..origin.clone() }))
}

/// The page's start with a rule off.
pub fn without(info: &Info, rule: RuleId) -> Origin {
    Origin { rules_off: RuleSet::ALL.with(rule, false).off_bits(), ..origin(info) }
}

fn kept<'a>(known: &'a mut Vec<Plain>, scenario: &'static dyn AnyScenario, origin: &Origin) -> &'a mut Plain {
    let at = known.iter().position(|plain| plain.origin == *origin).unwrap_or_else(|| {
        known.push(Plain::new(scenario, origin.clone()));
        known.len() - 1
    });
    &mut known[at]
}

/// What an author may have forgotten.
fn hint(info: &Info) -> &'static str {
    if info.busy.is_empty() { " (does the page start idle? Then name a load in `busy`)" } else { "" }
}

#[test]
fn every_kind_of_fault_changes_the_run() {
    check(|scenario, info| {
        let mut plain = Plain::new(scenario, busy(info));
        let moments: Vec<(u64, Vec<Input>)> =
            [1, 60, 200, 500].into_iter().filter_map(|after| faults(scenario, info, after)).collect();
        ensure(!moments.is_empty(), || format!("no message in flight in 2,500 events{}", hint(info)))?;
        let mut unmoved = Vec::new();
        for kind in 0..moments[0].1.len() {
            if !moments.iter().any(|(step, inputs)| plain.moved_at(*step, &inputs[kind])) {
                unmoved.push(plain.stormy.run.world().describe_input(&moments[0].1[kind]));
            }
        }
        ensure(unmoved.is_empty(), || format!("these change nothing: {}", unmoved.join("; ")))
    });
}

/// A fault of each kind on the first message in flight after some events, and the step at which they happen.
fn faults(scenario: &'static dyn AnyScenario, info: &Info, after: u64) -> Option<(u64, Vec<Input>)> {
    let mut run = run(scenario, &busy(info));
    run.seek(after);
    let message = |world: &LiveWorld| {
        let flying = |kind| matches!(kind, PendingKind::Deliver { .. });
        world.kernel().pending().find(|entry| flying(entry.kind)).map(|entry| (entry.id, entry.node, entry.kind))
    };
    while message(run.world()).is_none() && run.step_count() < after + 2_000 {
        run.step();
    }
    let (id, node, PendingKind::Deliver { from, .. }) = message(run.world())? else { return None };
    let inputs = vec![
        Input::Crash { node },
        Input::Pause { node },
        Input::Slow { node: from, percent: 1_000 },
        Input::Skew { node, offset: 1_000_000, drift_ppm: 200_000 },
        Input::LoseDisk { node },
        Input::Cut { from, to: node },
        Input::Partition { side: 1 << node.0 },
        Input::Latency { from, to: node, extra: 500_000 },
        Input::Loss { from, to: node, ppm: 1_000_000 },
        Input::Drop { id },
        Input::Duplicate { id },
        Input::Delay { id, by: 700_000 },
        Input::DeliverNow { id },
    ];
    Some((run.step_count(), inputs))
}
