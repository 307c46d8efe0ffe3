//! The content: one file of Rust and one of prose a scenario. This file is the catalogue.

pub mod caching;
pub mod consensus;
pub mod famous;
pub mod glossary;
pub mod live;
pub mod messaging;
pub mod plot;
#[cfg(not(target_arch = "wasm32"))]
pub mod related;
pub mod resilience;
pub mod scenario;
pub mod search;
pub mod storage;
pub mod transactions;
pub mod what_if;

pub use live::{Live, LiveWorld};
pub use scenario::{AnyScenario, Guide, Info, Scenario};

/// Every scenario, in reading order. A scenario is under test, on the site and in the terminal by being listed here.
static CATALOGUE: &[&dyn AnyScenario] = &[
    &consensus::agreement::SCENARIO,
    &consensus::two_generals::SCENARIO,
    &consensus::flp::SCENARIO,
    &consensus::quorums::SCENARIO,
    &consensus::bully::SCENARIO,
    &consensus::token_ring::SCENARIO,
    &consensus::raft_election::SCENARIO,
    &consensus::leases::SCENARIO,
    &consensus::raft_replication::SCENARIO,
    &consensus::raft_figure_8::SCENARIO,
    &consensus::raft_reads::SCENARIO,
    &consensus::raft_members::SCENARIO,
    &consensus::raft_snapshots::SCENARIO,
    &consensus::paxos::SCENARIO,
    &consensus::multi_paxos::SCENARIO,
    &consensus::zab::SCENARIO,
    &consensus::side_by_side::SCENARIO,
    &consensus::byzantine_generals::SCENARIO,
    &consensus::pbft::SCENARIO,
    &messaging::simple_task_queue::SCENARIO,
    &messaging::fan_out::SCENARIO,
    &messaging::competing_consumers::SCENARIO,
    &messaging::topic_routing::SCENARIO,
    &messaging::retries_and_dead_letters::SCENARIO,
    &messaging::event_log::SCENARIO,
    &messaging::keys_and_order::SCENARIO,
    &messaging::rebalance::SCENARIO,
    &messaging::lag_and_scaling::SCENARIO,
    &messaging::fire_and_forget::SCENARIO,
    &messaging::jetstream_work_queue::SCENARIO,
    &messaging::request_reply::SCENARIO,
    &messaging::right_tool::SCENARIO,
    &messaging::side_by_side::SCENARIO,
    &caching::cache_aside::SCENARIO,
    &storage::leaderless_quorum::SCENARIO,
    &transactions::two_phase_commit::SCENARIO,
    &resilience::load_balancing::SCENARIO,
];

/// Every scenario, in reading order.
pub fn catalogue() -> &'static [&'static dyn AnyScenario] {
    CATALOGUE
}

/// The scenario with this `guide/slug`.
pub fn find(path: &str) -> Option<&'static dyn AnyScenario> {
    catalogue().iter().copied().find(|scenario| scenario.info().path() == path)
}
