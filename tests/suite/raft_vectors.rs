//! Raft's decisions against etcd's and HashiCorp's tables.

use crate::vectors::{cases, numbers, report};
use faultline::mechanisms::quorum;
use faultline::sim::NodeId;
use faultline::systems::consensus::raft::config::{Members, servers};
use faultline::systems::consensus::raft::{Config, Entry, Log, Payload};
use serde_json::Value;

fn entry(term: i64) -> Entry {
    Entry { term: term as u32, payload: Payload::NoOp }
}

/// A log from [index, term] pairs.
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
        "find_conflict" => {
            let (before, entries) = (log(&case["existing_log"]), &row["entries"]);
            let at = first_index(entries);
            let mut after = before.clone();
            let deleted = after.accept(at - 1, log(entries).entries());
            let new = (after.last_index() > before.last_index()).then_some(before.last_index() + 1);
            assert_eq!(i64::from(deleted.or(new).unwrap_or(0)), int(&row["expected_conflict_index"]), "{row}");
        }
        "append" => {
            let mut after = log(&case["existing_stable_log"]);
            let at = first_index(&row["entries"]);
            after.truncate(if row["entries"] == serde_json::json!([]) { u32::MAX } else { at - 1 });
            after.accept(at - 1, log(&row["entries"]).entries());
            assert_eq!(i64::from(after.last_index()), int(&row["expected_last_index"]), "{row}");
        }
        "maybe_append" | "handle_append" => {
            let mut follower =
                if name == "handle_append" { terms(&serde_json::json!([1, 2])) } else { log(&case["existing_log"]) };
            let prev = (int(&row["prev_index"]) as u32, int(&row["prev_term"]) as u32);
            let entries = log(&row["entries"]);
            let accepted = follower.matches(prev.0, prev.1);
            let mut commit = case["commit"].as_i64().unwrap_or(0);
            if accepted {
                let last_new = i64::from(prev.0) + entries.entries().len() as i64;
                // etcd's answer to a conflict with what is committed.
                if row["expected"]["panic"] == true {
                    return false;
                }
                follower.accept(prev.0, entries.entries());
                commit = commit.max(int(&row["leader_commit"]).min(last_new));
            }
            let expected = &row["expected"];
            let is_taken = expected["accepted"].as_bool().unwrap_or(expected["reject"] == false);
            assert_eq!((accepted, commit), (is_taken, int(&expected["commit"])), "{row}");
        }
        "follower_check_append" => {
            let prev = (int(&row["prev_index"]) as u32, int(&row["prev_term"]) as u32);
            let matches = log(&case["follower_log"]).matches(prev.0, prev.1);
            assert_eq!(matches, row["expected"]["reject"] == false, "{row}");
        }
        "recv_vote" => {
            let end = (int(&row["candidate_last_term"]) as u32, int(&row["candidate_last_index"]) as u32);
            // Whether a server has voted for another is not for the log to decide.
            if row["voted_for"] == 1 {
                return false;
            }
            assert_eq!(terms(&serde_json::json!([2, 2])).is_caught_up_by(end), row["expected_granted"], "{row}");
        }
        "commit_only_current_term" => {
            let index = quorum::committed(&[int(&row["follower_match"]) as u64, 4]) as u32;
            let own = terms(&serde_json::json!([1, 2, 3, 3])).matches(index, 3);
            assert_eq!(if own { i64::from(index) } else { 0 }, int(&row["expected_commit"]), "{row}");
        }
        "leader_election" => {
            let all = int(&row["nodes"]) as usize;
            let down = numbers(&row["down"]);
            let log_of = |id: i64| terms(&row["logs"][id.to_string()]);
            let votes = |id: &i64| !down.contains(id) && log_of(*id).is_caught_up_by(log_of(1).end());
            let yes = (1..=all as i64).filter(votes).count();
            assert_eq!(quorum::is_majority(yes, all), row["expected_state"] == "Leader", "{row}");
        }
        _ => return false,
    }
    true
}

/// The index of the first of some entries; 1 for none.
fn first_index(entries: &Value) -> u32 {
    entries[0][0].as_u64().unwrap_or(1) as u32
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

/// A set of servers from their numbers, from 1; those above 63 are folded in below.
fn set(value: &Value) -> Members {
    numbers(value).into_iter().fold(0, |set, id| set | 1 << bit_of(id))
}

fn bit_of(id: i64) -> i64 {
    (id - 1) % 61
}

#[test]
fn the_quorums_agree() {
    let Some(cases) = cases("raft_quorum.json") else { return };
    let (mut run, mut left) = (0, 0);
    for case in &cases {
        let config = Config { old: set(&case["voters_outgoing"]), ..Config::of(set(&case["voters"])) };
        let known: Vec<i64> = [numbers(&case["voters"]), numbers(&case["voters_outgoing"])].concat();
        let number = |id: NodeId| known.iter().copied().find(|known| bit_of(*known) == i64::from(id.0)).unwrap_or(0);
        let of = |id: NodeId, map: &Value| map[number(id).to_string()].clone();
        if config.everyone() == 0 {
            // Without members, etcd calls everything decided; we never have such a set.
            left += 1;
        } else if case["kind"] == "commit" {
            let reached = |id| of(id, &case["match_index"]).as_u64().unwrap_or(0);
            assert_eq!(config.reached(reached, quorum::majority) as i64, int(&case["expected"]), "{case}");
            run += 1;
        } else {
            let bits = |answer: &str| {
                let who = servers(config.everyone()).filter(|id| of(*id, &case["votes"]) == answer);
                who.fold(0, |set: Members, id| set | 1 << id.0)
            };
            let result = match () {
                () if config.is_quorum(bits("y"), quorum::majority) => "VoteWon",
                () if !config.is_quorum(config.everyone() & !bits("n"), quorum::majority) => "VoteLost",
                () => "VotePending",
            };
            assert_eq!(case["expected"], result, "{case}");
            run += 1;
        }
    }
    report("raft_quorum.json", run, &[format!("{left} without members")]);
}

/// The voters that a list of changes leads to. Learners are not modelled: a server that becomes one is not a voter.
fn changed(voters: Members, changes: &Value) -> Members {
    changes.as_array().into_iter().flatten().filter_map(Value::as_str).fold(voters, |voters, change| {
        let (kind, id) = change.split_at(1);
        let bit = id.parse::<u32>().ok().and_then(|id| id.checked_sub(1)).map_or(0, |id| 1 << id);
        match kind {
            "v" => voters | bit,
            "l" | "r" => voters & !bit,
            _ => voters,
        }
    })
}

#[test]
fn the_changes_of_members_agree() {
    let Some(cases) = cases("raft_confchange.json") else { return };
    let mut steps = 0;
    for case in &cases {
        let mut config = Config::of(0);
        for step in case["steps"].as_array().into_iter().flatten() {
            let wanted = changed(config.new, &step["changes"]);
            let next = match step["op"].as_str().unwrap_or_default() {
                "simple" => config.by_one(wanted),
                "leave-joint" => config.alone(),
                _ => config.joint(wanted),
            };
            assert_eq!(next.is_err(), !step["expected_error"].is_null(), "{} {step}", case["file"]);
            if let Ok(next) = next {
                let expected = &step["expected"];
                let wanted = Config { old: set(&expected["voters_outgoing"]), ..Config::of(set(&expected["voters"])) };
                assert_eq!(next, wanted, "{} {step}", case["file"]);
                config = next;
            }
            steps += 1;
        }
    }
    println!("{steps} steps");
    report("raft_confchange.json", cases.len(), &[]);
}

/// The members that a sequence names: by letter, or as a count: s1, s2 ...
fn named(value: &Value) -> Vec<Value> {
    let named = value.as_array().into_iter().flatten().cloned();
    named.chain((1..=value.as_u64().unwrap_or(0)).map(|voter| Value::from(format!("s{voter}")))).collect()
}

#[test]
fn the_commitment_sequences_agree() {
    let Some(cases) = cases("raft_commitment_hashicorp.json") else { return };
    for case in &cases {
        let mut voters = named(&case["voters"]);
        let (mut reached, mut commit) = (std::collections::BTreeMap::new(), 0);
        for step in case["steps"].as_array().into_iter().flatten() {
            match step[0].as_str().unwrap_or_default() {
                "expect" => assert_eq!(int(&step[1]), commit, "{case}"),
                "set_voters" => {
                    voters = named(&step[1]);
                    reached.retain(|voter, _| voters.iter().any(|known| known == voter));
                }
                _ if voters.contains(&step[1]) => {
                    let index = reached.entry(step[1].as_str().unwrap_or_default().to_owned()).or_insert(0u64);
                    *index = (*index).max(int(&step[2]) as u64);
                }
                _ => {}
            }
            let of = |voter: &Value| reached.get(voter.as_str().unwrap_or_default()).copied().unwrap_or(0);
            let index = quorum::committed(&voters.iter().map(of).collect::<Vec<u64>>()) as i64;
            if step[0] != "expect" && index >= int(&case["start_index"]) {
                commit = commit.max(index);
            }
        }
    }
    report("raft_commitment_hashicorp.json", cases.len(), &[]);
}
