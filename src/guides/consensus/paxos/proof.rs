//! How each rule's absence breaks a promise, and how the challenges are solved.

use super::*;

/// How a promise breaks without each rule, and how each challenge is solved.
pub(super) static PROOF: Proof<Paxos> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

pub(super) fn propose(proposer: i64, value: i64) -> Input {
    Input::call(paxos::PROPOSE, &[proposer, value])
}

pub(super) const BY_TIME: &str = "The promise is about time: some schedule still ends the duel, but not this one.";

pub(super) const BREAKS: &[Breaks<Paxos>] = &[
    Breaks { rule: paxos::PROMISE_ON_DISK, promise: AGREEMENT.id, way: Way::Explore },
    Breaks { rule: paxos::KEEP_PROMISE, promise: AGREEMENT.id, way: Way::Explore },
    Breaks { rule: paxos::ADOPT_HIGHEST, promise: AGREEMENT.id, way: Way::Explore },
    Breaks { rule: paxos::MAJORITY, promise: AGREEMENT.id, way: Way::Explore },
    Breaks {
        rule: paxos::BACK_OFF,
        promise: CHOSEN_EVENTUALLY.id,
        way: Way::Schedules { settings: &[], events: 3_000, reason: BY_TIME },
    },
];

const SOLUTIONS: &[Solution<Paxos>] = &[
    Solution {
        challenge: "fourth-round",
        from: || SCENARIO.from(&[], &[]),
        act: |script| {
            for bid in 0..8 {
                script.until(|world| proposers(world).iter().enumerate().any(|(at, _)| has_quorum(world, at)));
                script.act(propose(bid % 2, 5));
            }
            script.until(|world| round(world) >= 4);
        },
    },
    Solution {
        challenge: "chosen-unknown",
        from: || SCENARIO.from(&[], &[]),
        act: |script| {
            script.until(chosen_unknown);
            for node in proposers(script.world()) {
                script.act(Input::Crash { node });
            }
        },
    },
    Solution {
        challenge: "two-values",
        from: || Origin {
            rules_off: crate::sim::declare::rules::RuleSet::ALL.with(paxos::ADOPT_HIGHEST, false).off_bits(),
            ..SCENARIO.from(&[], &[])
        },
        act: |script| {
            script.until(chosen_unknown);
            let winner = asking(script.world()).unwrap_or(NodeId(0));
            for to in proposers(script.world()).into_iter().filter(|id| *id != winner) {
                script.act(Input::Cut { from: winner, to });
            }
            script.until(|world| world.is_promise_broken(AGREEMENT.id));
        },
    },
];
