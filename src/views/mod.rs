//! How systems look: one file per system, shared by all its scenarios.

pub mod ben_or;
pub mod brokers;
pub mod bully;
pub mod byzantine_generals;
pub mod cache;
pub mod durability;
pub mod exactly_once;
pub mod flash_sale;
pub mod jetstream;
pub mod kafka;
pub mod kafka_log;
pub mod kafka_replication;
pub mod lease_lock;
pub mod load_balancer;
pub mod nats;
pub mod order_platform;
pub mod paxos;
pub mod pbft;
pub mod prelude;
pub mod quorum_store;
pub mod rabbitmq;
pub mod raft;
pub mod schema_registry;
pub mod share_groups;
pub mod side_by_side;
pub mod token_ring;
pub mod two_generals;
pub mod two_phase_commit;
pub mod zab;

use crate::picture::Look;
use crate::sim::NodeId;
use crate::sim::declare::settings::Settings;
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::MetricId;

/// Names and values, as the inspector lists them.
pub type Fields = Vec<(String, String)>;

/// What is known about a node: what survives a crash and what does not, as fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Survives a crash: name and value.
    pub disk: Fields,
    /// Gone after a crash. Empty while the node is down.
    pub memory: Fields,
}

/// How a system looks, in all its scenarios.
pub trait Face: System {
    /// How a message looks.
    fn look(message: &Self::Message) -> Look;

    /// What a message says: name and value. Empty, unless the system says more than the message's name.
    fn fields(_settings: &Settings, _message: &Self::Message) -> Fields {
        Fields::new()
    }

    /// What is known about a node.
    fn inspect(world: &World<Self>, node: NodeId) -> Inspection;

    /// Name of a metric's subject: the node with that index, unless the system counts something else ("p99 of least
    /// connections").
    fn subject(settings: &Settings, _metric: MetricId, subject: u16) -> String {
        Self::name(settings, NodeId(subject))
    }
}

/// A name and a value: `field("term", term)`.
pub fn field(name: impl Into<String>, value: impl ToString) -> (String, String) {
    (name.into(), value.to_string())
}
