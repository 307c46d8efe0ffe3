//! What the store promises, judged by what clients were told.

use super::{CLIENTS, Note, QuorumStore, Stored, Version, replicas};
use crate::sim::NodeId;
use crate::sim::judge::verdict::{Breach, Kind};
use crate::sim::kernel::time::SEC;
use crate::sim::machine::promise::Promise;
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;

/// The newest version acknowledged or returned so far, and who was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Told {
    stored: Stored,
    client: u16,
}

/// A read that gave less than was known when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Behind {
    client: NodeId,
    got: Stored,
    known: Told,
}

/// The most replicas that a breach names.
const MOST_LACKING: usize = 2;

/// What has been seen of the run so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    acked: Told,
    read: Told,
    /// What was known when each client's present read began.
    began: [Option<(Told, Told)>; CLIENTS],
    stale: Option<Behind>,
    backwards: Option<Behind>,
}

impl Witness {
    /// The newest version that was acknowledged.
    pub fn acknowledged(&self) -> Version {
        self.acked.stored.version
    }

    /// The newest version that was read.
    pub fn read(&self) -> Version {
        self.read.stored.version
    }
}

pub(super) fn observe(witness: &mut Witness, notes: &[Note]) {
    for note in notes {
        match *note {
            Note::ReadBegan { client } => witness.began[client.index() % CLIENTS] = Some((witness.acked, witness.read)),
            Note::Ended { client } => witness.began[client.index() % CLIENTS] = None,
            Note::WriteAcked { client, stored } => tell(&mut witness.acked, client, stored),
            Note::ReadEnded { client, stored } => {
                if let Some((acked, read)) = witness.began[client.index() % CLIENTS].take() {
                    let behind = |known: Told| {
                        (stored.version < known.stored.version).then_some(Behind { client, got: stored, known })
                    };
                    witness.stale = witness.stale.or(behind(acked));
                    witness.backwards = witness.backwards.or(behind(read));
                }
                tell(&mut witness.read, client, stored);
            }
        }
    }
}

fn tell(told: &mut Told, client: NodeId, stored: Stored) {
    if stored.version > told.stored.version {
        *told = Told { stored, client: client.0 };
    }
}

fn breach(world: &World<QuorumStore>, behind: Option<Behind>, what: &str) -> Breach {
    let Some(Behind { client, got, known }) = behind else { return Breach::default() };
    let name = |node: NodeId| QuorumStore::name(world.settings(), node);
    let show = |stored: Stored| match stored.version.counter {
        0 => "nothing".to_owned(),
        _ => format!("x={}, {}", stored.value, stored.version),
    };
    let other = NodeId(known.client);
    // Who still lacks what was known: with one of them the reader made do.
    let lacking = versions(world).filter(|(_, version)| *version < known.stored.version).take(MOST_LACKING);
    let lacking: Vec<(NodeId, Version)> = lacking.collect();
    let stale = lacking.iter().map(|(node, version)| (name(*node), format!("still has {version}")));
    let told =
        [(name(other), format!("was told {}", show(known.stored))), (name(client), format!("then read {}", show(got)))];
    let mut nodes = vec![client];
    nodes.extend((other != client).then_some(other));
    nodes.extend(lacking.iter().map(|(node, _)| *node));
    Breach {
        nodes,
        text: format!(
            "{} read {}, though {} {what} before the read began.",
            name(client),
            show(got),
            show(known.stored)
        ),
        values: told.into_iter().chain(stale).collect(),
    }
}

/// Reads are fresh.
pub const FRESH: Promise<QuorumStore> = Promise {
    id: "reads-see-acknowledged-writes",
    title: "A read sees acknowledged writes",
    about: "A read that begins after a write was acknowledged returns that write or a later one.",
    kind: Kind::Always,
    holds: |world| world.witness().stale.is_none(),
    explain: |world| breach(world, world.witness().stale, "was acknowledged"),
};

/// Reads never go backwards.
pub const FORWARD: Promise<QuorumStore> = Promise {
    id: "reads-go-forward",
    title: "Reads never go backwards",
    about: "A read that begins after another has ended returns the same version or a later one.",
    kind: Kind::Always,
    holds: |world| world.witness().backwards.is_none(),
    explain: |world| breach(world, world.witness().backwards, "had been read"),
};

/// The versions of the replicas that are up.
fn versions(world: &World<QuorumStore>) -> impl Iterator<Item = (NodeId, Version)> {
    replicas(world.settings()).filter_map(|id| world.node(id).map(|node| (id, node.disk.stored.version)))
}

/// Replicas come to agree.
pub const CONVERGE: Promise<QuorumStore> = Promise {
    id: "replicas-converge",
    title: "Replicas converge",
    about: "Within 5 s after the last fault there is a moment at which all replicas hold the same version.",
    kind: Kind::Eventually { within: 5 * SEC },
    holds: |world| {
        let mut all = versions(world).map(|known| known.1);
        let first = all.next();
        all.all(|version| Some(version) == first)
    },
    explain: |world| Breach {
        nodes: Vec::new(),
        text: "Nothing has been wrong for 5 s, yet the replicas still differ.".to_owned(),
        values: versions(world)
            .map(|(id, version)| (QuorumStore::name(world.settings(), id), version.to_string()))
            .collect(),
    },
};
