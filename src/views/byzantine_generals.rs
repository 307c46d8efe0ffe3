//! How the generals look: who is loyal, what each was told in each round, and how it decides.

use super::prelude::*;
use crate::mechanisms::oral_messages::{ATTACK, Path, RETREAT, messages_in};
use crate::systems::consensus::byzantine_generals::promises::Battle;
use crate::systems::consensus::byzantine_generals::{
    self as generals, ByzantineGenerals, COMMANDER, Memory, Message, Timer, judge, traitors, word,
};

impl Face for ByzantineGenerals {
    fn look(message: &Message) -> Look {
        let glyph = if message.path.len() == 1 { Glyph::Square } else { Glyph::Pill };
        match message.value {
            ATTACK => Look { letter: 'A', glyph, tone: Tone::Active },
            _ => Look { letter: 'R', glyph, tone: Tone::Fine },
        }
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

    fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
        match metric {
            generals::MESSAGES => format!("round {subject}"),
            _ => ByzantineGenerals::name(settings, NodeId(subject)),
        }
    }
}

pub type Field = World<ByzantineGenerals>;

pub fn rules(world: &Field) -> RuleSet {
    Simulation::rules(world)
}

/// Whether a general lies in its current battle, or would if one began.
pub fn lies(world: &Field, id: NodeId) -> bool {
    match world.memory(id) {
        Some(memory) if memory.battle > 0 => memory.traitor,
        _ => traitors(world.settings(), rules(world)).contains(&id.0),
    }
}

pub fn lieutenants(world: &Field) -> impl Iterator<Item = (NodeId, Option<&Memory>)> {
    world.nodes().skip(1).map(|(id, node)| (id, node.memory.as_ref()))
}

fn short(id: u16) -> String {
    if id == 0 { "C".to_owned() } else { format!("L{id}") }
}

pub fn order() -> Path {
    Path::of(COMMANDER.0)
}

pub fn general(world: &Field, id: NodeId, at: (i32, i32), frame: Frame) -> NodeMark {
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

/// Once they have decided: which of the loyal generals attack, and which retreat.
pub fn sides(world: &Field) -> Vec<SetMark> {
    let side = |value: u8, label: &str, tone: Tone| {
        let on_it = |memory: &Memory| !memory.traitor && memory.decision == Some(value);
        let members = world.nodes().filter(|(_, node)| node.memory.as_ref().is_some_and(on_it)).map(|(id, _)| id);
        SetMark { members: members.collect(), label: label.to_owned(), tone }
    };
    let both = [side(ATTACK, "attack", Tone::Active), side(RETREAT, "retreat", Tone::Fine)];
    both.into_iter().filter(|set| !set.members.is_empty()).collect()
}

/// A row for each lieutenant: the order as it heard it, what the others told it, and what it makes of that.
pub fn who_told_whom(world: &Field, at: (i32, i32), size: (i32, i32)) -> Figure {
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

/// What a lieutenant makes of another's report of the order: as it heard it, or the majority after further rounds.
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
pub fn past_battles(world: &Field, at: (i32, i32), size: (i32, i32)) -> Figure {
    let row = |battle: &Battle| {
        let attack = battle.obeyed.iter().filter(|one| one.1 == ATTACK).count();
        let retreat = battle.obeyed.len() - attack;
        let disobeyed = battle.order.is_some_and(|order| battle.obeyed.iter().any(|one| one.1 != order));
        let (verdict, tone) = match (attack, retreat) {
            (1.., 1..) => ("they split", Tone::Broken),
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

fn via(settings: &Settings, path: Path) -> String {
    let names: Vec<String> = path.generals().map(|id| ByzantineGenerals::name(settings, NodeId(id))).collect();
    names.join(", then ")
}

pub fn heard(world: &Field, by: u16, path: Path) -> Option<u8> {
    world.memory(NodeId(by)).and_then(|memory| memory.heard.get(path))
}

pub const fn set(setting: SettingId, value: i64) -> Input {
    Input::Setting { setting, value }
}

/// Puts words into a traitor's mouth: 0 retreat, 1 attack, 2 nothing. Lieutenants are counted from 1.
pub fn say(traitor: i64, to: i64, what: i64) -> Input {
    Input::call(generals::SAY, &[traitor, to - 1, what])
}
