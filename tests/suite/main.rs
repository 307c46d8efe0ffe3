//! The native suite: one program, so that the library is linked once. `cargo test --test suite catalogue` runs what
//! every scenario passes; the other modules check single parts against published results.
#![cfg(not(target_arch = "wasm32"))]

mod architecture;
mod attacks;
mod balancer_vectors;
mod byzantine_vectors;
mod catalogue;
mod clock;
mod consistency;
mod consistency_vectors;
mod cores;
mod defaults;
mod determinism;
mod explorer_oracles;
mod explorer_random;
mod famous;
mod flash_sale;
#[path = "../golden/mod.rs"]
mod golden;
mod golden_runs;
mod histories;
mod jetstream_r3;
mod kafka_assignor_vectors;
mod kafka_groups;
mod kafka_partitioner_vectors;
mod linearizability;
mod nats_vectors;
#[path = "../oracles/mod.rs"]
mod oracles;
mod pinned;
#[path = "../oracles/plain.rs"]
mod plain;
mod queueing;
mod rabbitmq_vectors;
mod raft_interaction;
mod raft_vectors;
mod readme;
mod simulator;
mod terminal;
mod vectors;
mod zab_vectors;
