//! What leases and fencing tokens promise, and under which faults.

use super::{
    Attempt, DRIFT, FIRST, LATENCY, LEASE, LOCK, Lease, LeaseLock, MARGIN, Memory, Message, Note, Phase, THINK, Token,
    WORK, usable,
};
use crate::never;
use crate::sim::NodeId;
use crate::sim::judge::verdict::{Breach, Kind};
use crate::sim::kernel::time::{Micros, SEC, Time, show};
use crate::sim::later::Later;
use crate::sim::machine::promise::{Limit, Promise};
use crate::sim::machine::system::{Scene, System};
use crate::sim::machine::world::World;

/// How many writes are remembered for the picture.
const KEPT: usize = 4;

/// What has been seen of the run so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    /// The last writes, taken or refused.
    pub recent: Vec<Attempt>,
    /// The newest write that was taken.
    pub newest: Option<Attempt>,
    /// A write of an old holder after one of a newer holder: the newer, the older.
    pub stale: Option<(Attempt, Attempt)>,
    /// A write made from a value that was no longer there.
    pub lost: Option<Attempt>,
    /// When the last write was taken.
    pub written_at: Time,
    /// Whether a write has been refused.
    pub refused: bool,
    /// A client that was gone, and had been silent for this long, longer than a lease, when it was lent the lock.
    pub gone: Later<Option<(NodeId, Micros)>>,
}

impl Witness {
    pub(super) fn see(&mut self, note: Note, scene: &Scene) {
        match note {
            Note::Attempt(attempt) => self.attempted(attempt, scene.kernel.now()),
            Note::Lent { client, silent } => {
                let is_gone = silent > scene.settings.amount(LEASE) && !scene.kernel.is_running(client);
                self.gone.0 = self.gone.0.or(is_gone.then_some((client, silent)));
            }
        }
    }

    fn attempted(&mut self, attempt: Attempt, now: Time) {
        if self.recent.len() == KEPT {
            self.recent.remove(0);
        }
        self.recent.push(attempt);
        if !attempt.ok {
            self.refused = true;
            return;
        }
        self.written_at = now;
        if attempt.value != attempt.over + 1 {
            self.lost = self.lost.or(Some(attempt));
        }
        match self.newest.filter(|newest| attempt.token < newest.token) {
            Some(newest) => self.stale = self.stale.or(Some((newest, attempt))),
            None => self.newest = Some(attempt),
        }
    }
}

fn row(world: &World<LeaseLock>, attempt: Attempt) -> (String, String) {
    let name = LeaseLock::name(world.settings(), attempt.client);
    (name, format!("wrote {} with token {}", attempt.value, attempt.token))
}

/// Fencing.
pub const NO_OLD_WRITE: Promise<LeaseLock> = never!(
    "no-old-write",
    "No old holder writes last",
    "Once a write with a newer token is taken, none with an older one is. Pauses, slow clocks and late messages \
            do not matter.",
    |world| world.witness().stale,
    |world, (newer, older)| {
        let name = |attempt: Attempt| LeaseLock::name(world.settings(), attempt.client);
        Breach {
            nodes: vec![older.client, newer.client],
            text: format!(
                "The store took {}'s write with token {} after {}'s with token {}.",
                name(older),
                older.token,
                name(newer),
                newer.token
            ),
            values: vec![row(world, newer), row(world, older)],
        }
    }
);

/// What fencing is for.
pub const NO_LOST_UPDATE: Promise<LeaseLock> = never!(
    "no-lost-update",
    "No update is lost",
    "Every write that the store takes was computed from the value it replaces.",
    |world| world.witness().lost,
    |world, lost| {
        let name = LeaseLock::name(world.settings(), lost.client);
        Breach {
            nodes: vec![lost.client],
            text: format!(
                "{name} had read {} and wrote {}, but meanwhile the value was {}.",
                lost.value - 1,
                lost.value,
                lost.over
            ),
            values: vec![("before".to_owned(), lost.over.to_string()), row(world, lost)],
        }
    }
);

/// The clients that believe that they hold the lock.
pub fn holders(world: &World<LeaseLock>) -> impl Iterator<Item = (NodeId, Token)> {
    world.nodes().skip(FIRST).filter_map(|(id, node)| match node.memory {
        Some(Memory::Client { lease: Some(Lease { token, .. }), .. }) => Some((id, token)),
        _ => None,
    })
}

/// The lease alone.
pub const ONE_HOLDER: Promise<LeaseLock> = Promise {
    id: "one-holder",
    title: "One client believes it holds the lock",
    about: "No two clients believe at the same time that they hold the lock. Promised while clocks stay within the \
            drift allowed for and no client is paused; messages may be late or lost, and nodes may crash.",
    kind: Kind::Always,
    holds: |world| holders(world).nth(1).is_none(),
    explain: |world| {
        let name = |node| LeaseLock::name(world.settings(), node);
        let names: Vec<String> = holders(world).map(|pair| name(pair.0)).collect();
        Breach {
            nodes: holders(world).map(|pair| pair.0).collect(),
            text: format!("{} believe at the same time that they hold the lock.", names.join(" and ")),
            values: holders(world).map(|(node, token)| (name(node), format!("token {token}"))).collect(),
        }
    },
};

/// A waiter's own lease.
pub const TO_THE_LIVING: Promise<LeaseLock> = never!(
    "lent-to-the-living",
    "The lock is lent to the living",
    "Nobody is lent the lock who is down or paused and has not been heard from for longer than a lease.",
    |world| world.witness().gone.0,
    |world, (client, silent)| {
        let name = LeaseLock::name(world.settings(), client);
        Breach {
            nodes: vec![LOCK, client],
            text: format!("The lock was lent to {name}, which is gone: nobody else gets it for a whole lease."),
            values: vec![
                ("lock".to_owned(), format!("lent to {name}")),
                (name, format!("not heard from for {}", show(silent))),
            ],
        }
    }
);

/// When two believe that they hold the lock although nothing went wrong with the lease.
pub(super) fn outside(world: &World<LeaseLock>, promise: &str) -> Option<&'static str> {
    let kernel = world.kernel();
    let allowed = world.settings().amount(DRIFT) as i64 * 10_000;
    let is_off = |id: NodeId| i64::from(kernel.node(id).drift_ppm).abs() > allowed;
    match promise == ONE_HOLDER.id {
        true if holders(world).any(|(id, _)| kernel.node(id).paused) => {
            Some("A pause is beyond what a lease can promise: it has no bound, so no margin covers it. The token does.")
        }
        true if world.nodes().any(|(id, _)| is_off(id)) => {
            Some("A clock is off by more than the drift allowed for, and the lease was promised up to there.")
        }
        _ => None,
    }
}

fn longest_gap(world: &World<LeaseLock>) -> Time {
    let settings = world.settings();
    4 * settings.amount(LEASE) + 2 * settings.amount(THINK) + 3 * settings.amount(WORK)
}

/// A lease expires on its own.
pub const GOES_ON: Promise<LeaseLock> = Promise {
    id: "work-goes-on",
    title: "The work goes on",
    about: "Once nothing is wrong, somebody writes again within a few leases: no crash holds the lock for ever.",
    kind: Kind::Eventually { within: 6 * SEC },
    holds: |world| world.kernel().now().saturating_sub(world.witness().written_at) <= longest_gap(world),
    explain: |world| Breach {
        nodes: vec![LOCK],
        text: format!("Nothing has been wrong for 6 s, yet nobody has written for {}.", show(longest_gap(world))),
        values: holders(world)
            .map(|(node, token)| (LeaseLock::name(world.settings(), node), format!("holds token {token}")))
            .collect(),
    },
};

/// Clocks within their bound, as a condition on states. With the margin a client has stopped by the time the lock
/// service takes its lease for ended. So while somebody believes that it holds the lock, or waits for a grant that is on
/// its way, the service has not lent the lock to another one. The explorer, which ignores time, would let the lease end
/// too early. That the margin is long enough is a matter of arithmetic over clocks: random schedules over time see to it.
pub fn clocks_within_bound(world: &World<LeaseLock>) -> bool {
    let Some(Memory::Lock { holder, grace: false, .. }) = world.memory(LOCK) else { return true };
    let is_lent_to = |node: NodeId| holder.is_some_and(|holder| holder.0 == node);
    let waits_for = |node: NodeId, wanted: u32| match world.node(node).map(|node| (&node.memory, node.disk.asks)) {
        Some((Some(Memory::Client { phase: Phase::Waits, .. }), asks)) => asks == wanted,
        _ => false,
    };
    let grants_hold = world.flights().all(|flight| match *flight.message {
        Message::Grant { ask, .. } => !waits_for(flight.pending.node, ask) || is_lent_to(flight.pending.node),
        _ => true,
    });
    !world.rules().on(MARGIN) || grants_hold && holders(world).all(|(node, _)| is_lent_to(node))
}

/// Whoever has the lock needs it for its work and six messages.
pub const LIMITS: &[Limit] = &[Limit {
    promises: &[GOES_ON.id],
    beyond: |settings| {
        let needed = settings.amount(WORK) + 12 * settings.amount(LATENCY);
        needed > usable(settings, true) || settings.amount(THINK) > 2_000_000
    },
    says: "Promised only where the work and its messages fit into the usable part of a lease, and clients want the lock \
           every other second.",
}];
