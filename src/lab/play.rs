//! The pace of play: how much virtual time a stretch of screen time is. By events, which is the default: each message is in
//! sight for half a second or more, and waits are shortened; the clock shows both. Under load, time passes as usual while
//! several messages are on their way, and slower for fewer, which would flash by. By time: so much virtual time in a second,
//! whatever happens in it. And of a film, a stretch of the run that is shown: when each of its events is due.

use crate::guides::kit::live::LiveWorld;
use crate::sim::kernel::time::{MS, Time};
use crate::sim::run::Run;
use crate::sim::run::simulation::Simulation;

/// The usual pace by time, in microseconds of virtual time a second. A tenth of real time: the eye can follow messages that
/// take a few milliseconds.
pub const NORMAL_SPEED: f64 = 100_000.0;

/// How long the quickest message on its way is in sight, in milliseconds.
const FLIGHT: f64 = 800.0;
/// The slowest is in sight for at most this many times as long.
const SLOWEST: f64 = 5.0;
/// How long the wait for the next event takes while nothing is on its way, in milliseconds.
const WAIT: f64 = 250.0;
/// With more messages than this on their way, time runs at least at its usual speed: one sees the stream.
const STREAM: usize = 24;

/// Under load, so many messages on their way keep time at its usual speed.
const CROWD: usize = 4;
/// How long the wait for the next event takes under load, in milliseconds, if it takes longer at the usual speed.
const GAP: f64 = 20.0;

/// What sets the pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Each event in sight.
    Events,
    /// Each message in sight, in a scenario of load.
    Load,
    /// Virtual time.
    Time,
}

impl By {
    /// What sets it unless the reader asks for virtual time. `load`: the scenario is about load.
    pub fn usual(load: bool) -> By {
        if load { By::Load } else { By::Events }
    }
}

/// Play at a pace.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    /// What the frames before have left over: less than a microsecond of virtual time.
    rest: f64,
}

impl Pace {
    /// Up to which moment the events of a frame happen. `clock`: the moment that is drawn; `elapsed`: milliseconds of
    /// screen time since the last frame; `speed`: [`NORMAL_SPEED`] is the usual one.
    pub fn target(&mut self, run: &Run<LiveWorld>, by: By, clock: Time, elapsed: f64, speed: f64) -> Time {
        let (rate, stop) = match by {
            By::Events => by_events(run),
            By::Load => by_load(run),
            By::Time => (USUAL, None),
        };
        self.rest += elapsed * rate * speed / NORMAL_SPEED;
        let whole = self.rest.floor();
        self.rest -= whole;
        let target = clock + whole as Time;
        stop.map_or(target, |stop| target.min(stop.max(clock)))
    }
}

/// The usual pace by time, in microseconds of virtual time a millisecond.
const USUAL: f64 = NORMAL_SPEED / 1_000.0;

/// How much virtual time passes in a millisecond of screen time, and the moment to stop at before it is asked again.
fn by_events(run: &Run<LiveWorld>) -> (f64, Option<Time>) {
    let world = run.world();
    let now = world.kernel().now();
    let flights = world.flights();
    let lengths = || flights.iter().filter(|mark| mark.lost.is_none()).map(|mark| mark.due.saturating_sub(mark.sent));
    match (lengths().min(), lengths().max()) {
        (Some(shortest), Some(longest)) => {
            let rate = (shortest.max(1) as f64 / FLIGHT).max(longest as f64 / (FLIGHT * SLOWEST));
            let is_stream = flights.len() > STREAM;
            (if is_stream { rate.max(USUAL) } else { rate }, None)
        }
        _ => {
            let next = world.next_at();
            let wait = next.map_or(0, |next| next.saturating_sub(now));
            ((wait as f64 / WAIT).max(1.0), next)
        }
    }
}

/// The same under load.
fn by_load(run: &Run<LiveWorld>) -> (f64, Option<Time>) {
    let world = run.world();
    let next = world.next_at();
    match world.flights().iter().filter(|mark| mark.lost.is_none()).count() {
        0 => {
            let wait = next.map_or(0, |next| next.saturating_sub(world.kernel().now()));
            ((wait as f64 / GAP).max(USUAL), next)
        }
        // Up to the next event, after which more or fewer may be on their way.
        few if few < CROWD => (USUAL * few as f64 / CROWD as f64, next),
        _ => (USUAL, None),
    }
}

/// The shortest and the longest that a film plays, in milliseconds, and what each event adds.
pub const SHORTEST: f64 = 1_000.0;
/// See [`SHORTEST`].
pub const LONGEST: f64 = 4_000.0;
const EACH: f64 = 120.0;
/// What each event takes when it is shown again.
const SLOWLY: f64 = 1_300.0;
/// A stretch of more events is passed over quickly up to its last ones, which are watched: they are what it is about.
const MANY: u64 = 30;
const WATCHED: usize = 16;
const QUICKLY: f64 = 1_600.0;
/// A wait is shortened to so many times the usual one.
const USUAL_WAITS: u64 = 4;

/// How long a film plays, in milliseconds, by its timetable; what is done and has no event yet is looked at all the same.
pub fn lasts(timetable: &[f64]) -> f64 {
    timetable.last().copied().unwrap_or(SHORTEST)
}

/// When each event of a stretch that the run has been through is due, in milliseconds of screen time. `again`: the events
/// have been seen, and are shown slowly.
pub fn timetable(run: &Run<LiveWorld>, from: u64, to: u64, again: bool) -> Vec<f64> {
    let times: Vec<Time> = (from..=to).map(|step| run.branch().time_at(step)).collect();
    let waits: Vec<Time> = times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    let mut sorted: Vec<Time> = waits.iter().copied().filter(|wait| *wait > 0).collect();
    sorted.sort_unstable();
    let longest = USUAL_WAITS * sorted.get(sorted.len() / 2).copied().unwrap_or(MS);
    // Events at one moment still come one after the other.
    let weights: Vec<f64> = waits.iter().map(|wait| ((*wait).min(longest) + longest / 20 + 1) as f64).collect();
    match to - from {
        count if again => spread(&weights, count as f64 * SLOWLY),
        count if count > MANY => {
            let (passed, watched) = weights.split_at(weights.len() - WATCHED);
            let watched = spread(watched, LONGEST - QUICKLY).into_iter().map(|due| due + QUICKLY);
            spread(passed, QUICKLY).into_iter().chain(watched).collect()
        }
        count => spread(&weights, (SHORTEST / 2.0 + count as f64 * EACH).clamp(SHORTEST, LONGEST)),
    }
}

/// When each event is due if together they take so long, each its share by weight.
fn spread(weights: &[f64], whole: f64) -> Vec<f64> {
    let scale = whole / weights.iter().sum::<f64>();
    let due = weights.iter().scan(0.0, |sum, weight| {
        *sum += weight * scale;
        Some(*sum)
    });
    due.collect()
}
