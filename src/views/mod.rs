//! How systems look, each in one file that all its scenarios share.

pub mod brokers;
pub mod jetstream;
pub mod kafka;
pub mod nats;
pub mod order_platform;
pub mod paxos;
pub mod rabbitmq;
pub mod raft;

/// Names and values, as the inspector lists them.
pub type Fields = Vec<(String, String)>;

/// What is known of a node: what survives a crash and what does not, as fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Survives a crash: name and value.
    pub disk: Fields,
    /// Gone after a crash. Empty while the node is down.
    pub memory: Fields,
}
