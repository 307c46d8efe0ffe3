//! etcd's interaction scripts, played through our servers: campaigns, proposals, changes of members and deliveries in the
//! script's order. What etcd's servers printed, ours must show at the same step: terms, votes, roles, commit indices, how
//! far a leader knows each log to agree, and whole logs.
//!
//! Messages wait with their sender until the script lets it handle its `Ready`, as etcd's do. What differs by design is
//! bridged here, and nowhere else:
//!
//! - etcd's logs begin with a snapshot of some entries; ours begin empty, so indices are shifted.
//! - etcd's leader announces a new commit index at once, and sends at once what a follower lacks after a snapshot; ours
//!   does with a heartbeat, so one is due at the end of a `stabilize` that leaves something to say.
//! - etcd's leader counts its own copy a step later; ours as soon as it has it.
//! - etcd's servers grant pre-votes against a leader they hear, unless they check quorums; ours never do. Without
//!   check-quorum, a campaign lets an election timeout go by on every clock.
//! - etcd limits how much is in flight to a follower; ours always sends.
//! - etcd counts by new members once the entry is applied, ours once it is appended: while a change is under way, commit
//!   indices are compared only where a `stabilize` ends.
//! - etcd's learners are there from the start; ours are appended, an entry more.
//! - A tick is a heartbeat of a leader, and time that goes by on a follower's clock. Otherwise clocks stand still, as they do
//!   in etcd between ticks.

use std::collections::BTreeSet;

use crate::vectors::{cases, report};
use faultline::guides::consensus::raft_election::SCENARIO;
use faultline::sim::NodeId;
use faultline::sim::declare::commands::CommandCall;
use faultline::sim::declare::rules::{RuleId, RuleSet};
use faultline::sim::kernel::PendingKind;
use faultline::sim::machine::world::World;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::{Input, Origin};
use faultline::systems::consensus::raft::config::{Members, SETS};
use faultline::systems::consensus::raft::{self, Leadership, Raft, Role, Timer};
use serde_json::Value;

/// Scripts whose course is another in ours, and why.
const ANOTHER_COURSE: &[(&str, &str)] = &[
    ("confchange_v1_remove_leader.txt", "its leader goes on once it is no member; ours steps down"),
    (
        "confchange_v1_remove_leader_stepdown.txt",
        "entries after a change are committed by the old members; ours count by the new",
    ),
    ("confchange_v2_add_double_auto.txt", "the same, after a joint configuration"),
    ("confchange_disable_validation.txt", "members change while a change is under way, with the check switched off"),
    ("snapshot_succeed_via_app_resp.txt", "its leader probes first; ours sends the snapshot with its first message"),
    ("snapshot_succeed_via_app_resp_behind.txt", "a snapshot is sent by hand, to a server whose log begins elsewhere"),
];

/// The election timeout, in heartbeats and in microseconds.
const TICKS: usize = 3;
const TIMEOUT: i64 = 150_000;

/// Why a script is not played to its end.
#[derive(Debug)]
enum Stop {
    /// Ours cannot express it.
    Left(String),
    /// Ours does something else than etcd.
    Differs(String),
}

fn left<T>(why: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Left(why.into()))
}

/// What a leader has to say: how far it has committed, and the least that a follower is known to have.
#[derive(Clone, Copy, Default, PartialEq)]
struct News {
    commit: u32,
    least: u32,
}

/// A script under way.
struct Play {
    world: World<Raft>,
    /// How many servers etcd has added so far.
    nodes: usize,
    /// Entries that etcd's logs begin with.
    base: i64,
    /// Messages that their senders have let go.
    sent: BTreeSet<u64>,
    /// For each server, what it said last as leader, and what its clock shows.
    said: Vec<News>,
    clocks: Vec<i64>,
    checks_quorum: bool,
    /// Whether a server has been told how long to wait: it will not stand by itself.
    waits: bool,
    /// One voter alone leads at once in ours, and only with its next step in etcd.
    alone: bool,
    /// Whether the script changes the members.
    changes: bool,
    /// Whether learners are still to be appended.
    learners: bool,
}

fn words(command: &str) -> Vec<&str> {
    command.split_whitespace().collect()
}

/// The value of an option: `index=10`.
fn option<'a>(command: &'a str, name: &str) -> Option<&'a str> {
    command.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

/// The ids in `(1,2,3)` or `3`.
fn ids(text: &str) -> Vec<NodeId> {
    text.trim_matches(['(', ')']).split(',').filter_map(|id| id.parse().ok()).map(|id: u16| NodeId(id - 1)).collect()
}

fn commands(case: &Value) -> impl Iterator<Item = &str> {
    case["steps"].as_array().into_iter().flatten().filter_map(|step| step["cmd"].as_str())
}

impl Play {
    fn begin(case: &Value, without: Option<RuleId>) -> Result<Play, Stop> {
        let file = case["file"].as_str().unwrap_or_default();
        if let Some((_, why)) = ANOTHER_COURSE.iter().find(|known| known.0 == file) {
            return left(*why);
        }
        let adds: Vec<&str> = commands(case).filter(|command| command.starts_with("add-nodes")).collect();
        let count = |command: &&str| words(command).get(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        let known = ["voters", "index", "prevote", "inflight", "checkquorum", "learners"];
        let odd = |word: &&str| !known.contains(&word.split('=').next().unwrap_or_default());
        if let Some(odd) = adds.iter().flat_map(|command| words(command).into_iter().skip(2)).find(odd) {
            return left(format!("add-nodes with {odd}"));
        }
        let (all, first) = (adds.iter().map(count).sum::<usize>(), adds.first().copied().unwrap_or_default());
        let servers = match all {
            1..=3 => 0,
            7 => 2,
            other => return left(format!("{other} nodes")),
        };
        let is_on = |name: &str| i64::from(option(first, name) == Some("true"));
        let voters = ids(option(first, "voters").unwrap_or_default()).len();
        let base = option(first, "index").and_then(|text| text.parse().ok()).unwrap_or(0);
        let compacted = commands(case).find(|command| command.starts_with("compact"));
        let compacted: Option<i64> = compacted.and_then(|command| words(command).last()?.parse().ok());
        let settings = vec![
            (raft::SERVERS, servers),
            (raft::NO_OP, 1),
            (raft::MEMBERS, if voters < 5 { voters as i64 } else { 0 }),
            (raft::PRE_VOTE, is_on("prevote")),
            (raft::CHECK_QUORUM, is_on("checkquorum")),
            (raft::SNAPSHOT_AFTER, compacted.map_or(0, |upto| upto - base)),
        ];
        let learners = option(first, "learners").is_some();
        // In etcd it is for whoever adds a server to say whether it learns first.
        let off = [(!learners).then_some(raft::LEARNERS), without];
        let rules = off.into_iter().flatten().fold(RuleSet::ALL, |rules, rule| rules.with(rule, false));
        let origin = Origin { seed: 1, settings, rules_off: rules.off_bits() };
        Ok(Play {
            world: SCENARIO.world(&origin, &[]),
            nodes: 0,
            base,
            sent: BTreeSet::new(),
            said: vec![News::default(); all.max(3)],
            clocks: vec![TIMEOUT; all.max(3)],
            checks_quorum: is_on("checkquorum") == 1,
            waits: false,
            alone: voters == 1,
            changes: commands(case).any(|command| command.starts_with("propose-conf-change")),
            learners,
        })
    }

    fn act(&mut self, input: &Input) {
        assert!(self.world.apply(input).is_ok(), "{input:?} is refused");
    }

    /// This pending event happens next, whatever else is due, and the server's clock shows what it should.
    fn happen(&mut self, id: u64) {
        let kernel = self.world.kernel();
        let event = kernel.find(id).map(|event| (event.node, event.at.max(kernel.now())));
        let (node, then) = event.expect("the event is pending");
        let offset = self.clocks[node.index()] - i64::try_from(then).unwrap_or(0);
        self.act(&Input::Skew { node, offset, drift_ppm: 0 });
        self.act(&Input::Choose { id });
        self.world.step();
    }

    fn fire(&mut self, node: NodeId, wanted: Timer) {
        let timer = self.world.timers(node).find(|timer| timer.0 == wanted).map(|(_, pending)| pending.id);
        timer.into_iter().for_each(|id| self.happen(id));
    }

    /// The command happens at once, at a server.
    fn call(&mut self, call: CommandCall) {
        let before: BTreeSet<u64> = self.world.kernel().pending().map(|pending| pending.id).collect();
        self.act(&Input::Command(call));
        let new = self.world.kernel().pending().map(|pending| pending.id).find(|id| !before.contains(id));
        new.into_iter().for_each(|id| self.happen(id));
    }

    /// An election timeout goes by on a server's clock.
    fn wait(&mut self, node: NodeId) {
        self.clocks[node.index()] += TIMEOUT;
    }

    /// What is in flight, as id, sender and receiver, in the order of sending.
    fn flights(&self) -> Vec<(u64, NodeId, NodeId)> {
        let flight = |pending: &faultline::sim::kernel::Pending| match pending.kind {
            PendingKind::Deliver { from, .. } => Some((pending.id, from, pending.node)),
            _ => None,
        };
        let mut all: Vec<(u64, NodeId, NodeId)> = self.world.kernel().pending().filter_map(flight).collect();
        all.sort_unstable_by_key(|flight| flight.0);
        all
    }

    /// Servers handle what they are ready for: what they have written to others is on its way, and lost if nobody is there
    /// yet. Returns whether anything is on its way.
    fn let_go(&mut self, from: &[NodeId]) -> bool {
        let before = self.sent.len();
        for (id, sender, to) in self.flights() {
            if from.contains(&sender) && to.index() >= self.nodes {
                self.act(&Input::Drop { id });
            } else if from.contains(&sender) {
                self.sent.insert(id);
            }
        }
        self.sent.len() > before
    }

    /// What is on its way to these servers, arrives, or is lost. False when there is nothing.
    fn deliver(&mut self, to: &[NodeId], arrives: bool) -> bool {
        let flights = self.flights();
        let mine = flights.into_iter().filter(|flight| to.contains(&flight.2) && self.sent.contains(&flight.0));
        let mine: Vec<u64> = mine.map(|flight| flight.0).collect();
        for id in &mine {
            self.sent.remove(id);
            if arrives { self.happen(*id) } else { self.act(&Input::Drop { id: *id }) }
        }
        !mine.is_empty()
    }

    fn leadership(&self, node: NodeId) -> Option<&Leadership> {
        match &self.world.memory(node)?.role {
            Role::Leader(leadership) => Some(leadership),
            _ => None,
        }
    }

    fn commit(&self, node: NodeId) -> u32 {
        self.world.memory(node).map_or(0, |memory| memory.commit)
    }

    fn stabilize(&mut self, among: &[NodeId]) {
        loop {
            while self.let_go(among) | self.deliver(among, true) {}
            let news = |id: &NodeId| Some((*id, self.news(*id, among)?));
            let Some((leader, news)) = among.iter().find_map(news) else { break };
            self.said[leader.index()] = news;
            self.fire(leader, Timer::Heartbeat);
        }
    }

    /// What a leader has to say to these that it has not said, if it is one.
    fn news(&self, leader: NodeId, among: &[NodeId]) -> Option<News> {
        let (known, said) = (self.leadership(leader)?, self.said[leader.index()]);
        let last = known.matched[leader.index()];
        let least = among.iter().map(|id| known.matched[id.index()]).min().unwrap_or(last);
        let news = News { commit: self.commit(leader), least };
        (news != said && (news.commit > said.commit || least < last)).then_some(news)
    }

    fn named(&self, words: &[&str]) -> Vec<NodeId> {
        let named: Vec<NodeId> = words.iter().filter(|word| !word.contains('=')).flat_map(|word| ids(word)).collect();
        if named.is_empty() { (0..self.nodes).map(NodeId::from).collect() } else { named }
    }

    fn step(&mut self, command: &str, input: &Value) -> Result<(), Stop> {
        let words = words(command);
        let nodes = self.named(&words[1..]);
        let known = match words[0] {
            "add-nodes" | "deliver-msgs" | "propose-conf-change" | "set-randomized-election-timeout" => true,
            _ => words[1..].iter().all(|word| !word.contains('=') || word.starts_with("log-level")),
        };
        if !known {
            return left(command);
        }
        match words[0] {
            "log-level" | "raft-log" | "raft-state" | "status" => {}
            // It slows etcd's leader down until the follower answers; ours always sends.
            "report-unreachable" => {}
            "add-nodes" => self.nodes += words[1].parse::<usize>().unwrap_or(0),
            "process-ready" => _ = self.let_go(&nodes),
            "campaign" => {
                let all = (0..self.nodes).map(NodeId::from);
                let who: Vec<NodeId> = all.filter(|id| !self.checks_quorum || *id == nodes[0]).collect();
                who.into_iter().for_each(|id| self.wait(id));
                self.fire(nodes[0], Timer::Election);
            }
            "tick-heartbeat" => self.fire(nodes[0], Timer::Heartbeat),
            "tick-election" if self.leadership(nodes[0]).is_some() => {
                (0..TICKS).for_each(|_| self.fire(nodes[0], Timer::Heartbeat));
            }
            "tick-election" if self.waits => self.wait(nodes[0]),
            "set-randomized-election-timeout" => self.waits = true,
            "stabilize" => {
                self.stabilize(&nodes);
                self.learn(&nodes);
            }
            "deliver-msgs" => return self.deliveries(&words, &nodes),
            "propose" => {
                let values = vec![0, 1, i64::from(nodes[0].0) + 1];
                self.call(CommandCall { command: raft::SET, values });
            }
            "propose-conf-change" => return self.change(command, input, nodes[0]),
            "compact" => {
                let (log, upto) = (&self.world.node(nodes[0]).map(|node| &node.disk.log), words.last().copied());
                let (base, upto) = (log.map_or(0, |log| log.base()), upto.and_then(|word| word.parse::<i64>().ok()));
                if upto != Some(i64::from(base) + self.base) {
                    return left(format!("{command}, where ours has a snapshot up to {base}"));
                }
            }
            _ => return left(command),
        }
        Ok(())
    }

    fn deliveries(&mut self, words: &[&str], nodes: &[NodeId]) -> Result<(), Stop> {
        let lost = words.iter().find_map(|word| word.strip_prefix("drop="));
        if words.iter().any(|word| word.starts_with("type=")) {
            return left(words.join(" "));
        }
        if let Some(lost) = lost {
            self.deliver(&ids(lost), false);
        }
        if lost.is_none() || words.len() > 2 {
            self.deliver(nodes, true);
        }
        Ok(())
    }

    /// Once the first leader is settled, it appends who learns. The learners' answers stay with them: they would be
    /// promoted at once, and etcd's wait to be.
    fn learn(&mut self, among: &[NodeId]) {
        let leader = among.iter().copied().find(|id| self.leadership(*id).is_some());
        let Some(leader) = leader.filter(|_| self.learners) else { return };
        self.learners = false;
        let members = self.world.node(leader).and_then(|node| node.disk.log.config());
        assert!(members.is_none(), "learners come first");
        self.act(&Input::Setting { setting: raft::CHANGE, value: 1 });
        self.call(CommandCall { command: raft::CHANGE_MEMBERS, values: vec![0] });
        let voters: Vec<NodeId> = (0..2).map(NodeId).collect();
        let all = self.named(&[]);
        for _ in 0..2 {
            while self.let_go(&voters) | self.deliver(&all, true) {}
            self.fire(leader, Timer::Heartbeat);
        }
        while self.let_go(&voters) | self.deliver(&all, true) {}
        self.said[leader.index()].commit = self.commit(leader);
        self.base -= 1;
    }

    /// The leader is asked for other members: `v2` makes a voter, `r2` removes one.
    fn change(&mut self, command: &str, input: &Value, leader: NodeId) -> Result<(), Stop> {
        let asked: Vec<&str> = input.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let asked: Vec<&str> = asked.iter().flat_map(|line| line.split_whitespace()).collect();
        if asked.is_empty() || option(command, "transition") == Some("explicit") {
            return left(format!("{command}: ours leaves a joint configuration by itself"));
        }
        let config = self.world.node(leader).and_then(|node| node.disk.log.config());
        let mut wanted: Members = config.map_or((1 << self.world.settings().amount(raft::MEMBERS)) - 1, |it| it.new);
        for change in &asked {
            let bit = change[1..].parse::<u32>().map_or(0, |id| 1 << (id - 1));
            match change.split_at(1).0 {
                "v" => wanted |= bit,
                "r" => wanted &= !bit,
                _ => return left(format!("{command} {change}")),
            }
        }
        if config.is_some_and(|config| config.next.0 == wanted) {
            // The learner is to be promoted: its leader hears that it has the log.
            self.let_go(&[NodeId(2)]);
            self.deliver(&[leader], true);
            return Ok(());
        }
        let Some(at) = SETS.iter().position(|set| set.1 == wanted) else {
            return left(format!("{command} {asked:?}: no set that ours offers"));
        };
        let is_joint = asked.len() > 1 || option(command, "transition") == Some("implicit");
        self.act(&Input::Setting { setting: raft::CHANGE, value: i64::from(!is_joint) });
        self.call(CommandCall { command: raft::CHANGE_MEMBERS, values: vec![at as i64] });
        Ok(())
    }

    /// Compares what etcd printed about a step with our servers after it. Returns how many facts agree.
    fn compare(&self, step: &Value) -> Result<usize, Stop> {
        let command = step["cmd"].as_str().unwrap_or_default();
        let mut agree = 0;
        let mut same = |what: String, known: i64, ours: i64| {
            agree += 1;
            let differs = || Stop::Differs(format!("{command}: {what} is {known} in etcd, {ours} in ours"));
            if known == ours { Ok(()) } else { Err(differs()) }
        };
        let number = |value: &Value| value.as_i64().unwrap_or(-1);
        for id in (0..self.nodes).map(NodeId::from) {
            let Some(node) = self.world.node(id) else { continue };
            let Some(memory) = &node.memory else { continue };
            let name = id.0 + 1;
            // Where a step is one server's, what it printed names nobody.
            let only = (words(command).len() == 2 && self.named(&words(command)[1..]) == [id]).then_some(id);
            let of = |list: &str| {
                let is_its = |line: &&Value| line["node"] == name || (line["node"].is_null() && only == Some(id));
                step[list].as_array().into_iter().flatten().rfind(is_its)
            };
            if let Some(known) = of("state_changes").filter(|_| !self.alone || name > 1) {
                let roles = ["follower", "pre-candidate", "candidate", "leader"];
                let role = match memory.role {
                    Role::Follower => 0,
                    Role::PreCandidate { .. } => 1,
                    Role::Candidate { .. } => 2,
                    Role::Leader(_) => 3,
                };
                let known_role = roles.iter().position(|role| known["state"] == *role).map_or(-1, |at| at as i64);
                same(format!("role of {name}"), known_role, role)?;
                same(format!("term of {name}"), number(&known["term"]), node.disk.term.into())?;
            }
            let is_settled = command.starts_with("stabilize") || !(self.changes || self.alone);
            if let Some(known) = of("hard_states").filter(|_| is_settled) {
                let vote = node.disk.voted_for.map_or(0, |vote| vote.0 + 1);
                same(format!("term of {name}"), number(&known["term"]), node.disk.term.into())?;
                same(format!("vote of {name}"), number(&known["vote"]), vote.into())?;
                let commit = number(&known["commit"]);
                // Whoever was added later begins without the entries that the others begin with.
                let base = if (commit, memory.commit) == (0, 0) { 0 } else { self.base };
                same(format!("commit of {name}"), commit, base + i64::from(memory.commit))?;
            }
        }
        let about = words(command).get(1).and_then(|word| word.parse().ok()).map(|id: u16| NodeId(id - 1));
        let lines = step["expected"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::trim);
        for line in lines {
            match (words(command)[0], about) {
                ("status", Some(leader)) => self.compare_status(line, leader, &mut same)?,
                ("raft-log", Some(node)) => self.compare_entry(line, node, &mut same)?,
                _ => {}
            }
        }
        Ok(agree)
    }

    /// `2: StateReplicate match=11 next=12`
    fn compare_status(
        &self,
        line: &str,
        leader: NodeId,
        same: &mut impl FnMut(String, i64, i64) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let parsed =
            line.split_once(':').and_then(|(id, rest)| Some((id.parse::<usize>().ok()?, option(rest, "match")?)));
        let Some((id, known)) = parsed.filter(|(id, _)| *id != leader.index() + 1) else { return Ok(()) };
        let matched = self.leadership(leader).map_or(-1, |leader| i64::from(leader.matched[id - 1]));
        let ours = if matched > 0 { matched + self.base } else { matched };
        same(format!("match of {id}"), known.parse().unwrap_or(-1), ours)
    }

    /// `1/11 EntryNormal ""`
    fn compare_entry(
        &self,
        line: &str,
        node: NodeId,
        same: &mut impl FnMut(String, i64, i64) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let place = line.split_whitespace().next().and_then(|place| place.split_once('/'));
        let parsed = place.and_then(|(term, index)| Some((term.parse::<i64>().ok()?, index.parse::<i64>().ok()?)));
        let Some((term, index)) = parsed else { return Ok(()) };
        let there = u32::try_from(index - self.base).ok();
        let ours = there.and_then(|index| self.world.node(node)?.disk.log.term_at(index));
        same(format!("term at {index} of {}", node.0 + 1), term, ours.map_or(-1, i64::from))
    }
}

/// Plays a script. Returns how many facts agree, or why it stops.
fn play(case: &Value, without: Option<RuleId>) -> Result<usize, Stop> {
    let mut play = Play::begin(case, without)?;
    let mut facts = 0;
    for step in case["steps"].as_array().into_iter().flatten() {
        play.step(step["cmd"].as_str().unwrap_or_default(), &step["input"])?;
        facts += play.compare(step)?;
    }
    if facts == 0 { left("prints nothing that ours has as well") } else { Ok(facts) }
}

/// The least number of scripts that play: a step that can no longer be expressed must not pass unseen.
const PLAYED: usize = 14;

#[test]
fn the_interaction_scripts_agree() {
    let Some(cases) = cases("raft_interaction.json") else { return };
    let (mut run, mut others, mut differ) = (0, Vec::new(), Vec::new());
    for case in &cases {
        let file = case["file"].as_str().unwrap_or_default();
        match play(case, None) {
            Ok(facts) => {
                println!("{file}: {facts} facts agree");
                run += 1;
            }
            Err(Stop::Left(why)) => others.push(format!("{file}: {why}")),
            Err(Stop::Differs(how)) => differ.push(format!("{file}: {how}")),
        }
    }
    assert!(differ.is_empty(), "{differ:#?}");
    report("raft_interaction.json", run, &others);
    assert!(run >= PLAYED, "only {run} scripts play");
}

/// Whichever fact of those that are compared is another, the script no longer agrees.
#[test]
fn an_altered_fact_is_noticed() {
    let Some(cases) = cases("raft_interaction.json") else { return };
    for case in &cases {
        let Ok(facts) = play(case, None) else { continue };
        let is_noticed = |altered: &Value| matches!(play(altered, None), Err(Stop::Differs(_)));
        assert_eq!(altered(case).iter().filter(|altered| is_noticed(altered)).count(), facts, "{}", case["file"]);
    }
}

/// The script with one role, term, vote, commit index or match changed, for each.
fn altered(case: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    for at in 0..case["steps"].as_array().map_or(0, Vec::len) {
        for (list, fields) in [("state_changes", &["term"][..]), ("hard_states", &["term", "vote", "commit"])] {
            for line in 0..case["steps"][at][list].as_array().map_or(0, Vec::len) {
                for field in fields {
                    let mut other = case.clone();
                    let value = &mut other["steps"][at][list][line][*field];
                    *value = Value::from(value.as_i64().unwrap_or(0) + 1);
                    all.push(other);
                }
            }
        }
        for line in 0..case["steps"][at]["state_changes"].as_array().map_or(0, Vec::len) {
            let mut other = case.clone();
            other["steps"][at]["state_changes"][line]["state"] = Value::from("abroad");
            all.push(other);
        }
        for line in 0..case["steps"][at]["expected"].as_array().map_or(0, Vec::len) {
            let text = case["steps"][at]["expected"][line].as_str().unwrap_or_default();
            let is_log = case["steps"][at]["cmd"].as_str().is_some_and(|command| command.starts_with("raft-log"));
            let other = match is_log {
                true => format!("9{}", text.trim_start()),
                false => text.replace("match=", "match=1"),
            };
            let mut changed = case.clone();
            changed["steps"][at]["expected"][line] = Value::from(other);
            all.push(changed);
        }
    }
    all
}

/// Servers without a rule do something else than etcd's.
#[test]
fn the_scripts_notice_a_missing_rule() {
    let Some(cases) = cases("raft_interaction.json") else { return };
    for (file, rule) in [
        ("checkquorum.txt", raft::HEARD),
        ("prevote_checkquorum.txt", raft::HEARD),
        ("probe_and_replicate.txt", raft::CHECK_PREVIOUS),
        ("campaign_learner_must_vote.txt", raft::LEARNERS),
    ] {
        let case = cases.iter().find(|case| case["file"] == file).expect("the script is there");
        let played = play(case, Some(rule));
        assert!(matches!(played, Err(Stop::Differs(_))), "{file} without a rule that it is about: {played:?}");
    }
}
