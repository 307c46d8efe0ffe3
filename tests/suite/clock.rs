//! How long tests take, reported in lines of their own: `seconds: 12.34 catalogue::runs::promises_hold`.
//!
//! The harness captures what a passing test prints; these lines bypass it, so that a plain `cargo test` shows them and
//! `cargo xtask test` can add them up.
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

/// A test that holds one reports its time when it ends.
pub struct Timed(Stopwatch);

pub fn timed() -> Timed {
    Timed(Stopwatch::start())
}

impl Drop for Timed {
    fn drop(&mut self) {
        report(self.0.elapsed());
    }
}

/// Reports how long this thread's test took: time at work, not counting the wait for a core.
pub fn report(took: Duration) {
    let thread = std::thread::current();
    let line = format!("seconds: {:.2} {}\n", took.as_secs_f64(), thread.name().unwrap_or("a test"));
    // If nobody reads it, nothing is lost.
    let _ = std::io::stdout().write_all(line.as_bytes());
}
