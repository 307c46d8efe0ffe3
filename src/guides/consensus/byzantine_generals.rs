//! Byzantine generals: agreement among generals some of whom lie, by telling each other what they were told.

use crate::guides::kit::prelude::*;
use crate::mechanisms::oral_messages::ATTACK;
use crate::sim::small;
use crate::systems::consensus::byzantine_generals::promises::{AGREE, LIMITS, OBEYED};
use crate::systems::consensus::byzantine_generals::{
    self as generals, ByzantineGenerals, COMMANDER, Memory, Message, TRAITOR_IS_COMMANDER,
};
use crate::views::byzantine_generals::{
    Field, general, heard, lies, lieutenants, order, past_battles, set, sides, who_told_whom,
};

type Beat = crate::guides::kit::tour::Beat<ByzantineGenerals>;

/// The scenario.
pub static SCENARIO: Scenario<ByzantineGenerals> = Scenario {
    slug: "byzantine-generals",
    title: "Byzantine generals",
    guide: Guide::Consensus,
    level: 5,
    summary: "Four generals must do the same thing, and one of them lies, perhaps the commander. They tell each \
              other what they were told, and majorities do the rest.",
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
    rules: &[generals::ENOUGH_ROUNDS, generals::MORE_THAN_3M, generals::COMMON_DEFAULT],
    commands: &[generals::SAY],
    promises: &[AGREE, OBEYED],
    limits: LIMITS,
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
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ANY_LIE,
    without: WITHOUT,
    before: &["consensus/quorums"],
    near: &["consensus/pbft", "consensus/two-generals"],
    versions: versions!["Lamport, Shostak and Pease, 1982", "CometBFT 0.40"],
    prose: prose!("byzantine_generals.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
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

const fn rule(rule: RuleId, on: bool) -> Input {
    Input::Rule { rule, on }
}

const TOUR: &[Beat] = &[
    Beat::new(
        "One of four is a traitor",
        "A commander and three lieutenants. They win if all the loyal ones do the same. Lieutenant 3 is a traitor, \
         and none of the others knows it. Watch the order leave.",
        |world| !world.flights().any(|flight| flight.from != COMMANDER) && world.flights().count() >= 3,
    )
    .midway()
    .look(|_| vec![NodeId(3)]),
    Beat::new(
        "The order",
        "Round 1: the commander sends the same order to each. Every message arrives, and its receiver knows who \
         sent it. The ring is what is left of the round.",
        |world| ordered(world, 1),
    )
    .look(|_| vec![COMMANDER]),
    Beat::new(
        "He told me",
        "Round 2: each lieutenant tells the other two what it was told. Each hears the order three times: once \
         first-hand, twice second-hand. The traitor says whatever it likes.",
        |world| {
            [1, 2]
                .into_iter()
                .all(|id| world.memory(NodeId(id)).is_some_and(|memory| memory.heard.of_round(2).count() == 2))
        },
    )
    .look(|_| vec![NodeId(1), NodeId(2)])
    .ask(Predict {
        question: "How many of the three values that Lieutenant 1 holds can be lies?",
        options: |_| ["None", "At most one", "Two or more"].map(str::to_owned).to_vec(),
        answer: |world| {
            let held = [order(), order().then(2), order().then(3)].map(|path| heard(world, 1, path));
            held.into_iter().filter(|value| *value != Some(ATTACK)).count().min(2)
        },
        because: "Each value comes from a different mouth, and only one mouth lies. Lieutenant 3 was told to attack, \
                  and says retreat.",
    }),
    Beat::new(
        "Two against one",
        "Lieutenant 1 holds attack, attack, retreat. It does not know which of them is a lie, and need not: it \
         takes the majority. This is figure 3 of the paper.",
        |world| decided(world, 1),
    )
    .look(loyal)
    .ask(Predict {
        question: "What do the loyal lieutenants do?",
        options: |_| ["All attack", "All retreat", "They split"].map(str::to_owned).to_vec(),
        answer: outcome,
        because: "One lie is outvoted by the order itself and one honest report of it.",
    }),
    Beat::new(
        "Now the commander lies",
        "The lieutenants are all loyal, and the commander tells them different things: attack to Lieutenant 2, \
         retreat to the two others.",
        |world| ordered(world, 2),
    )
    .first(|_| vec![set(generals::TRAITOR, TRAITOR_IS_COMMANDER)])
    .look(|_| vec![COMMANDER]),
    Beat::new(
        "Different words, the same three values",
        "Look at the rows when the second round is over. Each lieutenant holds the same three values, one of them \
         first-hand. This is figure 4 of the paper.",
        |world| decided(world, 2),
    )
    .look(loyal)
    .ask(Predict {
        question: "What do the three loyal lieutenants do?",
        options: |_| ["All attack", "All retreat", "They split"].map(str::to_owned).to_vec(),
        answer: outcome,
        because: "The same three values give the same majority: retreat, in every row. What matters is not what they \
                  do, but that all do it.",
    }),
    Beat::new(
        "One round fewer",
        "Leave the second round out: everyone obeys what it heard first-hand. That is all a lying commander needs \
         to divide them.",
        |world| world.witness().parted.is_some(),
    )
    .first(|_| vec![rule(generals::ENOUGH_ROUNDS, false)])
    .look(loyal),
    Beat::new(
        "Silence is an answer",
        "With both rounds again, the commander says nothing at all. Rounds end by the clock, so silence is noticed, \
         and counts as retreat for everybody.",
        |world| decided(world, 4) && lieutenants(world).all(|(id, _)| heard(world, id.0, order()).is_none()),
    )
    .first(|_| vec![rule(generals::ENOUGH_ROUNDS, true), set(generals::LIES, generals::SILENCE as i64)])
    .look(loyal),
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
        hint: "Start with 3 generals and a lieutenant as traitor, and switch off the rule that asks for more than \
               3m.",
        reached: |world| are_three(world) && world.witness().disobeyed.is_some(),
    },
    Challenge {
        id: "figure-2",
        title: "Three generals: a lying commander",
        goal: "With three generals, cure the first case by believing the commander: then have the two lieutenants \
               disagree.",
        hint: "Without the common default, each breaks the tie by what it heard first-hand. Now let the commander \
               lie: Lieutenant 1 hears exactly what it heard when Lieutenant 2 was the traitor.",
        reached: |world| are_three(world) && world.witness().parted.is_some(),
    },
    Challenge {
        id: "figure-4",
        title: "Three stories, one end",
        goal: "With four generals and every rule on, have the commander tell one lieutenant to attack, one to \
               retreat and one nothing, and have all three do the same.",
        hint: "Make the commander the traitor, and put words into its mouth.",
        reached: three_stories,
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

/// What is explored instead while one of these rules is off.
const WITHOUT: &[(RuleId, Hunt<ByzantineGenerals>)] = &[
    (generals::MORE_THAN_3M, Hunt { settings: &[(generals::GENERALS, 3), (generals::TRAITOR, 2)], ..ANY_LIE }),
    (
        generals::COMMON_DEFAULT,
        Hunt { settings: &[(generals::GENERALS, 5), (generals::TRAITOR, TRAITOR_IS_COMMANDER)], ..ANY_LIE },
    ),
];

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;
    use crate::views::byzantine_generals::say;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<ByzantineGenerals> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) fn three_generals(traitor: i64) -> Origin {
        let settings = vec![(generals::GENERALS, 3), (generals::TRAITOR, traitor)];
        Origin { seed: SCENARIO.seed, settings, rules_off: 0 }
    }

    pub(super) const BREAKS: &[Breaks<ByzantineGenerals>] = &[
        Breaks { rule: generals::ENOUGH_ROUNDS, promise: AGREE.id, way: Way::Explore },
        Breaks { rule: generals::MORE_THAN_3M, promise: OBEYED.id, way: Way::Explore },
        Breaks { rule: generals::COMMON_DEFAULT, promise: AGREE.id, way: Way::Explore },
    ];

    const SOLUTIONS: &[Solution<ByzantineGenerals>] = &[
        Solution {
            challenge: "figure-1",
            from: || three_generals(2),
            act: |script| {
                script.act(rule(generals::MORE_THAN_3M, false));
                script.until(|world| world.witness().disobeyed.is_some());
            },
        },
        Solution {
            challenge: "figure-2",
            from: || three_generals(TRAITOR_IS_COMMANDER),
            act: |script| {
                script.act(rule(generals::MORE_THAN_3M, false));
                script.act(rule(generals::COMMON_DEFAULT, false));
                script.until(|world| world.witness().parted.is_some());
            },
        },
        Solution {
            challenge: "figure-4",
            from: || Origin { seed: SCENARIO.seed, ..Origin::default() },
            act: |script| {
                script.act(set(generals::TRAITOR, TRAITOR_IS_COMMANDER));
                for (to, what) in [(1, 1), (2, 0), (3, 2)] {
                    script.act(say(0, to, what));
                }
                script.until(three_stories);
            },
        },
    ];
}

#[cfg(test)]
mod tests {
    use super::proof::*;
    use super::*;
    use crate::guides::kit::any::AnyScenario;
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
