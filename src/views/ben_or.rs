//! How Ben-Or looks: voters with their ballots, what each has heard, and rounds.

use super::prelude::*;
use crate::systems::consensus::ben_or::promises::{COUNTED, Election};
use crate::systems::consensus::ben_or::{self, BenOr, Message, Phase, Said, Step, awaited, expected_rounds, word};

impl Face for BenOr {
    fn look(message: &Message) -> Look {
        let (letter, tone) = match message.value {
            Some(false) => ('0', Tone::Producer),
            Some(true) => ('1', Tone::Service),
            None => ('?', Tone::Neutral),
        };
        Look { letter, glyph: if message.phase == Phase::Report { Glyph::Dot } else { Glyph::Diamond }, tone }
    }

    fn fields(_: &Settings, message: &Message) -> Fields {
        let kind = if message.phase == Phase::Report { "1, report" } else { "2, proposal" };
        vec![
            ("decision".to_owned(), message.election.to_string()),
            ("phase".to_owned(), kind.to_owned()),
            ("round".to_owned(), message.round.to_string()),
            ("value".to_owned(), word(message.value).to_owned()),
        ]
    }

    fn inspect(world: &Vote, id: NodeId) -> Inspection {
        let Some(node) = world.node(id) else { return Inspection::default() };
        let mut disk = vec![field("decision", node.disk.election)];
        disk.extend(node.disk.cast.map(|cast| field("begins with", word(Some(cast)).to_owned())));
        let memory = node.memory.as_ref().map_or_else(Vec::new, |memory| {
            let doing = match memory.step {
                Step::Out => "takes no part".to_owned(),
                Step::Waits(Phase::Report) => "waits for reports".to_owned(),
                Step::Waits(Phase::Proposal) => "waits for proposals".to_owned(),
                Step::Tosses => "tosses a coin".to_owned(),
                Step::Decided(value) => format!("has decided {}", word(Some(value))),
            };
            let mut fields = vec![
                field("doing", doing),
                field("round", memory.round),
                field("vote", word(Some(memory.vote)).to_owned()),
            ];
            for ((round, phase), said) in &memory.heard {
                let name = format!("round {round}, {}", if *phase == Phase::Report { "reports" } else { "proposals" });
                let [zeros, ones, open] = said.map(u16::count_ones);
                fields.push((name, format!("{zeros} of 0, {ones} of 1, {open} of ?")));
            }
            fields
        });
        Inspection { disk, memory }
    }

    fn subject(settings: &Settings, metric: MetricId, subject: u16) -> String {
        if metric == ben_or::MESSAGES { "all".to_owned() } else { BenOr::name(settings, NodeId(subject)) }
    }
}

pub type Vote = World<BenOr>;

pub fn step(world: &Vote, id: NodeId) -> Step {
    world.memory(id).map_or(Step::Out, |memory| memory.step)
}

/// How a voter that is up votes at the moment.
pub fn vote(world: &Vote, id: NodeId) -> Option<bool> {
    world.memory(id).map(|memory| memory.vote)
}

pub fn voter(world: &Vote, id: NodeId, at: (i32, i32)) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Server, BenOr::name(world.settings(), id));
    let Some(memory) = world.memory(id) else { return mark };
    let own = if memory.vote { Tone::Service } else { Tone::Producer };
    (mark.state, mark.tone) = match memory.step {
        Step::Out => ("sits out".to_owned(), Tone::Neutral),
        Step::Waits(_) => (format!("{}, round {}", word(Some(memory.vote)), memory.round), own),
        Step::Tosses => (format!("tosses, round {}", memory.round), Tone::Question),
        Step::Decided(value) => (format!("decided {}", word(Some(value))), Tone::Fine),
    };
    mark
}

/// What each voter has heard in its round; a list of voters has one place for each.
pub fn heard(world: &Vote, at: (i32, i32), size: (i32, i32)) -> Figure {
    let voters = world.nodes().count();
    let places = |said: Option<&Said>| {
        let place = |voter: usize| {
            let kind = said.and_then(|said| said.iter().position(|set| set >> voter & 1 == 1));
            kind.and_then(|kind| ["0", "1", "?"].get(kind)).copied().unwrap_or("·")
        };
        (0..voters).map(place).collect::<Vec<_>>().join(" ")
    };
    let row = |id: NodeId| {
        let name = Cell::firm(BenOr::name(world.settings(), id), Tone::Neutral);
        let Some(memory) = world.memory(id).filter(|memory| memory.step != Step::Out) else {
            return vec![name, Cell::loose("-", Tone::Off)];
        };
        let said = |phase| Cell::firm(places(memory.heard.get(&(memory.round, phase))), Tone::Neutral);
        let round = Cell::firm(memory.round.to_string(), Tone::Neutral);
        if let Step::Decided(value) = memory.step {
            return vec![name, round, Cell::firm(format!("decided {}", word(Some(value))), Tone::Fine)];
        }
        let vote = Cell::firm(word(Some(memory.vote)), if memory.vote { Tone::Service } else { Tone::Producer });
        vec![name, round, vote, said(Phase::Report), said(Phase::Proposal)]
    };
    let head = ["voter", "round", "vote", "reports", "proposals"].map(str::to_owned).to_vec();
    let number = world.witness().now().map_or(0, |election| election.number);
    let title = format!("Decision {number}: each waits for {} of {voters}", awaited(world.settings()));
    let rows = world.nodes().map(|(id, _)| row(id)).collect();
    Figure { id: "heard", at, size, title, body: Body::Table { head, rows } }
}

/// How many rounds the decisions took, under the coin and the schedule of the moment.
pub fn lengths(world: &Vote, at: (i32, i32), size: (i32, i32)) -> Figure {
    let witness = world.witness();
    let full = witness.decided_in.iter().copied().max().unwrap_or(0).max(1);
    let bar = |(index, count): (usize, &u32)| {
        let label = match index + 1 {
            1 => "1 round".to_owned(),
            COUNTED => format!("{COUNTED} or more"),
            rounds => format!("{rounds} rounds"),
        };
        let text = count.to_string();
        Bar { label, value: *count, full, text, tone: Tone::Fine }
    };
    let mean = witness.mean().map_or("–".to_owned(), |mean| format!("{}.{:02}", mean / 100, mean % 100));
    let bound = match world.rules().on(ben_or::COIN) {
        true => format!("bound {}", expected_rounds(world.settings())),
        false => format!("with the coin at most {}", expected_rounds(world.settings())),
    };
    let title = format!("Decided: {}. Mean rounds: {mean} ({bound})", witness.decided);
    let bars = witness.decided_in.iter().enumerate().map(bar).collect();
    Figure { id: "lengths", at, size, title, body: Body::Bars(bars) }
}

pub fn set(setting: SettingId, value: i64) -> Input {
    Input::Setting { setting, value }
}

pub fn now(world: &Vote) -> Option<&Election> {
    world.witness().now()
}
