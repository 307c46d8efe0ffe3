//! The pace of play. By events, which is the default: each message is in sight for half a second or more, and waits
//! are shortened; the clock shows both. By time: so much virtual time in a second, whatever happens in it.

use faultline::guides::kit::live::LiveWorld;
use faultline::sim::kernel::time::Time;
use faultline::sim::run::Run;
use faultline::sim::run::simulation::Simulation;

use super::NORMAL_SPEED;

/// How long the quickest message on its way is in sight, in milliseconds.
const FLIGHT: f64 = 800.0;
/// The slowest is in sight for at most this many times as long.
const SLOWEST: f64 = 5.0;
/// How long the wait for the next event takes while nothing is on its way, in milliseconds.
const WAIT: f64 = 250.0;
/// With more messages than this on their way, time runs at least at its usual speed: one sees the stream.
const STREAM: usize = 24;

/// How much virtual time passes in a millisecond of screen time, and the moment to stop at before it is asked again.
pub fn by_events(run: &Run<LiveWorld>) -> (f64, Option<Time>) {
    let world = run.world();
    let now = world.kernel().now();
    let flights = world.flights();
    let lengths = || flights.iter().filter(|mark| mark.lost.is_none()).map(|mark| mark.due.saturating_sub(mark.sent));
    match (lengths().min(), lengths().max()) {
        (Some(shortest), Some(longest)) => {
            let rate = (shortest.max(1) as f64 / FLIGHT).max(longest as f64 / (FLIGHT * SLOWEST));
            let is_stream = flights.len() > STREAM;
            (if is_stream { rate.max(NORMAL_SPEED / 1_000.0) } else { rate }, None)
        }
        _ => {
            let next = world.next_at();
            let wait = next.map_or(0, |next| next.saturating_sub(now));
            ((wait as f64 / WAIT).max(1.0), next)
        }
    }
}
