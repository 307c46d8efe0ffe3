//! How each rule's absence breaks a promise, and how the challenges are solved.

use super::*;
use crate::systems::consensus::pbft::promises::{AGREEMENT, TRUTH};
use crate::views::pbft::state;

/// How a promise breaks without each rule, and how each challenge is solved.
pub(super) static PROOF: Proof<Pbft> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

const SOLUTIONS: &[Solution<Pbft>] = &[
    Solution {
        challenge: "depose",
        from: || Origin { settings: vec![(pbft::LIAR, 0)], ..SCENARIO.from(&[], &[]) },
        act: |script| {
            script.act(Input::Crash { node: NodeId(0) });
            script.until(honest_deposed);
        },
    },
    Solution {
        challenge: "catch-up",
        from: || SCENARIO.from(&[], &[]),
        act: |script| {
            script.until(|world| settled(world, 1));
            script.act(Input::Crash { node: R3 });
            script.until(|world| state(world, NodeId(1)).is_some_and(|state| state.stable.seq >= pbft::INTERVAL));
            script.act(Input::Restart { node: R3 });
            script.until(took_over);
        },
    },
    Solution {
        challenge: "fork",
        from: || SCENARIO.from(&[], &[]),
        act: |script| {
            script.act(Input::off(pbft::CERTIFICATES));
            script.until(|world| world.witness().fork.is_some());
        },
    },
];

pub(super) const BREAKS: &[Breaks<Pbft>] = &[
    Breaks { rule: pbft::CERTIFICATES, promise: AGREEMENT.id, way: Way::Explore },
    Breaks { rule: pbft::TWO_PHASES, promise: AGREEMENT.id, way: Way::Explore },
    Breaks { rule: pbft::CARRY_OVER, promise: AGREEMENT.id, way: Way::Explore },
    Breaks { rule: pbft::MATCHING_REPLIES, promise: TRUTH.id, way: Way::Explore },
];
