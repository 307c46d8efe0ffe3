//! How each rule's absence breaks a promise, and how the challenges are solved.

use super::*;

/// How a promise breaks without each rule, and how each challenge is solved.
pub(super) static PROOF: Proof<Nats> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

/// The log alone.
pub(super) const ALONE: Hunt<Nats> = Hunt {
    settings: &[(nats::MEMBERS, 1), (nats::RATE, 0), (nats::MAX_PENDING, 3)],
    inputs: || vec![publish(0, 1)],
    bounds: Bounds::new(1_000_000, 60, Budget::NONE),
    within: |world| connections(world, 2) && quiet(world, &[LOG, ASKER]),
};

pub(super) const BREAKS: &[Breaks<Nats>] = &[
    Breaks {
        rule: nats::ONE_PER_GROUP,
        promise: NEVER_TWICE.id,
        way: Way::Explore(Hunt {
            bounds: Bounds::new(300_000, 40, Budget::NONE),
            within: |world| {
                let log_is_off = world.node(LOG).is_some_and(|node| node.disk.connections == 0);
                log_is_off && connections(world, 1) && quiet(world, &[])
            },
            ..THREE
        }),
    },
    Breaks {
        rule: nats::SEND_ONCE,
        promise: NEVER_TWICE.id,
        way: Way::Explore(Hunt { within: |world| connections(world, 2) && quiet(world, &[ASKER]), ..ALONE }),
    },
    Breaks {
        rule: nats::RESTORE_ONCE,
        promise: NEVER_TWICE.id,
        way: Way::Explore(Hunt { within: |world| connections(world, 2) && quiet(world, &[LOG]), ..ALONE }),
    },
    Breaks {
        rule: nats::CUT_SLOW,
        promise: BOUNDED.id,
        way: Way::Explore(Hunt {
            settings: &[(nats::MEMBERS, 1), (nats::RATE, 0), (nats::MAX_PENDING, 2)],
            inputs: || vec![publish(0, 3)],
            within: |world| connections(world, 1) && quiet(world, &[]),
            ..ALONE
        }),
    },
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
