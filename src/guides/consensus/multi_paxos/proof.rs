//! How each rule's absence breaks a promise, and how the challenges are solved.

use super::*;
use crate::systems::consensus::paxos::Ballot;

/// How a promise breaks without each rule, and how each challenge is solved.
pub(super) static PROOF: Proof<Paxos> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

pub(super) fn without(rule: RuleId) -> Origin {
    Origin { rules_off: RuleSet::ALL.with(rule, false).off_bits(), ..SCENARIO.from(&[], &[]) }
}

/// A leader's next command, all of whose accept requests are lost; then another that is chosen, and the leader crashes.
pub(super) fn leave_hole(script: &mut Script<Paxos>) {
    script.until(|world| leader(world).is_some());
    script.act(rate(0));
    script.until(|world| accepts(world).is_empty() && longest_wait(world) == 0);
    script.act(set(0, 1));
    script.until(|world| !accepts(world).is_empty());
    for input in drop_accepts(script.world()) {
        script.act(input);
    }
    script.act(set(1, 2));
    script.until(leader_has_gap);
    if let Some(node) = leader(script.world()) {
        script.act(Input::Crash { node });
    }
}

/// A and C hear nothing of each other, B alone may crash, and clients ask C once it leads.
pub(super) fn apart(world: &Cluster) -> bool {
    let own = |id: u16| {
        let bound = world.node(NodeId(id)).map_or(Ballot::NONE, |node| node.disk.promised);
        bound == Ballot::NONE || bound.proposer.0 == id
    };
    let early =
        |flight: Flight<'_, Paxos>| matches!(flight.message, Message::Request { .. }) && flight.pending.node.0 == 2;
    let c_leads = leaders(world).contains(&NodeId(2));
    two_stand(world) && own(0) && own(2) && b_alone_crashes(world) && (c_leads || !world.flights().any(early))
}

/// Two commands, and clients that ask again.
pub(super) const ASKED_AGAIN: Hunt<Paxos> = Hunt {
    settings: &[(paxos::ACCEPTORS, 0), (paxos::RATE, 0), (paxos::HEARTBEAT, 0)],
    inputs: || vec![set(0, 5), set(1, 7)],
    bounds: Bounds { budget: Budget::NONE, ..TWO_LEADERS.bounds },
    within: apart,
};

/// C stands only when A has had slot 2 chosen.
pub(super) const TWO_SLOTS: Hunt<Paxos> = Hunt {
    within: |world| {
        let c_stood = world.node(NodeId(2)).is_some_and(|node| node.disk.round > 0);
        apart(world) && (!c_stood || world.witness().learned(2).is_some())
    },
    ..ASKED_AGAIN
};

/// B crashes, after C has stood; C stands when A has slot 1 open, and the
/// second command alone is sent again.
pub(super) const ONE_CRASH: Hunt<Paxos> = Hunt {
    bounds: Bounds { budget: Budget::crashes(1), ..ASKED_AGAIN.bounds },
    within: |world| {
        let c_stood = world.node(NodeId(2)).is_some_and(|node| node.disk.round > 0);
        let open = member(world, NodeId(0))
            .is_some_and(|it| matches!(&it.phase, Phase::Accept { open, .. } if !open.is_empty()));
        let learned = world.witness().learned(1).is_some();
        let one_slot = world.nodes().all(|(_, node)| node.disk.accepted.last() <= 1);
        let again = |flight: Flight<'_, Paxos>| matches!(flight.message, Message::Request { value } if value.id == 1 && flight.pending.node.0 == 2);
        apart(world)
            && one_slot
            && !world.flights().any(again)
            && (open || learned || !c_stood)
            && (c_stood || world.kernel().node(NodeId(1)).up)
    },
    ..ASKED_AGAIN
};

/// Slow links, many slots open at a time, and a leader that is slow to send again what was lost: a crash leaves holes.
pub(super) const BUSY: &[(SettingId, i64)] = &[
    (paxos::ACCEPTORS, 0),
    (paxos::RATE, 20),
    (paxos::LATENCY, 40_000),
    (paxos::HEARTBEAT, 200_000),
    (paxos::TIMEOUT, 400_000),
    (paxos::PATIENCE, 900_000),
];

pub(super) const BY_TIME: &str =
    "The promise is about time: a later leader may still hear of a value for the hole, but this one waits.";

pub(super) const BREAKS: &[Breaks<Paxos>] = &[
    Breaks { rule: paxos::ALL_OPEN_SLOTS, promise: ONE_VALUE.id, way: Way::Explore(TWO_SLOTS) },
    Breaks {
        rule: paxos::FILL_GAPS,
        promise: ALL_ANSWERED.id,
        way: Way::Schedules { settings: BUSY, events: 1_200, reason: BY_TIME },
    },
    Breaks { rule: paxos::PROMISE_ON_DISK, promise: ONE_VALUE.id, way: Way::Explore(ONE_CRASH) },
    Breaks { rule: paxos::ADOPT_HIGHEST, promise: ONE_VALUE.id, way: Way::Explore(ASKED_AGAIN) },
    Breaks { rule: paxos::MAJORITY, promise: ONE_VALUE.id, way: Way::Explore(ASKED_AGAIN) },
];

const SOLUTIONS: &[Solution<Paxos>] = &[
    Solution {
        challenge: "two-leaders",
        from: || SCENARIO.from(&[], &[]),
        act: |script| {
            script.until(|world| leader(world).is_some());
            let side = leaders(script.world()).iter().fold(0, |side, node| side | 1 << node.0);
            script.act(Input::Partition { side });
            script.until(|world| leaders(world).len() >= 2);
        },
    },
    Solution {
        challenge: "no-op",
        from: || SCENARIO.from(&[], &[]),
        act: |script| {
            leave_hole(script);
            script.until(|world| noop(world).is_some());
        },
    },
    Solution {
        challenge: "stuck-behind-a-hole",
        from: || without(paxos::FILL_GAPS),
        act: |script| {
            leave_hole(script);
            script.until(|world| leader_has_gap(world) && longest_wait(world) > 2 * SEC);
        },
    },
];
