//! The same two models in Stateright's own terms, for its checker to run.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use stateright::actor::register::{RegisterActor, RegisterMsg};
use stateright::actor::{Actor, ActorModel, Id, Network, Out, majority, model_peers};
use stateright::semantics::LinearizabilityTester;
use stateright::semantics::register::Register;
use stateright::{Expectation, Model, Property};

/// Two-phase commit (Gray and Lamport 2006): messages are a set that only grows.
#[derive(Clone)]
pub struct TwoPhase {
    pub resources: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    Working,
    Prepared,
    Committed,
    Aborted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Said {
    Prepared(usize),
    Commit,
    Abort,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    resources: Vec<Outcome>,
    manager: Outcome,
    knows: Vec<bool>,
    said: BTreeSet<Said>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    Hear(usize),
    Decide(bool),
    Prepare(usize),
    GiveUp(usize),
    Learn(usize, bool),
}

impl Model for TwoPhase {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            resources: vec![Outcome::Working; self.resources],
            manager: Outcome::Working,
            knows: vec![false; self.resources],
            said: BTreeSet::new(),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let undecided = state.manager == Outcome::Working;
        if undecided {
            actions.push(Action::Decide(false));
            if state.knows.iter().all(|knows| *knows) {
                actions.push(Action::Decide(true));
            }
        }
        for resource in 0..self.resources {
            if undecided && state.said.contains(&Said::Prepared(resource)) {
                actions.push(Action::Hear(resource));
            }
            if state.resources[resource] == Outcome::Working {
                actions.extend([Action::Prepare(resource), Action::GiveUp(resource)]);
            }
            for (said, commit) in [(Said::Commit, true), (Said::Abort, false)] {
                if state.said.contains(&said) {
                    actions.push(Action::Learn(resource, commit));
                }
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        let outcome = |commit| if commit { Outcome::Committed } else { Outcome::Aborted };
        match action {
            Action::Hear(resource) => state.knows[resource] = true,
            Action::Decide(commit) => {
                state.manager = outcome(commit);
                state.said.insert(if commit { Said::Commit } else { Said::Abort });
            }
            Action::Prepare(resource) => {
                state.resources[resource] = Outcome::Prepared;
                state.said.insert(Said::Prepared(resource));
            }
            Action::GiveUp(resource) => state.resources[resource] = Outcome::Aborted,
            Action::Learn(resource, commit) => state.resources[resource] = outcome(commit),
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("consistent", |_, state: &State| {
            !(state.resources.contains(&Outcome::Committed) && state.resources.contains(&Outcome::Aborted))
        })]
    }
}

type Ballot = (u32, Id);
type Proposal = (u64, Id, char);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub enum Message {
    Prepare(Ballot),
    Prepared(Ballot, Option<(Ballot, Proposal)>),
    Accept(Ballot, Proposal),
    Accepted(Ballot),
    Decided(Ballot, Proposal),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    ballot: Ballot,
    proposal: Option<Proposal>,
    promised: BTreeMap<Id, Option<(Ballot, Proposal)>>,
    accepts: BTreeSet<Id>,
    accepted: Option<(Ballot, Proposal)>,
    is_decided: bool,
}

#[derive(Clone)]
pub struct Paxos {
    peers: Vec<Id>,
}

impl Actor for Paxos {
    type Msg = RegisterMsg<u64, char, Message>;
    type State = Server;
    type Timer = ();
    type Random = ();
    type Storage = ();

    fn on_start(&self, _: Id, _: &Option<()>, _: &mut Out<Self>) -> Server {
        Server {
            ballot: (0, Id::from(0)),
            proposal: None,
            promised: BTreeMap::new(),
            accepts: BTreeSet::new(),
            accepted: None,
            is_decided: false,
        }
    }

    fn on_msg(&self, me: Id, state: &mut Cow<Server>, from: Id, message: Self::Msg, out: &mut Out<Self>) {
        if state.is_decided {
            if let (RegisterMsg::Get(request), Some((_, (_, _, value)))) = (&message, state.accepted) {
                out.send(from, RegisterMsg::GetOk(*request, value));
            }
            return;
        }
        let quorum = majority(self.peers.len() + 1);
        match message {
            RegisterMsg::Put(request, value) if state.proposal.is_none() => {
                let state = state.to_mut();
                state.proposal = Some((request, from, value));
                state.ballot = (state.ballot.0 + 1, me);
                state.promised = BTreeMap::from([(me, state.accepted)]);
                state.accepts.clear();
                out.broadcast(&self.peers, &RegisterMsg::Internal(Message::Prepare(state.ballot)));
            }
            RegisterMsg::Internal(Message::Prepare(ballot)) if state.ballot < ballot => {
                state.to_mut().ballot = ballot;
                out.send(from, RegisterMsg::Internal(Message::Prepared(ballot, state.accepted)));
            }
            RegisterMsg::Internal(Message::Prepared(ballot, last)) if ballot == state.ballot => {
                let state = state.to_mut();
                state.promised.insert(from, last);
                if state.promised.len() == quorum {
                    let newest = state.promised.values().flatten().max().map(|(_, proposal)| *proposal);
                    let Some(proposal) = newest.or(state.proposal) else { return };
                    state.proposal = Some(proposal);
                    state.accepted = Some((ballot, proposal));
                    state.accepts.insert(me);
                    out.broadcast(&self.peers, &RegisterMsg::Internal(Message::Accept(ballot, proposal)));
                }
            }
            RegisterMsg::Internal(Message::Accept(ballot, proposal)) if state.ballot <= ballot => {
                let state = state.to_mut();
                (state.ballot, state.accepted) = (ballot, Some((ballot, proposal)));
                out.send(from, RegisterMsg::Internal(Message::Accepted(ballot)));
            }
            RegisterMsg::Internal(Message::Accepted(ballot)) if ballot == state.ballot => {
                let state = state.to_mut();
                state.accepts.insert(from);
                if let (true, Some(proposal)) = (state.accepts.len() == quorum, state.proposal) {
                    state.is_decided = true;
                    out.broadcast(&self.peers, &RegisterMsg::Internal(Message::Decided(ballot, proposal)));
                    out.send(proposal.1, RegisterMsg::PutOk(proposal.0));
                }
            }
            RegisterMsg::Internal(Message::Decided(ballot, proposal)) => {
                let state = state.to_mut();
                (state.ballot, state.accepted, state.is_decided) = (ballot, Some((ballot, proposal)), true);
            }
            _ => {}
        }
    }
}

/// Three servers and this many clients, each of which puts a value and then gets.
pub fn paxos(clients: usize) -> ActorModel<RegisterActor<Paxos>, (), LinearizabilityTester<Id, Register<char>>> {
    const SERVERS: usize = 3;
    ActorModel::new((), LinearizabilityTester::new(Register(char::default())))
        .actors((0..SERVERS).map(|at| RegisterActor::Server(Paxos { peers: model_peers(at, SERVERS) })))
        .actors((0..clients).map(|_| RegisterActor::Client { put_count: 1, server_count: SERVERS }))
        .init_network(Network::new_unordered_nonduplicating([]))
        .property(Expectation::Always, "linearizable", |_, state| state.history.serialized_history().is_some())
        .record_msg_in(RegisterMsg::record_returns)
        .record_msg_out(RegisterMsg::record_invocations)
}
