//! Leases and fencing tokens: a lock that expires on its own, and a store that does not trust clients who claim to hold
//! it.

use crate::guides::kit::prelude::*;
use crate::systems::consensus::lease_lock::promises::{
    GOES_ON, LIMITS, NO_LOST_UPDATE, NO_OLD_WRITE, ONE_HOLDER, TO_THE_LIVING, clocks_within_bound, holders,
};
use crate::systems::consensus::lease_lock::{self as leases, LOCK, LeaseLock, Message, Phase, STORE};
use crate::views::lease_lock::{Shop, attempts, beliefs, client, client_mark, clients, lock_mark, store_mark};

type Beat = crate::guides::kit::tour::Beat<LeaseLock>;

/// The scenario.
pub static SCENARIO: Scenario<LeaseLock> = Scenario {
    slug: "leases",
    title: "Leases and fencing tokens",
    guide: Guide::Consensus,
    level: 2,
    summary: "A lock lent for a second at a time, two clients, and a store. One client is paused in the middle of \
              its work, and when it resumes it still believes that it holds the lock.",
    seed: 1,
    settings: &[
        (leases::CLIENTS, 2),
        (leases::LEASE, 1_000_000),
        (leases::DRIFT, 20),
        (leases::WORK, 200_000),
        (leases::THINK, 300_000),
        (leases::LATENCY, 20_000),
    ],
    rules: &[leases::FENCING, leases::ON_DISK, leases::MARGIN, leases::WAITER],
    commands: &[leases::WISH],
    promises: &[NO_OLD_WRITE, NO_LOST_UPDATE, ONE_HOLDER, GOES_ON, TO_THE_LIVING],
    limits: LIMITS,
    faults: FaultModel { pause: false, skew: true, ..FaultModel::ASYNCHRONOUS },
    charts: &[
        Chart {
            title: "Newest token",
            about: "Each grant raises it by one; a renewal does not.",
            plot: Plot::Level(leases::GRANTED),
        },
        Chart {
            title: "Writes taken",
            about: "One line per client. They share the lock.",
            plot: Plot::Rate(leases::WRITTEN),
        },
        Chart {
            title: "Refused by the store",
            about: "Reads and writes with an older token than the newest seen.",
            plot: Plot::Rate(leases::REFUSED),
        },
        Chart {
            title: "From wish to grant",
            about: "When a holder dies, the other waits until the lease has ended.",
            plot: Plot::Percentiles(leases::WAITED),
        },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: TWO_CLIENTS,
    without: WITHOUT,
    terms: &[
        ("fencing token", "A number that grows with each grant of a lock, by which a store refuses old holders."),
        ("fencing tokens", "Numbers that grow with each grant of a lock, by which a store refuses old holders."),
        ("lease", "A lock or right that expires on its own after a set time."),
    ],
    near: &["consensus/raft-reads", "consensus/token-ring"],
    versions: versions!["Gray and Cheriton, 1989", "Chubby, 2006", "etcd 3.6", "ZooKeeper 3.9"],
    prose: prose!("leases.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn those_holding(world: &Shop) -> Vec<NodeId> {
    holders(world).map(|pair| pair.0).collect()
}

/// The clients in the middle of their work.
fn at_work(world: &Shop) -> Vec<NodeId> {
    let works = |id: &NodeId| matches!(client(world, *id), Some((Phase::Works(_), Some(_))));
    clients(world).into_iter().filter(works).collect()
}

fn paused(world: &Shop) -> Vec<NodeId> {
    clients(world).into_iter().filter(|id| world.kernel().node(*id).paused).collect()
}

fn picture(world: &Shop, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let (lock, store, column) = match frame {
        Frame::Wide => ((150, 190), (810, 190), Area::new(380, 20, 200, 345)),
        Frame::Narrow => ((62, 170), (334, 170), Area::new(130, 0, 140, 330)),
    };
    let (leases, writes, sizes) = match frame {
        Frame::Wide => ((40, 386), (510, 386), [(420, 150), (410, 150)]),
        Frame::Narrow => ((8, 334), (8, 444), [(384, 104), (384, 112)]),
    };
    picture.nodes.push(lock_mark(world, lock));
    picture.nodes.push(store_mark(world, store));
    let clients = clients(world);
    for (id, at) in clients.iter().zip(column.column(clients.len())) {
        picture.nodes.push(client_mark(world, *id, at));
    }
    picture.link_all(&clients, &[LOCK, STORE]);
    picture.figures.push(beliefs(world, leases, sizes[0]));
    picture.figures.push(attempts(world, writes, sizes[1]));
    picture
}

/// Whether a client that is not paused has written while another one is.
fn overtaken(world: &Shop) -> bool {
    let old = paused(world).into_iter().filter_map(|id| client(world, id)?.1).map(|lease| lease.token).max();
    old.is_some_and(|old| world.witness().newest.is_some_and(|newest| newest.token > old))
}

const TOUR: &[Beat] = &[
    Beat::new(
        "A lock and a store",
        "Two clients, A and B, raise the value in a store by one: they read it, work on it, and write it. So as not \
         to get in each other's way, each first asks a lock service for the lock: here one does.",
        |world| on_the_way(world, |message| matches!(message, Message::Acquire { .. })) > 0,
    )
    .midway()
    .look(clients),
    Beat::new(
        "Lent, not given",
        "The lock is lent for one second: a *lease*. The line above the lock is what is left of it there. The ring \
         around the client is how long the client counts on it, which is less.",
        |world| holders(world).next().is_some(),
    )
    .look(those_holding),
    Beat::new(
        "A number with each grant",
        "With the lease comes a *fencing token*: a number higher than any granted before. Each read and write \
         carries it, and the store remembers the newest.",
        |world| world.witness().newest.is_some(),
    )
    .look(|_| vec![STORE]),
    Beat::new(
        "Token 2 and on",
        "The holder gives the lock back when it is done, and the next grant has a higher token. Now somebody is at \
         work again, between its read and its write.",
        |world| world.witness().newest.is_some_and(|newest| newest.token >= 2) && !at_work(world).is_empty(),
    )
    .look(at_work),
    Beat::new(
        "The holder crashes",
        "It crashes, and cannot give the lock back. The other client asks for it and waits. Watch the line above \
         the lock.",
        |world| {
            let down = clients(world).into_iter().any(|id| world.memory(id).is_none());
            down && !at_work(world).is_empty()
        },
    )
    .first(|world| at_work(world).into_iter().map(|node| Input::Crash { node }).collect())
    .look(those_holding)
    .ask(Predict {
        question: "How long does the lock stay out of reach?",
        options: |_| {
            vec!["Until the lease has ended".to_owned(), "Until the client restarts".to_owned(), "For ever".to_owned()]
        },
        answer: |_| 0,
        because: "Nobody has to give it back: one second after the grant, by the clock of the lock service, the lease \
                  expires and the lock is free.",
    }),
    Beat::new(
        "A long pause",
        "The client at work is paused, by a garbage collection, say. It stands still in the middle of its work. The \
         lock service hears nothing from it, and treats it as if it had crashed.",
        |world| holders(world).count() > 1,
    )
    .first(|world| {
        let down = clients(world).into_iter().filter(|id| world.memory(*id).is_none());
        let restart = down.map(|node| Input::Restart { node });
        restart.chain(at_work(world).into_iter().map(|node| Input::Pause { node })).collect()
    })
    .midway()
    .look(those_holding)
    .ask(Predict {
        question: "How many clients believe that they hold the lock?",
        options: |_| vec!["None".to_owned(), "One".to_owned(), "Two".to_owned()],
        answer: |world| holders(world).count().min(2),
        because: "The paused one cannot look at its clock, and the other has been granted the lock. This is beyond \
                  what a lease can promise: a pause has no bound, so no margin covers it.",
    }),
    Beat::new(
        "The newer one writes",
        "The new holder reads, works and writes, with its newer token. The store has now seen that token.",
        overtaken,
    )
    .look(|_| vec![STORE]),
    Beat::new(
        "The old write arrives",
        "The pause ends. The client never noticed it: it picks up its work where it left off, and writes.",
        |world| world.witness().refused && !at_work(world).is_empty(),
    )
    .first(|world| paused(world).into_iter().map(|node| Input::Resume { node }).collect())
    .look(|_| vec![STORE])
    .ask(Predict {
        question: "What does the store do with the write?",
        options: |_| vec!["It takes it".to_owned(), "It refuses it".to_owned(), "It asks the lock service".to_owned()],
        answer: |world| usize::from(world.witness().refused),
        because: "The token is older than the newest it has seen. The store need not know who holds the lock.",
    }),
    Beat::new(
        "The same without the rule",
        "The store no longer looks at tokens. Whoever is at work now is paused, and the other one gets the lock and \
         writes.",
        overtaken,
    )
    .first(|world| {
        let pause = at_work(world).into_iter().map(|node| Input::Pause { node });
        std::iter::once(Input::off(leases::FENCING)).chain(pause).collect()
    })
    .look(|_| vec![STORE]),
    Beat::new(
        "An update is lost",
        "The pause ends. The old holder writes one more than what it had read, long ago.",
        |world| world.witness().lost.is_some(),
    )
    .first(|world| paused(world).into_iter().map(|node| Input::Resume { node }).collect())
    .look(|_| vec![STORE])
    .ask(Predict {
        question: "What becomes of the writes that came in between?",
        options: |_| ["They are kept", "They are overwritten", "They are done again"].map(str::to_owned).to_vec(),
        answer: |world| usize::from(world.witness().lost.is_some()),
        because: "The store replaced the newer value by an old one plus one. Each client believes that all went well.",
    }),
];

const CHALLENGES: &[Challenge<LeaseLock>] = &[
    Challenge {
        id: "slow-clock",
        title: "A slow clock",
        goal: "Have two clients believe that they hold the lock while nobody is paused.",
        hint: "The margin allows for clocks that are wrong by a fifth. Make the clock of one client run at a tenth \
               of its speed.",
        reached: |world| holders(world).count() > 1 && paused(world).is_empty(),
    },
    Challenge {
        id: "refused",
        title: "Too late",
        goal: "Have the store refuse the write of an old holder.",
        hint: "A write may be on its way for longer than its lease. Delay one by a few seconds.",
        reached: |world| world.witness().refused,
    },
    Challenge {
        id: "lost-update",
        title: "A lost update",
        goal: "Make the store accept a write that overwrites one its writer has never seen.",
        hint: "Turn off what stops an old holder. Then let its write come late.",
        reached: |world| world.witness().lost.is_some(),
    },
];

/// Two clients that ask once each; one node crashes and comes back, and one message arrives twice.
const TWO_CLIENTS: Hunt<LeaseLock> = Hunt {
    settings: &[(leases::CLIENTS, 2)],
    inputs: Vec::new,
    bounds: Bounds::new(480_000, 60, Budget { duplicates: 1, ..Budget::crashes(1) }),
    within: |world| world.nodes().all(|(_, node)| node.disk.asks <= 1) && clocks_within_bound(world),
};

/// What is explored instead while one of these rules is off.
const WITHOUT: &[(RuleId, Hunt<LeaseLock>)] = &[
    (leases::FENCING, Hunt { bounds: Bounds::new(480_000, 40, Budget::NONE), ..TWO_CLIENTS }),
    (leases::ON_DISK, Hunt { bounds: Bounds::new(480_000, 40, Budget::crashes(1)), ..TWO_CLIENTS }),
];

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;
    use crate::systems::consensus::lease_lock::{FIRST, Message};

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<LeaseLock> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    /// A write on its way.
    pub(super) fn flying_write(world: &Shop) -> Option<u64> {
        world.flights().find(|flight| matches!(flight.message, Message::Write { .. })).map(|flight| flight.pending.id)
    }

    /// Holds the next write back for three seconds, longer than a lease.
    pub(super) fn delay_a_write(script: &mut Script<LeaseLock>) {
        script.until(|world| flying_write(world).is_some());
        if let Some(id) = flying_write(script.world()) {
            script.act(Input::Delay { id, by: 3_000_000 });
        }
    }

    pub(super) fn wish(client: i64) -> Input {
        Input::call(leases::WISH, &[client])
    }

    pub(super) const BREAKS: &[Breaks<LeaseLock>] = &[
        Breaks { rule: leases::FENCING, promise: NO_OLD_WRITE.id, way: Way::Explore },
        Breaks { rule: leases::ON_DISK, promise: NO_OLD_WRITE.id, way: Way::Explore },
        Breaks {
            rule: leases::MARGIN,
            promise: ONE_HOLDER.id,
            way: Way::Schedules {
                settings: &[],
                events: 400,
                reason: "It is about how fast two clocks run, and the explorer knows no clock.",
            },
        },
        Breaks {
            rule: leases::WAITER,
            promise: TO_THE_LIVING.id,
            way: Way::Schedules {
                settings: &[(leases::WORK, 2_000_000)],
                events: 400,
                reason: "It is about how long a waiter has been silent, and the explorer knows no clock.",
            },
        },
    ];

    const SOLUTIONS: &[Solution<LeaseLock>] = &[
        Solution {
            challenge: "slow-clock",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                let slow = NodeId::from(FIRST);
                script.act(wish(0));
                script.act(Input::Skew { node: slow, offset: 0, drift_ppm: -900_000 });
                script.until(|world| holders(world).count() > 1);
            },
        },
        Solution {
            challenge: "refused",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                delay_a_write(script);
                script.until(|world| world.witness().refused);
            },
        },
        Solution {
            challenge: "lost-update",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.act(Input::off(leases::FENCING));
                delay_a_write(script);
                script.until(|world| world.witness().lost.is_some());
            },
        },
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::run::Run;
    use crate::sim::run::chaos::storm;
    use crate::sim::run::simulation::Simulation;
    use crate::sim::run::tape::Tape;
    use crate::systems::consensus::lease_lock::FIRST;

    /// The tour's two breaches: the pause is beyond what a lease can promise, the lost update is not.
    #[test]
    fn a_pause_is_outside_of_what_is_promised() {
        let mut script = SCENARIO.script(&SCENARIO.from(&[], &[]));
        assert!(script.play(TOUR));
        let words = |id: &str| {
            let standings = SCENARIO.promises.iter().zip(script.world().standings());
            standings.filter(|pair| pair.0.id == id).map(|pair| pair.1.words(pair.0.kind)).collect::<String>()
        };
        assert_eq!(words(ONE_HOLDER.id), "outside of what is promised");
        assert_eq!(words(NO_LOST_UPDATE.id), "broken");
    }

    /// A waits for B, which works for two seconds, and dies a moment later. Who is lent the lock next, and when?
    fn a_waiter_dies(off: &[RuleId]) -> (Option<NodeId>, bool) {
        let (waiter, worker) = (NodeId::from(FIRST), NodeId::from(FIRST + 1));
        let settings = [(leases::CLIENTS, 3), (leases::WORK, 2_000_000), (leases::THINK, 3_000_000)];
        let mut script = SCENARIO.script(&SCENARIO.from(off, &settings));
        let lent_to = |world: &Shop| match world.memory(LOCK) {
            Some(leases::Memory::Lock { holder, .. }) => holder.map(|holder| holder.0),
            _ => None,
        };
        script.act(proof::wish(1));
        script.until(|world| at_work(world) == [worker]);
        script.act(proof::wish(0));
        script
            .until(|world| matches!(world.memory(LOCK), Some(leases::Memory::Lock { queue, .. }) if !queue.is_empty()));
        script.act(Input::Crash { node: waiter });
        script.act(proof::wish(2));
        script.until(|world| lent_to(world) != Some(worker));
        (lent_to(script.world()), script.world().is_promise_broken(TO_THE_LIVING.id))
    }

    #[test]
    fn a_waiter_that_has_died_is_passed_over() {
        let [dead, living] = [NodeId::from(FIRST), NodeId::from(FIRST + 2)];
        assert_eq!(a_waiter_dies(&[]), (Some(living), false));
        assert_eq!(a_waiter_dies(&[leases::WAITER]), (Some(dead), true));
    }

    /// Kleppmann 2016: with fencing tokens nothing depends on time. Pauses, late messages and any clock: two clients may
    /// believe that they hold the lock, and no old write is taken and no update lost.
    #[test]
    fn tokens_hold_under_pauses() {
        let faults = FaultModel { skew: true, ..FaultModel::ASYNCHRONOUS };
        let mut two_held = 0;
        for seed in 0..300 {
            let mut run = Run::new(SCENARIO.world(&Origin { seed, ..Origin::default() }, &[]), Tape::default());
            storm(&mut run, faults, seed, 400);
            let broken = |promise| run.world().is_promise_broken(promise);
            assert!(!broken(NO_OLD_WRITE.id) && !broken(NO_LOST_UPDATE.id), "seed {seed}");
            two_held += u32::from(broken(ONE_HOLDER.id));
        }
        assert!(two_held > 0, "the pauses made no difference");
    }
}
