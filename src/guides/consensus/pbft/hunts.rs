//! What is explored while a rule is off. The whole space of two requests and a view change is too large to see, so two of
//! the instances are narrow: constraints say who hears what.

use super::*;
use crate::sim::explore::Network;
use crate::sim::machine::world::Node;
use crate::views::pbft::{accepted, state, states};

pub(super) const WITHOUT: &[(RuleId, Hunt<Pbft>)] = &[
    (pbft::CERTIFICATES, hunt(small, &[])),
    (pbft::TWO_PHASES, hunt(past_r2, &[(pbft::LIAR, 0)])),
    (pbft::CARRY_OVER, hunt(past_r1, &[(pbft::LIAR, 4)])),
    (pbft::MATCHING_REPLIES, hunt(small, &[(pbft::LIES, pbft::WRONG_REPLIES as i64)])),
];

/// Whom a replica knows to have signed prepares (or commits) under a number in a view, itself among them.
fn heard(world: &Group, id: u16, seq: u32, commit: bool, view: u32) -> u64 {
    let slot = state(world, NodeId(id)).and_then(|state| state.log.get(&seq));
    let votes = slot.into_iter().flat_map(|slot| &slot.votes);
    votes.filter(|votes| (votes.view, votes.commit) == (view, commit)).fold(0, |all, votes| all | votes.by)
}

/// Whether nobody has heard more than these tables allow: by view and number, for each replica, whose prepares and whose
/// commits, a bit each. A replica's own are always allowed.
fn heard_at_most(world: &Group, tables: &[(u32, u32, [u64; 4], [u64; 4])]) -> bool {
    tables.iter().all(|&(view, seq, prepares, commits)| {
        let is_within = |id: u16, commit: bool, most: u64| heard(world, id, seq, commit, view) & !(most | 1 << id) == 0;
        (0..4u16).zip(prepares).all(|(id, most)| is_within(id, false, most))
            && (0..4u16).zip(commits).all(|(id, most)| is_within(id, true, most))
    })
}

/// What both ways below have in common: number 1 is executed by one replica before anybody leaves view 0, no reply
/// arrives, and in view 1 number 1 alone matters.
fn one_knows(world: &Group, who: u16) -> bool {
    let has_executed = state(world, NodeId(who)).is_some_and(|state| state.service.seq >= 1);
    let in_view_1 = |id: u16| accepted(world, id, 2).is_some_and(|known| known.0 == 1);
    let hears_nothing = |(_, node): (NodeId, &Node<Pbft>)| {
        let waiting = node.memory.as_ref().and_then(|memory| memory.waiting.as_ref());
        waiting.is_none_or(|waiting| waiting.replies.is_empty())
    };
    small(world)
        && (has_executed || states(world).all(|(_, state)| state.view == 0))
        && ![0, 2, 3].into_iter().any(in_view_1)
        && world.nodes().all(hears_nothing)
}

/// A way that leads past what keeps replicas together: R2 alone knows what number 1 is in view 0, and the view changes
/// without R2. The explorer looks only along it; the whole space is too large to see.
fn past_r2(world: &Group) -> bool {
    let in_view_0 = |id: u16, seq: u32| accepted(world, id, seq).is_some_and(|known| known.0 == 0);
    one_knows(world, 2)
        && state(world, NodeId(2)).is_some_and(|state| state.view == 0)
        && !in_view_0(2, 2)
        && !in_view_0(3, 1)
        && heard_at_most(
            world,
            &[(0, 1, [0, 0, 0b0010, 0], [0; 4]), (0, 2, [0; 4], [0; 4]), (1, 1, [0, 0, 0, 0b0001], [0; 4])],
        )
}

/// Another: R3 lies and helps R1 to both certificates, and R1 begins view 1 as if it had none.
fn past_r1(world: &Group) -> bool {
    let in_view_0 = |id: u16, seq: u32| accepted(world, id, seq).is_some_and(|known| known.0 == 0);
    let view = |id: u16| state(world, NodeId(id)).map_or(0, |state| state.view);
    let has_executed = state(world, NodeId(1)).is_some_and(|state| state.service.seq >= 1);
    one_knows(world, 1)
        && view(0) == 0
        && !in_view_0(2, 1)
        && !in_view_0(3, 2)
        // Of what may happen in any order, one order is enough.
        && (in_view_0(3, 1) || !in_view_0(1, 1) || view(1) > 0)
        && (has_executed || !in_view_0(1, 2))
        && (in_view_0(1, 2) || !in_view_0(2, 2) || view(1) > 0)
        && heard(world, 0, 1, false, 0) != 0b0010
        && heard(world, 1, 1, true, 0) & 0b1001 != 0b0001
        && view(3) >= view(2)
        && view(2) >= view(1)
        && states(world).all(|(id, state)| id == NodeId(1) || state.changes.keys().all(|from| *from == id.0))
        && heard_at_most(
            world,
            &[
                (0, 1, [0b1010, 0b1000, 0, 0], [0, 0b1001, 0, 0]),
                (0, 2, [0; 4], [0; 4]),
                (1, 1, [0, 0b1100, 0b1000, 0], [0, 0, 0b1010, 0]),
            ],
        )
}

const fn hunt(within: fn(&Group) -> bool, liar: &'static [(SettingId, i64)]) -> Hunt<Pbft> {
    Hunt {
        settings: liar,
        inputs: Vec::new,
        bounds: Bounds { network: Network::Patient, ..Bounds::new(500_000, 40, Budget::NONE) },
        within,
    }
}
