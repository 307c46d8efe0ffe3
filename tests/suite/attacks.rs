//! What attacks on the simulator found once: runs that broke a promise although every rule was on and no fault was beyond
//! what the scenario withstands. Each is played on for as long as it took, and breaks nothing any more.

use faultline::guides::find;
use faultline::sim::run::Run;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::{Link, Origin, Tape};

use crate::clock::timed;

/// Runs on to an event and beyond; fails on any promise that broke on the way.
fn holds(path: &str, origin: &Origin, tape: Tape, events: u64) {
    let scenario = find(path).unwrap_or_else(|| panic!("no scenario {path}"));
    let mut run = Run::new(scenario.start(origin), tape);
    run.seek(events);
    let names = scenario.info().promises;
    for (promise, standing) in names.iter().zip(run.world().standings()) {
        assert!(!standing.verdict.is_broken(), "{path}: {} broke after {:?}", promise.id, run.world().kernel().now());
    }
}

/// The run of a link, and as much again.
fn link_holds(path: &str, text: &str) {
    let link = Link::decode(path, text).unwrap_or_else(|bad| panic!("{path}: {bad}"));
    let end = link.tape.inputs().last().map_or(link.step, |input| input.after.max(link.step));
    holds(path, &link.origin, link.tape, 2 * end + 2_000);
}

/// A server that leads granted a pre-vote against itself, and was deposed by whoever came back.
#[test]
fn a_leader_grants_no_pre_vote() {
    let _timed = timed();
    link_holds("consensus/raft-election", "AYvAtxkHAQUCAAJaCQPcAQq9Ar-H85cBld0");
    link_holds("consensus/raft-election", "AYvAtxkHAgUCAAAABjwJAWgKAAkBBAoACQEECrQB-uK8kwE_3Q");
}

/// A log full of an older term's entries had no room for the one along with which they are committed.
#[test]
fn a_full_log_takes_an_entry_of_the_own_term() {
    let _timed = timed();
    link_holds("consensus/raft-snapshots", "Abmsie4L-d-TrQMCCTwJPAAEAAAAIAkEnQIKxQcBAMIOh5bA1AlZGw");
    link_holds("consensus/raft-replication", "AYa7wXPl25OtAwIJKAkoAAcAAAT6AQkHSwABPQEEAAkMmgQKAAEB7w3EkuXpBNgc");
}

/// A writer that had crashed took the answer to its former self's request for its own.
#[test]
fn an_answer_to_a_former_self_is_no_answer() {
    let _timed = timed();
    let run = "Adfu4uwN6gkAAA-aAQIBnwMDAdEHAAEAAAIAAQGfAgIBAAIAAAMBAAECAAQAqAQUAwAGAgAEAwABAAIAAQLQDgCRlw";
    link_holds("messaging/exactly-once", run);
}

/// A client gave back the grant of an older question while it counted on that of the newest: the lock was free.
#[test]
fn a_grant_for_an_overtaken_question_frees_no_lock() {
    let _timed = timed();
    let run = "AcmtjNYKlNuTrQMAACW9BwkGZwAAtQEBAEEAAwQFAODOBaq2FgAAAQAKGwEDiQEBAUQAAhYAAwAFAq-0E_bnCQAEAO8NAAEDSwcBAyoF\
               ALDkA6DEAhgBAigFA-CVGPe2Ew0AABAFAq_kA-KJEzEAAk4AAwABAAEEApEGAAECTQEDHQADFgQDsgtpCQwBBADTChwBAzkJCjQEALECJAoP\
               BQLfywbr3g8LBQDP5Q3ZpAceBQLgmBfWkhjEFMjrn5cOyaE";
    link_holds("consensus/leases", run);
}

/// Witnesses that remembered a bounded number of orders took a forgotten one for one that was never there, or a gap between
/// two ranges for orders that were.
#[test]
fn what_a_witness_forgets_accuses_nobody() {
    let _timed = timed();
    holds("messaging/fan-out", &Origin { seed: 3, ..Origin::default() }, Tape::default(), 21_000);
    link_holds("messaging/side-by-side", "AYGU8osJ_7iUrQMAAAIACZkelBQKixaskuD8AvJJ");
}

/// A stream that had lost its last messages to a power cut numbered the next ones alike, and they counted as done.
#[test]
fn a_number_that_is_given_out_again_is_another_message() {
    let _timed = timed();
    let path = "messaging/jetstream-work-queue";
    let link = Link::decode(path, "AYSmz6sOBAAQAigVAQABATS9u9GFBaKd").unwrap_or_else(|bad| panic!("{path}: {bad}"));
    let scenario = find(path).unwrap_or_else(|| panic!("no scenario {path}"));
    let mut run = Run::new(scenario.start(&link.origin), link.tape);
    run.seek(link.step);
    let broken = |id: &str| {
        let at = scenario.info().promises.iter().position(|promise| promise.id == id);
        at.is_some_and(|at| run.world().standings()[at].verdict.is_broken())
    };
    assert!(!broken("done-is-done"), "task 7 had never been handed out");
    assert!(broken("confirmed-is-kept"), "the tasks that the power cut took were confirmed");
}
