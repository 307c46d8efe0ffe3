//! Figures that tests/wasm.rs expects in WebAssembly, and the tape's decoder under random input.

use faultline::guides::catalogue;
use faultline::sim::NodeId;
use faultline::sim::declare::commands::{CommandCall, CommandId};
use faultline::sim::declare::rules::RuleId;
use faultline::sim::declare::settings::SettingId;
use faultline::sim::run::Run;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::{BadLink, Input, Link, Origin, Stamped, Tape};
use proptest::prelude::*;

use crate::clock::timed;

#[test]
fn the_sum_that_wasm_expects() {
    let _timed = timed();
    let sum: u64 = (1..2_000u64).map(|n| faultline::sim::kernel::random::exponential(n << 40, 1_000_000)).sum();
    assert_eq!(sum, 20_055_504_701);
}

/// Any input, with any ids, in or out of range.
fn any_input() -> impl Strategy<Value = Input> {
    let node = (0u16..80).prop_map(NodeId);
    let link = (0u16..80, 0u16..80).prop_map(|(from, to)| (NodeId(from), NodeId(to)));
    prop_oneof![
        node.clone().prop_map(|node| Input::Crash { node }),
        node.clone().prop_map(|node| Input::Restart { node }),
        node.clone().prop_map(|node| Input::Pause { node }),
        node.clone().prop_map(|node| Input::Resume { node }),
        node.clone().prop_map(|node| Input::LoseDisk { node }),
        (node.clone(), any::<u32>()).prop_map(|(node, percent)| Input::Slow { node, percent }),
        (node, any::<i64>(), any::<i32>()).prop_map(|(node, offset, drift_ppm)| Input::Skew {
            node,
            offset,
            drift_ppm
        }),
        link.clone().prop_map(|(from, to)| Input::Cut { from, to }),
        (link.clone(), any::<u64>()).prop_map(|((from, to), extra)| Input::Latency { from, to, extra }),
        (link, any::<u32>()).prop_map(|((from, to), ppm)| Input::Loss { from, to, ppm }),
        any::<u64>().prop_map(|side| Input::Partition { side }),
        (0u64..200).prop_map(|id| Input::Drop { id }),
        (0u64..200).prop_map(|id| Input::Duplicate { id }),
        (0u64..200, any::<u64>()).prop_map(|(id, by)| Input::Delay { id, by }),
        (0u64..200).prop_map(|id| Input::DeliverNow { id }),
        (0u64..200).prop_map(|id| Input::Choose { id }),
        (any::<u8>(), any::<bool>()).prop_map(|(rule, on)| Input::Rule { rule: RuleId(rule), on }),
        (any::<u8>(), any::<i64>()).prop_map(|(id, value)| Input::Setting { setting: SettingId(id), value }),
        (any::<u8>(), proptest::collection::vec(any::<i64>(), 0..4))
            .prop_map(|(command, values)| Input::Command(CommandCall { command: CommandId(command), values })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100_000, ..ProptestConfig::default() })]

    #[test]
    fn the_decoder_survives_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        use base64::Engine;
        let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&bytes);
        prop_assert!(Link::decode("consensus/raft-election", &text).is_err() || !bytes.is_empty());
    }

    #[test]
    fn the_decoder_survives_any_text(text in ".{0,60}") {
        prop_assert!(Link::decode("consensus/raft-election", &text).is_err());
    }
}

/// How many of the scenarios each random run is tried on: they take turns, so that all get their share.
const SHARE: usize = 4;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_600, ..ProptestConfig::default() })]

    fn any_inputs(
        inputs in proptest::collection::vec((0u64..300, any_input()), 0..40),
        settings in proptest::collection::vec((any::<u8>(), any::<i64>()), 0..6),
        seed in any::<u64>(),
        rules_off in any::<u64>(),
        turn in 0..SHARE,
    ) {
        let settings = settings.into_iter().map(|(id, value)| (SettingId(id), value)).collect();
        let tape = Tape::new(inputs.into_iter().map(|(after, input)| Stamped { after, input }).collect());
        let origin = Origin { seed, settings, rules_off };
        for scenario in catalogue().iter().skip(turn).step_by(SHARE) {
            let path = scenario.info().path();
            let link = Link { scenario: path.clone(), origin: origin.clone(), tape: tape.clone(), step: 400, check: 0 };
            let read = Link::decode(&path, &link.encode());
            prop_assert_eq!(read.as_ref(), Ok(&link));
            let mut run = Run::new(scenario.start(&origin), tape.clone());
            run.seek(400);
            let print = run.world().fingerprint();
            let end = run.step_count();
            run.seek(end / 2);
            run.seek(end);
            prop_assert_eq!(run.world().fingerprint(), print);
        }
    }
}

#[test]
fn any_inputs_leave_every_scenario_standing() {
    let _timed = timed();
    any_inputs();
}

#[test]
fn a_link_says_what_is_wrong_with_it() {
    let _timed = timed();
    let link = Link {
        scenario: "consensus/raft-election".to_owned(),
        origin: Origin { seed: 7, ..Origin::default() },
        tape: Tape::new(vec![Stamped { after: 3, input: Input::HealAll }]),
        step: 9,
        check: 1,
    };
    let text = link.encode();
    let decode = |text: &str| Link::decode("consensus/raft-election", text);
    assert_eq!(decode(&text), Ok(link.clone()));
    assert_eq!(decode(&text[..text.len() - 2]), Err(BadLink::Mangled));
    assert_eq!(decode(&text.replacen('A', "B", 1)).is_err(), text.contains('A'));
    assert_eq!(decode(&format!("Ag{}", &text[2..])), Err(BadLink::UnknownVersion(2)));
    assert_eq!(Link::decode("storage/other", &text), Err(BadLink::OtherScenario));
    let far = Link { step: u64::MAX, ..link };
    assert_eq!(decode(&far.encode()), Err(BadLink::TooLong));
    assert_eq!(decode(&"A".repeat(5 << 20)), Err(BadLink::TooLong));
}
