//! Consistency models as promises that a scenario can name. Each is judged after every answer to a client, over the
//! latest part of the history.

use crate::sim::judge::consistency::{Register, Staleness, by_key, judge, monotonic_reads, read_your_writes, sequence};
use crate::sim::judge::history::Operation;
use crate::sim::judge::verdict::{Breach, Kind};
use crate::sim::machine::promise::Promise;
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::run::simulation::Simulation;

/// How many lines of the history are looked at. What came before counts as unknown, so an operation outside the window
/// never breaks a promise.
const WINDOW: usize = 96;

/// An operation that breaks a model, and one that it clashes with, if one can be named.
type Clash = (Operation, Option<Operation>);

/// What in a world's history breaks a model.
type Check<S> = fn(&World<S>) -> Option<Clash>;

/// Every operation seems to happen at one moment between its call and its answer (Herlihy and Wing, 1990).
pub const fn linearizable<S: System>() -> Promise<S> {
    Promise {
        id: "linearizable",
        title: "Operations are linearizable",
        about: "Every operation seems to happen at one moment between its call and its answer.",
        kind: Kind::Always,
        holds: |world| is_kept(world, not_linear),
        explain: |world| explain(world, not_linear, "fits nowhere between its call and its answer"),
    }
}

/// Every operation seems to happen at one moment, in each client's own order (Lamport, 1979).
pub const fn sequential<S: System>() -> Promise<S> {
    Promise {
        id: "sequentially-consistent",
        title: "Operations have one order",
        about: "All operations fit into one order that keeps each client's own.",
        kind: Kind::Always,
        holds: |world| is_kept(world, not_sequential),
        explain: |world| explain(world, not_sequential, "fits into no order that keeps each client's own"),
    }
}

/// A client sees what it has written (Terry et al., 1994).
pub const fn reads_its_writes<S: System>() -> Promise<S> {
    Promise {
        id: "read-your-writes",
        title: "A client reads its own writes",
        about: "A read never returns a value older than what its client has written.",
        kind: Kind::Always,
        holds: |world| is_kept(world, forgets_a_write),
        explain: |world| explain(world, forgets_a_write, "is older than what its client had written"),
    }
}

/// A client's reads do not go back (Terry et al., 1994).
pub const fn reads_go_forward<S: System>() -> Promise<S> {
    Promise {
        id: "monotonic-reads",
        title: "A client's reads do not go back",
        about: "A read never returns a value older than what its client has read.",
        kind: Kind::Always,
        holds: |world| is_kept(world, goes_back),
        explain: |world| explain(world, goes_back, "is older than what its client had read"),
    }
}

fn is_kept<S: System>(world: &World<S>, check: Check<S>) -> bool {
    !world.history().has_answer_of(world.kernel().steps()) || check(world).is_none()
}

fn explain<S: System>(world: &World<S>, check: Check<S>, how: &str) -> Breach {
    let Some((first, other)) = check(world) else { return Breach::default() };
    let line = |operation: Operation| (world.name(operation.client), operation.to_string());
    Breach {
        nodes: vec![first.client],
        text: format!("{}'s \"{first}\" {how}.", world.name(first.client)),
        values: std::iter::once(first).chain(other).map(line).collect(),
    }
}

fn not_linear<S: System>(world: &World<S>) -> Option<Clash> {
    let judged = judge(world.history(), WINDOW);
    judged.into_iter().find_map(|judged| Some((judged.operations[judged.verdict.as_ref().err()?.first], None)))
}

fn not_sequential<S: System>(world: &World<S>) -> Option<Clash> {
    by_key(world.history(), WINDOW).into_iter().find_map(|(_, operations, calls)| {
        let misfit = sequence(&Register { start: None }, &calls).err()?;
        Some((operations[misfit.first], None))
    })
}

fn clash(stale: Staleness) -> Clash {
    (stale.read, Some(stale.known))
}

fn forgets_a_write<S: System>(world: &World<S>) -> Option<Clash> {
    read_your_writes(&world.history().operations(WINDOW)).map(clash)
}

fn goes_back<S: System>(world: &World<S>) -> Option<Clash> {
    monotonic_reads(&world.history().operations(WINDOW)).map(clash)
}
