//! The terminal as a program: what it answers, with which exit code, and that nothing makes it panic.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::clock::timed;

fn faultline(words: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_faultline"));
    command.args(words).stdin(Stdio::null());
    command
}

/// The exit code and what was printed, to standard output and to standard error.
fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn run(line: &str) -> (Option<i32>, String, String) {
    let words: Vec<&str> = line.split(' ').collect();
    said(&faultline(&words).output().expect("the terminal can be started"))
}

/// What a line is refused with.
fn refusal(line: &str) -> String {
    let (code, printed, complaint) = run(line);
    assert_eq!((code, printed.as_str(), complaint.lines().count()), (Some(2), "", 1), "{line}: {complaint}");
    complaint
}

#[test]
fn every_command_has_help_of_its_own() {
    let (code, overview, _) = run("--help");
    let commands: Vec<&str> = overview.lines().filter_map(|line| line.strip_prefix("  faultline ")).collect();
    let names =
        commands.iter().filter_map(|line| line.split(' ').next()).filter(|name| name.starts_with(char::is_lowercase));
    let names: Vec<&str> = names.collect();
    assert_eq!((code, names.len()), (Some(0), 8), "{overview}");
    for name in names {
        let (code, help, complaint) = run(&format!("{name} --help"));
        assert_eq!((code, complaint.as_str()), (Some(0), ""), "{name}");
        assert!(help.starts_with(&format!("  faultline {name} ")) && help.contains("Exit codes"), "{help}");
    }
    assert_eq!(run("--version").1, concat!("faultline ", env!("CARGO_PKG_VERSION"), "\n"));
    assert!(run("check-history --help").1.contains("#jepsen.history.Op"));
}

#[test]
fn what_the_page_could_not_set_is_refused_with_what_it_could() {
    let jetstream = "run messaging/jetstream-work-queue --events 1 --set";
    assert!(refusal(&format!("{jetstream} replicas=1")).starts_with("replicas takes R1 or R3, not '1'."));
    assert_eq!(run(&format!("{jetstream} replicas=r1")).0, Some(0));
    let lease = refusal("run consensus/leases --set lease=999999999");
    assert!(lease.contains("200 ms to 5.00 s") && lease.contains("not '999999999'"), "{lease}");
    assert_eq!(run("run consensus/leases --events 1 --set lease=1.5s").0, Some(0));
    assert!(refusal("run consensus/raft-election --set pre-vote=2").contains("on or off"));
    assert_eq!(run("run consensus/raft-election --events 1 --set pre-vote=on").0, Some(0));
    assert!(refusal("run consensus/raft-election --set colour=2").contains("election-timeout"));
    assert!(refusal("run consensus/raft-election --without luck").contains("one-vote-per-term"));
    assert!(refusal("explore consensus/raft-election --promise luck").contains("one-leader"));
    assert!(refusal("explore consensus/raft-election --set servers=5").contains("--set needs --tape"));
    assert!(refusal("explore consensus/raft-election --max-states 0").contains("1 or more"));
    assert!(refusal("campaign consensus/flp --events 0").contains("1 or more"));
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    for words in [vec![OsStr::from_bytes(b"\xff")], vec![OsStr::new("run"), OsStr::from_bytes(b"a\xffb")]] {
        let (code, _, complaint) = said(&faultline(&words).output().expect("the terminal can be started"));
        assert_eq!(code, Some(2), "{complaint}");
        assert!(complaint.contains("is not text") && complaint.lines().count() == 1, "{complaint}");
    }
}

#[test]
fn a_reader_who_has_seen_enough_ends_a_command_quietly() {
    for line in ["run consensus/raft-election --events 20000", "list --json", "tour consensus/agreement"] {
        let words: Vec<&str> = line.split(' ').collect();
        let mut child = faultline(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut first = String::new();
        // The pipe is closed at the end of this statement.
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut first).expect("it prints a line");
        let (code, _, complaint) = said(&child.wait_with_output().expect("it ends"));
        assert_eq!((code, complaint.as_str(), first.is_empty()), (Some(0), "", false), "{line}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_is_named() {
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    for words in [&["--help"][..], &["list"], &["run", "consensus/raft-election", "--json"]] {
        let output = faultline(words).stdout(full()).output().expect("the terminal can be started");
        let (code, _, complaint) = said(&output);
        assert_eq!((code, complaint.lines().count()), (Some(3), 1), "{complaint}");
        assert!(complaint.starts_with("Standard output cannot be written"), "{complaint}");
    }
    let silent = faultline(&["nothing"]).stderr(full()).output().expect("the terminal can be started");
    assert_eq!(said(&silent).0, Some(2), "a complaint that nobody can read is still an error");
}

fn json(line: &str) -> (Option<i32>, Value) {
    let (code, printed, complaint) = run(line);
    (code, serde_json::from_str(&printed).unwrap_or_else(|_| panic!("{line}: {printed}{complaint}")))
}

/// The page searches an instance of its own while this rule is off.
#[test]
fn the_terminal_breaks_what_the_page_breaks() {
    let _timed = timed();
    let (code, found) = json("explore messaging/isr-and-acks --without clean-election --json");
    assert_eq!(
        (code, &found["verdict"], &found["steps"]),
        (Some(1), &Value::from("broken"), &Value::from(14)),
        "{found}"
    );
    let tape = found["tape"].as_str().expect("it can be stepped through");
    let (code, printed, _) = run(&format!("run messaging/isr-and-acks --tape {tape}"));
    assert_eq!(code, Some(1), "{printed}");
}

#[test]
fn a_search_never_visits_more_states_than_it_may() {
    for most in [1, 2, 3, 10, 100, 999, 12_345] {
        for order in ["breadth", "depth", "random"] {
            let (_, found) =
                json(&format!("explore consensus/raft-election --max-states {most} --order {order} --json"));
            let states = found["states"].as_u64().expect("it is a number");
            assert!(states <= most && (order == "random" || states == most), "{most}, {order}: {found}");
        }
    }
}

#[test]
fn a_campaign_is_as_long_as_it_is_told_to_be() {
    let events = |more: &str| {
        let (code, tally) = json(&format!("campaign consensus/raft-election --seeds 2 --json{more}"));
        assert_eq!((code, &tally["seeds"]), (Some(0), &Value::from(2)));
        tally["events"].as_u64().expect("it is a number")
    };
    assert_eq!((events(""), events(" --events 100")), (1_600, 400));
    let (code, tally) = json("campaign consensus/flp --from 18446744073709551614 --seeds 18446744073709551615 --json");
    assert_eq!((code, &tally["seeds"]), (Some(0), &Value::from(1)), "it ends where numbers end");
}

/// Judges a history from standard input.
fn judge(history: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let words = [&["check-history", "-"], more].concat();
    let mut command = faultline(&words);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    child.stdin.take().expect("it is piped").write_all(history.as_bytes()).expect("it reads");
    said(&child.wait_with_output().expect("it ends"))
}

#[test]
fn a_history_is_judged_by_exit_code() {
    let stale = "0 :invoke :write 3\n0 :ok :write 3\n1 :invoke :read nil\n1 :ok :read nil\n";
    let fresh = stale.replace(":ok :read nil", ":ok :read 3");
    let (code, printed, _) = judge(&fresh, &[]);
    assert_eq!((code, printed.as_str()), (Some(0), "Linearizable: an order fits all 2 operations.\n"));
    let (code, printed, _) = judge(stale, &[]);
    assert_eq!((code, printed.as_str()), (Some(1), "Not linearizable: process 1's :read nil (line 4) fits nowhere.\n"));
    let (code, printed, _) = judge(stale, &["--json"]);
    let verdict: Value = serde_json::from_str(&printed).expect("it is JSON");
    assert_eq!((code, &verdict["linearizable"], &verdict["misfits"][0]["line"]), (Some(1), &false.into(), &4.into()));
    let (code, printed, _) = judge(&fresh, &["--max-states", "1"]);
    assert_eq!(code, Some(4), "{printed}");
    assert!(printed.starts_with("Undecided: ") && printed.contains("--max-states is 1."), "{printed}");
    for (wrong, why) in
        [("", "no operation"), ("We wrote 3.\n", "Line 1 "), (&stale[19..], "Line 1: process 0 has asked")]
    {
        let (code, printed, complaint) = judge(wrong, &[]);
        assert_eq!((code, printed.as_str()), (Some(2), ""), "{complaint}");
        assert!(complaint.contains(why) && complaint.contains("'faultline check-history --help'"), "{complaint}");
    }
    assert_eq!(run("check-history no-such-file").0, Some(3));
}

/// A choice's value is a number on the tape and in `--set`; the list says what it stands for.
#[test]
fn choices_are_listed_by_name() {
    let (_, all) = json("list --json");
    let settings = |slug: &str| {
        let scenario = all.as_array().and_then(|all| all.iter().find(|scenario| scenario["slug"] == slug));
        scenario.expect("it is in the catalogue")["settings"].as_array().expect("it has settings").clone()
    };
    let jetstream = settings("jetstream-work-queue");
    let named = |id: &str| jetstream.iter().find(|setting| setting["id"] == id).expect("it has this setting");
    assert_eq!(named("retention")["options"], serde_json::json!(["limits", "interest", "work queue"]));
    assert!(named("rate").get("options").is_none());
    for setting in
        all.as_array().expect("a list").iter().flat_map(|scenario| scenario["settings"].as_array().expect("a list"))
    {
        let count = setting["options"].as_array().map(|names| names.len() as i64);
        assert_eq!(count.is_some(), setting["kind"] == "choice", "{setting}");
        assert!(count.is_none_or(|count| setting["max"] == count - 1), "{setting}");
    }
}
