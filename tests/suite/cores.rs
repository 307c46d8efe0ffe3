//! Work that is spread over all cores.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Stopwatch;

/// Does something with each item, on all cores. Returns each result and how long it took, in the order of the list.
pub fn each<I: Sync, T: Send>(list: &[I], what: impl Fn(&I) -> T + Sync) -> Vec<(T, Duration)> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let (at, Some(one)) = take(&next, list) {
            let _core = Core::take();
            let watch = Stopwatch::start();
            let result = what(one);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((at, result, watch.elapsed()));
        }
    };
    std::thread::scope(|scope| (0..count().min(list.len())).for_each(|_| drop(scope.spawn(work))));
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|one| one.0);
    done.into_iter().map(|(_, result, took)| (result, took)).collect()
}

fn take<'a, I>(next: &AtomicUsize, list: &'a [I]) -> (usize, Option<&'a I>) {
    let at = next.fetch_add(1, Ordering::Relaxed);
    (at, list.get(at))
}

fn count() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The right to keep a core busy. There is one per core for all tests together: tests that run side by side share
/// them, and when one ends, the other has them all.
struct Core;

static TAKEN: Mutex<usize> = Mutex::new(0);
static GIVEN_BACK: Condvar = Condvar::new();

impl Core {
    fn take() -> Core {
        let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let free = GIVEN_BACK.wait_while(taken, |taken| *taken >= count());
        *free.unwrap_or_else(PoisonError::into_inner) += 1;
        Core
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        GIVEN_BACK.notify_one();
    }
}
