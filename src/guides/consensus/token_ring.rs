//! A token ring: one token, one node inside; and how a ring that has lost its token gets another one, and only one.

use crate::guides::kit::prelude::*;
use crate::systems::consensus::token_ring::promises::{ALL_GET_IN, ONE_INSIDE, calling, in_time, inside, tokens};
use crate::systems::consensus::token_ring::{self as ring, Message, TokenRing};
use crate::views::token_ring::{Ring, all, epoch, link, name, station, stations};

type Beat = crate::guides::kit::tour::Beat<TokenRing>;

/// The scenario.
pub static SCENARIO: Scenario<TokenRing> = Scenario {
    slug: "token-ring",
    title: "Token ring",
    guide: Guide::Consensus,
    level: 2,
    summary: "Five nodes in a ring pass one token round, and only its holder may go in. When the token is lost, the \
              ring finds out, and makes exactly one new token.",
    seed: 8,
    settings: &[
        (ring::NODES, 5),
        (ring::INSIDE, 60_000),
        (ring::HOP, 10_000),
        (ring::SILENCE, 600_000),
        (ring::THINK, 500_000),
    ],
    rules: &[ring::SILENT_ROUND, ring::NEWER],
    commands: &[ring::WANT],
    promises: &[ONE_INSIDE, ALL_GET_IN],
    faults: FaultModel { crash: true, duplicate: true, most_down: usize::MAX, ..FaultModel::NONE },
    charts: &[
        Chart {
            title: "From wish to entry",
            about: "Half a round on average, and more when others go in before. A lost token shows as a peak.",
            plot: Plot::Percentiles(ring::WAITED),
        },
        Chart {
            title: "Entries of each",
            about: "Nobody gets in twice while another waits.",
            plot: Plot::Share(ring::ENTRIES),
        },
        Chart {
            title: "Epoch that each has seen",
            about: "It rises when a new token is made. Lines part while a node is down.",
            plot: Plot::Level(ring::EPOCH),
        },
        Chart {
            title: "Messages",
            about: "The token goes round whether anybody wants in or not.",
            plot: Plot::Rate(ring::MESSAGES),
        },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: CRASHES,
    without: WITHOUT,
    terms: &[
        ("epoch", "A number raised with each new leader or token, so that old ones can be recognised."),
        ("token", "A message that exists only once; its holder may go in."),
    ],
    near: &["consensus/leases", "consensus/bully"],
    versions: versions!["Le Lann, 1977", "Chang and Roberts, 1979", "Corosync 3"],
    prose: prose!("token_ring.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn names(world: &Ring) -> Vec<String> {
    all(world).into_iter().map(|node| name(world, node)).collect()
}

fn with_token(world: &Ring) -> Vec<NodeId> {
    world
        .nodes()
        .filter(|(_, node)| node.memory.is_some_and(|memory| memory.token.is_some()))
        .map(|pair| pair.0)
        .collect()
}

fn those_inside(world: &Ring) -> Vec<NodeId> {
    inside(world).collect()
}

fn picture(world: &Ring, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let nodes = all(world);
    let (area, table, size) = match frame {
        Frame::Wide => (Area::new(90, 80, 400, 380), (580, 90), (368, 260)),
        Frame::Narrow => (Area::new(52, 50, 296, 292), (8, 410), (384, 148)),
    };
    for (id, at) in nodes.iter().zip(area.circle(nodes.len())) {
        picture.nodes.push(station(world, *id, at));
    }
    link(world, &mut picture, &nodes);
    picture.figures.push(stations(world, table, size));
    picture
}

fn want(node: NodeId) -> Input {
    Input::call(ring::WANT, &[i64::from(node.0)])
}

/// The token on its way, if it is.
fn flying_token(world: &Ring) -> Option<u64> {
    world.flights().find(|flight| matches!(flight.message, Message::Token(_))).map(|flight| flight.pending.id)
}

/// The token on its way from one node, to another one or to any.
fn flies(world: &Ring, from: NodeId, to: Option<NodeId>) -> bool {
    world.flights().any(|flight| {
        let fits = flight.from == from && to.is_none_or(|to| to == flight.pending.node);
        fits && matches!(flight.message, Message::Token(_))
    })
}

const N2: NodeId = NodeId(1);

const N3: NodeId = NodeId(2);

const N4: NodeId = NodeId(3);

const N5: NodeId = NodeId(4);

const TOUR: &[Beat] = &[
    Beat::new(
        "A ring without a token",
        "Five nodes have started. Each knows only who comes after it, and nobody has seen a *token* yet. Watch all \
         five lose patience at once: each calls for a token, and sends its call to the next one.",
        |world| calling(world).count() == 5,
    )
    .midway()
    .look(all),
    Beat::new(
        "Five calls, one token",
        "A call goes from node to node. A node that is itself calling stops the calls of lower nodes and lets those \
         of higher ones pass. Only one call comes home, and its node makes the token.",
        |world| !with_token(world).is_empty(),
    )
    .look(with_token)
    .ask(Predict {
        question: "Whose call goes all the way round?",
        options: names,
        answer: |world| with_token(world).first().map_or(0, |node| node.index()),
        because: "Nobody stops the call of the highest number. This is the election of Chang and Roberts.",
    }),
    Beat::new(
        "Ask first, then hand over",
        "The holder asks the next node whether it is there, and hands over the token only after an answer. From \
         then on it has none. The square on its way is the token.",
        |world| flying_token(world).is_some(),
    )
    .midway()
    .look(all),
    Beat::new(
        "Inside",
        "A node that wants in waits until the token comes by. It keeps the token while it is inside. There is one \
         token, so there is one node inside.",
        |world| inside(world).next().is_some(),
    )
    .look(those_inside),
    Beat::new(
        "In turn",
        "N3 is inside, and N4 waits. Now N2 and N5 want in as well. Nobody keeps a list: the token moves on to the \
         next node, and each node that wants in takes its turn.",
        |world| inside(world).next().is_some_and(|node| node != N3),
    )
    .first(|_| vec![want(N2), want(N5)])
    .look(those_inside)
    .ask(Predict {
        question: "Who goes in next?",
        options: names,
        answer: |world| inside(world).next().map_or(0, NodeId::index),
        because: "The next one on the way round that wants in, no matter who has waited longest. Nobody waits for \
                  more than one entry by each of the others.",
    }),
    Beat::new(
        "The holder dies inside",
        "The node inside crashes, and the token is gone with its memory. Silence proves nothing: somebody may just \
         be taking long inside. So a call goes round first. A node with the token would stop it. If it comes home, \
         nobody has one.",
        |world| epoch(world) > 1,
    )
    .first(|world| inside(world).map(|node| Input::Crash { node }).collect())
    .look(with_token)
    .ask(Predict {
        question: "Which epoch will the new token have?",
        options: |_| vec!["1 again".to_owned(), "2".to_owned(), "4, as four nodes are left".to_owned()],
        answer: |world| usize::from(epoch(world) > 1),
        because: "One more than any epoch seen by a node on the way, so the new token is newer than all before it.",
    }),
    Beat::new(
        "A broken ring",
        "N4 is still down, and the ring runs through it. N3 asks it, hears nothing within 30 ms, and passes it \
         over. Watch the token take the chord to N5.",
        |world| flies(world, N3, Some(N5)),
    )
    .midway()
    .look(|_| vec![N3, N5]),
    Beat::new(
        "N4 comes back",
        "N4 restarts without a token, and wants in. Nobody needs to be told: the next time N3 asks, N4 answers, and \
         gets the token like anybody else.",
        |world| inside(world).next() == Some(N4),
    )
    .first(|_| vec![Input::Restart { node: N4 }, want(N4)])
    .look(|_| vec![N4]),
    Beat::new(
        "Considered dead",
        "Now the node inside is paused: it stands still without knowing it. It does not answer, so the others pass \
         it over, and so does their call.",
        |world| inside(world).nth(1).is_some(),
    )
    .first(|world| inside(world).map(|node| Input::Pause { node }).collect())
    .look(those_inside)
    .ask(Predict {
        question: "How many will be inside?",
        options: |_| vec!["None".to_owned(), "One".to_owned(), "Two".to_owned()],
        answer: |world| inside(world).count().min(2),
        because: "The ring cannot tell a paused node from a dead one. This is where the promise ends; what helps here \
                  is a lease with a fencing token.",
    }),
    Beat::new(
        "The old token dies",
        "The paused node resumes, leaves, and hands its token to the next one. Its epoch is older than what that \
         node has seen, so the token is ignored. One is left.",
        |world| tokens(world).len() == 1,
    )
    .first(|world| those_inside(world).into_iter().map(|node| Input::Resume { node }).collect())
    .look(with_token),
];

/// Two tokens of different epochs.
fn two_tokens(world: &Ring) -> bool {
    let tokens = tokens(world);
    tokens.iter().any(|token| token.epoch != tokens[0].epoch)
}

const CHALLENGES: &[Challenge<TokenRing>] = &[
    Challenge {
        id: "false-alarm",
        title: "A false alarm",
        goal: "Have a node call for a new token while another one is inside.",
        hint: "How long is a round in which many go in? Make the silence shorter than that.",
        reached: |world| inside(world).next().is_some() && calling(world).next().is_some(),
    },
    Challenge {
        id: "two-tokens",
        title: "Two tokens",
        goal: "Have two tokens of different epochs in the ring.",
        hint: "The ring makes a second token when it believes that the first is lost. Cut its holder off.",
        reached: two_tokens,
    },
    Challenge {
        id: "last-one-in",
        title: "The last one in",
        goal: "Crash every node but one, and get that one in.",
        hint: "Its call comes round at once when nobody else answers. Crash the others while it has no token, and \
               see.",
        reached: |world| {
            let up = all(world).into_iter().filter(|node| world.memory(*node).is_some()).count();
            up == 1 && inside(world).next().is_some()
        },
    },
];

/// Three nodes of which two want in, once; one of them crashes and comes back. Two of them call for a token, once each:
/// the second call is the one that may find a token or find that it is lost.
const CRASHES: Hunt<TokenRing> = Hunt {
    settings: &[(ring::NODES, 3), (ring::THINK, 0)],
    inputs: || vec![want(NodeId(0)), want(NodeId(1))],
    bounds: Bounds::new(480_000, 60, Budget::crashes(1)),
    within: |world| called(world, [0, 1, 1]) && in_time(world),
};

/// Whether the nodes have called no more often than this, and the token has not gone on and on.
fn called(world: &Ring, most: [u32; 3]) -> bool {
    let seldom =
        |(node, most): ((NodeId, &crate::sim::machine::world::Node<TokenRing>), u32)| node.1.disk.calls <= most;
    world.nodes().zip(most).all(seldom) && world.nodes().all(|(_, node)| node.disk.seen.turn <= 2)
}

/// What is explored instead while one of these rules is off.
const WITHOUT: &[(RuleId, Hunt<TokenRing>)] = &[(
    ring::NEWER,
    Hunt {
        bounds: Bounds::new(450_000, 40, Budget { duplicates: 1, ..Budget::NONE }),
        within: |world| called(world, [0, 0, 1]) && in_time(world),
        ..CRASHES
    },
)];

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<TokenRing> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<TokenRing>] = &[
        Breaks { rule: ring::SILENT_ROUND, promise: ONE_INSIDE.id, way: Way::Explore },
        Breaks { rule: ring::NEWER, promise: ONE_INSIDE.id, way: Way::Explore },
    ];

    const SOLUTIONS: &[Solution<TokenRing>] = &[
        Solution {
            challenge: "false-alarm",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.until(|world| inside(world).next().is_some());
                script.act(Input::set(ring::SILENCE, 100_000));
                script.act(Input::set(ring::INSIDE, 500_000));
                script.until(|world| inside(world).next().is_some() && calling(world).next().is_some());
            },
        },
        Solution {
            challenge: "two-tokens",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.until(|world| inside(world).next().is_some());
                let side = inside(script.world()).fold(0, |side, node| side | 1 << node.0);
                script.act(Input::Partition { side });
                script.until(two_tokens);
            },
        },
        Solution {
            challenge: "last-one-in",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.until(|world| inside(world).next().is_some());
                for node in [NodeId(0), N3, N4, N5] {
                    script.act(Input::Crash { node });
                }
                script.act(want(N2));
                script.until(|world| inside(world).next() == Some(N2));
            },
        },
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::run::simulation::Simulation;
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    /// The condition that the explorer is given excludes nothing that links with a bound do: under crashes and lost
    /// tokens it holds after every event, and there is never more than one token.
    #[test]
    fn crashes_and_lost_tokens_make_no_message_late() {
        for seed in 0..200 {
            let mut world = SCENARIO.world(&Origin { seed, ..Origin::default() }, &[]);
            let faults = FaultModel { duplicate: false, ..SCENARIO.faults };
            let mut chaos = crate::sim::run::chaos::Chaos::new(faults, seed);
            for round in 0..60 {
                for _ in 0..chaos.gap() {
                    // Nothing happens while all are down.
                    world.step();
                    assert!(in_time(&world) && tokens(&world).len() <= 1, "seed {seed}, {}", world.kernel().now());
                }
                // A fault that does not apply is no fault.
                let lost = flying_token(&world).filter(|_| round % 3 == 0).map(|id| Input::Drop { id });
                let _ = lost.or_else(|| chaos.next(&world)).map(|input| world.apply(&input));
            }
        }
    }

    /// Chang and Roberts 1979, the best case: when all call at once and the numbers grow along the ring, the highest call
    /// goes n hops and each other one is stopped by its next neighbour: 2n - 1 in all.
    #[test]
    fn calls_in_rising_order_take_2n_minus_1_hops() {
        for nodes in [3, 5, 8] {
            let origin = Origin { settings: vec![(ring::NODES, nodes)], ..SCENARIO.from(&[], &[]) };
            let mut script = SCENARIO.script(&origin);
            let seen = RefCell::new(BTreeSet::new());
            assert!(script.until(|world| {
                let calls = world.flights().filter(|flight| matches!(flight.message, Message::Claim(_)));
                seen.borrow_mut().extend(calls.map(|flight| flight.pending.id));
                !tokens(world).is_empty()
            }));
            assert_eq!(seen.into_inner().len() as i64, 2 * nodes - 1);
        }
    }
}
