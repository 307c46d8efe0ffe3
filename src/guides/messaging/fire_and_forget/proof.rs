//! How each rule's absence breaks a promise, and how the challenges are solved.

use super::*;

/// How a promise breaks without each rule, and how each challenge is solved.
pub(super) static PROOF: Proof<Nats> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

pub(super) const BREAKS: &[Breaks<Nats>] = &[
    Breaks { rule: nats::ONE_PER_GROUP, promise: NEVER_TWICE.id, way: Way::Explore },
    Breaks { rule: nats::SEND_ONCE, promise: NEVER_TWICE.id, way: Way::Explore },
    Breaks { rule: nats::RESTORE_ONCE, promise: NEVER_TWICE.id, way: Way::Explore },
    Breaks { rule: nats::CUT_SLOW, promise: BOUNDED.id, way: Way::Explore },
];

const SOLUTIONS: &[Solution<Nats>] = &[
    Solution {
        challenge: "two-copies",
        from: || SCENARIO.from(&[], &[]),
        act: |script| {
            script.until(all_connected);
            script.act(Input::call(nats::SUBSCRIBE, &[5, 4]));
            script.steps(10);
            script.act(publish(0, 1));
            script.until(|world| world.witness().two_copies().is_some());
        },
    },
    Solution {
        challenge: "missed-ten",
        from: || SCENARIO.from(&[], &[]),
        act: |script| {
            script.until(all_connected);
            script.act(Input::Cut { from: SERVER, to: DISPLAY });
            script.act(publish(0, 12));
            script.until(|world| missed(world, &[DISPLAY]) >= 10);
        },
    },
    Solution {
        challenge: "sent-again",
        from: || SCENARIO.from(&[nats::SEND_ONCE], &[]),
        act: |script| {
            script.until(all_connected);
            script.act(Input::Cut { from: SERVER, to: ASKER });
            script.act(publish(0, 1));
            let lost = |world: &Shop| client(world, ASKER).is_some_and(|client| client.phase == nats::Phase::Away);
            script.until(lost);
            script.act(Input::HealAll);
            script.until(|world| world.witness().twice.is_some_and(|twice| !twice.2));
        },
    },
];
