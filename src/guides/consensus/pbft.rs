//! PBFT: agreement with liars, by certificates of 2f + 1 signatures, in two phases, and across views.

use crate::guides::kit::prelude::*;
use crate::sim::explore::Network;
use crate::sim::machine::world::{Flight, Node};
use crate::systems::consensus::pbft::promises::{AGREEMENT, ANSWERED, TRUTH, VALIDITY};
use crate::systems::consensus::pbft::state::State;
use crate::systems::consensus::pbft::{self, Pbft, faults, is_liar, primary, replicas};
use crate::systems::consensus::pbft::{Disk, Message};
use crate::views::pbft::{
    Group, certificates, client, honest, logs, newest, proposals, replica, set, signers, state, states, supporters,
};

mod hunts;
#[cfg(not(target_arch = "wasm32"))]
mod proof;

type Beat = crate::guides::kit::tour::Beat<Pbft>;

/// The scenario.
pub static SCENARIO: Scenario<Pbft> = Scenario {
    slug: "pbft",
    title: "PBFT",
    guide: Guide::Consensus,
    level: 5,
    summary: "Four replicas execute clients' requests in one order, and one of them lies. Certificates of three \
              signatures keep the others together, and a lying leader is deposed.",
    seed: 4,
    settings: &[
        (pbft::REPLICAS, 0),
        (pbft::CLIENTS, 2),
        (pbft::LIAR, 1),
        (pbft::LIES, 0),
        (pbft::TIMEOUT, 200_000),
        (pbft::LATENCY, 10_000),
        (pbft::REST, 100_000),
    ],
    rules: &[pbft::CERTIFICATES, pbft::TWO_PHASES, pbft::CARRY_OVER, pbft::MATCHING_REPLIES],
    commands: &[pbft::ASK],
    promises: &[AGREEMENT, VALIDITY, TRUTH, ANSWERED],
    faults: FaultModel::ASYNCHRONOUS,
    charts: &[
        Chart {
            title: "View of each replica",
            about: "A step up is a primary that was deposed.",
            plot: Plot::Level(pbft::VIEW),
        },
        Chart {
            title: "Messages",
            about: "Each request costs a round of prepares and a round of commits, everyone to everyone.",
            plot: Plot::Rate(pbft::MESSAGES),
        },
        Chart {
            title: "Request to answer",
            about: "Five message delays in the normal case, and the patience of the backups when a view changes.",
            plot: Plot::Percentiles(pbft::WAITED),
        },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: TWO_REQUESTS,
    without: hunts::WITHOUT,
    terms: &[
        ("prepare", "A backup's signed word that it accepted a request under a number in this view."),
        ("primary", "The node that gives requests their order in its epoch or view."),
        ("stable", "Said of a checkpoint that 2f + 1 replicas have signed: the log before it can go."),
    ],
    before: &["consensus/byzantine-generals"],
    near: &["consensus/multi-paxos"],
    versions: versions!["PBFT, OSDI 1999", "CometBFT 0.40"],
    prose: prose!("pbft.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
};

fn liar(world: &Group) -> Option<NodeId> {
    states(world).map(|known| known.0).find(|id| is_liar(world.settings(), *id))
}

/// The primary of the highest view that anybody is in.
fn leader(world: &Group) -> Vec<NodeId> {
    let newest = honest(world).filter(|(_, state)| !state.changing).map(|(_, state)| state.view).max();
    newest.map(|view| primary(world.settings(), view)).into_iter().collect()
}

fn picture(world: &Group, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let count = replicas(world.settings());
    let ids: Vec<NodeId> = (0..count).map(NodeId::from).collect();
    let clients: Vec<NodeId> = world.nodes().map(|(id, _)| id).skip(count).collect();
    let (ring, column, shape) = match frame {
        Frame::Wide => (Area::new(176, 96, 260, 340), Area::new(0, 130, 110, 300), Shape::Server),
        Frame::Narrow => (Area::new(110, 54, 250, 196), Area::new(0, 54, 72, 220), Shape::Client),
    };
    for (id, at) in ids.iter().zip(ring.circle(count)) {
        picture.nodes.push(replica(world, *id, at, shape));
    }
    for (id, at) in clients.iter().zip(column.column(clients.len())) {
        picture.nodes.push(client(world, *id, at));
    }
    picture.link_all(&ids, &ids);
    picture.link_all(&clients, &ids);
    picture.sets = supporters(world);
    match frame {
        Frame::Wide => {
            picture.figures.push(certificates(world, (504, 40), (448, 210)));
            picture.figures.push(logs(world, (504, 280), (448, 220)));
        }
        Frame::Narrow => picture.figures.push(certificates(world, (8, 336), (384, 216))),
    }
    picture
}

/// Whether the honest replicas are all in one view of at least this number, and run.
fn settled(world: &Group, least: u32) -> bool {
    let view = honest(world).map(|(_, state)| state.view).max().unwrap_or(0);
    view >= least
        && honest(world).all(|(id, state)| state.view == view && !state.changing && world.kernel().is_running(id))
}

/// Whether two honest replicas have accepted different requests under one number in one view.
fn two_stories(world: &Group) -> bool {
    newest(world).is_some_and(|seq| proposals(world, seq).1.len() >= 2)
}

/// The most signatures that one request has under number 1 in view 0.
fn best_story(world: &Group) -> u32 {
    let (view, digests) = proposals(world, 1);
    digests.iter().map(|digest| signers(world, 1, false, view, *digest).count_ones()).max().unwrap_or(0)
}

fn everyone(world: &Group) -> Vec<NodeId> {
    states(world).map(|known| known.0).collect()
}

const R3: NodeId = NodeId(3);

const TOUR: &[Beat] = &[
    Beat::new(
        "Four replicas, one liar",
        "Four replicas keep the same service for two clients. R0 is the *primary* of view 0: it gives requests \
         their numbers. It is also a liar. The others do not know. Watch both clients ask.",
        |world| on_the_way(world, |message| matches!(message, Message::Request(_))) >= 2,
    )
    .midway()
    .look(|world| liar(world).into_iter().collect()),
    Beat::new(
        "Two stories",
        "R0 gives number 1 to A1 when it speaks to R1, and to B1 when it speaks to R2. R3 hears nothing.",
        two_stories,
    )
    .midway()
    .look(|_| vec![NodeId(1), NodeId(2)]),
    Beat::new(
        "Everyone tells everyone",
        "A backup that accepts a number tells all others: *prepare*. Three signatures of four are a certificate. \
         Any two certificates share two replicas, so at least one honest one, who signs only one story.",
        |world| {
            state(world, R3).and_then(|state| state.log.get(&1)).is_some_and(|slot| {
                slot.votes.iter().filter(|votes| !votes.commit).fold(0, |all, votes| all | votes.by) & 6 == 6
            })
        },
    )
    .look(|_| vec![NodeId(1), NodeId(2), R3])
    .ask(Predict {
        question: "How many signatures does the better of the two stories get?",
        options: |_| ["One", "Two", "Three"].map(str::to_owned).to_vec(),
        answer: |world| best_story(world).saturating_sub(1) as usize,
        because: "The liar signs both stories, and each has one honest backup. Two are no certificate, so nothing is \
                  executed.",
    }),
    Beat::new(
        "Patience runs out",
        "Nothing is executed. The ring around a backup is how long it still waits. When it is empty, the backup \
         asks for view 1 and tells everyone what it can prove.",
        |world| honest(world).any(|(_, state)| state.changing),
    )
    .midway()
    .look(|world| honest(world).filter(|known| known.1.changing).map(|known| known.0).collect()),
    Beat::new(
        "A new view",
        "The primary of view v is replica v mod 4. It needs three view changes, and shows them: everyone can check \
         that what was prepared is carried over. Here nothing was.",
        |world| settled(world, 1),
    )
    .midway()
    .look(leader)
    .ask(Predict {
        question: "Who leads next?",
        options: |world| everyone(world).into_iter().map(|id| Pbft::name(world.settings(), id)).collect(),
        answer: |world| leader(world).first().map_or(0, |id| id.index()),
        because: "View 1 belongs to R1. The turn goes round by number: there is no vote to win, and no liar can stay.",
    }),
    Beat::new(
        "Prepared, then committed",
        "Now number 1 gets its certificate of prepares. Each replica that has one says *commit*. With three commits \
         it knows that enough others know, and executes: a later view cannot forget it.",
        |world| world.witness().under(1).is_some(),
    )
    .midway()
    .look(everyone),
    Beat::new(
        "Two equal replies",
        "Replicas reply to the client themselves. The client believes two equal replies: at most one of the two \
         lies, so the other is honest.",
        |world| world.witness().answered > 0,
    )
    .look(|world| world.nodes().map(|(id, _)| id).skip(replicas(world.settings())).collect()),
    Beat::new(
        "A checkpoint",
        "After every four numbers the replicas sign their state. With three signatures it is *stable*, and the log \
         up to there can go.",
        |world| honest(world).all(|(_, state)| state.stable.seq >= pbft::INTERVAL),
    )
    .look(everyone),
    Beat::new("One too many", "Now the liar keeps silent, and R3 crashes. Two of four are left.", |world| {
        honest(world).any(|(_, state)| state.changing && state.view >= 2)
    })
    .first(|_| vec![set(pbft::LIES, pbft::SILENCE as i64), Input::Crash { node: R3 }])
    .midway()
    .look(|_| vec![NodeId(1), NodeId(2)])
    .ask(Predict {
        question: "What do the two do?",
        options: |_| ["They go on", "They diverge", "They stop, and try another view"].map(str::to_owned).to_vec(),
        answer: |world| match world.witness().fork {
            Some(_) => 1,
            None => 2,
        },
        because: "Two signatures are no certificate. With more than f faults the service may stop. The honest do not \
                  diverge.",
    }),
    Beat::new(
        "And back",
        "R3 restarts from its disk. Now three are there again, which is enough: they meet in a new view and go on.",
        |world| settled(world, 2),
    )
    .first(|_| vec![Input::Restart { node: R3 }])
    .midway()
    .look(leader),
];

/// Whether enough replicas work in a later view although nobody lies.
fn honest_deposed(world: &Group) -> bool {
    let works = |(id, state): &(NodeId, &State)| state.view >= 1 && !state.changing && world.kernel().is_running(*id);
    liar(world).is_none() && states(world).filter(works).count() > 2 * faults(world.settings())
}

fn took_over(world: &Group) -> bool {
    honest(world).any(|(_, state)| state.took_over > 0)
}

const CHALLENGES: &[Challenge<Pbft>] = &[
    Challenge {
        id: "depose",
        title: "Depose an honest primary",
        goal: "With nobody lying, have three replicas work in a later view than 0.",
        hint: "Start with nobody as liar. The backups cannot tell a primary that crashed, or is cut off, from one \
               that lies.",
        reached: honest_deposed,
    },
    Challenge {
        id: "catch-up",
        title: "Skip what was signed for",
        goal: "Have an honest replica take over a checkpoint's state instead of executing what led to it.",
        hint: "Keep one replica away until the others have a newer stable checkpoint: their logs no longer hold what \
               it missed.",
        reached: took_over,
    },
    Challenge {
        id: "fork",
        title: "Two histories",
        goal: "Have two honest replicas execute different requests under one number.",
        hint: "As long as three signatures are needed, the two stories never get them. What if two were enough?",
        reached: |world| world.witness().fork.is_some(),
    },
];

/// One request of each client, at most one view change, and nothing that was said twice.
fn small(world: &Group) -> bool {
    let is_small = |(_, node): (NodeId, &Node<Pbft>)| match &node.disk {
        Disk::Client { t } => {
            let waiting = node.memory.as_ref().and_then(|memory| memory.waiting.as_ref());
            *t <= 1 && waiting.is_none_or(|waiting| waiting.again == 0)
        }
        Disk::Replica(state) => state.view <= 1,
    };
    world.nodes().all(is_small) && says_nothing_twice(world)
}

fn says_nothing_twice(world: &Group) -> bool {
    let flights: Vec<_> = world.flights().collect();
    let is_again = |at: usize| {
        let one = &flights[at];
        let known = match one.message {
            Message::ViewChange(change) => state(world, one.pending.node)
                .is_some_and(|state| state.changes.get(&one.from.0).is_some_and(|known| known.view >= change.view)),
            _ => false,
        };
        let same = |other: &Flight<Pbft>| {
            (other.from, other.pending.node) == (one.from, one.pending.node) && other.message == one.message
        };
        known || flights[..at].iter().any(same)
    };
    !(0..flights.len()).any(is_again)
}

/// Two requests, a lying primary, one view change.
const TWO_REQUESTS: Hunt<Pbft> = Hunt {
    settings: &[],
    inputs: Vec::new,
    bounds: Bounds { network: Network::Patient, ..Bounds::new(300_000, 30, Budget::NONE) },
    within: small,
};

#[cfg(test)]
mod tests;
