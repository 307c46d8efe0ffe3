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
    Near("messaging/simple-task-queue", &[], &["messaging/competing-consumers", "messaging/retries-and-dead-letters"]),
    Near("messaging/fan-out", &[], &["messaging/topic-routing", "messaging/event-log"]),
    Near("messaging/fire-and-forget", &[], &["messaging/request-reply", "messaging/fan-out"]),
    Near(
        "messaging/competing-consumers",
        &["messaging/simple-task-queue"],
        &["messaging/jetstream-work-queue", "resilience/load-balancing"],
    ),
    Near("messaging/topic-routing", &["messaging/fan-out"], &["messaging/fire-and-forget"]),
    Near("messaging/event-log", &[], &["messaging/inside-kafka-log", "messaging/lag-and-scaling"]),
    Near(
        "messaging/keys-and-order",
        &["messaging/event-log"],
        &["messaging/rebalance", "messaging/retries-and-dead-letters"],
    ),
    Near("messaging/rebalance", &["messaging/event-log"], &["messaging/lag-and-scaling", "consensus/leases"]),
    Near("messaging/isr-and-acks", &["messaging/event-log"], &["consensus/raft-replication", "consensus/quorums"]),
    Near(
        "messaging/jetstream-work-queue",
        &["messaging/simple-task-queue"],
        &["messaging/exactly-once", "messaging/competing-consumers"],
    ),
    Near(
        "messaging/retries-and-dead-letters",
        &["messaging/simple-task-queue"],
        &["messaging/keys-and-order", "messaging/jetstream-work-queue"],
    ),
    Near("messaging/request-reply", &["messaging/fire-and-forget"], &["resilience/load-balancing"]),
    Near(
        "messaging/exactly-once",
        &["messaging/event-log", "messaging/rebalance"],
        &["transactions/two-phase-commit", "consensus/leases"],
    ),
    Near("messaging/flash-sale", &["messaging/event-log"], &["messaging/lag-and-scaling", "resilience/load-balancing"]),
    Near("messaging/right-tool", &["messaging/event-log", "messaging/simple-task-queue"], &["messaging/side-by-side"]),
    Near("messaging/inside-kafka-log", &["messaging/event-log"], &["messaging/isr-and-acks"]),
    Near("messaging/schemas", &["messaging/event-log"], &["messaging/inside-kafka-log"]),
    Near("messaging/lag-and-scaling", &["messaging/event-log"], &["messaging/rebalance", "messaging/flash-sale"]),
    Near(
        "messaging/side-by-side",
        &["messaging/simple-task-queue", "messaging/event-log"],
        &["messaging/exactly-once", "messaging/right-tool"],
    ),
];

/// What to read before a scenario, and what is near to it.
pub fn related(path: &str) -> (&'static [&'static str], &'static [&'static str]) {
    NEAR.iter().find(|near| near.0 == path).map_or((&[], &[]), |near| (near.1, near.2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guides::{Guide, catalogue, find};

    /// The guides that are whole.
    const WRITTEN: [Guide; 2] = [Guide::Consensus, Guide::Messaging];

    #[test]
    fn every_relation_leads_somewhere_and_every_scenario_of_a_whole_guide_has_some() {
        for Near(path, before, near) in NEAR {
            assert!(find(path).is_some(), "{path}");
            before.iter().chain(*near).for_each(|other| assert!(find(other).is_some(), "{path} names {other}"));
        }
        for scenario in catalogue().iter().map(|scenario| scenario.info()) {
            let known = !WRITTEN.contains(&scenario.guide) || !related(&scenario.path()).1.is_empty();
            assert!(known, "{} is related to nothing", scenario.path());
        }
    }

    #[test]
    fn the_guides_own_texts_link_to_scenarios_that_are_there() {
        for guide in WRITTEN {
            let links = guide.prose().split("](").skip(1).filter_map(|rest| rest.split(')').next());
            let inside: Vec<&str> = links.filter(|link| !link.contains("://")).collect();
            assert!(inside.len() > 20);
            for link in inside {
                assert!(find(&format!("{}/{}", guide.slug(), link.trim_end_matches('/'))).is_some(), "{link}");
            }
        }
    }
}
