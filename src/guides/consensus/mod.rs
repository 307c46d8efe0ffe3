//! The Consensus guide.

use crate::scenarios;

scenarios! {
    agreement: "consensus";
    two_generals: "consensus";
    flp: "consensus";
    quorums: "consensus";
    raft_election: "consensus";
    leases: "consensus";
    bully: "consensus";
    token_ring: "consensus";
    raft_replication: "consensus";
    raft_figure_8: "consensus";
    raft_reads: "consensus";
    raft_members: "consensus";
    raft_snapshots: "consensus";
    paxos: "paxos";
    multi_paxos: "paxos";
    zab: "paxos";
    side_by_side: "paxos";
    byzantine_generals: "paxos";
    pbft: "paxos";
}
