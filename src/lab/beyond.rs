//! Faults beyond what a scenario promises to withstand: a promise that breaks under one is broken all the same, but nobody
//! has promised it.

use crate::sim::NodeId;
use crate::sim::run::chaos::FaultModel;
use crate::sim::run::tape::{Input, Stamped};
use crate::sim::small::{self, Set};

/// The first of these inputs, before an event, that is beyond the faults, in words: "B lost its disk".
pub fn beyond(faults: &FaultModel, inputs: &[Stamped], event: u64, name: impl Fn(NodeId) -> String) -> Option<String> {
    let mut down = small::set_of([]);
    let before = inputs.iter().take_while(|stamped| stamped.after < event);
    before.map(|stamped| &stamped.input).find_map(|input| {
        follow(input, &mut down);
        let too_many = down.len() > faults.most_down;
        if too_many { Some(too_many_down(faults.most_down)) } else { beyond_alone(faults, input, &name) }
    })
}

/// Who is down or paused after an input.
fn follow(input: &Input, down: &mut Set<NodeId>) {
    match *input {
        Input::Crash { node } | Input::PowerCut { node } | Input::TearWrite { node, .. } | Input::Pause { node } => {
            _ = down.insert(node, ())
        }
        Input::Restart { node } | Input::Resume { node } | Input::LoseDisk { node } => _ = down.remove(&node),
        _ => {}
    }
}

fn too_many_down(most: usize) -> String {
    match most {
        0 => "a node was down".to_owned(),
        1 => "more than one node was down at once".to_owned(),
        most => format!("more than {most} nodes were down at once"),
    }
}

/// What is beyond the faults in one input, whatever came before it.
fn beyond_alone(faults: &FaultModel, input: &Input, name: &impl Fn(NodeId) -> String) -> Option<String> {
    let strikes = |node: NodeId, is_promised: bool| !is_promised || faults.nodes.is_some_and(|within| !within(node));
    let words = match *input {
        Input::Crash { node } if strikes(node, faults.crash) => format!("{} crashed", name(node)),
        Input::PowerCut { node } | Input::TearWrite { node, .. } if strikes(node, faults.power_cut) => {
            format!("{} lost power", name(node))
        }
        Input::Pause { node } if strikes(node, faults.pause) => format!("{} was paused", name(node)),
        Input::Slow { node, percent } if percent != 100 && strikes(node, faults.slow) => {
            format!("{} ran at another speed", name(node))
        }
        Input::Skew { node, offset, drift_ppm } if (offset, drift_ppm) != (0, 0) && strikes(node, faults.skew) => {
            format!("{}'s clock was wrong", name(node))
        }
        Input::LoseDisk { node } => format!("{} lost its disk", name(node)),
        Input::Cut { from, to } if !faults.cut => format!("{} was cut off from {}", name(to), name(from)),
        Input::Partition { .. } if !faults.cut => "the network was cut in two".to_owned(),
        Input::Loss { ppm, .. } if ppm > 0 && !faults.drop => "a link lost messages".to_owned(),
        Input::Drop { .. } if !faults.drop => "a message was lost".to_owned(),
        Input::Duplicate { .. } if !faults.duplicate => "a message arrived twice".to_owned(),
        Input::Latency { extra, .. } if extra > 0 && !faults.delay => "a link was slow".to_owned(),
        Input::Delay { .. } | Input::DeliverNow { .. } if !faults.delay => {
            "a message did not come in its time".to_owned()
        }
        _ => return None,
    };
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::kernel::random::{Drawer, draw};
    use crate::sim::run::chaos::Chaos;

    fn at(after: u64, input: Input) -> Stamped {
        Stamped { after, input }
    }

    fn said(faults: &FaultModel, inputs: &[Stamped]) -> Option<String> {
        beyond(faults, inputs, 100, |node| format!("n{}", node.0))
    }

    #[test]
    fn a_lost_disk_is_beyond_every_promise() {
        let inputs = [at(3, Input::Crash { node: NodeId(1) }), at(5, Input::LoseDisk { node: NodeId(1) })];
        assert_eq!(said(&FaultModel::ASYNCHRONOUS, &inputs).as_deref(), Some("n1 lost its disk"));
        assert_eq!(beyond(&FaultModel::ASYNCHRONOUS, &inputs, 5, |_| String::new()), None, "it came later");
        assert_eq!(said(&FaultModel::NONE, &inputs).as_deref(), Some("a node was down"));
    }

    #[test]
    fn as_many_may_be_down_as_was_said() {
        let one = FaultModel { most_down: 1, ..FaultModel::ASYNCHRONOUS };
        let [a, b] = [0, 1].map(NodeId);
        let mut inputs = vec![at(1, Input::Crash { node: a }), at(2, Input::Restart { node: a })];
        inputs.push(at(3, Input::Pause { node: b }));
        assert_eq!(said(&one, &inputs), None);
        inputs.push(at(4, Input::Crash { node: a }));
        assert_eq!(said(&one, &inputs).as_deref(), Some("more than one node was down at once"));
    }

    /// What random schedules draw from a model is never beyond it, and what heals a fault is none.
    #[test]
    fn no_fault_of_a_model_is_beyond_it() {
        let tcp = FaultModel { drop: false, duplicate: false, delay: false, most_down: 1, ..FaultModel::ASYNCHRONOUS };
        for (model, scenario) in [(tcp, "messaging/simple-task-queue"), (FaultModel::NONE, "consensus/agreement")] {
            let scenario = crate::guides::find(scenario).expect("it is in the catalogue");
            for seed in 0..20 {
                use crate::sim::run::simulation::Simulation;
                let mut world = scenario.start(&crate::sim::run::tape::Origin { seed, ..Default::default() });
                let (mut chaos, mut inputs) = (Chaos::new(model, draw(seed, Drawer::Chaos, 1, 1)), Vec::new());
                for step in 0..80 {
                    let drawn =
                        if step % 20 == 19 { Chaos::heal(&world) } else { chaos.next(&world).into_iter().collect() };
                    for input in drawn {
                        world.apply(&input).expect("a fault that was drawn applies");
                        inputs.push(at(step, input));
                    }
                    world.step();
                }
                assert_eq!(said(&model, &inputs), None, "{inputs:?}");
            }
        }
    }
}
