//! What to read before a scenario, and what is near to it. For the pages that are written natively; the browser reads
//! them from there.

/// A scenario with what comes before it and what is related, each as `guide/slug`.
struct Near(&'static str, &'static [&'static str], &'static [&'static str]);

const NEAR: &[Near] = &[
    Near("consensus/agreement", &[], &["storage/leaderless-quorum", "consensus/quorums"]),
    Near("consensus/two-generals", &[], &["consensus/flp", "transactions/two-phase-commit"]),
    Near("consensus/flp", &["consensus/agreement"], &["consensus/two-generals", "consensus/paxos"]),
    Near("consensus/quorums", &["consensus/agreement"], &["consensus/raft-election", "storage/leaderless-quorum"]),
    Near("consensus/bully", &[], &["consensus/raft-election", "consensus/token-ring"]),
    Near("consensus/token-ring", &[], &["consensus/leases", "consensus/bully"]),
    Near("consensus/raft-election", &["consensus/quorums"], &["consensus/bully", "consensus/zab"]),
    Near("consensus/leases", &[], &["consensus/raft-reads", "consensus/token-ring"]),
    Near("consensus/raft-replication", &["consensus/raft-election"], &["consensus/multi-paxos", "consensus/zab"]),
    Near("consensus/raft-figure-8", &["consensus/raft-replication"], &["consensus/multi-paxos"]),
    Near("consensus/raft-reads", &["consensus/raft-replication"], &["consensus/leases", "consensus/agreement"]),
    Near("consensus/raft-members", &["consensus/raft-replication", "consensus/quorums"], &["consensus/raft-figure-8"]),
    Near("consensus/raft-snapshots", &["consensus/raft-replication"], &["consensus/zab"]),
    Near("consensus/paxos", &["consensus/quorums"], &["consensus/flp", "consensus/raft-election"]),
    Near("consensus/multi-paxos", &["consensus/paxos"], &["consensus/raft-replication", "consensus/side-by-side"]),
    Near("consensus/zab", &["consensus/quorums"], &["consensus/raft-replication", "consensus/side-by-side"]),
    Near(
        "consensus/side-by-side",
        &["consensus/raft-replication", "consensus/multi-paxos", "consensus/zab"],
        &["consensus/raft-reads"],
    ),
    Near("consensus/byzantine-generals", &["consensus/quorums"], &["consensus/pbft", "consensus/two-generals"]),
    Near("consensus/pbft", &["consensus/byzantine-generals"], &["consensus/multi-paxos"]),
];

/// What to read before a scenario, and what is near to it.
pub fn related(path: &str) -> (&'static [&'static str], &'static [&'static str]) {
    NEAR.iter().find(|near| near.0 == path).map_or((&[], &[]), |near| (near.1, near.2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guides::{Guide, catalogue, find};

    #[test]
    fn every_relation_leads_somewhere_and_every_consensus_scenario_has_some() {
        for Near(path, before, near) in NEAR {
            assert!(find(path).is_some(), "{path}");
            before.iter().chain(*near).for_each(|other| assert!(find(other).is_some(), "{path} names {other}"));
        }
        for scenario in catalogue().iter().map(|scenario| scenario.info()) {
            let known = scenario.guide != Guide::Consensus || !related(&scenario.path()).1.is_empty();
            assert!(known, "{} is related to nothing", scenario.path());
        }
    }

    #[test]
    fn the_guides_own_text_links_to_scenarios_that_are_there() {
        let text = Guide::Consensus.prose();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let inside: Vec<&str> = links.filter(|link| !link.contains("://")).collect();
        assert!(inside.len() > 20);
        for link in inside {
            assert!(find(&format!("consensus/{}", link.trim_end_matches('/'))).is_some(), "{link}");
        }
    }
}
