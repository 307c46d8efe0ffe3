//! How long tests take, told in lines of their own: `seconds: 12.34 catalogue::runs::promises_hold`.
//!
//! The harness keeps back what a passing test prints; these lines go past it, so that a plain `cargo test` shows them
//! and `cargo xtask test` can add them up.
#![allow(clippy::disallowed_types, reason = "a test may tell how long it took")]

use std::io::Write;
use std::time::{Duration, Instant};

/// Time since a moment.
pub struct Stopwatch(Instant);

impl Stopwatch {
    pub fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A test that has one tells its time when it ends.
pub struct Timed(Stopwatch);

pub fn timed() -> Timed {
    Timed(Stopwatch::start())
}

impl Drop for Timed {
    fn drop(&mut self) {
        report(self.0.elapsed());
    }
}

/// Tells how long the test of this thread took: time at work, without waiting for a core.
pub fn report(took: Duration) {
    let thread = std::thread::current();
    let line = format!("seconds: {:.2} {}\n", took.as_secs_f64(), thread.name().unwrap_or("a test"));
    // Nothing hangs on it where nobody reads.
    let _ = std::io::stdout().write_all(line.as_bytes());
}
