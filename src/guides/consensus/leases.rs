//! Leases and fencing tokens: a lock that ends by itself, and a store that does not trust who says that it has it.

use crate::guides::kit::scenario::{
    Beat, Breaks, Challenge, Chart, Fields, Guide, Hunt, Inspection, Plot, Predict, Scenario, Way, no_inputs,
    node_subject,
};
use crate::picture::layout::Area;
use crate::picture::{Body, Cell, Figure, Frame, Glyph, Look, NodeMark, Picture, Shape, TimerRing, Tone};
use crate::prose;
use crate::sim::NodeId;
use crate::sim::declare::settings::Settings;
use crate::sim::explore::{Bounds, Budget};
use crate::sim::kernel::time;
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::run::chaos::FaultModel;
use crate::sim::run::tape::{Input, Origin};
use crate::systems::consensus::lease_lock::promises::{
    GOES_ON, NO_LOST_UPDATE, NO_OLD_WRITE, ONE_HOLDER, clocks_within_bound, holders,
};
use crate::systems::consensus::lease_lock::{
    self as leases, Attempt, FIRST, LOCK, Lease, LeaseLock, Memory, Message, Phase, STORE, Timer,
};

type Shop = World<LeaseLock>;

/// The scenario.
pub static SCENARIO: Scenario<LeaseLock> = Scenario {
    slug: "leases",
    title: "Leases and fencing tokens",
    guide: Guide::Consensus,
    level: 2,
    summary: "A lock lent for a second at a time, two clients, and a store. One client is paused in the middle of its \
              work, and when it goes on it still believes that it holds the lock.",
    seed: 1,
    settings: &[
        (leases::CLIENTS, 2),
        (leases::LEASE, 1_000_000),
        (leases::DRIFT, 20),
        (leases::WORK, 200_000),
        (leases::THINK, 300_000),
        (leases::LATENCY, 20_000),
    ],
    busy: &[],
    fixed: &[],
    rules: &[leases::FENCING, leases::ON_DISK, leases::MARGIN],
    commands: &[leases::WISH],
    promises: &[NO_OLD_WRITE, NO_LOST_UPDATE, ONE_HOLDER, GOES_ON],
    impossible: false,
    // Everything but pauses, and clocks within a fifth of the truth: what the lease alone can bear. What the tokens
    // promise holds under pauses as well; a test below sees to that.
    faults: FaultModel { pause: false, skew: true, ..FaultModel::ASYNCHRONOUS },
    charts: &[
        Chart {
            title: "Newest token",
            about: "Each grant raises it by one; a renewal does not.",
            plot: Plot::Level(leases::GRANTED),
        },
        Chart {
            title: "Writes taken",
            about: "A line a client. They share the lock.",
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
    subject: node_subject::<LeaseLock>,
    picture,
    look,
    fields,
    inspect,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: TWO_CLIENTS,
    breaks: BREAKS,
    prose: prose!("leases.md"),
};

fn name(world: &Shop, node: NodeId) -> String {
    LeaseLock::name(world.settings(), node)
}

fn clients(world: &Shop) -> Vec<NodeId> {
    (FIRST..world.nodes().count()).map(NodeId::from).collect()
}

fn client(world: &Shop, id: NodeId) -> Option<(Phase, Option<Lease>)> {
    match world.memory(id)? {
        Memory::Client { phase, lease, .. } => Some((*phase, *lease)),
        _ => None,
    }
}

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

fn newest(world: &Shop) -> u32 {
    match world.memory(STORE) {
        Some(Memory::Store { newest }) => *newest,
        _ => world.node(STORE).map_or(0, |node| node.disk.newest),
    }
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

fn lock_mark(world: &Shop, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(LOCK, at, Shape::Service, "lock");
    let Some(Memory::Lock { holder, grace, .. }) = world.memory(LOCK) else { return mark };
    (mark.state, mark.tone) = match holder {
        Some((holder, token)) => (format!("{} has token {token}", name(world, *holder)), Tone::Active),
        None if *grace => ("waits out a lease".to_owned(), Tone::Risk),
        None => ("free".to_owned(), Tone::Service),
    };
    let timer = world.timers(LOCK).next();
    mark.ring = timer.map(|(_, pending)| TimerRing { since: pending.since, until: pending.at });
    mark
}

fn store_mark(world: &Shop, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(STORE, at, Shape::Store, "store");
    mark.tone = Tone::Store;
    mark.state = format!("newest token {}", newest(world));
    mark
}

/// What a client is doing, in a word.
fn doing(phase: Phase) -> &'static str {
    match phase {
        Phase::Idle => "idle",
        Phase::Waits => "wants it",
        Phase::Reads => "reads",
        Phase::Works(_) => "works",
        Phase::Writes => "writes",
    }
}

fn client_mark(world: &Shop, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Client, name(world, id));
    mark.tone = Tone::Producer;
    let Some((phase, lease)) = client(world, id) else { return mark };
    mark.state = lease.map_or(doing(phase).to_owned(), |lease| format!("{}, token {}", doing(phase), lease.token));
    let Some(lease) = lease else { return mark };
    mark.tone = if holders(world).count() > 1 { Tone::Risk } else { Tone::Active };
    let timer = world.timers(id).find(|timer| timer.0 == Timer::End(lease.ask));
    mark.ring = timer.map(|(_, pending)| TimerRing { since: pending.since, until: pending.at });
    mark
}

/// Who holds the lock: what the service says, and what each client believes.
fn beliefs(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let held = match world.memory(LOCK) {
        Some(Memory::Lock { holder, .. }) => *holder,
        _ => None,
    };
    let row = |id: NodeId| {
        let (phase, lease) = client(world, id).unwrap_or((Phase::Idle, None));
        let believes = lease.map_or("no".to_owned(), |lease| format!("yes, token {}", lease.token));
        let truly = held.is_some_and(|held| held.0 == id);
        let doing = if world.memory(id).is_none() { "down" } else { doing(phase) };
        vec![
            Cell::firm(name(world, id), Tone::Neutral),
            Cell::firm(doing, Tone::Neutral),
            Cell::firm(believes, if lease.is_some() { Tone::Active } else { Tone::Neutral }),
            Cell::firm(if truly { "yes" } else { "no" }, Tone::Neutral),
        ]
    };
    let head = ["client", "doing", "believes", "by the lock"].map(str::to_owned).to_vec();
    let rows = clients(world).into_iter().map(row).collect();
    Figure { id: "beliefs", at, size, title: "Who holds the lock?".to_owned(), body: Body::Table { head, rows } }
}

/// The last writes, the newest below.
fn attempts(world: &Shop, at: (i32, i32), size: (i32, i32)) -> Figure {
    let row = |attempt: &Attempt| {
        let (verdict, tone) = match attempt {
            Attempt { ok: false, .. } => ("refused", Tone::Off),
            Attempt { value, over, .. } if *value != over + 1 => ("loses one", Tone::Broken),
            _ => ("taken", Tone::Fine),
        };
        vec![
            Cell::firm(name(world, attempt.client), Tone::Neutral),
            Cell::firm(attempt.token.to_string(), Tone::Neutral),
            Cell::firm(format!("{} to {}", attempt.over, attempt.value), Tone::Neutral),
            Cell::firm(verdict, tone),
        ]
    };
    let shown = if size.1 < 120 { 3 } else { 4 };
    let recent = &world.witness().recent;
    let rows = recent.iter().skip(recent.len().saturating_sub(shown)).map(row).collect();
    let head = ["write by", "token", "value", ""].map(str::to_owned).to_vec();
    let value = world.node(STORE).map_or(0, |node| node.disk.value);
    Figure { id: "attempts", at, size, title: format!("The store's value: {value}"), body: Body::Table { head, rows } }
}

fn look(message: &Message) -> Look {
    let (letter, glyph, tone) = match message {
        Message::Acquire { .. } => ('A', Glyph::Diamond, Tone::Question),
        Message::Renew { .. } => ('N', Glyph::Diamond, Tone::Neutral),
        Message::Grant { .. } => ('G', Glyph::Pill, Tone::Active),
        Message::Release { .. } => ('R', Glyph::Dot, Tone::Neutral),
        Message::Read { .. } => ('r', Glyph::Dot, Tone::Producer),
        Message::Value { .. } => ('v', Glyph::Pill, Tone::Store),
        Message::Write { .. } => ('W', Glyph::Square, Tone::Producer),
        Message::Done { ok: true, .. } => ('k', Glyph::Pill, Tone::Fine),
        Message::Done { .. } => ('x', Glyph::Pill, Tone::Risk),
    };
    Look { letter, glyph, tone }
}

fn fields(_: &Settings, message: &Message) -> Fields {
    let field = |name: &str, value: u32| (name.to_owned(), value.to_string());
    match *message {
        Message::Acquire { ask } => vec![field("question", ask)],
        Message::Renew { ask, token } | Message::Grant { ask, token } => {
            vec![field("question", ask), field("token", token)]
        }
        Message::Release { token } | Message::Read { token } => vec![field("token", token)],
        Message::Value { token, value } | Message::Write { token, value } => {
            vec![field("token", token), field("value", value)]
        }
        Message::Done { token, ok } => {
            vec![field("token", token), ("taken".to_owned(), if ok { "yes" } else { "no" }.to_owned())]
        }
    }
}

fn inspect(world: &Shop, id: NodeId) -> Inspection {
    let Some(node) = world.node(id) else { return Inspection::default() };
    let field = |name: &str, value: String| (name.to_owned(), value);
    let disk = match id {
        LOCK => vec![field("newest token granted", node.disk.granted.to_string())],
        STORE => vec![
            field("value", node.disk.value.to_string()),
            field("newest token seen", node.disk.newest.to_string()),
            field("token of the last write", node.disk.written.to_string()),
        ],
        _ => vec![field("questions asked", node.disk.asks.to_string())],
    };
    let mut memory = match &node.memory {
        None => return Inspection { disk, memory: Vec::new() },
        Some(Memory::Lock { holder, queue, .. }) => {
            let waiting: Vec<String> = queue.iter().map(|waiting| name(world, waiting.0)).collect();
            let held =
                holder.map_or("nobody".to_owned(), |(who, token)| format!("{}, token {token}", name(world, who)));
            vec![field("lent to", held), field("waiting", waiting.join(", "))]
        }
        Some(Memory::Store { newest }) => vec![field("newest token seen", newest.to_string())],
        Some(Memory::Client { phase, lease, .. }) => {
            let lease = lease.map_or("none".to_owned(), |lease| format!("token {}", lease.token));
            vec![field("doing", doing(*phase).to_owned()), field("lease", lease)]
        }
    };
    for (timer, pending) in world.timers(id) {
        let left = pending.at.saturating_sub(world.kernel().now());
        let what = LeaseLock::describe_timer(world.settings(), timer);
        memory.push(field(&what, format!("in {}", time::show(left))));
    }
    Inspection { disk, memory }
}

/// Whether a client that is not paused has written while another one is.
fn overtaken(world: &Shop) -> bool {
    let old = paused(world).into_iter().filter_map(|id| client(world, id)?.1).map(|lease| lease.token).max();
    old.is_some_and(|old| world.witness().newest.is_some_and(|newest| newest.token > old))
}

const TOUR: &[Beat<LeaseLock>] = &[
    Beat {
        title: "A lock and a store",
        say: "Two clients, A and B, raise the value in a store by one: they read it, work on it, and write it. So that \
              they do not get in each other's way, each first asks a lock service for the lock.",
        inputs: no_inputs,
        until: |world| world.kernel().now() == 0,
        look: clients,
        predict: None,
    },
    Beat {
        title: "Lent, not given",
        say: "The lock is lent for one second: a *lease*. The line above the lock is what is left of it there. The ring \
              around the client is what it counts on itself, and that is less.",
        inputs: no_inputs,
        until: |world| holders(world).next().is_some(),
        look: those_holding,
        predict: None,
    },
    Beat {
        title: "A number with each grant",
        say: "With the lease comes a *fencing token*: a number higher than that of every grant before. Each read and write \
              carries it, and the store remembers the newest.",
        inputs: no_inputs,
        until: |world| world.witness().newest.is_some(),
        look: |_| vec![STORE],
        predict: None,
    },
    Beat {
        title: "Token 2 and on",
        say: "The holder gives the lock back when it is done, and the next grant has a higher token. Now somebody is at \
              work again, between its read and its write.",
        inputs: no_inputs,
        until: |world| world.witness().newest.is_some_and(|newest| newest.token >= 2) && !at_work(world).is_empty(),
        look: at_work,
        predict: None,
    },
    Beat {
        title: "The holder crashes",
        say: "It crashes, and cannot give the lock back. Nobody has to do that for it: the lease ends by itself. The other \
              client waits until the line above the lock is gone.",
        inputs: |world| at_work(world).into_iter().map(|node| Input::Crash { node }).collect(),
        until: |world| {
            let down = clients(world).into_iter().any(|id| world.memory(id).is_none());
            down && !at_work(world).is_empty()
        },
        look: those_holding,
        predict: Some(Predict {
            question: "How long does the lock stay out of reach?",
            options: |_| vec!["Until the lease has ended".to_owned(), "Until the client restarts".to_owned()],
            answer: |_| 0,
            because: "The lock service needs no word from the holder. After one second by its own clock the lock is free.",
        }),
    },
    Beat {
        title: "A long pause",
        say: "The client at work is paused, by a garbage collection, say. It stands still in the middle of its work. The \
              lock service hears nothing of it and does what it does with a dead one.",
        inputs: |world| {
            let down = clients(world).into_iter().filter(|id| world.memory(*id).is_none());
            let restart = down.map(|node| Input::Restart { node });
            restart.chain(at_work(world).into_iter().map(|node| Input::Pause { node })).collect()
        },
        until: |world| holders(world).count() > 1,
        look: those_holding,
        predict: Some(Predict {
            question: "How many clients believe that they hold the lock?",
            options: |_| vec!["None".to_owned(), "One".to_owned(), "Two".to_owned()],
            answer: |world| holders(world).count().min(2),
            because: "The paused one cannot look at its clock. No margin helps, for a pause has no bound.",
        }),
    },
    Beat {
        title: "The newer one writes",
        say: "The new holder reads, works and writes, with its newer token. The store has now seen that token.",
        inputs: no_inputs,
        until: overtaken,
        look: |_| vec![STORE],
        predict: None,
    },
    Beat {
        title: "The old write arrives",
        say: "The pause ends. The client knows nothing of it, takes up its work where it stood, and writes.",
        inputs: |world| paused(world).into_iter().map(|node| Input::Resume { node }).collect(),
        until: |world| world.witness().refused && !at_work(world).is_empty(),
        look: |_| vec![STORE],
        predict: Some(Predict {
            question: "What does the store do with the write?",
            options: |_| vec!["It takes it".to_owned(), "It refuses it".to_owned()],
            answer: |world| usize::from(world.witness().refused),
            because: "The token is older than the newest it has seen. The store need not know who holds the lock.",
        }),
    },
    Beat {
        title: "The same without the rule",
        say: "The store no longer looks at tokens. Whoever is at work now is paused, and the other one gets the lock and \
              writes.",
        inputs: |world| {
            let pause = at_work(world).into_iter().map(|node| Input::Pause { node });
            std::iter::once(Input::Rule { rule: leases::FENCING, on: false }).chain(pause).collect()
        },
        until: overtaken,
        look: |_| vec![STORE],
        predict: None,
    },
    Beat {
        title: "An update is lost",
        say: "The pause ends. The old holder writes one more than what it had read, long ago.",
        inputs: |world| paused(world).into_iter().map(|node| Input::Resume { node }).collect(),
        until: |world| world.witness().lost.is_some(),
        look: |_| vec![STORE],
        predict: Some(Predict {
            question: "What becomes of the writes that came in between?",
            options: |_| vec!["They are kept".to_owned(), "They are overwritten".to_owned()],
            answer: |world| usize::from(world.witness().lost.is_some()),
            because: "The store took the old value plus one over the newer value. Each client believes that all went well.",
        }),
    },
];

/// A write on its way.
fn flying_write(world: &Shop) -> Option<u64> {
    world.flights().find(|flight| matches!(flight.message, Message::Write { .. })).map(|flight| flight.pending.id)
}

/// Holds the next write back for three seconds, longer than a lease.
fn delay_a_write(script: &mut crate::guides::kit::scenario::Script<LeaseLock>) {
    script.until(|world| flying_write(world).is_some());
    if let Some(id) = flying_write(script.world()) {
        script.act(Input::Delay { id, by: 3_000_000 });
    }
}

const CHALLENGES: &[Challenge<LeaseLock>] = &[
    Challenge {
        id: "slow-clock",
        title: "A slow clock",
        goal: "Have two clients believe that they hold the lock while nobody is paused.",
        hint: "The margin allows for clocks that are wrong by a fifth. Make the clock of one client run at a tenth of its \
               speed.",
        reached: |world| holders(world).count() > 1 && paused(world).is_empty(),
        origin,
        solve: |script| {
            let slow = NodeId::from(FIRST);
            script.act(wish(0));
            script.act(Input::Skew { node: slow, offset: 0, drift_ppm: -900_000 });
            script.until(|world| holders(world).count() > 1);
        },
    },
    Challenge {
        id: "refused",
        title: "Too late",
        goal: "Have the store refuse the write of an old holder.",
        hint: "A write may be on its way for longer than its lease. Delay one by a few seconds.",
        reached: |world| world.witness().refused,
        origin,
        solve: |script| {
            delay_a_write(script);
            script.until(|world| world.witness().refused);
        },
    },
    Challenge {
        id: "lost-update",
        title: "A lost update",
        goal: "Make the store take a write that overwrites one that its writer has never seen.",
        hint: "Turn off what stops an old holder. Then let its write come late.",
        reached: |world| world.witness().lost.is_some(),
        origin,
        solve: |script| {
            script.act(Input::Rule { rule: leases::FENCING, on: false });
            delay_a_write(script);
            script.until(|world| world.witness().lost.is_some());
        },
    },
];

fn wish(client: i64) -> Input {
    Input::call(leases::WISH, &[client])
}

fn origin() -> Origin {
    Origin { seed: SCENARIO.seed, ..Origin::default() }
}

/// Two clients that ask once each; one node crashes and comes back, and one message arrives twice.
const TWO_CLIENTS: Hunt<LeaseLock> = Hunt {
    settings: &[(leases::CLIENTS, 2)],
    inputs: Vec::new,
    bounds: Bounds::new(480_000, 60, Budget { duplicates: 1, ..Budget::crashes(1) }),
    within: |world| world.nodes().all(|(_, node)| node.disk.asks <= 1) && clocks_within_bound(world),
};

const BREAKS: &[Breaks<LeaseLock>] = &[
    Breaks {
        rule: leases::FENCING,
        promise: NO_OLD_WRITE.id,
        way: Way::Explore(Hunt { bounds: Bounds::new(480_000, 40, Budget::NONE), ..TWO_CLIENTS }),
    },
    Breaks {
        rule: leases::ON_DISK,
        promise: NO_OLD_WRITE.id,
        way: Way::Explore(Hunt { bounds: Bounds::new(480_000, 40, Budget::crashes(1)), ..TWO_CLIENTS }),
    },
    Breaks {
        rule: leases::MARGIN,
        promise: ONE_HOLDER.id,
        way: Way::Schedules {
            settings: &[],
            events: 400,
            reason: "It is about how fast two clocks run, and the explorer knows no clock.",
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guides::kit::scenario::storm;
    use crate::sim::run::Run;
    use crate::sim::run::tape::Tape;

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
