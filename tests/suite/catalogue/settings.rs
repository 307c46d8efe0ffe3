//! Settings: whatever a reader turns within a scenario's own bounds, what it promises holds, or it says that it promises
//! nothing there.

use std::collections::BTreeMap;

use faultline::guides::kit::info::Info;
use faultline::sim::judge::verdict::{Kind, Verdict};
use faultline::sim::kernel::random::{Drawer, below, draw};
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::Origin;

use super::{busy, check, ensure, idle_and_busy, origin, run};

/// How many random settings of each scenario are tried, and for how many events.
const TRIES: u64 = 60;
const EVENTS: u64 = 2_500;

/// The scenario's start with each setting, with a chance of one half, anywhere within its bounds.
fn turned(info: &Info, attempt: u64) -> Origin {
    let mut origin = busy(info);
    for (at, (id, setting, _)) in (0..).zip(&info.settings) {
        let word = |place: u64| draw(attempt, Drawer::Chaos, at, place);
        let (min, max) = setting.control.bounds();
        if word(0) % 2 == 0 {
            origin.settings.push((*id, min + below(word(1), (max - min) as u64 + 1) as i64));
        }
    }
    origin
}

/// Where a page begins, idle or under load, everything is promised; where it is searched, everything about every state.
/// What a preset turns is on offer and within its bounds, and not all of it is so anyway.
#[test]
fn presets_turn_what_is_on_offer() {
    check(|_, info| {
        for (title, settings) in &info.presets {
            let mut changes = false;
            for (setting, value) in *settings {
                let offered = info.settings.iter().find(|known| known.0 == *setting);
                let (_, known, now) = offered.ok_or_else(|| format!("{title}: {setting:?} is not on offer"))?;
                let (low, high) = known.control.bounds();
                ensure((low..=high).contains(value), || format!("{title}: {} cannot be {value}", known.title))?;
                changes |= value != now;
            }
            ensure(changes, || format!("{title} changes nothing"))?;
        }
        Ok(())
    });
}

#[test]
fn nothing_stands_down_where_a_page_begins() {
    check(|scenario, info| {
        let begun = idle_and_busy(info).into_iter().map(|origin| (scenario.start(&origin), true));
        for (world, in_time) in begun.chain([(scenario.hunt(&origin(info)).0, false)]) {
            let judged = info.promises.iter().zip(world.standings());
            let mut judged = judged.filter(|(promise, _)| in_time || promise.kind == Kind::Always);
            let outside = judged.find(|(_, standing)| standing.verdict.is_outside());
            ensure(outside.is_none(), || format!("'{}' stands down", outside.map_or("", |(promise, _)| promise.id)))?;
        }
        Ok(())
    });
}

#[test]
fn promises_hold_at_any_settings_or_stand_down() {
    check(|scenario, info| {
        if info.impossible {
            return Ok(());
        }
        let mut broken: BTreeMap<&str, String> = BTreeMap::new();
        for attempt in 0..TRIES {
            let origin = turned(info, attempt);
            let mut run = run(scenario, &origin);
            run.seek(EVENTS);
            for (promise, standing) in info.promises.iter().zip(run.world().standings()) {
                if let Verdict::Broken(how) = &standing.verdict {
                    let named = |id| info.settings.iter().find(|known| known.0 == id).map_or("", |known| known.1.id);
                    let set: Vec<String> =
                        origin.settings.iter().map(|(id, value)| format!("{}={value}", named(*id))).collect();
                    let words = format!("{} at event {}: {}", set.join(" "), how.step, how.breach.text);
                    broken.entry(promise.id).or_insert(words);
                }
            }
        }
        ensure(broken.is_empty(), || format!("{broken:#?}"))
    });
}
