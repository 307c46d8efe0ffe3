//! NATS's scripts through a simulated world: a server, subscribers or workers, and clients that publish or ask.

use std::collections::BTreeMap;

use faultline::sim::NodeId;
use faultline::sim::declare::commands::CommandCall;
use faultline::sim::declare::commands::CommandId;
use faultline::sim::declare::rules::RuleSet;
use faultline::sim::declare::settings::Settings;
use faultline::sim::kernel::time::{MS, Time};
use faultline::sim::machine::system::System;
use faultline::sim::machine::world::World;
use faultline::sim::run::simulation::{Simulation, What};
use faultline::sim::run::tape::Input;
use faultline::systems::messaging::nats::{
    self, ASKER, FIRST, MAX_PENDING, MEMBERS, MEMORY, Memory, Message, Nats, RATE, SCENE, SERVER, SLOW, Sub, TIMEOUT,
    TOPICS, WORK,
};
use serde_json::{Value, json};

use crate::script::{Ours, Played, Script, texts};

/// How long a world runs so that everything a step sets off has happened.
const AWHILE: Time = 300 * MS;
/// As long as the driver waits for an answer.
const PATIENCE: Time = 1_500 * MS;
/// Long enough for the server to notice that a client is gone, or for the clients to notice that the server was.
const NOTICED: Time = 10_000 * MS;

struct Player {
    world: World<Nats>,
    end: Time,
    /// Messages on their way, by event.
    flights: BTreeMap<u64, Message>,
    /// By client or group, by pattern: the messages' numbers.
    seen: BTreeMap<String, BTreeMap<String, Vec<u32>>>,
    /// The name of a client's queue group.
    groups: BTreeMap<NodeId, String>,
    /// The answers that the asker has got since its last question.
    answers: Vec<&'static str>,
}

/// Plays a script. The result does not depend on how long its steps take.
pub fn play(script: &Script, _: &Played) -> Ours {
    let mut player = Player::new(script);
    player.run(AWHILE);
    script.steps.iter().map(|step| player.step(step)).collect()
}

impl Player {
    fn new(script: &Script) -> Player {
        let mut members: Vec<&str> = script.steps.iter().filter_map(|step| step["as"].as_str()).collect();
        members.sort_unstable();
        members.dedup();
        let is_service = script.steps.iter().any(|step| step["world"] == "services");
        let mut settings = Settings::defaults(Nats::SETTINGS);
        settings.set(SCENE, i64::from(is_service));
        settings.set(MEMBERS, members.len() as i64);
        settings.set(MAX_PENDING, MEMORY as i64);
        for (setting, value) in [(RATE, 0), (SLOW, MS), (TIMEOUT, PATIENCE), (WORK, MS)] {
            settings.set(setting, value as i64);
        }
        let world = World::new(settings, RuleSet::from_off_bits(0), 1, &[]);
        let (flights, seen, groups) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Player { world, end: 0, flights, seen, groups, answers: Vec::new() }
    }

    fn step(&mut self, step: &Value) -> Result<Value, String> {
        let text = |field: &str| step[field].as_str();
        let times = step["times"].as_i64().unwrap_or(1);
        if let Some(pattern) = text("subscribe") {
            self.subscribe(pattern, text("as").unwrap_or_default(), text("group"))?;
        } else if step["publish"].is_array() {
            for _ in 0..times {
                texts(&step["publish"]).try_for_each(|subject| self.publish(subject))?;
            }
            self.run(AWHILE);
        } else if text("request").is_some() {
            let outcomes: Result<Vec<Value>, String> = (0..times).map(|_| self.request()).collect();
            return outcomes.map(Value::Array);
        } else if text("ask-all").is_some() {
            self.command(nats::ASK_ALL, Vec::new())?;
            self.run(PATIENCE);
            let answered = std::mem::take(&mut self.answers).into_iter().filter(|answer| *answer == "answered");
            return Ok(json!(answered.count()));
        } else if let Some(client) = text("drop") {
            let node = self.node(client)?;
            self.apply(Input::Crash { node })?;
            self.run(NOTICED);
        } else if step["crash"] == true || step["restart"] == true {
            self.apply(Input::Crash { node: SERVER })?;
            self.run(AWHILE);
            self.apply(Input::Restart { node: SERVER })?;
            self.run(NOTICED);
        } else if step["look"] == true {
            return Ok(json!(self.look()));
        }
        Ok(Value::Null)
    }

    fn apply(&mut self, input: Input) -> Result<(), String> {
        self.world.apply(&input).map_err(|refusal| refusal.0)
    }

    fn command(&mut self, command: CommandId, values: Vec<i64>) -> Result<(), String> {
        self.apply(Input::Command(CommandCall { command, values }))
    }

    /// Lets virtual time pass, and sees what arrives.
    fn run(&mut self, time: Time) {
        self.end += time;
        while self.world.next_at().is_some_and(|at| at <= self.end) {
            for flight in self.world.flights() {
                self.flights.entry(flight.pending.id).or_insert_with(|| flight.message.clone());
            }
            let Some(handled) = self.world.step() else { break };
            let message = self.flights.remove(&handled.id);
            if let (What::Message { .. }, Some(message)) = (handled.what, message) {
                self.arrived(handled.node, message);
            }
        }
    }

    fn arrived(&mut self, node: NodeId, message: Message) {
        match message {
            Message::Msg { .. } if node == ASKER => self.answers.push("answered"),
            Message::NoResponders { .. } => self.answers.push("NoResponders"),
            Message::Msg { connection, sid, payload } => {
                let known = self.world.node(node).is_some_and(|node| node.disk.connections == connection);
                let Some(sub) = self.sub(node, |sub| sub.sid == sid).filter(|_| known) else { return };
                let name = Nats::name(self.world.settings(), node);
                let owner = if sub.group { format!("group {}", self.groups[&node]) } else { name };
                let lists = self.seen.entry(owner).or_default();
                lists.entry(sub.pattern.text().into_owned()).or_default().push(payload.id);
            }
            _ => {}
        }
    }

    fn sub(&self, node: NodeId, is_it: impl Fn(&Sub) -> bool) -> Option<Sub> {
        let Some(Memory::Client(client)) = self.world.memory(node) else { return None };
        client.subs.iter().copied().find(is_it)
    }

    fn node(&self, name: &str) -> Result<NodeId, String> {
        let mut nodes = (FIRST..self.world.kernel().nodes().len()).map(NodeId::from);
        nodes.find(|node| Nats::name(self.world.settings(), *node) == name).ok_or_else(|| format!("no client {name}"))
    }

    /// Our clients have subscriptions from the start; any other subscription is requested.
    fn subscribe(&mut self, pattern: &str, client: &str, group: Option<&str>) -> Result<(), String> {
        let node = self.node(client)?;
        if !self.world.kernel().node(node).up {
            self.apply(Input::Restart { node })?;
        }
        self.groups.extend(group.map(|group| (node, group.to_owned())));
        let is_it = |sub: &Sub| sub.pattern.text() == pattern && sub.group == group.is_some();
        if self.sub(node, is_it).is_none() {
            let topic = TOPICS.iter().position(|topic| *topic == pattern).ok_or("no such pattern")?;
            self.command(nats::SUBSCRIBE, vec![(node.index() - FIRST + 1) as i64, topic as i64])?;
        }
        self.run(AWHILE);
        self.sub(node, is_it).map(|_| ()).ok_or_else(|| format!("{client} cannot subscribe to {pattern}"))
    }

    fn publish(&mut self, subject: &str) -> Result<(), String> {
        let topic = TOPICS.iter().position(|topic| *topic == subject).ok_or("no such subject")?;
        self.command(nats::PUBLISH, vec![topic as i64, 1])?;
        self.run(MS);
        Ok(())
    }

    /// A request, and what comes of it.
    fn request(&mut self) -> Result<Value, String> {
        self.command(nats::REQUEST, vec![1])?;
        self.run(PATIENCE + AWHILE);
        let answers = std::mem::take(&mut self.answers);
        match answers.as_slice() {
            [] => Ok(json!("Timeout")),
            [one] => Ok(json!(one)),
            several => Err(format!("one request, {several:?}")),
        }
    }

    fn look(&mut self) -> BTreeMap<String, BTreeMap<String, Vec<u32>>> {
        let mut seen = std::mem::take(&mut self.seen);
        let groups = seen.iter_mut().filter(|(owner, _)| owner.starts_with("group "));
        groups.flat_map(|(_, lists)| lists.values_mut()).for_each(|list| list.sort_unstable());
        seen
    }
}
