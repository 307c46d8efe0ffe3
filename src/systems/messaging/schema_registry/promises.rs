//! What compatibility promises, judged by what consumers could read.

use super::{Disk, FIRST, Id, Note, Registry, TOPIC};
use crate::mechanisms::schema::Problem;
use crate::never;
use crate::sim::NodeId;
use crate::sim::judge::verdict::{Breach, Kind};
use crate::sim::kernel::time::SEC;
use crate::sim::machine::promise::Promise;
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;

/// What has been seen of the run so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    unreadable: Option<(NodeId, Id, Id, Problem)>,
    misread: Option<(NodeId, Id, Id)>,
    skipped: bool,
}

impl Witness {
    /// Whether a replay passed over a record that no promise covers.
    pub fn has_skipped(&self) -> bool {
        self.skipped
    }
}

pub(super) fn observe(witness: &mut Witness, notes: &[Note]) {
    for note in notes {
        match note {
            Note::Unreadable { consumer, reader, writer, problem } => {
                witness.unreadable = Some((*consumer, *reader, *writer, problem.clone()));
            }
            Note::Misread { consumer, reader, writer } => witness.misread = Some((*consumer, *reader, *writer)),
            Note::Skipped => witness.skipped = true,
        }
    }
}

/// Nobody stops at a record.
pub const READABLE: Promise<Registry> = Promise {
    id: "every-record-is-readable",
    title: "Every consumer can read every record",
    about: "No consumer meets a record that it cannot read, old or new; a replay only as far back as the mode \
            promises.",
    kind: Kind::Always,
    holds: |world| world.witness().unreadable.is_none(),
    explain: |world| {
        let Some((node, reader, writer, problem)) = world.witness().unreadable.clone() else {
            return Breach::default();
        };
        let name = Registry::name(world.settings(), node);
        Breach {
            nodes: vec![node],
            text: format!(
                "{name} reads with version {reader} and meets a record of version {writer}: {}.",
                problem.words()
            ),
            values: vec![
                (name, format!("reads with version {reader}")),
                ("record".to_owned(), format!("version {writer}")),
            ],
        }
    },
};

/// Nobody reads something else.
pub const AS_WRITTEN: Promise<Registry> = never!(
    "read-as-written",
    "What is read was written",
    "Every field that a consumer reads has the value that was written, or the reader's default.",
    |world| world.witness().misread,
    |world, (node, reader, writer)| {
        let name = Registry::name(world.settings(), node);
        Breach {
            nodes: vec![node],
            text: format!("{name} reads bytes of version {writer} as version {reader}, and gets different values."),
            values: vec![
                (name, format!("decodes as version {reader}")),
                ("bytes".to_owned(), format!("version {writer}")),
            ],
        }
    }
);

/// Where the topic ends.
pub fn end(world: &World<Registry>) -> u32 {
    match world.node(TOPIC).map(|node| &node.disk) {
        Some(Disk::Topic { start, records }) => *start + records.len() as u32,
        _ => 0,
    }
}

/// How far a consumer is.
pub fn position(world: &World<Registry>, node: NodeId) -> u32 {
    match world.node(node).map(|node| &node.disk) {
        Some(Disk::Consumer(disk)) => disk.next,
        _ => 0,
    }
}

fn behind(world: &World<Registry>) -> Vec<NodeId> {
    // A few records are always on their way.
    let near = end(world).saturating_sub(8);
    (FIRST..world.kernel().nodes().len()).map(NodeId::from).filter(|node| position(world, *node) < near).collect()
}

/// Consumers go on.
pub const READS_ON: Promise<Registry> = Promise {
    id: "consumers-read-on",
    title: "Consumers read on",
    about: "Within 30 s after the last fault, every consumer is within eight records of the topic's end.",
    kind: Kind::Eventually { within: 30 * SEC },
    holds: |world| behind(world).is_empty(),
    explain: |world| Breach {
        nodes: behind(world),
        text: "Nothing has been wrong for 30 s, yet a consumer is still behind.".to_owned(),
        values: Vec::new(),
    },
};
