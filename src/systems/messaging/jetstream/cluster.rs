//! Who is who with one server and with three: numbers of nodes, Raft's settings, and which server a client asks.
//!
//! The first server is node 1 with R1 and with R3; the others of R3 come after the workers, so that a worker has the same
//! number either way.

use super::{Disk, FIRST, JetStream, REPLICAS, SERVER, WORKERS};
use crate::sim::NodeId;
use crate::sim::declare::settings::Settings;
use crate::sim::kernel::time::{MS, Micros};
use crate::sim::later::Later;
use crate::sim::machine::system::Context;
use crate::systems::consensus::raft;

/// The servers of R3.
const THREE: usize = 3;
/// The shortest election timeout. nats-server: 4 s, and up to 9 s; all three of these are a tenth of its own.
const ELECTION: Micros = 400 * MS;
/// How much longer it may be.
const SPREAD: Micros = 500 * MS;
/// The time between heartbeats. nats-server: 1 s.
const HEARTBEAT: Micros = 100 * MS;

/// Whether the stream has three replicas.
pub fn is_replicated(settings: &Settings) -> bool {
    settings.get(REPLICAS) == 1
}

/// How many servers there are.
pub fn server_count(settings: &Settings) -> usize {
    if is_replicated(settings) { THREE } else { 1 }
}

/// How many workers there are.
pub fn worker_count(settings: &Settings) -> usize {
    settings.amount(WORKERS).clamp(1, 5) as usize
}

/// A server, by its number from 0.
pub fn server(settings: &Settings, number: usize) -> NodeId {
    match number % server_count(settings) {
        0 => SERVER,
        other => NodeId::from(FIRST + worker_count(settings) + other - 1),
    }
}

/// All servers.
pub fn servers(settings: &Settings) -> Vec<NodeId> {
    (0..server_count(settings)).map(|number| server(settings, number)).collect()
}

/// A server's number; `None` for a client.
pub fn number(settings: &Settings, node: NodeId) -> Option<usize> {
    servers(settings).into_iter().position(|server| server == node)
}

/// Raft's settings for the servers.
pub fn raft_settings() -> Settings {
    raft::hosted(ELECTION, SPREAD, HEARTBEAT)
}

/// The server that a client asks.
pub(super) fn home(disk: &Disk, context: &Context<JetStream>) -> NodeId {
    server(context.settings(), usize::from(disk.home.0))
}

/// A client was answered by a server: it asks that one from now on.
pub(super) fn stay(disk: &mut Disk, from: NodeId, context: &Context<JetStream>) {
    disk.home = Later(number(context.settings(), from).unwrap_or(0) as u16);
}

/// A client has waited in vain: it asks the next server, if there is one.
pub(super) fn turn(disk: &mut Disk, context: &Context<JetStream>) {
    disk.home = Later((disk.home.0 + 1) % server_count(context.settings()) as u16);
}
