//! Raft's decisions against etcd's and HashiCorp's tables.
#![cfg(not(target_arch = "wasm32"))]

mod vectors;

use faultline::mechanisms::quorum;
use faultline::systems::raft::{Entry, Log, Payload};
use serde_json::Value;
use vectors::{cases, numbers, report};

fn entry(term: i64) -> Entry {
    Entry { term: term as u32, payload: Payload::NoOp }
}

/// A log from [index, term] pairs that begin at index 1.
fn log(value: &Value) -> Log {
    Log::new(value.as_array().into_iter().flatten().map(|pair| entry(numbers(pair)[1])).collect())
}

fn pairs(log: &Log) -> Vec<Vec<i64>> {
    log.entries().iter().zip(1i64..).map(|(entry, index)| vec![index, i64::from(entry.term)]).collect()
}

fn terms(value: &Value) -> Log {
    Log::new(numbers(value).into_iter().map(entry).collect())
}

fn int(value: &Value) -> i64 {
    value.as_i64().unwrap_or(-1)
}

/// Runs one row of a table; false when our structure has no such decision.
fn row(name: &str, case: &Value, row: &Value) -> bool {
    match name {
        "is_up_to_date" => {
            let end = (int(&row["candidate_last_term"]) as u32, int(&row["candidate_last_index"]) as u32);
            assert_eq!(log(&case["voter_log"]).is_caught_up_by(end), row["expected"], "{row}");
        }
        "voter_log_check" => {
            let end = (int(&row["candidate_last_term"]) as u32, int(&row["candidate_last_index"]) as u32);
            assert_eq!(terms(&row["voter_log_terms"]).is_caught_up_by(end), row["expected_granted"], "{row}");
        }
        "follower_append_entries" => {
            let mut follower = log(&case["follower_log"]);
            let entries: Vec<Entry> = log(&row["entries"]).entries().to_vec();
            assert!(follower.matches(int(&row["prev_index"]) as u32, int(&row["prev_term"]) as u32), "{row}");
            follower.accept(int(&row["prev_index"]) as u32, &entries);
            assert_eq!(serde_json::json!(pairs(&follower)), row["expected_log"], "{row}");
        }
        "commit" => {
            let reached: Vec<u64> = numbers(&row["match"]).into_iter().map(|index| index as u64).collect();
            let index = quorum::committed(&reached) as u32;
            let own = terms(&row["log_terms"]).matches(index, int(&row["current_term"]) as u32);
            assert_eq!(if own { i64::from(index) } else { 0 }, int(&row["expected_commit"]), "{row}");
        }
        "leader_ack_commit" => {
            let have = 1 + row["acceptors"].as_array().map_or(0, Vec::len);
            assert_eq!(quorum::is_majority(have, int(&row["size"]) as usize), row["expected_committed"], "{row}");
        }
        "election_one_round" => {
            let votes = row["votes"].as_object();
            let yes = 1 + votes.map_or(0, |votes| votes.values().filter(|vote| **vote == true).count());
            let wins = quorum::is_majority(yes, int(&row["size"]) as usize);
            assert_eq!(wins, row["expected_state"] == "Leader", "{row}");
        }
        _ => return false,
    }
    true
}

#[test]
fn the_decision_tables_agree() {
    let Some(cases) = cases("raft_tables.json") else { return };
    let (mut run, mut left) = (0, Vec::new());
    for case in &cases {
        let name = case["name"].as_str().unwrap_or_default();
        let rows = case["rows"].as_array().cloned().unwrap_or_default();
        let done = rows.iter().filter(|one| row(name, case, one)).count();
        run += done;
        if done == 0 {
            left.push(format!("{name}: {} rows of etcd's own structure", rows.len()));
        }
    }
    report("raft_tables.json", run, &left);
}

#[test]
fn the_quorums_agree() {
    let Some(cases) = cases("raft_quorum.json") else { return };
    let (mut run, mut joint) = (0, 0);
    for case in &cases {
        let voters = numbers(&case["voters"]);
        if voters.is_empty() || !case["voters_outgoing"].is_null() {
            joint += 1;
            continue;
        }
        let of = |voter: &i64, map: &Value| map[voter.to_string()].clone();
        if case["kind"] == "commit" {
            let reached: Vec<u64> =
                voters.iter().map(|voter| of(voter, &case["match_index"]).as_u64().unwrap_or(0)).collect();
            assert_eq!(quorum::committed(&reached) as i64, int(&case["expected"]), "{case}");
        } else {
            let count = |what: &str| voters.iter().filter(|voter| of(voter, &case["votes"]) == what).count();
            let (yes, no, all) = (count("y"), count("n"), voters.len());
            let result = match () {
                () if quorum::is_majority(yes, all) => "VoteWon",
                () if !quorum::is_majority(all - no, all) => "VoteLost",
                () => "VotePending",
            };
            assert_eq!(case["expected"], result, "{case}");
        }
        run += 1;
    }
    report(
        "raft_quorum.json",
        run,
        &[format!("{joint} joint or empty configurations: membership changes come with their scenario")],
    );
}

#[test]
fn the_commitment_sequences_agree() {
    let Some(cases) = cases("raft_commitment_hashicorp.json") else { return };
    let (mut run, mut left) = (0, Vec::new());
    for case in &cases {
        let steps = case["steps"].as_array().cloned().unwrap_or_default();
        if steps.iter().any(|step| step[0] != "match" && step[0] != "expect") {
            left.push(case["test"].as_str().unwrap_or_default().to_owned());
            continue;
        }
        let named = case["voters"].as_array().into_iter().flatten().cloned();
        let numbered = (1..=case["voters"].as_u64().unwrap_or(0)).map(|voter| Value::from(format!("s{voter}")));
        let voters: Vec<Value> = named.chain(numbered).collect();
        let (mut reached, mut commit) = (vec![0u64; voters.len()], 0);
        for step in &steps {
            if step[0] == "expect" {
                assert_eq!(int(&step[1]), commit as i64, "{case}");
            } else if let Some(at) = voters.iter().position(|voter| *voter == step[1]) {
                reached[at] = reached[at].max(int(&step[2]) as u64);
                let index = quorum::committed(&reached);
                if index as i64 >= int(&case["start_index"]) {
                    commit = commit.max(index);
                }
            }
        }
        run += 1;
    }
    report("raft_commitment_hashicorp.json", run, &left);
}
