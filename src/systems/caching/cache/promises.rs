//! What the cache promises, judged by what clients were told and what servers do.

use super::{CacheAside, Memory, Note, Number, Stage, Version, cache_node, key_name};
use crate::never;
use crate::sim::NodeId;
use crate::sim::judge::verdict::Breach;
use crate::sim::machine::promise::Promise;
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::numbers::times;
use crate::sim::small;

/// The most reads whose beginnings are remembered.
const MOST_READS: usize = 400;

/// A read under way, and the newest version of its key that was known to be done when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Begun {
    client: NodeId,
    number: Number,
    key: u16,
    known: Version,
}

/// What has been seen of the run so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    /// The newest update of each key that a client was told is done.
    updated: Vec<(u16, Version)>,
    begun: Vec<Begun>,
    stale: Option<(Begun, Version)>,
}

pub(super) fn observe(witness: &mut Witness, notes: &[Note]) {
    for note in notes {
        match *note {
            Note::Updated { key, version } => match witness.updated.iter_mut().find(|known| known.0 == key) {
                Some(known) => known.1 = known.1.max(version),
                None => witness.updated.push((key, version)),
            },
            Note::ReadBegan { client, number, key } => {
                let known = witness.updated.iter().find(|known| known.0 == key).map_or(0, |known| known.1);
                if witness.begun.len() == MOST_READS {
                    witness.begun.remove(0);
                }
                witness.begun.push(Begun { client, number, key, known });
            }
            Note::ReadEnded { client, number, version } => {
                if let Some(begun) = take(&mut witness.begun, client, number).filter(|begun| version < begun.known) {
                    witness.stale = witness.stale.or(Some((begun, version)));
                }
            }
            Note::Ended { client, number } => {
                take(&mut witness.begun, client, number);
            }
        }
    }
}

fn take(begun: &mut Vec<Begun>, client: NodeId, number: Number) -> Option<Begun> {
    let at = begun.iter().position(|begun| (begun.client, begun.number) == (client, number))?;
    Some(begun.remove(at))
}

/// Nobody reads what an update that is done has replaced.
pub const FRESH: Promise<CacheAside> = never!(
    "no-old-value-after-an-update",
    "No old value after an update",
    "A read that begins after an update was reported done returns that version or a later one: the bound is 0 \
            s. If a server dies before it deletes the copy, its update is never reported; the bound is then the time \
            to live.",
    |world| world.witness().stale,
    |world, (begun, got)| {
        let (name, key) = (CacheAside::name(world.settings(), begun.client), key_name(begun.key));
        let mut nodes = vec![begun.client];
        let mut values = vec![
            ("update done".to_owned(), format!("{key}, version {}", begun.known)),
            (name.clone(), format!("read {key}, version {got}")),
        ];
        if let Some(version) = cached(world, begun.key).filter(|version| *version < begun.known) {
            let cache = cache_node(world.settings());
            nodes.push(cache);
            values.push((CacheAside::name(world.settings(), cache), format!("has {key}, version {version}")));
        }
        Breach {
            nodes,
            text: format!(
                "{name} read {key} at version {got}, though the update to version {} was done before it asked.",
                begun.known
            ),
            values,
        }
    }
);

/// The version of a key that the cache has.
fn cached(world: &World<CacheAside>, key: u16) -> Option<Version> {
    match world.memory(cache_node(world.settings())) {
        Some(Memory::Cache { entries, .. }) => {
            entries.iter().find(|(known, _)| *known == key).map(|(_, copied)| copied.version)
        }
        _ => None,
    }
}

/// A server and a key that it loads more than once at a time.
fn doubled(world: &World<CacheAside>) -> Option<(NodeId, u16, usize)> {
    world.nodes().find_map(|(id, node)| {
        let Some(Memory::Server { jobs }) = &node.memory else { return None };
        let mut keys: Vec<u16> =
            jobs.values().filter(|job| matches!(job.stage, Stage::Loading { .. })).map(|job| job.key).collect();
        small::sort(&mut keys);
        let key = keys.windows(2).find(|pair| pair[0] == pair[1])?[0];
        Some((id, key, keys.iter().filter(|other| **other == key).count()))
    })
}

/// One load of a key at a time.
pub const ONE_LOAD: Promise<CacheAside> = never!(
    "one-load-per-key",
    "One load per key and server",
    "A server never has two loads of the same key under way at the database.",
    |world| doubled(world),
    |world, (server, key, loads)| {
        let name = CacheAside::name(world.settings(), server);
        Breach {
            nodes: vec![server],
            text: format!("{name} loads {} {} at once.", key_name(key), times(loads as u64)),
            values: vec![(name, format!("{loads} loads of {}", key_name(key)))],
        }
    }
);
