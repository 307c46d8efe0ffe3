//! Two generals: why no number of confirmations makes two sides sure of each other over a channel that loses messages.

use crate::guides::kit::scenario::{
    Beat, Breaks, Challenge, Chart, Fields, Guide, Hunt, Inspection, Plot, Predict, Scenario, no_inputs, node_subject,
};
use crate::picture::{Body, Cell, Figure, Frame, Glyph, Look, NodeMark, Picture, Shape, TimerRing, Tone};
use crate::prose;
use crate::sim::NodeId;
use crate::sim::declare::settings::Settings;
use crate::sim::explore::{Bounds, Budget};
use crate::sim::machine::world::World;
use crate::sim::run::chaos::FaultModel;
use crate::sim::run::tape::{Input, Origin};
use crate::systems::consensus::two_generals::promises::TOGETHER;
use crate::systems::consensus::two_generals::{
    self as generals, FIRST, Message, SECOND, Timer, TwoGenerals, awaited, last_message,
};

type Valley = World<TwoGenerals>;

/// The scenario.
pub static SCENARIO: Scenario<TwoGenerals> = Scenario {
    slug: "two-generals",
    title: "Two generals",
    guide: Guide::Consensus,
    level: 1,
    summary: "Two armies must attack together or not at all, and every messenger may be caught. How many confirmations \
              make both sure? No number does.",
    seed: 3,
    settings: &[
        (generals::CONFIRMATIONS, 2),
        (generals::MESSENGERS, 1),
        (generals::CAUGHT, 0),
        (generals::VALLEY, 20_000),
    ],
    busy: &[],
    fixed: &[],
    rules: &[],
    commands: &[generals::AGAIN],
    promises: &[TOGETHER],
    impossible: true,
    faults: FaultModel { drop: true, delay: true, ..FaultModel::NONE },
    charts: &[
        Chart {
            title: "Nights on which each attacked",
            about: "Were the promise kept, the two would always be equal.",
            plot: Plot::Share(generals::ATTACKS),
        },
        Chart { title: "Messengers", about: "Each confirmation costs another one.", plot: Plot::Rate(generals::SENT) },
    ],
    subject: node_subject::<TwoGenerals>,
    picture,
    look,
    fields,
    inspect,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ONE_NIGHT,
    breaks: BREAKS,
    prose: prose!("two_generals.md"),
};

fn picture(world: &Valley, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let (places, knows, tallies) = match frame {
        Frame::Wide => ([(140, 150), (820, 150)], (120, 270), (540, 270)),
        Frame::Narrow => ([(80, 90), (320, 90)], (10, 200), (10, 360)),
    };
    for (id, at) in [FIRST, SECOND].into_iter().zip(places) {
        picture.nodes.push(general(world, id, at));
    }
    picture.link_all(&[FIRST], &[SECOND]);
    let size = if frame == Frame::Wide { (320, 200) } else { (380, 130) };
    picture.figures.push(knowledge(world, knows, size));
    picture.figures.push(nights(world, tallies, size));
    picture
}

fn general(world: &Valley, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Server, if id == FIRST { "A" } else { "B" });
    mark.tone = Tone::Neutral;
    let Some(memory) = world.memory(id) else { return mark };
    let is_night = world.timers(id).any(|(timer, _)| timer == Timer::Dawn);
    (mark.state, mark.tone) = match (is_night, memory.attacked) {
        (true, _) if memory.received >= awaited(world.settings(), id) => ("will attack".to_owned(), Tone::Active),
        (true, _) => ("waits for word".to_owned(), Tone::Neutral),
        (false, Some(true)) => ("attacks".to_owned(), Tone::Active),
        (false, Some(false)) => ("stays".to_owned(), Tone::Off),
        (false, None) => ("before the first night".to_owned(), Tone::Neutral),
    };
    let dawn = world.timers(id).find(|(timer, _)| *timer == Timer::Dawn);
    mark.ring = dawn.map(|(_, pending)| TimerRing { since: pending.since, until: pending.at });
    mark
}

/// What each general has got, and what it waits for.
fn knowledge(world: &Valley, at: (i32, i32), size: (i32, i32)) -> Figure {
    let row = |id: NodeId| {
        let (got, sent) = world.memory(id).map_or((0, 0), |memory| (memory.received, memory.sent));
        let wanted = awaited(world.settings(), id);
        let tone = if got >= wanted { Tone::Fine } else { Tone::Question };
        vec![
            Cell::firm(if id == FIRST { "A" } else { "B" }, Tone::Neutral),
            Cell::firm(number(sent), Tone::Neutral),
            Cell::firm(number(got), tone),
            Cell::firm(number(wanted), Tone::Neutral),
        ]
    };
    let head = ["general", "sent", "got", "waits for"].map(str::to_owned).to_vec();
    let title = format!("Messages tonight, of {}", last_message(world.settings()));
    Figure { id: "knowledge", at, size, title, body: Body::Table { head, rows: [FIRST, SECOND].map(row).to_vec() } }
}

fn number(message: u32) -> String {
    if message == 0 { "none".to_owned() } else { format!("message {message}") }
}

/// How the nights went, beside what probability says.
fn nights(world: &Valley, at: (i32, i32), size: (i32, i32)) -> Figure {
    let (witness, odds) = (world.witness(), odds(world.settings()));
    let row = |what: &str, count: u32, odds: f64, tone: Tone| {
        let share = format!("{:.1} %", odds * 100.0);
        vec![Cell::firm(what, Tone::Neutral), Cell::firm(count.to_string(), tone), Cell::loose(share, Tone::Neutral)]
    };
    let rows = vec![
        row("both attack", witness.both, odds[0], Tone::Fine),
        row("neither", witness.neither, odds[1], Tone::Neutral),
        row("one alone", witness.alone, odds[2], Tone::Broken),
    ];
    let head = ["night ends", "so far", "expected"].map(str::to_owned).to_vec();
    let title = format!("{} nights", witness.nights());
    Figure { id: "nights", at, size, title, body: Body::Table { head, rows } }
}

/// The odds of a night: both attack, neither does, one goes alone. A message is lost when all its messengers are
/// caught; one goes alone when all but the last message arrive.
fn odds(settings: &Settings) -> [f64; 3] {
    let (caught, men) = (settings.amount(generals::CAUGHT) as f64 / 100.0, settings.amount(generals::MESSENGERS));
    let power = |base: f64, times: u64| (0..times).fold(1.0, |product, _| product * base);
    let lost = power(caught, men);
    let before_last = power(1.0 - lost, settings.amount(generals::CONFIRMATIONS));
    let (both, alone) = (before_last * (1.0 - lost), before_last * lost);
    [both, 1.0 - both - alone, alone]
}

fn look(message: &Message) -> Look {
    match message.number {
        1 => Look { letter: 'A', glyph: Glyph::Square, tone: Tone::Producer },
        number => {
            Look { letter: char::from_digit(number - 1, 10).unwrap_or('c'), glyph: Glyph::Pill, tone: Tone::Consumer }
        }
    }
}

fn fields(_: &Settings, message: &Message) -> Fields {
    vec![("night".to_owned(), message.night.to_string()), ("message".to_owned(), message.number.to_string())]
}

fn inspect(world: &Valley, id: NodeId) -> Inspection {
    let Some(node) = world.node(id) else { return Inspection::default() };
    let field = |name: &str, value: String| (name.to_owned(), value);
    let memory = node.memory.as_ref().map_or_else(Vec::new, |memory| {
        vec![
            field("sent tonight", number(memory.sent)),
            field("got tonight", number(memory.received)),
            field("waits for", number(awaited(world.settings(), id))),
            field(
                "last dawn",
                memory.attacked.map_or("none yet", |attacked| if attacked { "attacked" } else { "stayed" }).to_owned(),
            ),
        ]
    });
    Inspection { disk: vec![field("nights", node.disk.to_string())], memory }
}

fn set(setting: crate::sim::declare::settings::SettingId, value: i64) -> Input {
    Input::Setting { setting, value }
}

/// The messenger who carries this message, if he is on his way.
fn messenger(world: &Valley, wanted: u32) -> Option<u64> {
    world.flights().find(|flight| flight.message.number == wanted).map(|flight| flight.pending.id)
}

fn received(world: &Valley, id: NodeId) -> u32 {
    world.memory(id).map_or(0, |memory| memory.received)
}

/// Catches the messenger who carries a message.
fn catch(world: &Valley, wanted: u32) -> Vec<Input> {
    messenger(world, wanted).map(|id| Input::Drop { id }).into_iter().collect()
}

const TOUR: &[Beat<TwoGenerals>] = &[
    Beat {
        title: "A valley between",
        say: "Two generals hold two hills. Together they win; alone either loses. Only messengers connect them, through a \
              valley that the enemy holds. General A is about to propose: we attack at dawn.",
        inputs: no_inputs,
        until: |world| world.kernel().now() == 0,
        look: |_| vec![FIRST, SECOND],
        predict: None,
    },
    Beat {
        title: "The plan",
        say: "A sends the plan. The messenger arrives, and B knows. But A does not know that B knows, so A cannot attack \
              on this alone.",
        inputs: no_inputs,
        until: |world| received(world, SECOND) == 1,
        look: |_| vec![SECOND],
        predict: None,
    },
    Beat {
        title: "A confirmation, and another",
        say: "B confirms. Now A knows that B knows, and B does not know that the confirmation arrived. So A confirms the \
              confirmation. This much they have agreed on: the plan and two confirmations.",
        inputs: no_inputs,
        until: |world| received(world, SECOND) == 3,
        look: |_| vec![FIRST, SECOND],
        predict: Some(Predict {
            question: "The last message has arrived. Who can be sure of that?",
            options: |_| vec!["A".to_owned(), "B".to_owned(), "Both".to_owned()],
            answer: |world| if received(world, SECOND) == 3 { 1 } else { 0 },
            because: "B got it. A, who sent it, will never hear of it: nothing follows the last message.",
        }),
    },
    Beat {
        title: "Dawn",
        say: "Each attacks if it has got the last message that it was to get. Tonight no messenger was caught, and both \
              attack.",
        inputs: no_inputs,
        until: |world| world.witness().both == 1,
        look: |_| vec![FIRST, SECOND],
        predict: None,
    },
    Beat {
        title: "The last messenger is caught",
        say: "Another night. The plan arrives, and the first confirmation. The messenger with the last one is caught in \
              the valley. Everything that A is to get, A has got.",
        inputs: no_inputs,
        until: |world| messenger(world, 3).is_some(),
        look: |_| vec![FIRST],
        predict: None,
    },
    Beat {
        title: "One goes alone",
        say: "A saw no difference between this night and the last. What it does on one it does on the other, so it \
              attacks. B waited for a word that did not come.",
        inputs: |world| catch(world, 3),
        until: |world| world.witness().alone == 1,
        look: |_| vec![FIRST, SECOND],
        predict: Some(Predict {
            question: "Who attacks?",
            options: |_| vec!["A alone".to_owned(), "B alone".to_owned(), "Neither".to_owned()],
            answer: |world| match world.witness().split {
                Some((_, 0)) => 0,
                Some(_) => 1,
                None => 2,
            },
            because: "Add a confirmation, and another messenger is the last. Somebody always sends it and never knows.",
        }),
    },
    Beat {
        title: "What can be had: odds",
        say: "Now every fifth messenger is caught, by chance. With eight confirmations one general seldom goes alone: \
              all but the last must arrive for it. But then they seldom attack at all.",
        inputs: |_| vec![set(generals::CAUGHT, 20), set(generals::CONFIRMATIONS, 8)],
        until: |world| world.witness().nights() >= 12,
        look: |_| vec![FIRST, SECOND],
        predict: None,
    },
];

const CHALLENGES: &[Challenge<TwoGenerals>] = &[
    Challenge {
        id: "b-alone",
        title: "B goes alone",
        goal: "Have General B attack on a night on which General A stays.",
        hint: "Who waits for the last message depends on how many there are. With one confirmation, A does.",
        reached: |world| matches!(world.witness().split, Some((_, 1))),
        origin,
        solve: |script| {
            script.act(set(generals::CONFIRMATIONS, 1));
            script.until(|world| messenger(world, 2).is_some());
            let caught = catch(script.world(), 2);
            caught.into_iter().for_each(|input| {
                script.act(input);
            });
            script.until(|world| world.witness().split.is_some());
        },
    },
    Challenge {
        id: "through-the-night",
        title: "All the same",
        goal: "At 50 % caught or more, have both attack on one night with four confirmations or more.",
        hint: "Five men a message are caught together only seldom.",
        reached: |world| {
            let settings = world.settings();
            let hard = settings.amount(generals::CAUGHT) >= 50 && settings.amount(generals::CONFIRMATIONS) >= 4;
            hard && world.witness().both > 0
        },
        origin,
        solve: |script| {
            for (setting, value) in [(generals::CAUGHT, 50), (generals::CONFIRMATIONS, 4), (generals::MESSENGERS, 5)] {
                script.act(set(setting, value));
            }
            script.until(|world| world.witness().both > 0);
        },
    },
];

fn origin() -> Origin {
    Origin { seed: SCENARIO.seed, ..Origin::default() }
}

/// One night, and one messenger who may be caught.
const ONE_NIGHT: Hunt<TwoGenerals> = Hunt {
    settings: &[],
    inputs: Vec::new,
    bounds: Bounds::new(200_000, 40, Budget { drops: 1, ..Budget::NONE }),
    within: |world| world.nodes().all(|(_, node)| node.disk <= 1),
};

const BREAKS: &[Breaks<TwoGenerals>] = &[];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::declare::rules::RuleSet;
    use crate::sim::machine::system::System;
    use crate::sim::run::simulation::Simulation;

    /// Over many nights the shares come near what probability says: p (1 - p)^k nights on which one goes alone.
    #[test]
    fn odds_are_as_expected() {
        for (confirmations, men) in [(0, 1), (2, 1), (5, 1), (2, 2)] {
            let mut settings = Settings::defaults(TwoGenerals::SETTINGS);
            settings.set(generals::CAUGHT, 20);
            settings.set(generals::CONFIRMATIONS, confirmations);
            settings.set(generals::MESSENGERS, men);
            let expected = odds(&settings);
            let mut world: Valley = World::new(settings, RuleSet::ALL, 11, &[]);
            while world.witness().nights() < 4_000 && world.step().is_some() {}
            let seen = world.witness();
            let shares = [seen.both, seen.neither, seen.alone].map(|count| f64::from(count) / f64::from(seen.nights()));
            for (share, expected) in shares.into_iter().zip(expected) {
                assert!((share - expected).abs() < 0.025, "{confirmations} {men}: {share} and not {expected}");
            }
        }
    }
}
