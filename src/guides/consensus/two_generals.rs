//! Two generals: why no number of confirmations makes two sides sure of each other over a channel that loses messages.

use crate::guides::kit::prelude::*;
use crate::systems::consensus::two_generals::promises::TOGETHER;
use crate::systems::consensus::two_generals::{self as generals, FIRST, SECOND, TwoGenerals};
use crate::views::two_generals::{Valley, general, knowledge, nights, received};

type Beat = crate::guides::kit::tour::Beat<TwoGenerals>;

/// The scenario.
pub static SCENARIO: Scenario<TwoGenerals> = Scenario {
    slug: "two-generals",
    title: "Two generals",
    guide: Guide::Consensus,
    level: 1,
    summary: "Two armies must attack together or not at all, and every messenger may be caught. How many \
              confirmations make both sure? No number does.",
    seed: 3,
    settings: &[
        (generals::CONFIRMATIONS, 2),
        (generals::MESSENGERS, 1),
        (generals::CAUGHT, 0),
        (generals::VALLEY, 20_000),
    ],
    commands: &[generals::AGAIN],
    promises: &[TOGETHER],
    impossible: true,
    faults: FaultModel { drop: true, delay: true, ..FaultModel::NONE },
    charts: &[
        Chart {
            title: "Nights on which each attacked",
            about: "If the promise were kept, the two would always be equal.",
            plot: Plot::Share(generals::ATTACKS),
        },
        Chart { title: "Messengers", about: "Each confirmation costs another one.", plot: Plot::Rate(generals::SENT) },
    ],
    picture,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: ONE_NIGHT,
    near: &["consensus/flp", "transactions/two-phase-commit"],
    versions: versions!["Akkoyunlu, Ekanadham and Huber, 1975", "Gray, 1978"],
    prose: prose!("two_generals.md"),
    #[cfg(not(target_arch = "wasm32"))]
    proof: &proof::PROOF,
    ..Scenario::PLAIN
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

fn set(setting: crate::sim::declare::settings::SettingId, value: i64) -> Input {
    Input::Setting { setting, value }
}

/// The messenger who carries this message, if he is on his way.
fn messenger(world: &Valley, wanted: u32) -> Option<u64> {
    world.flights().find(|flight| flight.message.number == wanted).map(|flight| flight.pending.id)
}

/// Catches the messenger who carries a message.
fn catch(world: &Valley, wanted: u32) -> Vec<Input> {
    messenger(world, wanted).map(|id| Input::Drop { id }).into_iter().collect()
}

const TOUR: &[Beat] = &[
    Beat::new(
        "A valley between",
        "Two generals hold two hills. Together they win; alone, either loses. Only messengers connect them, through \
         a valley that the enemy holds. Night falls, and General A sends one: we attack at dawn.",
        |world| messenger(world, 1).is_some(),
    )
    .midway()
    .look(|_| vec![FIRST, SECOND]),
    Beat::new(
        "The plan",
        "The messenger arrives, and B knows the plan. But A does not know that B knows, so A cannot attack on this \
         alone.",
        |world| received(world, SECOND) == 1,
    )
    .midway()
    .look(|_| vec![SECOND]),
    Beat::new(
        "A confirmation, and another",
        "B confirms. Now A knows that B knows, and B does not know that the confirmation arrived. So A confirms the \
         confirmation. That is what they have agreed on: the plan and two confirmations.",
        |world| received(world, SECOND) == 3,
    )
    .look(|_| vec![FIRST, SECOND])
    .ask(Predict {
        question: "When the last message has arrived, who knows that it has?",
        options: |_| vec!["A".to_owned(), "B".to_owned(), "Both".to_owned()],
        answer: |world| if received(world, SECOND) == 3 { 1 } else { 0 },
        because: "B has it in hand. A sent it and will never hear whether it came: nothing follows the last message.",
    }),
    Beat::new(
        "Dawn",
        "Each attacks only if the last message it expects has come. Tonight no messenger was caught, and both \
         attack.",
        |world| world.witness().both == 1,
    )
    .look(|_| vec![FIRST, SECOND]),
    Beat::new(
        "Another night",
        "The plan arrives, and so does the first confirmation. Now the messenger with the last one sets out. A has \
         had everything it was waiting for.",
        |world| messenger(world, 3).is_some(),
    )
    .midway()
    .look(|_| vec![FIRST]),
    Beat::new(
        "The last messenger is caught",
        "He is caught in the valley. To A this night looks exactly like the last. To B it does not: one word is \
         missing.",
        |world| world.witness().alone == 1,
    )
    .first(|world| catch(world, 3))
    .look(|_| vec![FIRST, SECOND])
    .ask(Predict {
        question: "Who attacks?",
        options: |_| vec!["A alone".to_owned(), "B alone".to_owned(), "Neither".to_owned()],
        answer: |world| match world.witness().split {
            Some((_, 0)) => 0,
            Some(_) => 1,
            None => 2,
        },
        because: "A does what it did when all went well; B stays. Add a confirmation, and another messenger is the \
                  last: somebody always sends it and never knows.",
    }),
    Beat::new(
        "What you can have: odds",
        "Now every fifth messenger is caught, by chance. With eight confirmations one general seldom goes alone: \
         for that, all messages but the last must arrive. But then they seldom attack at all.",
        |world| world.witness().nights() >= 12,
    )
    .first(|_| vec![set(generals::CAUGHT, 20), set(generals::CONFIRMATIONS, 8)])
    .look(|_| vec![FIRST, SECOND]),
];

const CHALLENGES: &[Challenge<TwoGenerals>] = &[
    Challenge {
        id: "b-alone",
        title: "B goes alone",
        goal: "Have General B attack on a night on which General A stays.",
        hint: "Who waits for the last message depends on how many there are. With one confirmation, A does.",
        reached: |world| matches!(world.witness().split, Some((_, 1))),
    },
    Challenge {
        id: "through-the-night",
        title: "All the same",
        goal: "At 50 % caught or more, have both attack on one night with four confirmations or more.",
        hint: "Five messengers with the same message are seldom all caught.",
        reached: |world| {
            let settings = world.settings();
            let hard = settings.amount(generals::CAUGHT) >= 50 && settings.amount(generals::CONFIRMATIONS) >= 4;
            hard && world.witness().both > 0
        },
    },
];

/// One night, and one messenger who may be caught.
const ONE_NIGHT: Hunt<TwoGenerals> = Hunt {
    settings: &[],
    inputs: Vec::new,
    bounds: Bounds::new(200_000, 40, Budget { drops: 1, ..Budget::NONE }),
    within: |world| world.nodes().all(|(_, node)| node.disk <= 1),
};

#[cfg(not(target_arch = "wasm32"))]
mod proof {
    use super::*;

    /// How a promise breaks without each rule, and how each challenge is solved.
    pub(super) static PROOF: Proof<TwoGenerals> = Proof { breaks: BREAKS, solutions: SOLUTIONS };

    pub(super) const BREAKS: &[Breaks<TwoGenerals>] = &[];

    const SOLUTIONS: &[Solution<TwoGenerals>] = &[
        Solution {
            challenge: "b-alone",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                script.act(set(generals::CONFIRMATIONS, 1));
                script.until(|world| messenger(world, 2).is_some());
                let caught = catch(script.world(), 2);
                caught.into_iter().for_each(|input| {
                    script.act(input);
                });
                script.until(|world| world.witness().split.is_some());
            },
        },
        Solution {
            challenge: "through-the-night",
            from: || SCENARIO.from(&[], &[]),
            act: |script| {
                for (setting, value) in
                    [(generals::CAUGHT, 50), (generals::CONFIRMATIONS, 4), (generals::MESSENGERS, 5)]
                {
                    script.act(set(setting, value));
                }
                script.until(|world| world.witness().both > 0);
            },
        },
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::declare::rules::RuleSet;
    use crate::sim::machine::system::System;
    use crate::sim::run::simulation::Simulation;
    use crate::views::two_generals::odds;

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
