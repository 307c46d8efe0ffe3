//! ZooKeeper's votes, quorums and choices of synchronisation against what its own tests expect.

use crate::vectors::{cases, numbers, report};
use faultline::mechanisms::zab::{Logs, Sync, Vote, acknowledged, elects, sync};
use serde_json::Value;

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(u64::MAX)
}

fn vote(value: &Value) -> Vote {
    Vote {
        id: number(&value["id"]) as u16,
        zxid: number(&value["zxid"]),
        epoch: number(value.get("peerEpoch").unwrap_or(&value["epoch"])) as u32,
        round: value["electionEpoch"].as_u64().unwrap_or(0) as u32,
        looking: value["state"].as_str().unwrap_or("LOOKING") == "LOOKING",
        version: value["version"].as_u64().unwrap_or(0) as u32,
    }
}

fn tally(case: &Value) {
    let votes: Vec<Vote> = case["votes"].as_object().into_iter().flatten().map(|(_, cast)| vote(cast)).collect();
    let candidate = vote(&case["candidate_vote"]);
    let has = elects(votes.iter(), &candidate, number(&case["ensemble"]) as usize);
    assert_eq!(Some(has), case["has_quorum"].as_bool(), "{case}");
}

fn acks(case: &Value) {
    let set = |ids: &Value| numbers(ids).into_iter().fold(0, |set, id| set | 1u64 << id);
    let (voters, mut acks) = (set(&case["voters"]), 0);
    for step in case["steps"].as_array().into_iter().flatten() {
        acks |= set(&step["acks_added"]);
        assert_eq!(Some(acknowledged(voters, acks)), step["committed"].as_bool(), "{case}");
    }
}

fn zxids(value: &Value) -> Vec<u64> {
    value.as_array().into_iter().flatten().map(number).collect()
}

fn follower(case: &Value) {
    let (recent, mut older) = (zxids(&case["committed_log"]), zxids(&case["txn_log"]));
    if case["txn_log_usable"] == false {
        older.clear();
    }
    let from = number(&case["follower_last_zxid"]);
    let last = number(&case["leader_last_processed"]);
    let choice = sync(Logs { last, recent: &recent, older: &older }, from);
    let expected = &case["expected"];
    let (name, zxid, proposals) = match &choice {
        Sync::Diff { upto, proposals } => ("DIFF", *upto, proposals.clone()),
        Sync::Trunc { to, proposals } => ("TRUNC", *to, proposals.clone()),
        Sync::Snap => ("SNAP", 0, Vec::new()),
    };
    assert_eq!(Some(name), expected["sync"].as_str(), "{case}");
    if name == "SNAP" {
        return;
    }
    assert_eq!((zxid, &proposals), (number(&expected["zxid"]), &zxids(&expected["proposals"])), "{case}");
    // A packet for the choice, and a proposal and its commit for each transaction; what is new is forwarded from there.
    assert_eq!(1 + 2 * proposals.len() as u64, number(&expected["packets"]), "{case}");
    assert_eq!(proposals.last().copied().unwrap_or(zxid), number(&expected["forward_from"]), "{case}");
}

#[test]
fn votes_quorums_and_synchronisation_are_as_in_zookeeper() {
    let Some(cases) = cases("zab.json") else { return };
    let (mut run, mut left) = (0, Vec::new());
    for case in &cases {
        match case["kind"].as_str().unwrap_or_default() {
            "vote_order" => {
                let wins = vote(&case["new"]).beats(&vote(&case["current"]));
                assert_eq!(Some(wins), case["new_wins"].as_bool(), "{case}");
            }
            "vote_quorum" => tally(case),
            "ack_quorum" => acks(case),
            "follower_sync" => follower(case),
            other => {
                left.push(other.to_owned());
                continue;
            }
        }
        run += 1;
    }
    report("zab.json", run, &left);
}
