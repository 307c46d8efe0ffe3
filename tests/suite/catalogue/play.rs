//! Play: a reader who presses it sees messages most of the time, and a film of a beat is neither over before it is seen nor
//! a wait.

use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::info::Info;
use faultline::guides::kit::live::LiveWorld;
use faultline::lab::play::{By, LONGEST, NORMAL_SPEED, Pace, SHORTEST, lasts, timetable};
use faultline::sim::kernel::time::Time;
use faultline::sim::run::Run;
use faultline::sim::run::simulation::Simulation;

use super::{check, ensure, origin, run, tours};

/// Milliseconds of screen time from one frame to the next, and how many frames are looked at: five seconds.
const FRAME: f64 = 1_000.0 / 60.0;
const FRAMES: usize = 300;

/// The least share of frames that have a message in sight.
const LEAST: f64 = 0.6;

/// Scenarios in which nothing happens before the reader acts.
const SILENT: &[&str] = &["consensus/agreement"];

/// Whether a message is on its way from one node to another at this moment.
fn shows_a_message(run: &Run<LiveWorld>, clock: Time) -> bool {
    run.world().flights().iter().any(|flight| flight.from != flight.to && flight.lost.is_none_or(|lost| clock < lost))
}

/// Plays from the start as the page does, and gives the share of frames that have a message in sight.
fn share_with_messages(scenario: &'static dyn AnyScenario, info: &Info) -> f64 {
    let (mut run, mut pace) = (run(scenario, &origin(info)), Pace::default());
    let (mut clock, mut seen) = (0, 0);
    for _ in 0..FRAMES {
        let target = pace.target(&run, By::usual(info.load), clock, FRAME, NORMAL_SPEED);
        while run.world().next_at().is_some_and(|at| at <= target) && run.step().is_some() {}
        clock = target;
        seen += usize::from(shows_a_message(&run, clock));
    }
    seen as f64 / FRAMES as f64
}

#[test]
fn most_frames_of_play_show_a_message() {
    check(|scenario, info| {
        let share = share_with_messages(scenario, info);
        println!("{}: {:.0} %", info.path(), share * 100.0);
        let is_silent = SILENT.contains(&info.path().as_str());
        ensure(if is_silent { share == 0.0 } else { share >= LEAST }, || {
            format!("a message is in sight in {:.0} % of the frames", share * 100.0)
        })
    });
}

#[test]
fn a_beat_plays_for_one_to_four_seconds() {
    check(|scenario, info| {
        tours::walk(scenario, info, |run, beat| {
            let to = run.step_count();
            let takes = lasts(&timetable(run, to - beat.events, to, false));
            let fits = (SHORTEST - 0.5..=LONGEST + 0.5).contains(&takes);
            ensure(fits, || format!("plays for {takes:.0} ms"))
        })
    });
}
