//! The explorer against Stateright on the same models, one thread each, in separate processes:
//! `cargo bench --bench explorer`. Prints states, moves, seconds and peak memory.
#![allow(clippy::disallowed_types, reason = "a bench measures real time")]

#[path = "stateright/models.rs"]
mod models;
#[path = "../tests/oracles/mod.rs"]
mod oracles;

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use faultline::sim::explore::instance::Instance;
use faultline::sim::explore::{Bounds, Budget, Explorer, Network};
use faultline::sim::judge::consistency::check_text;
use faultline::sim::machine::system::System;
use faultline::sim::machine::world::World;
use stateright::{Checker, Model};

/// Unique states and moves tried.
type Counts = (u64, u64);

fn ours<S: System>(world: &World<S>, network: Network) -> Counts {
    let bounds = Bounds { network, ..Bounds::new(u64::MAX, u32::MAX, Budget::NONE) };
    let report = Explorer::new(Box::new(Instance::new(world, None, |_| true)), bounds, false).run();
    (report.progress.states, report.progress.tried)
}

fn theirs<M>(model: M) -> Counts
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + std::hash::Hash + Send + Sync + PartialEq + std::fmt::Debug,
    M::Action: Clone + Send + Sync + PartialEq + std::fmt::Debug,
{
    let checker = model.checker().threads(1).spawn_bfs().join();
    (checker.unique_state_count() as u64, checker.state_count() as u64)
}

type Case = (&'static str, fn() -> Counts);

const CASES: [Case; 4] = [
    ("two-phase commit (8), Faultline", || ours(&oracles::two_phase::world(8), Network::Repeating)),
    ("two-phase commit (8), Stateright", || theirs(models::TwoPhase { resources: 8 })),
    ("Paxos (3 clients), Faultline", || ours(&oracles::paxos::world(3), Network::Patient)),
    ("Paxos (3 clients), Stateright", || theirs(models::paxos(3))),
];

/// The peak memory of this process, in MB, if the system reports it.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}

/// The linearizability checker on Porcupine's histories of a key-value store, if they are available.
fn histories() {
    let folder = std::env::var_os("FAULTLINE_VECTORS").map_or_else(|| "../shared/vectors".into(), PathBuf::from);
    for name in ["c01-ok", "c01-bad", "c10-ok", "c10-bad", "c50-ok", "c50-bad"] {
        let Ok(text) = std::fs::read_to_string(folder.join(format!("porcupine/kv/{name}.txt"))) else { continue };
        let start = Instant::now();
        let report = check_text(&text).expect("the history can be read");
        let seconds = start.elapsed().as_secs_f64();
        let (operations, verdict) = (report.operations, report.is_linearizable());
        let rate = operations as f64 / seconds;
        println!(
            "{name:<8} {operations:>5} operations, linearizable: {verdict:<5} {seconds:>7.3} s {rate:>8.0} operations/s"
        );
    }
}

fn main() {
    let wanted = std::env::var("FAULTLINE_CASE").ok();
    match wanted.and_then(|wanted| CASES.iter().find(|case| case.0 == wanted)) {
        Some((name, case)) => {
            let start = Instant::now();
            let (states, tried) = case();
            let seconds = start.elapsed().as_secs_f64();
            let memory = peak_memory().map_or_else(|| "?".to_owned(), |memory| memory.to_string());
            println!("{name:<34} {states:>9} states {tried:>9} moves {seconds:>7.2} s {memory:>5} MB");
        }
        None => {
            let here = std::env::current_exe().expect("a program knows where it is");
            for (name, _) in CASES {
                let status = Command::new(&here).env("FAULTLINE_CASE", name).status();
                assert!(status.is_ok_and(|status| status.success()), "{name} failed");
            }
            histories();
        }
    }
}
