//! Side by side: Raft, Multi-Paxos and Zab under the same load and the same crash, measured and compared with theory.

use crate::guides::kit::prelude::*;
use crate::systems::consensus::side_by_side::promises::{ALL_GO_ON, PAXOS_AGREES, RAFT_AGREES, ZAB_AGREES, pause};
use crate::systems::consensus::side_by_side::{self as trio, Protocol, SideBySide, applied, group, leader};
use crate::views::side_by_side::{Trio, heading, median, places, server, table};

/// Commands a second, once the load is on.
const LOAD: i64 = 20;

type Beat = crate::guides::kit::tour::Beat<SideBySide>;

/// The scenario.
pub static SCENARIO: Scenario<SideBySide> = Scenario {
    slug: "side-by-side",
    title: "Side by side: Raft, Multi-Paxos, Zab",
    guide: Guide::Consensus,
    level: 4,
    summary: "Three protocols, the same commands, the same crash: what a commit costs, and how long nobody commits.",
    seed: 5,
    settings: &[(trio::SERVERS, 0), (trio::RATE, 0), (trio::LATENCY, 10_000), (trio::TIMEOUT, 150_000)],
    busy: &[(trio::RATE, LOAD)],
    commands: &[trio::SET],
    promises: &[RAFT_AGREES, PAXOS_AGREES, ZAB_AGREES, ALL_GO_ON],
    faults: FaultModel::ASYNCHRONOUS,
    charts: &[
        Chart {
            title: "Commit latency, 95th percentile",
            about: "At the leader. With a stable leader all three need one trip to the fastest majority and back.",
            plot: Plot::PercentileOfEach(trio::COMMIT_LATENCY),
        },
        Chart {
            title: "Commands committed",
            about: "A gap is a group without a leader.",
            plot: Plot::Rate(trio::COMMITTED),
        },
        Chart {
            title: "Messages for commands",
            about: "Raft needs two for each follower and command, the others three.",
            plot: Plot::Rate(trio::MESSAGES),
        },
        Chart {
            title: "Other messages",
            about: "Heartbeats and their answers, elections, and what is sent again.",
            plot: Plot::Rate(trio::UPKEEP),
        },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: SMALL,
    terms: &[
        ("commit", "A replica's signed word that it holds a certificate of prepares."),
        ("committed", "Decided permanently: no later leader will undo it."),
    ],
    before: &["consensus/raft-replication", "consensus/multi-paxos", "consensus/zab"],
    near: &["consensus/raft-reads"],
    versions: versions!["Raft, extended version, 2014", "Paxos Made Simple, 2001", "Zab, DSN 2011"],
    prose: prose!("side_by_side.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn leaders(world: &Trio) -> Vec<NodeId> {
    Protocol::ALL.into_iter().filter_map(|of| leader(world, of)).collect()
}

fn all(world: &Trio) -> Vec<NodeId> {
    world.nodes().map(|(id, _)| id).collect()
}

fn crashed(world: &Trio) -> Vec<NodeId> {
    all(world).into_iter().filter(|id| !world.kernel().node(*id).up).collect()
}

/// How many commands each group's leaders have seen committed, at least.
fn committed(world: &Trio) -> u32 {
    Protocol::ALL.into_iter().map(|of| world.witness().commits(of).count).min().unwrap_or(0)
}

fn picture(world: &Trio, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    for of in Protocol::ALL {
        let members = group(world.settings(), of);
        for (id, at) in members.iter().zip(places(frame, of, members.len())) {
            picture.nodes.push(server(world, *id, at, frame));
        }
        picture.link_all(&members, &members);
        picture.figures.push(heading(world, of, frame));
    }
    picture.figures.push(table(world, frame));
    picture
}

fn set(of: Protocol, register: i64, value: i64) -> Input {
    Input::call(trio::SET, &[of as i64, register, value])
}

fn set_everywhere(register: i64, value: i64) -> Vec<Input> {
    Protocol::ALL.map(|of| set(of, register, value)).to_vec()
}

fn load(value: i64) -> Input {
    Input::Setting { setting: trio::RATE, value }
}

fn titles() -> Vec<String> {
    Protocol::ALL.map(|of| of.title().to_owned()).to_vec()
}

/// Whether a group has committed within the last moments.
fn commits(world: &Trio, of: Protocol) -> bool {
    pause(world, of).is_some_and(|pause| pause < SEC / 4)
}

/// Whether a group has committed since the last crash.
fn is_back(world: &Trio, of: Protocol) -> bool {
    let crash = crashed(world).into_iter().map(|id| world.kernel().node(id).up_changed).max().unwrap_or(0);
    world.witness().commits(of).last > crash
}

/// Whether every running server has applied all of its group's commits, or nearly.
fn together(world: &Trio, slack: u32) -> bool {
    Protocol::ALL.into_iter().all(|of| {
        let at = |id: NodeId| applied(world, id);
        let members = group(world.settings(), of);
        let most = members.iter().map(|id| at(*id)).max().unwrap_or(0);
        members.into_iter().all(|id| at(id) + slack >= most)
    })
}

const TOUR: &[Beat] = &[
    Beat::new(
        "Three leaders",
        "Three groups of three servers, each with a protocol of its own, all with the same latency and the same \
         *timeouts*. Each elects a leader.",
        |world| leaders(world).len() == 3,
    )
    .look(leaders),
    Beat::new(
        "The same command for each",
        "x is set to 5. Each leader sends the command to its followers and waits for a majority, which is itself \
         and one more.",
        |world| committed(world) >= 1,
    )
    .first(|_| set_everywhere(0, 5))
    .midway()
    .look(leaders),
    Beat::new(
        "The followers hear of it",
        "The leaders know that the command is *committed*. Their followers do not yet. Multi-Paxos and Zab send \
         them a separate message; Raft lets the news ride on the next message, here a heartbeat.",
        |world| committed(world) >= 1 && together(world, 0),
    )
    .look(all),
    Beat::new(
        "A steady load",
        "Now 20 commands a second come, each to all three leaders at once. *Commit* is the *median* time until a \
         leader knows that its command is committed.",
        |world| committed(world) >= 10,
    )
    .first(|_| vec![load(LOAD)])
    .midway()
    .look(leaders)
    .ask(Predict {
        question: "Multi-Paxos and Zab send a third message. Does a commit take longer?",
        options: |_| ["Yes, half as long again", "Yes, twice as long", "No"].map(str::to_owned).to_vec(),
        answer: |world| {
            let of = |of: Protocol| median(world, of).unwrap_or(0);
            let (quick, slow) = (Protocol::ALL.map(of).into_iter().min(), Protocol::ALL.map(of).into_iter().max());
            let apart = slow.zip(quick).is_some_and(|(slow, quick)| (slow - quick) * 5 > slow);
            if apart { 0 } else { 2 }
        },
        because: "It leaves once the command is committed. In all three a commit is \
                  two message delays: out, and back from the faster follower.",
    }),
    Beat::new(
        "What a command costs",
        "The table also counts the messages that commands cause. With n servers Multi-Paxos and Zab need 3(n - 1): \
         out, back, and the news. Heartbeats are not in it.",
        |world| committed(world) >= 20,
    )
    .midway()
    .look(leaders)
    .ask(Predict {
        question: "With three servers, a command costs 4 messages in Raft. What would it cost with five?",
        options: |_| ["4", "8", "12"].map(str::to_owned).to_vec(),
        answer: |_| 1,
        because: "2(n - 1): out to each follower, and back. The news that it is committed costs no message of its \
                  own. The price is that followers apply it later.",
    }),
    Beat::new(
        "The same crash",
        "All three leaders crash at the same moment. Nobody commits until a new leader is there. In Raft and \
         Multi-Paxos a server stands after one to two timeouts, at random, and needs one round trip.",
        |world| crashed(world).len() == 3 && Protocol::ALL.into_iter().filter(|of| is_back(world, *of)).count() == 2,
    )
    .first(|world| leaders(world).into_iter().map(|node| Input::Crash { node }).collect())
    .midway()
    .look(all)
    .ask(Predict {
        question: "Which group is the last to commit again?",
        options: |_| titles(),
        answer: |world| Protocol::ALL.into_iter().position(|of| !is_back(world, of)).unwrap_or(2),
        because: "It notices after one timeout, but then waits 200 ms for a better vote, as ZooKeeper does, and \
                  needs two more round trips.",
    }),
    Beat::new(
        "All three are back",
        "The survivors of Zab look for the best vote, wait a moment for a better one, agree on an *epoch*, and \
         synchronise. Only then may the new leader broadcast.",
        |world| Protocol::ALL.into_iter().all(|of| is_back(world, of)),
    )
    .look(all),
    Beat::new(
        "The old leaders return",
        "They boot from their disks, follow whoever leads now, and get what they missed. No committed command is \
         lost, and none is applied twice.",
        |world| crashed(world).is_empty() && together(world, 4),
    )
    .first(|world| crashed(world).into_iter().map(|node| Input::Restart { node }).collect())
    .look(all),
    Beat::new(
        "Quiet again: read the table",
        "The load stops, and the followers catch up. Now read the table. Commit time: the same. Messages: two \
         against three for each follower. The pause after a crash depends on timeouts and on what a new leader must \
         do first, not on how commands are committed.",
        |world| world.settings().get(trio::RATE) == 0 && together(world, 0),
    )
    .first(|_| vec![load(0)])
    .look(leaders),
];

/// Whether two groups that have committed before are without a leader, and the third commits.
fn one_goes_on(world: &Trio) -> bool {
    let without = Protocol::ALL.into_iter().filter(|of| leader(world, *of).is_none()).count();
    committed(world) > 0
        && without == 2
        && Protocol::ALL.into_iter().any(|of| leader(world, of).is_some() && commits(world, of))
}

/// Whether no group has committed for 2 s under a load, with every server up and none paused.
fn all_silent(world: &Trio) -> bool {
    let fine = |id: NodeId| world.kernel().is_running(id);
    all(world).into_iter().all(fine)
        && Protocol::ALL.into_iter().all(|of| pause(world, of).is_some_and(|pause| pause > 2 * SEC))
}

const CHALLENGES: &[Challenge<SideBySide>] = &[
    Challenge {
        id: "one-goes-on",
        title: "One of three carries on",
        goal: "After all three have committed, leave two of the groups without a leader while the third one commits.",
        hint: "A group without a majority elects nobody.",
        reached: one_goes_on,
    },
    Challenge {
        id: "all-silent",
        title: "Nobody is down, nobody commits",
        goal: "With the load on and every server running, let no group commit for 2 s.",
        hint: "A majority must hear each other. Links can be cut.",
        reached: all_silent,
    },
];

/// Three servers each, a command for each of the first ones. Three protocols at once are far too much to see all of it:
/// each has a scenario of its own for that.
const SMALL: Hunt<SideBySide> = Hunt {
    settings: &[(trio::SERVERS, 0), (trio::RATE, 0)],
    inputs: || set_everywhere(0, 5),
    bounds: Bounds::new(100_000, 40, Budget::NONE),
    within: |_| true,
};

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<SideBySide> = Proof { breaks: &[], solutions: SOLUTIONS };

    /// The pairs of servers within each group.
    pub(super) fn pairs(world: &Trio) -> Vec<(NodeId, NodeId)> {
        let of = |of: Protocol| {
            let members = group(world.settings(), of);
            members.clone().into_iter().flat_map(move |a| members.clone().into_iter().map(move |b| (a, b)))
        };
        Protocol::ALL.into_iter().flat_map(of).filter(|(a, b)| a != b).collect()
    }

    const SOLUTIONS: &[Solution<SideBySide>] = &[
        Solution {
            challenge: "one-goes-on",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.act(load(LOAD));
                script.until(|world| committed(world) > 3);
                for of in [Protocol::Raft, Protocol::Zab] {
                    let lead = leader(script.world(), of);
                    let other = group(script.world().settings(), of).into_iter().find(|id| Some(*id) != lead);
                    for node in lead.into_iter().chain(other) {
                        script.act(Input::Crash { node });
                    }
                }
                script.until(one_goes_on);
            },
        },
        Solution {
            challenge: "all-silent",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.act(load(LOAD));
                script.until(|world| committed(world) > 3);
                for (from, to) in pairs(script.world()) {
                    script.act(Input::Cut { from, to });
                }
                script.until(all_silent);
            },
        },
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guides::kit::proof::Script;

    fn steady(choice: i64) -> Script<SideBySide> {
        let settings = vec![(trio::SERVERS, choice), (trio::RATE, LOAD)];
        let mut script = SCENARIO.script(&Origin { settings, ..SCENARIO.from(&[], &[]) });
        assert!(script.until(|world| committed(world) >= 300));
        // The load is turned off, and the last command's messages arrive.
        assert!(script.act(load(0)));
        let at_work = |world: &Trio| world.flights().any(|flight| flight.message.work);
        let end = script.world().kernel().now() + SEC;
        assert!(script.until(|world| world.kernel().now() > end && !at_work(world)));
        script
    }

    /// Two message delays, whatever the protocol; a little less, since the faster majority decides.
    #[test]
    fn a_commit_takes_two_message_delays_in_all_three() {
        for choice in [0, 1] {
            let script = steady(choice);
            for of in Protocol::ALL {
                let median = median(script.world(), of).unwrap_or(0);
                println!("{} servers: {choice}, median {median} us", of.title());
                assert!((16_000..=24_000).contains(&median), "{of:?}: {median} us");
            }
        }
    }

    /// 2(n - 1) messages a command in Raft, 3(n - 1) in Multi-Paxos and Zab, to the message.
    #[test]
    fn commands_cost_what_the_formula_says() {
        for choice in [0, 1] {
            let script = steady(choice);
            let world = script.world();
            for of in Protocol::ALL {
                let total = |metric| world.metrics().total(metric, of as u16);
                let (sent, done) = (total(trio::MESSAGES), total(trio::COMMITTED));
                println!("{} servers: {choice}, {sent} messages, {done} commands", of.title());
                assert_eq!(sent, done * of.theory(trio::servers(world.settings()) as u64), "{of:?}: {done} commands");
            }
        }
    }
}
