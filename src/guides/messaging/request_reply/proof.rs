//! How each rule's absence breaks a promise, and how the challenges are solved.

use super::*;

/// How a promise breaks without each rule, and how each challenge is solved.
pub(super) static PROOF: Proof<Nats> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

pub(super) const BREAKS: &[Breaks<Nats>] = &[
    Breaks { rule: nats::ONE_PER_GROUP, promise: ONE_RESPONDER.id, way: Way::Explore },
    Breaks { rule: nats::NO_RESPONDERS, promise: CLEAR_NO.id, way: Way::Explore },
    Breaks { rule: nats::OWN_INBOX, promise: OWN_ANSWER.id, way: Way::Explore },
    Breaks {
        rule: nats::GIVE_UP,
        promise: ENDS.id,
        way: Way::Schedules {
            settings: &[],
            events: 400,
            reason: "It is about how long a caller waits, and the explorer knows no clock.",
        },
    },
];

const SOLUTIONS: &[Solution<Nats>] = &[
    Solution {
        challenge: "done-and-not-known",
        from: || SCENARIO.from(&[], &[(nats::RATE, 0)]),
        act: |script| {
            script.until(all_connected);
            for node in members(script.world()) {
                script.act(Input::Slow { node, percent: 5_000 });
            }
            script.act(request(3));
            script.until(|world| {
                let late = |message: &Message| {
                    content(message).is_some_and(|payload| {
                        is_answer(payload) && open(world).iter().all(|request| request.id != payload.id)
                    })
                };
                timeouts(world) > 0 && flies(world, |node, message| node == ASKER && late(message))
            });
        },
    },
    Solution {
        challenge: "wrong-answer",
        from: || SCENARIO.from(&[nats::OWN_INBOX], &[(nats::RATE, 0)]),
        act: |script| {
            script.until(all_connected);
            script.act(request(6));
            script.until(|world| world.witness().mixed.is_some());
        },
    },
    Solution {
        challenge: "silence",
        from: || SCENARIO.from(&[nats::NO_RESPONDERS], &[(nats::RATE, 0)]),
        act: |script| {
            for node in members(script.world()) {
                script.act(Input::Crash { node });
            }
            script.act(request(1));
            script.until(|world| world.witness().silent.is_some());
        },
    },
];
