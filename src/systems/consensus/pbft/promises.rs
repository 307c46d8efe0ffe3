//! What PBFT promises with at most f liars, judged by what a bystander sees of the honest.

use super::{Digest, Note, Pbft, Request, digest_name, request_name};
use crate::never;
use crate::sim::NodeId;
use crate::sim::judge::verdict::{Breach, Kind};
use crate::sim::kernel::time::SEC;
use crate::sim::machine::promise::Promise;
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;

/// Two honest replicas that executed different requests under one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fork {
    seq: u32,
    one: (Digest, NodeId),
    other: (Digest, NodeId),
}

/// What has been seen so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    /// The last timestamp that each client used.
    asked: [u32; 2],
    /// What was first executed under each number, and by whom.
    executed: Vec<Option<(Digest, NodeId)>>,
    /// The first fork.
    pub fork: Option<Fork>,
    /// A request that was executed and that no client sent.
    invented: Option<(NodeId, Request)>,
    /// A client that was told a wrong number: what it asked, what it was told.
    pub misled: Option<(NodeId, Request, u32)>,
    /// How many requests were answered.
    pub answered: u32,
}

impl Witness {
    pub(super) fn see(&mut self, note: Note) {
        match note {
            Note::Asked(request) => {
                if let Some(last) = self.asked.get_mut(usize::from(request.client)) {
                    *last = request.t;
                }
            }
            Note::Executed { node, seq, digest } => self.executed(node, seq, digest),
            Note::Answered { node, request, result } => {
                self.answered += 1;
                let is_true = self.under(result).is_some_and(|known| known.0 == Some(request));
                self.misled = self.misled.or((!is_true).then_some((node, request, result)));
            }
        }
    }

    fn executed(&mut self, node: NodeId, seq: u32, digest: Digest) {
        let is_real = |request: &Request| {
            self.asked.get(usize::from(request.client)).is_some_and(|last| (1..=*last).contains(&request.t))
        };
        let unreal = digest.filter(|request| !is_real(request));
        self.invented = self.invented.or(unreal.map(|request| (node, request)));
        let place = seq.saturating_sub(1) as usize;
        if self.executed.len() <= place {
            self.executed.resize(place + 1, None);
        }
        match self.executed[place] {
            None => self.executed[place] = Some((digest, node)),
            Some(one) if one.0 != digest => {
                self.fork = self.fork.or(Some(Fork { seq, one, other: (digest, node) }));
            }
            Some(_) => {}
        }
    }

    /// What was executed under a number.
    pub fn under(&self, seq: u32) -> Option<(Digest, NodeId)> {
        self.executed.get(seq.checked_sub(1)? as usize).copied().flatten()
    }
}

fn name(world: &World<Pbft>, node: NodeId) -> String {
    Pbft::name(world.settings(), node)
}

/// Safety.
pub const AGREEMENT: Promise<Pbft> = never!(
    "agreement",
    "One request per number",
    "No two honest replicas ever execute different requests under one sequence number.",
    |world| world.witness().fork,
    |world, Fork { seq, one: (one, a), other: (other, b) }| {
        let (first, second) = (name(world, a), name(world, b));
        Breach {
            nodes: vec![a, b],
            text: format!(
                "Under number {seq} {first} executed {} and {second} {}.",
                digest_name(one),
                digest_name(other)
            ),
            values: vec![(first, digest_name(one)), (second, digest_name(other))],
        }
    }
);

/// Validity.
pub const VALIDITY: Promise<Pbft> = never!(
    "validity",
    "Only what a client asked",
    "Honest replicas execute only requests that a client sent, and the null request, which does nothing.",
    |world| world.witness().invented,
    |world, (node, request)| {
        let (who, what) = (name(world, node), request_name(request));
        Breach {
            nodes: vec![node],
            text: format!("{who} executed {what}, and no client ever asked for it."),
            values: vec![(who, what)],
        }
    }
);

/// What a client believes is so.
pub const TRUTH: Promise<Pbft> = never!(
    "true-answers",
    "Clients are told the truth",
    "Any result that a client believes was computed by an honest replica.",
    |world| world.witness().misled,
    |world, (client, request, result)| {
        let really = world.witness().under(result).map_or("nothing".to_owned(), |known| digest_name(known.0));
        let what = request_name(request);
        Breach {
            nodes: vec![client],
            text: format!(
                "{} believes that {what} is number {result}. Honest replicas executed {really} there.",
                name(world, client)
            ),
            values: vec![(name(world, client), format!("{what} is {result}")), (format!("number {result}"), really)],
        }
    }
);

/// How old a request may be before it counts as waiting.
const OLD: u64 = 2 * SEC;

/// Liveness.
pub const ANSWERED: Promise<Pbft> = Promise {
    id: "requests-are-answered",
    title: "Every request is answered",
    about: "Once faults are over, no request stays unanswered for 10 s, whatever the liar does.",
    kind: Kind::Eventually { within: 8 * SEC },
    holds: |world| overdue(world).is_none(),
    explain: |world| {
        let nodes: Vec<NodeId> = overdue(world).into_iter().collect();
        let values = nodes.iter().map(|node| (name(world, *node), "waits".to_owned())).collect();
        Breach { nodes, text: "Nothing has been wrong for 8 s, yet a request is unanswered.".to_owned(), values }
    },
};

/// A client whose request has grown old.
fn overdue(world: &World<Pbft>) -> Option<NodeId> {
    let is_old =
        |id: NodeId, since: u64| world.kernel().node(id).local(world.kernel().now()).saturating_sub(since) > OLD;
    let waits = world.nodes().filter_map(|(id, node)| Some((id, node.memory.as_ref()?.waiting.as_ref()?.since)));
    waits.into_iter().find(|(id, since)| is_old(*id, *since)).map(|found| found.0)
}
