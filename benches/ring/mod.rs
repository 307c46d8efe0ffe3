//! A ring of 100 nodes, each passing on what it gets: the kernel and next to nothing else.

use faultline::sim::NodeId;
use faultline::sim::declare::commands::{Command, CommandCall};
use faultline::sim::declare::rules::{Rule, RuleSet};
use faultline::sim::declare::settings::{Setting, Settings};
use faultline::sim::kernel::link::{Latency, LinkSpec};
use faultline::sim::machine::system::{Context, Event, System};
use faultline::sim::machine::world::World;
use faultline::sim::measure::metrics::Metric;

/// See the module's header.
pub struct Ring;

/// Nodes of the ring.
pub const NODES: usize = 100;

impl System for Ring {
    type Disk = ();
    type Memory = u64;
    type Message = u64;
    type Timer = ();
    type Note = ();
    type Witness = ();

    const NAME: &'static str = "Ring";
    const RULES: &'static [Rule] = &[];
    const SETTINGS: &'static [Setting] = &[];
    const COMMANDS: &'static [Command] = &[];
    const METRICS: &'static [Metric] = &[];

    fn nodes(_: &Settings) -> usize {
        NODES
    }
    fn name(_: &Settings, node: NodeId) -> String {
        node.0.to_string()
    }
    fn link(_: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        LinkSpec::unordered(Latency::Uniform(500, 1_500))
    }
    fn blank_disk(_: &Settings, _: NodeId) {}
    fn boot(_: &(), context: &mut Context<Self>) -> u64 {
        let next = NodeId::from((context.me().index() + 1) % NODES);
        context.send(next, 1);
        0
    }
    fn handle(_: &mut (), seen: &mut u64, event: Event<Self>, context: &mut Context<Self>) {
        if let Event::Message { message, .. } = event {
            *seen += message;
            let next = NodeId::from((context.me().index() + 1) % NODES);
            context.send(next, message);
        }
    }
    fn route(_: &World<Self>, _: &CommandCall) -> Option<NodeId> {
        None
    }
    fn describe_message(_: &Settings, message: &u64) -> String {
        message.to_string()
    }
    fn describe_timer(_: &Settings, (): ()) -> String {
        String::new()
    }
}

/// The ring at its start, a message on every link.
pub fn world() -> World<Ring> {
    World::new(Settings::defaults(&[]), RuleSet::ALL, 1, &[])
}
