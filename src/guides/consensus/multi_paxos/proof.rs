//! How each rule's absence breaks a promise, and how the challenges are solved.

use super::*;

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
    Breaks { rule: paxos::ALL_OPEN_SLOTS, promise: ONE_VALUE.id, way: Way::Explore },
    Breaks {
        rule: paxos::FILL_GAPS,
        promise: ALL_ANSWERED.id,
        way: Way::Schedules { settings: BUSY, events: 1_200, reason: BY_TIME },
    },
    Breaks { rule: paxos::PROMISE_ON_DISK, promise: ONE_VALUE.id, way: Way::Explore },
    Breaks { rule: paxos::ADOPT_HIGHEST, promise: ONE_VALUE.id, way: Way::Explore },
    Breaks { rule: paxos::MAJORITY, promise: ONE_VALUE.id, way: Way::Explore },
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
