//! etcd's interaction scripts, played through our servers: campaigns, proposals and deliveries in the script's order.
//! After each step, terms, votes, roles and commit indices must be what etcd's servers printed.
//!
//! Two things differ by design and are bridged here. etcd's logs begin with a snapshot of some entries; ours begin
//! empty, so indices are shifted. etcd's leader announces a new commit index at once; ours announces it with the next
//! heartbeat, so a heartbeat is due at the end of each `stabilize`.

use crate::vectors::{cases, report};
use faultline::guides::consensus::raft_election::SCENARIO;
use faultline::sim::NodeId;
use faultline::sim::declare::commands::CommandCall;
use faultline::sim::machine::world::World;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::{Input, Origin};
use faultline::systems::consensus::raft::{self, Raft, Role, Timer};
use serde_json::Value;

/// A script under way.
struct Play {
    world: World<Raft>,
    nodes: usize,
    /// Entries that etcd's logs begin with.
    base: i64,
}

/// Why our structure cannot express a script.
type Left = String;

impl Play {
    fn begin(command: &str) -> Result<Play, Left> {
        let option =
            |name: &str| command.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        let nodes: usize = command.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        let known = ["voters", "index", "prevote", "inflight"];
        let other = command
            .split_whitespace()
            .skip(2)
            .find(|word| !known.contains(&word.split('=').next().unwrap_or_default()));
        if let Some(other) = other {
            return Err(format!("add-nodes with {other}"));
        }
        let servers = match nodes {
            1 | 3 => 0,
            7 => 2,
            other => return Err(format!("{other} nodes")),
        };
        let mut settings = vec![(raft::SERVERS, servers), (raft::NO_OP, 1)];
        settings.extend((nodes == 1).then_some((raft::MEMBERS, 1)));
        settings.extend((option("prevote") == Some("true")).then_some((raft::PRE_VOTE, 1)));
        let origin = Origin { seed: 1, settings, rules_off: 0 };
        let base = option("index").and_then(|text| text.parse().ok()).unwrap_or(0);
        Ok(Play { world: SCENARIO.world(&origin, &[]), nodes, base })
    }

    /// This pending event happens now, whatever else is due.
    fn happen(&mut self, id: u64) {
        assert!(self.world.apply(&Input::Choose { id }).is_ok());
        self.world.step();
    }

    fn fire(&mut self, node: NodeId, wanted: Timer) {
        let timer = self.world.timers(node).find(|timer| timer.0 == wanted).map(|(_, pending)| pending.id);
        timer.into_iter().for_each(|id| self.happen(id));
    }

    /// Delivers what is now in flight to these nodes. False when there is nothing.
    fn deliver(&mut self, to: &[NodeId]) -> bool {
        let flights = self.world.flights().filter(|flight| to.contains(&flight.pending.node));
        let mut ids: Vec<u64> = flights.map(|flight| flight.pending.id).collect();
        ids.sort_unstable();
        ids.iter().for_each(|id| self.happen(*id));
        !ids.is_empty()
    }

    /// Loses what is now in flight to these nodes.
    fn lose(&mut self, to: &[NodeId]) {
        let flights = self.world.flights().filter(|flight| to.contains(&flight.pending.node));
        let ids: Vec<u64> = flights.map(|flight| flight.pending.id).collect();
        ids.into_iter().for_each(|id| assert!(self.world.apply(&Input::Drop { id }).is_ok()));
    }

    fn stabilize(&mut self, among: &[NodeId]) {
        while self.deliver(among) {}
        for id in among {
            if matches!(self.world.memory(*id).map(|memory| &memory.role), Some(Role::Leader(_))) {
                self.fire(*id, Timer::Heartbeat);
            }
        }
        while self.deliver(among) {}
    }

    fn nodes(&self, words: &[&str]) -> Vec<NodeId> {
        let named: Vec<NodeId> =
            words.iter().filter_map(|word| word.parse().ok()).map(|id: u16| NodeId(id - 1)).collect();
        if named.is_empty() { (0..self.nodes).map(NodeId::from).collect() } else { named }
    }

    fn step(&mut self, command: &str) -> Result<(), Left> {
        let words: Vec<&str> = command.split_whitespace().collect();
        let nodes = self.nodes(&words[1..]);
        if let Some(lost) = words[1..].iter().find_map(|word| word.strip_prefix("drop=")) {
            let lost: Vec<&str> = lost.trim_matches(['(', ')']).split(',').collect();
            if lost.len() < self.nodes {
                return Err(format!("{command}, before others have sent what ours sent at once"));
            }
            self.lose(&self.nodes(&lost));
            if words.len() == 2 {
                return Ok(());
            }
        } else if let Some(option) = words[1..].iter().find(|word| word.contains('=') || word.starts_with("type")) {
            return Err(format!("{} with {option}", words[0]));
        }
        match words[0] {
            "log-level" | "raft-log" | "raft-state" | "status" => {}
            // It slows etcd's leader down until the follower answers; ours always sends.
            "report-unreachable" => {}
            // Our servers send when they act: nothing waits to be sent.
            "process-ready" => {}
            "campaign" => self.fire(nodes[0], Timer::Election),
            "tick-heartbeat" => self.fire(nodes[0], Timer::Heartbeat),
            "stabilize" => self.stabilize(&nodes),
            "deliver-msgs" => {
                self.deliver(&nodes);
            }
            "propose" => {
                let values = vec![0, 1, i64::from(nodes[0].0) + 1];
                let before: Vec<u64> = self.world.kernel().pending().map(|pending| pending.id).collect();
                assert!(self.world.apply(&Input::Command(CommandCall { command: raft::SET, values })).is_ok());
                let new = self.world.kernel().pending().map(|pending| pending.id).find(|id| !before.contains(id));
                new.into_iter().for_each(|id| self.happen(id));
            }
            other => return Err(other.to_owned()),
        }
        Ok(())
    }

    /// Compares what etcd printed about a step with our servers after it.
    fn compare(&self, file: &str, step: &Value) -> usize {
        let command = step["cmd"].as_str().unwrap_or_default();
        let mut compared = 0;
        for id in (0..self.nodes).map(NodeId::from) {
            let of = |list: &str| {
                let mut lines = step[list].as_array().into_iter().flatten();
                lines.rfind(|line| line["node"] == u64::from(id.0) + 1)
            };
            let Some(node) = self.world.node(id) else { continue };
            let Some(memory) = &node.memory else { continue };
            if let Some(known) = of("state_changes") {
                let role = match memory.role {
                    Role::Follower => "follower",
                    Role::PreCandidate { .. } => "pre-candidate",
                    Role::Candidate { .. } => "candidate",
                    Role::Leader(_) => "leader",
                };
                // A candidate that is its own quorum leads at once in ours, and only with its next step in etcd.
                if self.nodes > 1 {
                    assert_eq!(known["state"], role, "{file}: {command}, node {}", id.0 + 1);
                    assert_eq!(known["term"], node.disk.term, "{file}: {command}, node {}", id.0 + 1);
                    compared += 1;
                }
            }
            if let Some(known) = of("hard_states").filter(|_| command.starts_with("stabilize")) {
                let vote = node.disk.voted_for.map_or(0, |vote| vote.0 + 1);
                assert_eq!(known["term"], node.disk.term, "{file}: {command}, node {}", id.0 + 1);
                assert_eq!(known["vote"], vote, "{file}: {command}, node {}", id.0 + 1);
                assert_eq!(
                    known["commit"],
                    i64::from(memory.commit) + self.base,
                    "{file}: {command}, node {}",
                    id.0 + 1
                );
                compared += 1;
            }
        }
        compared
    }
}

/// Plays a script. Returns how many facts agreed, or why it is left out.
fn play(case: &Value) -> Result<usize, Left> {
    let steps: Vec<&Value> = case["steps"].as_array().into_iter().flatten().collect();
    let command = |step: &Value| step["cmd"].as_str().unwrap_or_default().to_owned();
    let begin = steps.iter().map(|step| command(step)).find(|command| command.starts_with("add-nodes"));
    let mut play = Play::begin(&begin.unwrap_or_default())?;
    // A script is run as a whole or not at all: first see whether every step can be expressed.
    let mut facts = 0;
    for step in steps {
        let command = command(step);
        if !command.starts_with("add-nodes") {
            play.step(&command)?;
            facts += play.compare(case["file"].as_str().unwrap_or_default(), step);
        }
    }
    Ok(facts)
}

#[test]
fn the_interaction_scripts_agree() {
    let Some(cases) = cases("raft_interaction.json") else { return };
    let (mut run, mut left) = (0, Vec::new());
    for case in &cases {
        let file = case["file"].as_str().unwrap_or_default();
        match play(case) {
            Ok(0) => left.push(format!("{file}: prints nothing that ours has as well")),
            Ok(facts) => {
                println!("{file}: {facts} facts agree");
                run += 1;
            }
            Err(why) => left.push(format!("{file}: {why}")),
        }
    }
    report("raft_interaction.json", run, &left);
}
