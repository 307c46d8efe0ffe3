//! The Consensus guide.

pub mod agreement;
pub mod bully;
pub mod byzantine_generals;
pub mod flp;
pub mod leases;
pub mod multi_paxos;
pub mod paxos;
pub mod pbft;
pub mod quorums;
pub mod raft_election;
pub mod raft_figure_8;
pub mod raft_members;
pub mod raft_reads;
pub mod raft_replication;
pub mod raft_snapshots;
pub mod side_by_side;
pub mod token_ring;
pub mod two_generals;
pub mod zab;

use super::AnyScenario;

/// Its scenarios, in reading order. A scenario is under test, on the site and in the terminal by being listed here.
pub const SCENARIOS: &[&dyn AnyScenario] = &[
    &agreement::SCENARIO,
    &two_generals::SCENARIO,
    &flp::SCENARIO,
    &quorums::SCENARIO,
    &bully::SCENARIO,
    &token_ring::SCENARIO,
    &raft_election::SCENARIO,
    &leases::SCENARIO,
    &raft_replication::SCENARIO,
    &raft_figure_8::SCENARIO,
    &raft_reads::SCENARIO,
    &raft_members::SCENARIO,
    &raft_snapshots::SCENARIO,
    &paxos::SCENARIO,
    &multi_paxos::SCENARIO,
    &zab::SCENARIO,
    &side_by_side::SCENARIO,
    &byzantine_generals::SCENARIO,
    &pbft::SCENARIO,
];
