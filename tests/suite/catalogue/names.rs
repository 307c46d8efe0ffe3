//! A link may speak of any node, so each has a name, whether it is there or not.

use faultline::sim::NodeId;
use faultline::sim::run::simulation::Simulation;

use super::runs::ends_of_settings;
use super::{check, ensure};

#[test]
fn every_node_has_a_name_even_one_that_is_not_there() {
    check(|scenario, info| {
        for origin in ends_of_settings(info) {
            let world = scenario.start(&origin);
            let mut numbers = (0..=600).chain([9_999, u16::MAX / 2, u16::MAX / 2 + 1]).chain(u16::MAX - 9..=u16::MAX);
            let nameless = numbers.find(|node| world.name(NodeId(*node)).is_empty());
            ensure(nameless.is_none(), || format!("node {nameless:?} has no name"))?;
        }
        Ok(())
    });
}
