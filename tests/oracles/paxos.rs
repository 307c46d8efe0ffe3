//! Single-decree Paxos ("Paxos Made Simple", Lamport 2001) behind a register: three servers that each take one client's
//! value as a proposer, and clients that put a value at one server and then get from the next. The promise is that
//! what clients see is linearizable.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use faultline::sim::NodeId;
use faultline::sim::declare::commands::{Command, CommandCall};
use faultline::sim::declare::rules::{Rule, RuleSet};
use faultline::sim::declare::settings::{Control, Setting, SettingId, Settings, Takes, Unit};
use faultline::sim::judge::consistency::{Call, Register, RegisterOp, linearize};
use faultline::sim::judge::verdict::{Breach, Kind};
use faultline::sim::kernel::link::{Latency, LinkSpec};
use faultline::sim::kernel::time::MS;
use faultline::sim::machine::promise::Promise;
use faultline::sim::machine::system::{Context, Event, Scene, System};
use faultline::sim::machine::world::World;
use faultline::sim::measure::metrics::Metric;

pub struct Paxos;

/// A round, and who proposes in it.
type Ballot = (u32, u16);
/// Which request of which client, and its value.
type Proposal = (u16, i64);

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Server {
    ballot: Ballot,
    proposal: Option<Proposal>,
    promised: BTreeMap<u16, Option<(Ballot, Proposal)>>,
    accepts: BTreeSet<u16>,
    accepted: Option<(Ballot, Proposal)>,
    is_decided: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    Server(Server),
    /// How many operations it has begun, and whether it waits for an answer.
    Client(u8, bool),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    Put(i64),
    PutOk,
    Get,
    GetOk(i64),
    Prepare(Ballot),
    Prepared(Ballot, Option<(Ballot, Proposal)>),
    Accept(Ballot, Proposal),
    Accepted(Ballot),
    Decided(Ballot, Proposal),
}

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Did {
    Put(i64),
    Get,
    PutOk,
    Got(i64),
}

/// For each other client, how many of its operations had ended when this one began; what was asked; what was answered.
type Ended = (BTreeMap<u16, usize>, Did, Did);

/// What clients saw: per client what has ended, and what is open. The order of the lines is one of several equivalent
/// ones, so it does not tell states apart.
#[derive(Clone, Debug, Default)]
pub struct Witness {
    ended: BTreeMap<u16, Vec<Ended>>,
    open: BTreeMap<u16, (BTreeMap<u16, usize>, Did)>,
    lines: Vec<(u16, Did)>,
    is_wrong: bool,
}

impl Hash for Witness {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (&self.ended, &self.open, self.is_wrong).hash(hasher);
    }
}

const SERVERS: usize = 3;
const CLIENTS: SettingId = SettingId(0);

impl System for Paxos {
    type Disk = ();
    type Memory = Memory;
    type Message = Message;
    type Timer = ();
    type Note = (u16, Did);
    type Witness = Witness;

    const NAME: &'static str = "Single-decree Paxos";
    const RULES: &'static [Rule] = &[];
    const SETTINGS: &'static [Setting] = &[Setting {
        id: "clients",
        title: "Clients",
        about: "How many.",
        control: Control::Slider { min: 1, max: 5, step: 1, unit: Unit::Count },
        default: 2,
        takes: Takes::AtStart,
    }];
    const COMMANDS: &'static [Command] = &[];
    const METRICS: &'static [Metric] = &[];

    fn nodes(settings: &Settings) -> usize {
        SERVERS + settings.amount(CLIENTS) as usize
    }
    fn name(_: &Settings, node: NodeId) -> String {
        node.0.to_string()
    }
    fn link(_: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        LinkSpec::unordered(Latency::Fixed(MS))
    }
    fn blank_disk(_: &Settings, _: NodeId) {}

    fn boot(_: &(), context: &mut Context<Self>) -> Memory {
        let me = context.me();
        if me.index() < SERVERS {
            return Memory::Server(Server::default());
        }
        let value = i64::from(me.0);
        context.note((me.0, Did::Put(value)));
        context.send(NodeId::from(me.index() % SERVERS), Message::Put(value));
        Memory::Client(1, true)
    }

    fn handle(_: &mut (), memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        let Event::Message { from, message } = event else { return };
        match memory {
            Memory::Server(server) => server.handle(from, message, context),
            Memory::Client(begun, waits) => client(begun, waits, message, context),
        }
    }

    fn route(_: &World<Self>, _: &CommandCall) -> Option<NodeId> {
        None
    }

    fn observe(witness: &mut Witness, notes: &[(u16, Did)], _: &Scene) {
        for (client, did) in notes {
            witness.lines.push((*client, *did));
            match did {
                Did::Put(_) | Did::Get => witness.begin(*client, *did),
                answer => witness.end(*client, *answer),
            }
        }
    }

    fn describe_message(_: &Settings, message: &Message) -> String {
        format!("{message:?}")
    }
    fn describe_timer(_: &Settings, (): ()) -> String {
        String::new()
    }
}

fn client(begun: &mut u8, waits: &mut bool, message: Message, context: &mut Context<Paxos>) {
    let me = context.me();
    match message {
        Message::PutOk if *waits && *begun == 1 => {
            context.note((me.0, Did::PutOk));
            context.note((me.0, Did::Get));
            context.send(NodeId::from((me.index() + 1) % SERVERS), Message::Get);
            *begun = 2;
        }
        Message::GetOk(value) if *waits && *begun == 2 => {
            context.note((me.0, Did::Got(value)));
            (*begun, *waits) = (3, false);
        }
        _ => {}
    }
}

impl Server {
    fn broadcast(context: &mut Context<Paxos>, message: &Message) {
        let me = context.me();
        (0..SERVERS).map(NodeId::from).filter(|node| *node != me).for_each(|node| context.send(node, message.clone()));
    }

    fn handle(&mut self, from: NodeId, message: Message, context: &mut Context<Paxos>) {
        let me = context.me();
        if self.is_decided {
            if let (Message::Get, Some((_, (_, value)))) = (message, self.accepted) {
                context.send(from, Message::GetOk(value));
            }
            return;
        }
        match message {
            Message::Put(value) if self.proposal.is_none() => {
                self.proposal = Some((from.0, value));
                self.ballot = (self.ballot.0 + 1, me.0);
                self.promised = BTreeMap::from([(me.0, self.accepted)]);
                self.accepts.clear();
                Self::broadcast(context, &Message::Prepare(self.ballot));
            }
            Message::Prepare(ballot) if self.ballot < ballot => {
                self.ballot = ballot;
                context.send(from, Message::Prepared(ballot, self.accepted));
            }
            Message::Prepared(ballot, last) if ballot == self.ballot => {
                self.promised.insert(from.0, last);
                if self.promised.len() == SERVERS / 2 + 1 {
                    self.propose(ballot, context);
                }
            }
            Message::Accept(ballot, proposal) if self.ballot <= ballot => {
                (self.ballot, self.accepted) = (ballot, Some((ballot, proposal)));
                context.send(from, Message::Accepted(ballot));
            }
            Message::Accepted(ballot) if ballot == self.ballot => {
                self.accepts.insert(from.0);
                if let (true, Some(proposal)) = (self.accepts.len() == SERVERS / 2 + 1, self.proposal) {
                    self.is_decided = true;
                    Self::broadcast(context, &Message::Decided(ballot, proposal));
                    context.send(NodeId(proposal.0), Message::PutOk);
                }
            }
            Message::Decided(ballot, proposal) => {
                (self.ballot, self.accepted, self.is_decided) = (ballot, Some((ballot, proposal)), true);
            }
            _ => {}
        }
    }

    /// A majority has promised: the newest value that any of it accepted, or else our own.
    fn propose(&mut self, ballot: Ballot, context: &mut Context<Paxos>) {
        let newest = self.promised.values().flatten().max().map(|(_, proposal)| *proposal);
        let Some(proposal) = newest.or(self.proposal) else { return };
        self.proposal = Some(proposal);
        self.accepted = Some((ballot, proposal));
        self.accepts.insert(context.me().0);
        Self::broadcast(context, &Message::Accept(ballot, proposal));
    }
}

impl Witness {
    fn begin(&mut self, client: u16, did: Did) {
        let others = self.ended.iter().filter(|(other, ended)| **other != client && !ended.is_empty());
        let before = others.map(|(other, ended)| (*other, ended.len() - 1)).collect();
        self.open.insert(client, (before, did));
        self.ended.entry(client).or_default();
    }

    fn end(&mut self, client: u16, answer: Did) {
        if let Some((before, did)) = self.open.remove(&client) {
            self.ended.entry(client).or_default().push((before, did, answer));
        }
        self.is_wrong |= linearize(&Register { start: Some(Some(0)) }, &self.calls()).is_err();
    }

    fn calls(&self) -> Vec<Call<RegisterOp>> {
        let mut calls: Vec<Call<RegisterOp>> = Vec::new();
        for (at, (client, did)) in self.lines.iter().enumerate() {
            let (at, client) = (at as u64, u32::from(*client));
            let begin = |op| Call { client, op, called: at, returned: None };
            let answer = match did {
                Did::Put(value) => {
                    calls.push(begin(RegisterOp::Write(*value)));
                    continue;
                }
                Did::Get => {
                    calls.push(begin(RegisterOp::Read(Err(()))));
                    continue;
                }
                Did::Got(value) => Some(RegisterOp::Read(Ok(Some(*value)))),
                Did::PutOk => None,
            };
            if let Some(call) = calls.iter_mut().rfind(|call| call.client == client) {
                call.returned = Some(at);
                call.op = answer.unwrap_or(call.op);
            }
        }
        calls
    }
}

const LINEARIZABLE: &[Promise<Paxos>] = &[Promise {
    id: "linearizable",
    title: "One value for all",
    about: "What clients see is linearizable.",
    kind: Kind::Always,
    holds: |world| !world.witness().is_wrong,
    explain: |_| Breach::default(),
}];

/// This many clients, at the start.
pub fn world(clients: i64) -> World<Paxos> {
    let mut settings = Settings::defaults(Paxos::SETTINGS);
    settings.set(CLIENTS, clients);
    World::new(settings, RuleSet::ALL, 1, LINEARIZABLE)
}
