//! What is explored while a rule is off.

use super::*;
use crate::systems::consensus::paxos::Ballot;

pub(super) const WITHOUT: &[(RuleId, Hunt<Paxos>)] = &[
    (paxos::ALL_OPEN_SLOTS, TWO_SLOTS),
    (paxos::PROMISE_ON_DISK, ONE_CRASH),
    (paxos::ADOPT_HIGHEST, ASKED_AGAIN),
    (paxos::MAJORITY, ASKED_AGAIN),
];

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
const ASKED_AGAIN: Hunt<Paxos> = Hunt {
    settings: &[(paxos::ACCEPTORS, 0), (paxos::RATE, 0), (paxos::HEARTBEAT, 0)],
    inputs: || vec![set(0, 5), set(1, 7)],
    bounds: Bounds { budget: Budget::NONE, ..TWO_LEADERS.bounds },
    within: apart,
};

/// C stands only when A has had slot 2 chosen.
const TWO_SLOTS: Hunt<Paxos> = Hunt {
    within: |world| {
        let c_stood = world.node(NodeId(2)).is_some_and(|node| node.disk.round > 0);
        apart(world) && (!c_stood || world.witness().learned(2).is_some())
    },
    ..ASKED_AGAIN
};

/// B crashes, after C has stood; C stands when A has slot 1 open, and the
/// second command alone is sent again.
const ONE_CRASH: Hunt<Paxos> = Hunt {
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
