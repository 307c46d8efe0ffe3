//! Byzantine generals: agreement among generals some of whom lie, by telling each other what they were told.

use crate::guides::kit::scenario::{
    Beat, Breaks, Challenge, Chart, Fields, Guide, Hunt, Inspection, Plot, Predict, Scenario, Way, no_inputs,
};
use crate::mechanisms::oral_messages::{ATTACK, Path, RETREAT, messages_in};
use crate::picture::layout::Area;
use crate::picture::{Body, Cell, Figure, Frame, Glyph, Look, NodeMark, Picture, SetMark, Shape, TimerRing, Tone};
use crate::prose;
use crate::sim::NodeId;
use crate::sim::declare::rules::{RuleId, RuleSet};
use crate::sim::declare::settings::{SettingId, Settings};
use crate::sim::explore::{Bounds, Budget};
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::MetricId;
use crate::sim::run::chaos::FaultModel;
use crate::sim::run::simulation::Simulation;
use crate::sim::run::tape::{Input, Origin};
use crate::sim::small;
use crate::systems::consensus::byzantine_generals::promises::{AGREE, Battle, OBEYED};
use crate::systems::consensus::byzantine_generals::{
    self as generals, ByzantineGenerals, COMMANDER, Memory, Message, TRAITOR_IS_COMMANDER, Timer, judge, traitors, word,
};

type Field = World<ByzantineGenerals>;

/// The scenario.
pub static SCENARIO: Scenario<ByzantineGenerals> = Scenario {
    slug: "byzantine-generals",
    title: "Byzantine generals",
    guide: Guide::Consensus,
    level: 5,
    summary: "Four generals must do the same, and one of them lies, perhaps the commander. They tell each other what \
              they were told, and majorities do the rest.",
    seed: 2,
    settings: &[
        (generals::GENERALS, 4),
        (generals::M, 1),
        (generals::TRAITOR, 3),
        (generals::SECOND_TRAITOR, 0),
        (generals::LIES, 0),
        (generals::ORDER, 0),
        (generals::LATENCY, 50_000),
    ],
    busy: &[],
    fixed: &[],
    rules: &[generals::ENOUGH_ROUNDS, generals::MORE_THAN_3M, generals::COMMON_DEFAULT],
    commands: &[generals::SAY],
    promises: &[AGREE, OBEYED],
    impossible: false,
    faults: ONLY_THE_TRAITOR,
    charts: &[
        Chart {
            title: "Messages by round",
            about: "Every round multiplies them: 3 and 6 for four generals, 6, 30 and 120 for seven with m = 2.",
            plot: Plot::Share(generals::MESSAGES),
        },
        Chart {
            title: "Attacks",
            about: "Loyal lieutenants attack together: their bars stay equal.",
            plot: Plot::Share(generals::ATTACKS),
        },
    ],
    subject,
    picture,
    look,
    fields,
    inspect,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ANY_LIE,
    breaks: BREAKS,
    prose: prose!("byzantine_generals.md"),
};

/// The paper's assumptions A1 to A3: messages arrive, in time, and once or twice. The traitor may do what it likes, so
/// it may also crash, sleep, or have a wrong clock.
const ONLY_THE_TRAITOR: FaultModel = FaultModel {
    crash: true,
    pause: true,
    slow: true,
    skew: true,
    duplicate: true,
    most_down: 1,
    nodes: Some(|node| node == NodeId(3)),
    ..FaultModel::NONE
};

/// Messages are counted by round, attacks by general.
fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
    match metric {
        generals::MESSAGES => format!("round {subject}"),
        _ => ByzantineGenerals::name(settings, NodeId(subject)),
    }
}

fn rules(world: &Field) -> RuleSet {
    Simulation::rules(world)
}

/// Whether a general lies in the battle that it is in, or would if one began.
fn lies(world: &Field, id: NodeId) -> bool {
    match world.memory(id) {
        Some(memory) if memory.battle > 0 => memory.traitor,
        _ => traitors(world.settings(), rules(world)).contains(&id.0),
    }
}

fn lieutenants(world: &Field) -> impl Iterator<Item = (NodeId, Option<&Memory>)> {
    world.nodes().skip(1).map(|(id, node)| (id, node.memory.as_ref()))
}

fn short(id: u16) -> String {
    if id == 0 { "C".to_owned() } else { format!("L{id}") }
}

fn order() -> Path {
    Path::of(COMMANDER.0)
}

fn picture(world: &Field, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    let ids: Vec<NodeId> = world.nodes().map(|(id, _)| id).collect();
    let (ring, heard, battles, width) = match frame {
        Frame::Wide => (Area::new(70, 84, 360, 350), (500, 40), (500, 290), 452),
        Frame::Narrow => (Area::new(48, 60, 304, 204), (8, 318), (8, 442), 384),
    };
    for (id, at) in ids.iter().zip(ring.circle(ids.len())) {
        picture.nodes.push(general(world, *id, at, frame));
    }
    picture.link_all(&ids, &ids);
    picture.sets = sides(world);
    picture.figures.push(who_told_whom(world, heard, (width, if frame == Frame::Wide { 200 } else { 120 })));
    picture.figures.push(past_battles(world, battles, (width, if frame == Frame::Wide { 180 } else { 114 })));
    picture
}

fn general(world: &Field, id: NodeId, at: (i32, i32), frame: Frame) -> NodeMark {
    let (shape, label) = match frame {
        Frame::Wide => (Shape::Server, ByzantineGenerals::name(world.settings(), id)),
        Frame::Narrow => (Shape::Client, short(id.0)),
    };
    let mut mark = NodeMark::new(id, at, shape, label);
    mark.crown = id == COMMANDER;
    let Some(memory) = world.memory(id) else { return mark };
    let does = |value: u8| if value == ATTACK { ("attacks", Tone::Active) } else { ("retreats", Tone::Fine) };
    let (state, tone) = match (memory.decision, memory.heard.get(order())) {
        _ if lies(world, id) => ("traitor", Tone::Broken),
        (Some(value), _) => does(value),
        (None, Some(ATTACK)) => ("was told A", Tone::Question),
        (None, Some(_)) => ("was told R", Tone::Question),
        _ if id == COMMANDER && memory.battle > 0 => ("commands", Tone::Neutral),
        _ => ("waits", Tone::Neutral),
    };
    (mark.state, mark.tone) = (state.to_owned(), tone);
    let round = world.timers(id).find(|(timer, _)| *timer == Timer::Close);
    mark.ring = round.map(|(_, pending)| TimerRing { since: pending.since, until: pending.at });
    mark
}

/// Once they have decided: who of the loyal attacks, and who retreats.
fn sides(world: &Field) -> Vec<SetMark> {
    let side = |value: u8, label: &str, tone: Tone| {
        let on_it = |memory: &Memory| !memory.traitor && memory.decision == Some(value);
        let members = world.nodes().filter(|(_, node)| node.memory.as_ref().is_some_and(on_it)).map(|(id, _)| id);
        SetMark { members: members.collect(), label: label.to_owned(), tone }
    };
    let both = [side(ATTACK, "attack", Tone::Active), side(RETREAT, "retreat", Tone::Fine)];
    both.into_iter().filter(|set| !set.members.is_empty()).collect()
}

/// A row for each lieutenant: the order as it heard it, what the others told it, and what it makes of that.
fn who_told_whom(world: &Field, at: (i32, i32), size: (i32, i32)) -> Figure {
    let count = world.nodes().count() as u16;
    let in_full = size.0 / i32::from(count + 2) >= 58;
    let say = |value: u8| match (in_full, value) {
        (true, value) => word(value),
        (false, ATTACK) => "A",
        (false, _) => "R",
    };
    let tone = |value: u8| if value == ATTACK { Tone::Active } else { Tone::Fine };
    let told = |value: Option<u8>, by: u16| match value {
        Some(value) if lies(world, NodeId(by)) => Cell::loose(say(value), Tone::Risk),
        Some(value) => Cell::firm(say(value), tone(value)),
        None => Cell::loose("-", Tone::Off),
    };
    let row = |(id, memory): (NodeId, Option<&Memory>)| {
        let mut cells = vec![Cell::firm(short(id.0), if lies(world, id) { Tone::Broken } else { Tone::Neutral })];
        cells.push(told(memory.and_then(|memory| memory.heard.get(order())), 0));
        cells.extend((1..count).map(|by| match by == id.0 {
            true => Cell::firm("", Tone::Neutral),
            false => told(memory.and_then(|memory| second_hand(world, id, memory, by)), by),
        }));
        cells.push(match memory.and_then(|memory| memory.decision) {
            Some(value) => Cell::firm(say(value), tone(value)),
            None => Cell::loose("?", Tone::Question),
        });
        cells
    };
    let says = |by: u16| if in_full { format!("L{by} says") } else { short(by) };
    let mut head = vec![String::new(), if in_full { "order" } else { "C" }.to_owned()];
    head.extend((1..count).map(says));
    head.push(if in_full { "does" } else { "=" }.to_owned());
    let body = Body::Table { head, rows: lieutenants(world).map(row).collect() };
    Figure { id: "heard", at, size, title: headline(world), body }
}

/// What a lieutenant takes another's report of the order for: as it heard it, and after further rounds their majority.
fn second_hand(world: &Field, id: NodeId, memory: &Memory, by: u16) -> Option<u8> {
    let path = order().then(by);
    let value = memory.heard.get(path)?;
    Some(if memory.decision.is_some() { judge(world.settings(), rules(world), id, memory).value(path) } else { value })
}

/// "Battle 3, round 2 of 2: 3 + 6 messages".
fn headline(world: &Field) -> String {
    let Some(memory) = world.memory(COMMANDER).filter(|memory| memory.battle > 0) else {
        return "Before the first battle".to_owned();
    };
    let round = (memory.closed + 1).min(memory.rounds);
    let count = world.settings().amount(generals::GENERALS);
    let messages: Vec<String> =
        (1..=u64::from(memory.rounds)).map(|round| messages_in(count, round).to_string()).collect();
    format!("Battle {}, round {round} of {}: {} messages", memory.battle, memory.rounds, messages.join(" + "))
}

/// The last battles and how they went.
fn past_battles(world: &Field, at: (i32, i32), size: (i32, i32)) -> Figure {
    let row = |battle: &Battle| {
        let attack = battle.obeyed.iter().filter(|one| one.1 == ATTACK).count();
        let retreat = battle.obeyed.len() - attack;
        let disobeyed = battle.order.is_some_and(|order| battle.obeyed.iter().any(|one| one.1 != order));
        let (verdict, tone) = match (attack, retreat) {
            (1.., 1..) => ("they part", Tone::Broken),
            (0, 0) => ("", Tone::Neutral),
            _ if disobeyed => ("disobeyed", Tone::Broken),
            _ => ("together", Tone::Fine),
        };
        let order =
            battle.order.map_or(Cell::firm("traitor", Tone::Risk), |order| Cell::firm(word(order), Tone::Neutral));
        vec![
            Cell::firm(battle.number.to_string(), Tone::Neutral),
            order,
            Cell::firm(format!("{attack} A, {retreat} R"), Tone::Neutral),
            Cell::firm(verdict, tone),
        ]
    };
    let rows: Vec<Vec<Cell>> = world.witness().battles.iter().rev().take(5).map(row).collect();
    let head = ["battle", "ordered", "loyal did", "so"].map(str::to_owned).to_vec();
    Figure { id: "battles", at, size, title: "The last battles".to_owned(), body: Body::Table { head, rows } }
}

fn look(message: &Message) -> Look {
    let glyph = if message.path.len() == 1 { Glyph::Square } else { Glyph::Pill };
    match message.value {
        ATTACK => Look { letter: 'A', glyph, tone: Tone::Active },
        _ => Look { letter: 'R', glyph, tone: Tone::Fine },
    }
}

fn via(settings: &Settings, path: Path) -> String {
    let names: Vec<String> = path.generals().map(|id| ByzantineGenerals::name(settings, NodeId(id))).collect();
    names.join(", then ")
}

fn fields(settings: &Settings, message: &Message) -> Fields {
    vec![
        ("battle".to_owned(), message.battle.to_string()),
        ("value".to_owned(), word(message.value).to_owned()),
        ("said by".to_owned(), via(settings, message.path)),
    ]
}

fn inspect(world: &Field, id: NodeId) -> Inspection {
    let Some(node) = world.node(id) else { return Inspection::default() };
    let settings = world.settings();
    let told = |(to, value): &(u16, Option<u8>)| {
        let name = ByzantineGenerals::name(settings, NodeId(*to));
        (format!("as a traitor, to {name}"), value.map_or("nothing", word).to_owned())
    };
    let disk = node.disk.says.iter().map(told).collect();
    let Some(memory) = &node.memory else { return Inspection { disk, memory: Vec::new() } };
    let mut fields = vec![
        ("battle".to_owned(), memory.battle.to_string()),
        ("is".to_owned(), if lies(world, id) { "a traitor" } else { "loyal" }.to_owned()),
        ("rounds over".to_owned(), format!("{} of {}", memory.closed, memory.rounds)),
        ("does".to_owned(), memory.decision.map_or("not decided", word).to_owned()),
    ];
    let heard = memory.heard.all().take(24);
    fields.extend(heard.map(|(path, value)| (format!("by {}", via(settings, path)), word(value).to_owned())));
    Inspection { disk, memory: fields }
}

/// Whether every loyal lieutenant has decided in this battle of at least this number.
fn decided(world: &Field, battle: u32) -> bool {
    lieutenants(world).all(|(_, memory)| {
        memory.is_some_and(|memory| memory.battle >= battle && (memory.traitor || memory.decision.is_some()))
    })
}

/// Whether every lieutenant has heard an order in this battle.
fn ordered(world: &Field, battle: u32) -> bool {
    let has = |memory: &Memory| memory.battle == battle && memory.heard.get(order()).is_some();
    lieutenants(world).all(|(_, memory)| memory.is_some_and(has))
}

fn heard(world: &Field, by: u16, path: Path) -> Option<u8> {
    world.memory(NodeId(by)).and_then(|memory| memory.heard.get(path))
}

/// Where a value stands in a list of "attack", "retreat", "nothing".
fn place(value: Option<u8>) -> usize {
    match value {
        Some(ATTACK) => 0,
        Some(_) => 1,
        None => 2,
    }
}

fn loyal(world: &Field) -> Vec<NodeId> {
    lieutenants(world).map(|(id, _)| id).filter(|id| !lies(world, *id)).collect()
}

const fn set(setting: SettingId, value: i64) -> Input {
    Input::Setting { setting, value }
}

const fn rule(rule: RuleId, on: bool) -> Input {
    Input::Rule { rule, on }
}

/// Puts words into a traitor's mouth: 0 retreat, 1 attack, 2 nothing. Lieutenants are counted from 1.
fn say(traitor: i64, to: i64, what: i64) -> Input {
    Input::call(generals::SAY, &[traitor, to - 1, what])
}

const TOUR: &[Beat<ByzantineGenerals>] = &[
    Beat {
        title: "One of four is a traitor",
        say: "A commander and three lieutenants. They win if all who are loyal do the same. Lieutenant 3 is a traitor, \
              and nobody among them knows it.",
        inputs: no_inputs,
        until: |world| world.kernel().now() == 0,
        look: |_| vec![NodeId(3)],
        predict: None,
    },
    Beat {
        title: "The order",
        say: "Round 1: the commander sends the same order to each. Every message arrives, and who hears it knows who \
              sent it. The ring is what is left of the round.",
        inputs: no_inputs,
        until: |world| ordered(world, 1),
        look: |_| vec![COMMANDER],
        predict: None,
    },
    Beat {
        title: "He told me",
        say: "Round 2: each lieutenant tells the other two what it was told. So each hears of the order three times: \
              once first-hand, twice second-hand. The traitor says what it likes.",
        inputs: no_inputs,
        until: |world| {
            [1, 2]
                .into_iter()
                .all(|id| world.memory(NodeId(id)).is_some_and(|memory| memory.heard.of_round(2).count() == 2))
        },
        look: |_| vec![NodeId(1), NodeId(2)],
        predict: Some(Predict {
            question: "Lieutenant 3 was told to attack. What does it tell Lieutenant 1?",
            options: |_| ["Attack", "Retreat", "Nothing"].map(str::to_owned).to_vec(),
            answer: |world| place(heard(world, 1, order().then(3))),
            because: "It tells even numbers to attack and odd ones to retreat, to set them against each other.",
        }),
    },
    Beat {
        title: "Two against one",
        say: "Lieutenant 1 has attack, attack, retreat. It does not know which of the three is a lie. It need not: the \
              majority is attack. This is figure 3 of the paper.",
        inputs: no_inputs,
        until: |world| decided(world, 1),
        look: loyal,
        predict: Some(Predict {
            question: "What do the loyal lieutenants do?",
            options: |_| ["All attack", "All retreat", "They part"].map(str::to_owned).to_vec(),
            answer: outcome,
            because: "One lie is outvoted by the order itself and one honest report of it.",
        }),
    },
    Beat {
        title: "Now the commander lies",
        say: "The lieutenants are all loyal, and the commander tells them different things: attack to Lieutenant 2, \
              retreat to the two others.",
        inputs: |_| vec![set(generals::TRAITOR, TRAITOR_IS_COMMANDER)],
        until: |world| ordered(world, 2),
        look: |_| vec![COMMANDER],
        predict: None,
    },
    Beat {
        title: "Different words, the same three values",
        say: "Look at the rows when the second round is over. Each lieutenant holds the same three values, one of them \
              first-hand. The same values give the same majority. This is figure 4 of the paper.",
        inputs: no_inputs,
        until: |world| decided(world, 2),
        look: loyal,
        predict: Some(Predict {
            question: "What do the three loyal lieutenants do?",
            options: |_| ["All attack", "All retreat", "They part"].map(str::to_owned).to_vec(),
            answer: outcome,
            because: "Two of the three values are retreat, in every row. What they do matters less than that all do it.",
        }),
    },
    Beat {
        title: "One round less",
        say: "Leave the second round out: everyone obeys what it heard first-hand. A lying commander needs no more than \
              that to part them.",
        inputs: |_| vec![rule(generals::ENOUGH_ROUNDS, false)],
        until: |world| world.witness().parted.is_some(),
        look: loyal,
        predict: None,
    },
    Beat {
        title: "Silence is an answer",
        say: "With both rounds again, the commander says nothing at all. Rounds end by the clock, so silence is noticed, \
              and counts as retreat for everybody.",
        inputs: |_| vec![rule(generals::ENOUGH_ROUNDS, true), set(generals::LIES, generals::SILENCE as i64)],
        until: |world| decided(world, 4) && lieutenants(world).all(|(id, _)| heard(world, id.0, order()).is_none()),
        look: loyal,
        predict: None,
    },
];

/// What the loyal lieutenants did last: attack, retreat, or both.
fn outcome(world: &Field) -> usize {
    let Some(battle) = world.witness().battles.last() else { return 2 };
    let attack = battle.obeyed.iter().filter(|one| one.1 == ATTACK).count();
    match attack {
        0 => 1,
        all if all == battle.obeyed.len() => 0,
        _ => 2,
    }
}

fn three_generals(traitor: i64) -> Origin {
    let settings = vec![(generals::GENERALS, 3), (generals::TRAITOR, traitor)];
    Origin { seed: SCENARIO.seed, settings, rules_off: 0 }
}

fn are_three(world: &Field) -> bool {
    world.nodes().count() == 3
}

/// Whether a traitor commands, three lieutenants were told attack, retreat and nothing, and all do the same.
fn three_stories(world: &Field) -> bool {
    let mut told: Vec<usize> = lieutenants(world).map(|(id, _)| place(heard(world, id.0, order()))).collect();
    small::sort(&mut told);
    lies(world, COMMANDER) && told == [0, 1, 2] && decided(world, 1) && outcome(world) != 2
}

const CHALLENGES: &[Challenge<ByzantineGenerals>] = &[
    Challenge {
        id: "figure-1",
        title: "Three generals: a lying lieutenant",
        goal: "With three generals, have a loyal lieutenant disobey a loyal commander.",
        hint: "Start with 3 generals and a lieutenant as traitor, and switch off the rule that there are more than 3m.",
        reached: |world| are_three(world) && world.witness().disobeyed.is_some(),
        origin: || three_generals(2),
        solve: |script| {
            script.act(rule(generals::MORE_THAN_3M, false));
            script.until(|world| world.witness().disobeyed.is_some());
        },
    },
    Challenge {
        id: "figure-2",
        title: "Three generals: a lying commander",
        goal: "With three generals, cure the first case by believing the commander: then have the two lieutenants part.",
        hint: "Without the common default, each breaks the tie by what it heard first-hand. Now let the commander lie: \
               Lieutenant 1 hears exactly what it heard when Lieutenant 2 was the traitor.",
        reached: |world| are_three(world) && world.witness().parted.is_some(),
        origin: || three_generals(TRAITOR_IS_COMMANDER),
        solve: |script| {
            script.act(rule(generals::MORE_THAN_3M, false));
            script.act(rule(generals::COMMON_DEFAULT, false));
            script.until(|world| world.witness().parted.is_some());
        },
    },
    Challenge {
        id: "figure-4",
        title: "Three stories, one end",
        goal: "With four generals and every rule on, have the commander tell one lieutenant to attack, one to retreat \
               and one nothing, and have all three do the same.",
        hint: "Make the commander the traitor, and put words into its mouth.",
        reached: three_stories,
        origin: || Origin { seed: SCENARIO.seed, ..Origin::default() },
        solve: |script| {
            script.act(set(generals::TRAITOR, TRAITOR_IS_COMMANDER));
            for (to, what) in [(1, 1), (2, 0), (3, 2)] {
                script.act(say(0, to, what));
            }
            script.until(three_stories);
        },
    },
];

/// The explorer knows no time, and OM(m) is right by its rounds alone. So only states are left in which rounds are kept:
/// nobody is told anything before the battle begins for it, nobody's round ends before all that belongs to it was
/// said and has arrived, and there is one battle.
fn in_step(world: &Field) -> bool {
    let memory = |id: NodeId| world.memory(id);
    let said = |round: u8| match round {
        0 => true,
        1 => memory(COMMANDER).is_some_and(|memory| memory.spoken >= 1),
        _ => lieutenants(world).all(|(_, memory)| memory.is_some_and(|memory| memory.spoken >= round)),
    };
    let in_order = |memory: &Memory| memory.battle <= 1 && (1..=memory.closed).all(said);
    let is_timely = |to: NodeId, message: &Message| {
        memory(to)
            .is_some_and(|memory| memory.battle == message.battle && usize::from(memory.closed) < message.path.len())
    };
    world.nodes().all(|(_, node)| node.memory.as_ref().is_some_and(in_order))
        && world.flights().all(|flight| is_timely(flight.pending.node, flight.message))
}

/// A battle in which the commander lies in every way it can.
const ANY_LIE: Hunt<ByzantineGenerals> = Hunt {
    settings: &[(generals::TRAITOR, TRAITOR_IS_COMMANDER), (generals::LIES, generals::ANYTHING as i64)],
    inputs: Vec::new,
    bounds: Bounds::new(400_000, 60, Budget::NONE),
    within: in_step,
};

const BREAKS: &[Breaks<ByzantineGenerals>] = &[
    Breaks { rule: generals::ENOUGH_ROUNDS, promise: AGREE.id, way: Way::Explore(ANY_LIE) },
    Breaks {
        rule: generals::MORE_THAN_3M,
        promise: OBEYED.id,
        way: Way::Explore(Hunt { settings: &[(generals::GENERALS, 3), (generals::TRAITOR, 2)], ..ANY_LIE }),
    },
    Breaks {
        rule: generals::COMMON_DEFAULT,
        promise: AGREE.id,
        way: Way::Explore(Hunt {
            settings: &[(generals::GENERALS, 5), (generals::TRAITOR, TRAITOR_IS_COMMANDER)],
            ..ANY_LIE
        }),
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guides::kit::scenario::AnyScenario;
    use crate::sim::explore::Outcome;

    /// Four generals, whoever lies and whatever it says: no schedule that keeps the rounds breaks a promise.
    #[test]
    fn four_generals_bear_any_lie_of_any_one() {
        for traitor in [1, 2, 3, TRAITOR_IS_COMMANDER] {
            let settings = vec![(generals::TRAITOR, traitor), (generals::LIES, generals::ANYTHING as i64)];
            let start = SCENARIO.start(&Origin { settings, ..three_generals(traitor) });
            let report = SCENARIO.explorer(&start, ANY_LIE.bounds, None, true).map(|mut explorer| explorer.run());
            assert_eq!(report.map(|report| report.outcome), Some(Outcome::Holds), "{traitor}");
        }
    }
}
