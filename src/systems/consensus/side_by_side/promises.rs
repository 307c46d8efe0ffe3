//! What all three promise, judged by what each system's own bystander sees; and what the three have in common to measure.

use super::{LATENCY, Note, Protocol, RATE, SideBySide, inner_settings, leader};
use crate::sim::NodeId;
use crate::sim::judge::verdict::{Breach, Kind};
use crate::sim::kernel::time::{Micros, SEC, Time};
use crate::sim::machine::promise::Promise;
use crate::sim::machine::system::{Scene, System};
use crate::sim::machine::world::World;
use crate::systems::consensus::paxos::{self, Paxos};
use crate::systems::consensus::raft::{self, Raft};
use crate::systems::consensus::zab::{self, Zab};

/// The commits of one group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Commits {
    /// How many its leaders have seen.
    pub count: u32,
    /// When the last was.
    pub last: Time,
    /// The longest time between two of them, while the load was on and nobody turned it.
    pub longest: Micros,
    /// The load at the last.
    rate: i64,
}

/// What has been seen of the run so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    raft: raft::promises::Witness,
    paxos: paxos::promises::Witness,
    zab: zab::promises::Witness,
    commits: [Commits; 3],
}

impl Witness {
    /// The commits of a group.
    pub fn commits(&self, of: Protocol) -> Commits {
        self.commits[of as usize]
    }

    /// Whether two servers of a group went different ways: at which place, and who they are within the group.
    fn clash(&self, of: Protocol) -> Option<(u32, [NodeId; 2])> {
        match of {
            Protocol::Raft => self.raft.clash(),
            Protocol::Paxos => self.paxos.clash(),
            Protocol::Zab => self.zab.clash(),
        }
    }
}

pub(super) fn observe(witness: &mut Witness, notes: &[Note], scene: &Scene) {
    let (mut raft, mut paxos, mut zab) = (Vec::new(), Vec::new(), Vec::new());
    for note in notes {
        match note {
            Note::Raft(note) => raft.push(note.clone()),
            Note::Paxos(note) => paxos.push(note.clone()),
            Note::Zab(note) => zab.push(note.clone()),
            Note::Committed(of) => witness.committed(*of, scene),
        }
    }
    let inner = |of| inner_settings(scene.settings, of);
    if !raft.is_empty() {
        let settings = inner(Protocol::Raft);
        Raft::observe(&mut witness.raft, &raft, &Scene { settings: &settings, kernel: scene.kernel });
    }
    if !paxos.is_empty() {
        let settings = inner(Protocol::Paxos);
        Paxos::observe(&mut witness.paxos, &paxos, &Scene { settings: &settings, kernel: scene.kernel });
    }
    if !zab.is_empty() {
        let settings = inner(Protocol::Zab);
        Zab::observe(&mut witness.zab, &zab, &Scene { settings: &settings, kernel: scene.kernel });
    }
}

impl Witness {
    fn committed(&mut self, of: Protocol, scene: &Scene) {
        let (now, rate) = (scene.kernel.now(), scene.settings.get(RATE));
        let commits = &mut self.commits[of as usize];
        if commits.rate == rate && rate > 0 {
            commits.longest = commits.longest.max(now.saturating_sub(commits.last));
        }
        commits.count = commits.count.saturating_add(1);
        (commits.last, commits.rate) = (now, rate);
    }
}

/// How long a group has been without a commit under the load that is on. `None` without a load, or before its first.
pub fn pause(world: &World<SideBySide>, of: Protocol) -> Option<Micros> {
    let (commits, rate) = (world.witness().commits(of), world.settings().get(RATE));
    (rate > 0 && commits.rate == rate).then(|| world.kernel().now().saturating_sub(commits.last))
}

/// The longest pause of a group, the one that still lasts included.
pub fn longest_pause(world: &World<SideBySide>, of: Protocol) -> Micros {
    world.witness().commits(of).longest.max(pause(world, of).unwrap_or(0))
}

fn clash(world: &World<SideBySide>, of: Protocol) -> Breach {
    let Some((place, sides)) = world.witness().clash(of) else { return Breach::default() };
    let nodes = sides.map(|node| super::outer(world.settings(), of, node));
    let names = nodes.map(|node| SideBySide::name(world.settings(), node));
    Breach {
        nodes: nodes.to_vec(),
        text: format!("{} and {} have different commands at place {place}.", names[0], names[1]),
        values: names.into_iter().map(|name| (name, format!("place {place}"))).collect(),
    }
}

/// Raft: state machine safety.
pub const RAFT_AGREES: Promise<SideBySide> = Promise {
    id: "raft-agrees",
    title: "Raft: one command per index",
    about: "No two Raft servers ever apply different commands at one index.",
    kind: Kind::Always,
    holds: |world| world.witness().clash(Protocol::Raft).is_none(),
    explain: |world| clash(world, Protocol::Raft),
};

/// Multi-Paxos: one value per slot.
pub const PAXOS_AGREES: Promise<SideBySide> = Promise {
    id: "paxos-agrees",
    title: "Multi-Paxos: one command per slot",
    about: "No two Multi-Paxos servers ever learn different commands for one slot.",
    kind: Kind::Always,
    holds: |world| world.witness().clash(Protocol::Paxos).is_none(),
    explain: |world| clash(world, Protocol::Paxos),
};

/// Zab: one order.
pub const ZAB_AGREES: Promise<SideBySide> = Promise {
    id: "zab-agrees",
    title: "Zab: one command per position",
    about: "No two Zab servers ever deliver different transactions at one position.",
    kind: Kind::Always,
    holds: |world| world.witness().clash(Protocol::Zab).is_none(),
    explain: |world| clash(world, Protocol::Zab),
};

/// Whether a group has a leader and, under a load, commits.
fn goes_on(world: &World<SideBySide>, of: Protocol) -> bool {
    let rate = world.settings().amount(RATE);
    let since = world.kernel().now().saturating_sub(world.witness().commits(of).last);
    let due = SEC.checked_div(rate).unwrap_or(u64::MAX);
    leader(world, of).is_some() && since / 2 <= due.max(4 * world.settings().amount(LATENCY))
}

/// Liveness of all three.
pub const ALL_GO_ON: Promise<SideBySide> = Promise {
    id: "all-go-on",
    title: "All three go on",
    about: "Within 20 s after the last fault each group has a leader and, under a load, commits.",
    kind: Kind::Eventually { within: 20 * SEC },
    holds: |world| Protocol::ALL.into_iter().all(|of| goes_on(world, of)),
    explain: |world| {
        let stuck = |of: &Protocol| !goes_on(world, *of);
        let state = |of: Protocol| {
            let word = leader(world, of).map_or("no leader", |_| "a leader without commits");
            (of.title().to_owned(), word.to_owned())
        };
        Breach {
            nodes: Vec::new(),
            text: "For 20 s nothing has been wrong, yet one group does not commit.".to_owned(),
            values: Protocol::ALL.into_iter().filter(stuck).map(state).collect(),
        }
    },
};
