//! A token ring: one token, one node inside; and how a ring that has lost its token gets another one, and only one.

use crate::guides::kit::scenario::{
    Beat, Breaks, Challenge, Chart, Fields, Guide, Hunt, Inspection, Plot, Predict, Scenario, Way, no_inputs,
    node_subject,
};
use crate::picture::layout::Area;
use crate::picture::{Body, Cell, Figure, Frame, Glyph, LinkMark, Look, NodeMark, Picture, Shape, TimerRing, Tone};
use crate::prose;
use crate::sim::NodeId;
use crate::sim::declare::settings::Settings;
use crate::sim::explore::{Bounds, Budget};
use crate::sim::kernel::time::{self, SEC};
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::MetricId;
use crate::sim::run::chaos::FaultModel;
use crate::sim::run::tape::{Input, Origin};
use crate::systems::consensus::token_ring::promises::{ALL_GET_IN, ONE_INSIDE, calling, in_time, inside, tokens};
use crate::systems::consensus::token_ring::{self as ring, Cargo, Memory, Message, Number, Timer, TokenRing};

type Ring = World<TokenRing>;

/// The scenario.
pub static SCENARIO: Scenario<TokenRing> = Scenario {
    slug: "token-ring",
    title: "Token ring",
    guide: Guide::Consensus,
    level: 2,
    summary: "Five nodes in a ring pass one token round, and only who has it may go in. When the token is lost, the ring \
              finds out that it is, and makes one new token.",
    seed: 8,
    settings: &[
        (ring::NODES, 5),
        (ring::INSIDE, 60_000),
        (ring::HOP, 10_000),
        (ring::SILENCE, 600_000),
        (ring::THINK, 500_000),
    ],
    busy: &[],
    fixed: &[],
    rules: &[ring::SILENT_ROUND, ring::NEWER],
    commands: &[ring::WANT],
    promises: &[ONE_INSIDE, ALL_GET_IN],
    impossible: false,
    // Nodes crash, with the token too, and messages arrive twice. A node that runs answers, and in time.
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
    subject: node_or_all,
    picture,
    look,
    fields,
    inspect,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: CRASHES,
    breaks: BREAKS,
    prose: prose!("token_ring.md"),
};

/// Messages and waits are measured for all nodes together.
fn node_or_all(settings: &Settings, metric: MetricId, subject: u16) -> String {
    if metric == ring::MESSAGES { "all".to_owned() } else { node_subject::<TokenRing>(settings, metric, subject) }
}

fn all(world: &Ring) -> Vec<NodeId> {
    world.nodes().map(|(id, _)| id).collect()
}

fn name(world: &Ring, node: NodeId) -> String {
    TokenRing::name(world.settings(), node)
}

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

fn those_calling(world: &Ring) -> Vec<NodeId> {
    calling(world).collect()
}

/// The highest epoch anybody has seen.
fn epoch(world: &Ring) -> u32 {
    world.nodes().map(|(_, node)| node.disk.seen.epoch).max().unwrap_or(0)
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

/// The ring; dashed next to a node that is down. Chords only where a message passes over such a node.
fn link(world: &Ring, picture: &mut Picture, nodes: &[NodeId]) {
    let up = |node: NodeId| world.memory(node).is_some();
    for (a, b) in nodes.iter().zip(nodes.iter().cycle().skip(1)) {
        picture.links.push(LinkMark::new(*a, *b, !up(*a) || !up(*b)));
    }
    let sight = world.kernel().now().saturating_sub(SEC);
    let flying = world.flights().map(|flight| (flight.from, flight.pending.node));
    let lost = world.lost().filter(|lost| lost.due > sight).map(|lost| (lost.from, lost.to));
    for (a, b) in flying.chain(lost) {
        let known = |link: &LinkMark| (link.a, link.b) == (a, b) || (link.b, link.a) == (a, b);
        if a != b && !picture.links.iter().any(known) {
            picture.links.push(LinkMark::new(a, b, true));
        }
    }
}

/// What a node is doing, in a few words.
fn doing(memory: &Memory) -> (&'static str, Tone) {
    match memory {
        Memory { inside: true, .. } => ("inside", Tone::Active),
        Memory { token: Some(_), .. } => ("has token", Tone::Active),
        Memory { wants: Some(_), .. } => ("wants in", Tone::Question),
        Memory { claims: Some(_), .. } => ("calls", Tone::Risk),
        Memory { passing: Some((Cargo::Claim(_), _)), .. } => ("relays a call", Tone::Neutral),
        _ => ("idle", Tone::Neutral),
    }
}

fn station(world: &Ring, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Server, name(world, id));
    let Some(memory) = world.memory(id) else { return mark };
    let (state, tone) = doing(memory);
    (mark.state, mark.tone) = (state.to_owned(), tone);
    let shown = if memory.inside { Timer::Done } else { Timer::Silence };
    let timer = world.timers(id).find(|timer| timer.0 == shown);
    mark.ring = timer.map(|(_, pending)| TimerRing { since: pending.since, until: pending.at });
    mark
}

fn number(number: Number) -> String {
    match number.epoch {
        0 => "none".to_owned(),
        epoch => format!("epoch {epoch} #{}", number.turn),
    }
}

fn stations(world: &Ring, at: (i32, i32), size: (i32, i32)) -> Figure {
    let now = world.kernel().now();
    let row = |id: NodeId| {
        let disk = world.node(id).map(|node| node.disk).unwrap_or_default();
        let memory = world.memory(id);
        let (doing, tone) = memory.map_or(("down", Tone::Off), doing);
        let waits =
            memory.and_then(|memory| memory.wants).map_or(String::new(), |since| time::show(now.saturating_sub(since)));
        vec![
            Cell::firm(name(world, id), Tone::Neutral),
            Cell::firm(doing, tone),
            Cell::firm(waits, Tone::Question),
            Cell::firm(number(disk.seen), Tone::Neutral),
        ]
    };
    let head = ["node", "doing", "waits for", "newest seen"].map(str::to_owned).to_vec();
    let title = format!(
        "{} in the ring",
        match tokens(world).len() {
            0 => "No token".to_owned(),
            1 => "One token".to_owned(),
            more => format!("{more} tokens"),
        }
    );
    Figure {
        id: "stations",
        at,
        size,
        title,
        body: Body::Table { head, rows: all(world).into_iter().map(row).collect() },
    }
}

fn look(message: &Message) -> Look {
    let (letter, glyph, tone) = match message {
        Message::Ask => ('?', Glyph::Dot, Tone::Neutral),
        Message::Here => ('y', Glyph::Pill, Tone::Neutral),
        Message::Token(_) => ('T', Glyph::Square, Tone::Active),
        Message::Claim(_) => ('C', Glyph::Diamond, Tone::Risk),
    };
    Look { letter, glyph, tone }
}

fn fields(settings: &Settings, message: &Message) -> Fields {
    let field = |name: &str, value: String| (name.to_owned(), value);
    match message {
        Message::Ask | Message::Here => Fields::new(),
        Message::Token(number) => vec![
            field("epoch", number.epoch.to_string()),
            field("made by", TokenRing::name(settings, NodeId(number.maker))),
            field("hand-over", number.turn.to_string()),
        ],
        Message::Claim(claim) => vec![
            field("called by", TokenRing::name(settings, claim.by)),
            field("call", claim.call.to_string()),
            field("highest epoch met", claim.epoch.to_string()),
        ],
    }
}

fn inspect(world: &Ring, id: NodeId) -> Inspection {
    let Some(node) = world.node(id) else { return Inspection::default() };
    let field = |name: &str, value: String| (name.to_owned(), value);
    let disk =
        vec![field("newest token seen", number(node.disk.seen)), field("calls made", node.disk.calls.to_string())];
    let Some(memory) = &node.memory else { return Inspection { disk, memory: Vec::new() } };
    let passing = match memory.passing {
        None => "nothing".to_owned(),
        Some((Cargo::Token, to)) => format!("the token, to {}", name(world, to)),
        Some((Cargo::Claim(claim), to)) => format!("{}'s call, to {}", name(world, claim.by), name(world, to)),
    };
    let mut fields = vec![
        field("doing", doing(memory).0.to_owned()),
        field("token", memory.token.map_or("none".to_owned(), number)),
        field("hands on", passing),
    ];
    for (timer, pending) in world.timers(id) {
        let left = pending.at.saturating_sub(world.kernel().now());
        fields.push(field(&TokenRing::describe_timer(world.settings(), timer), format!("in {}", time::show(left))));
    }
    Inspection { disk, memory: fields }
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

const TOUR: &[Beat<TokenRing>] = &[
    Beat {
        title: "A ring without a token",
        say: "Five nodes have started. Each knows who comes after it, and no more. Nobody has seen a *token* yet, so each \
              will soon call for one.",
        inputs: no_inputs,
        until: |world| world.kernel().now() == 0,
        look: all,
        predict: None,
    },
    Beat {
        title: "Five calls, one token",
        say: "A call goes from node to node. A node that calls as well stops the calls of lower nodes and lets those of \
              higher ones pass. So one call alone comes home, and its node makes the token.",
        inputs: no_inputs,
        until: |world| !with_token(world).is_empty(),
        look: with_token,
        predict: Some(Predict {
            question: "Whose call goes all the way round?",
            options: names,
            answer: |world| with_token(world).first().map_or(0, |node| node.index()),
            because: "Nobody stops the call of the highest number. This is the election of Chang and Roberts.",
        }),
    },
    Beat {
        title: "Ask first, then hand over",
        say: "The holder asks the next node whether it is there, and hands over the token only after an answer. From then \
              on it has none. The square is the token.",
        inputs: no_inputs,
        until: |world| flying_token(world).is_some(),
        look: all,
        predict: None,
    },
    Beat {
        title: "Inside",
        say: "A node that wants in waits until the token comes by. It keeps the token while it is inside. There is one \
              token, so there is one node inside.",
        inputs: no_inputs,
        until: |world| inside(world).next().is_some(),
        look: those_inside,
        predict: None,
    },
    Beat {
        title: "In turn",
        say: "N3 is inside, and N4 waits. Now N2 and N5 want in as well. Nobody keeps a list: the token goes on to the next \
              node, and whoever wants in takes its turn.",
        inputs: |_| vec![want(N2), want(N5)],
        until: |world| inside(world).next().is_some_and(|node| node != N3),
        look: those_inside,
        predict: Some(Predict {
            question: "Who goes in next?",
            options: names,
            answer: |world| inside(world).next().map_or(0, NodeId::index),
            because: "The first on the way round that wants in, whoever has waited longest. So nobody waits for more than \
                      one entry of each other node.",
        }),
    },
    Beat {
        title: "The holder dies inside",
        say: "The node inside crashes, and the token is gone with its memory. The rings of the others run down: they hear \
              of no token any more.",
        inputs: |world| inside(world).map(|node| Input::Crash { node }).collect(),
        until: |world| calling(world).next().is_some(),
        look: those_calling,
        predict: None,
    },
    Beat {
        title: "A full silent round",
        say: "Silence proves nothing: somebody may only be taking long inside. So the call goes round first. Whoever has \
              the token would stop it. If it comes home, every node that runs has said that it has none.",
        inputs: no_inputs,
        until: |world| epoch(world) > 1,
        look: with_token,
        predict: Some(Predict {
            question: "Which epoch will the new token have?",
            options: |_| vec!["1 again".to_owned(), "2".to_owned(), "4, as four nodes are left".to_owned()],
            answer: |world| usize::from(epoch(world) > 1),
            because: "One more than any that a node on the way has seen, so the new token is newer than all before it.",
        }),
    },
    Beat {
        title: "A broken ring",
        say: "N4 is still down, and the ring runs through it. N3 asks it, hears nothing within 30 ms, and passes it over. \
              Watch the token take the chord to N5.",
        inputs: no_inputs,
        until: |world| flies(world, N3, Some(N5)),
        look: |_| vec![N3, N5],
        predict: None,
    },
    Beat {
        title: "N4 comes back",
        say: "N4 restarts without a token. Nobody need be told: the next time N3 asks, N4 answers.",
        inputs: |_| vec![Input::Restart { node: N4 }],
        until: |world| flies(world, N4, None),
        look: |_| vec![N4],
        predict: None,
    },
    Beat {
        title: "Lost on the way",
        say: "N4 has handed the token on, and it is lost on the link. Nobody has it now. Silence, a call all the way round, \
              a token of epoch 3.",
        inputs: |world| flying_token(world).map(|id| Input::Drop { id }).into_iter().collect(),
        until: |world| epoch(world) > 2 && inside(world).next().is_some(),
        look: with_token,
        predict: None,
    },
    Beat {
        title: "Taken for dead",
        say: "Now the node inside is paused: it stands still, and does not know. It does not answer, so the others pass it \
              over, and so does their call.",
        inputs: |world| inside(world).map(|node| Input::Pause { node }).collect(),
        until: |world| inside(world).nth(1).is_some(),
        look: those_inside,
        predict: Some(Predict {
            question: "How many will be inside?",
            options: |_| vec!["One".to_owned(), "Two".to_owned()],
            answer: |world| usize::from(inside(world).nth(1).is_some()),
            because: "The ring cannot tell a paused node from a dead one. That is where the promise ends; a lease with a \
                      fencing token is what helps here.",
        }),
    },
    Beat {
        title: "The old token dies",
        say: "The paused node goes on, leaves, and hands its token to the next one. Its epoch is older than what that node \
              has seen, so the token is ignored. One is left.",
        inputs: |world| those_inside(world).into_iter().map(|node| Input::Resume { node }).collect(),
        until: |world| tokens(world).len() == 1,
        look: with_token,
        predict: None,
    },
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
        origin,
        solve: |script| {
            script.until(|world| inside(world).next().is_some());
            script.act(Input::Setting { setting: ring::SILENCE, value: 100_000 });
            script.act(Input::Setting { setting: ring::INSIDE, value: 500_000 });
            script.until(|world| inside(world).next().is_some() && calling(world).next().is_some());
        },
    },
    Challenge {
        id: "two-tokens",
        title: "Two tokens",
        goal: "Have two tokens of different epochs in the ring.",
        hint: "The ring makes a second token when it believes that the first is lost. Cut its holder off.",
        reached: two_tokens,
        origin,
        solve: |script| {
            script.until(|world| inside(world).next().is_some());
            let side = inside(script.world()).fold(0, |side, node| side | 1 << node.0);
            script.act(Input::Partition { side });
            script.until(two_tokens);
        },
    },
    Challenge {
        id: "last-one-in",
        title: "The last one in",
        goal: "Crash every node but one, and have that one go in.",
        hint: "Its call comes round at once when nobody else answers. Crash the others while it has no token, and see.",
        reached: |world| {
            let up = all(world).into_iter().filter(|node| world.memory(*node).is_some()).count();
            up == 1 && inside(world).next().is_some()
        },
        origin,
        solve: |script| {
            script.until(|world| inside(world).next().is_some());
            for node in [NodeId(0), N3, N4, N5] {
                script.act(Input::Crash { node });
            }
            script.act(want(N2));
            script.until(|world| inside(world).next() == Some(N2));
        },
    },
];

fn origin() -> Origin {
    Origin { seed: SCENARIO.seed, ..Origin::default() }
}

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

const BREAKS: &[Breaks<TokenRing>] = &[
    Breaks { rule: ring::SILENT_ROUND, promise: ONE_INSIDE.id, way: Way::Explore(CRASHES) },
    Breaks {
        rule: ring::NEWER,
        promise: ONE_INSIDE.id,
        way: Way::Explore(Hunt {
            bounds: Bounds::new(450_000, 40, Budget { duplicates: 1, ..Budget::NONE }),
            within: |world| called(world, [0, 0, 1]) && in_time(world),
            ..CRASHES
        }),
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guides::kit::scenario::Script;
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
            let origin = Origin { settings: vec![(ring::NODES, nodes)], ..origin() };
            let mut script = Script::new(SCENARIO.world(&origin, &[]));
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
