//! What NATS core promises: copies, not delivery.

use super::{ASKER, FIRST, Memory, Nats, Note, Phase, Role, SERVER, Subject};
use crate::never;
use crate::sim::NodeId;
use crate::sim::judge::verdict::{Breach, Kind};
use crate::sim::kernel::time::{SEC, Time};
use crate::sim::machine::promise::Promise;
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;

/// How many handled messages and worked requests are remembered.
const KEPT: usize = 300;
/// Stands for the queue group where a subscriber's number would be.
const GROUP: u16 = u16::MAX;
/// How long a request may be open, beyond its time-out.
const SLACK: Time = 2 * SEC;

/// What has been seen of the run so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    /// Who handled which message for which pattern, lately.
    handled: Vec<(u16, Subject, u32)>,
    /// Who had a message twice.
    pub twice: Option<(NodeId, u32, bool)>,
    /// Requests worked on lately, and by whom first.
    worked: Vec<(u32, NodeId)>,
    /// A request on which two worked.
    pub both: Option<(u32, NodeId, NodeId)>,
    /// A request, and the request whose answer was taken for its own.
    pub mixed: Option<(u32, u32)>,
    /// A request that nobody listened to, without a word to the caller.
    pub silent: Option<u32>,
    /// A caller was told that nobody listens.
    pub refused: bool,
}

impl Witness {
    /// A subscriber that got a message once for each of two subscriptions.
    pub fn two_copies(&self) -> Option<(u16, u32)> {
        let again = |at: usize| {
            let (node, _, id) = self.handled[at];
            let more = self.handled[..at].iter().any(|known| known.0 == node && known.2 == id);
            (more && node != GROUP).then_some((node, id))
        };
        (0..self.handled.len()).find_map(again)
    }
}

fn keep<T>(list: &mut Vec<T>, item: T) {
    if list.len() == KEPT {
        list.remove(0);
    }
    list.push(item);
}

pub(super) fn observe(witness: &mut Witness, notes: &[Note]) {
    for note in notes {
        match *note {
            Note::Handled { id, node, pattern, group } => {
                let key = (if group { GROUP } else { node.0 }, pattern, id);
                if witness.handled.contains(&key) {
                    witness.twice = witness.twice.or(Some((node, id, group)));
                } else {
                    keep(&mut witness.handled, key);
                }
            }
            Note::Worked { request, node } => match witness.worked.iter().find(|known| known.0 == request) {
                Some(known) if known.1 != node => witness.both = witness.both.or(Some((request, known.1, node))),
                Some(_) => {}
                None => keep(&mut witness.worked, (request, node)),
            },
            Note::Answered { request, answer } if request != answer => {
                witness.mixed = witness.mixed.or(Some((request, answer)));
            }
            Note::Answered { .. } => {}
            Note::Unheard { told: true, .. } => witness.refused = true,
            Note::Unheard { request, told: false } => witness.silent = witness.silent.or(Some(request)),
        }
    }
}

fn name(world: &World<Nats>, node: NodeId) -> String {
    Nats::name(world.settings(), node)
}

/// At most once.
pub const NEVER_TWICE: Promise<Nats> = never!(
    "nobody-gets-it-twice",
    "Nobody gets a message twice",
    "A subscription handles a message at most once, and so does a queue group as a whole.",
    |world| world.witness().twice,
    |world, (node, id, group)| {
        let who = if group { "the queue group".to_owned() } else { name(world, node) };
        Breach {
            nodes: vec![node],
            text: format!("Message {id} was handled a second time: {who} had it before."),
            values: vec![(name(world, node), format!("handles message {id}")), (who, "had it before".to_owned())],
        }
    }
);

/// The connection with more pending than was allowed when the last message was added.
fn overfull(world: &World<Nats>) -> Option<(NodeId, usize, u16)> {
    let Some(Memory::Server { connections }) = world.memory(SERVER) else { return None };
    let full = |open: &super::Connection| open.pending.len() > usize::from(open.allowed);
    let found = connections.iter().find(|(_, open)| full(open));
    found.map(|(node, open)| (*node, open.pending.len(), open.allowed))
}

/// A slow one costs the server no more than its share.
pub const BOUNDED: Promise<Nats> = never!(
    "pending-is-bounded",
    "The server keeps no backlog",
    "No connection ever has more pending than the limit allows.",
    |world| overfull(world),
    |world, (node, pending, most)| Breach {
        nodes: vec![SERVER, node],
        text: format!(
            "{pending} messages for {} pile up in the server's memory; {most} would be the limit.",
            name(world, node)
        ),
        values: vec![("pending".to_owned(), pending.to_string()), ("allowed".to_owned(), most.to_string())],
    }
);

/// Clients come back on their own.
pub const CONNECTED: Promise<Nats> = Promise {
    id: "clients-come-back",
    title: "Every client comes back",
    about: "Within 15 s after the last fault, every client is connected, except a slow one, which is cut off again.",
    kind: Kind::Eventually { within: 15 * SEC },
    holds: |world| {
        let Some(Memory::Server { connections }) = world.memory(SERVER) else { return false };
        let is_back = |node: NodeId| match (world.memory(node), connections.get(&node)) {
            (Some(Memory::Client(client)), Some(open)) => {
                let last = world.node(node).map(|node| node.disk.connections);
                client.phase == Phase::Connected && Some(open.number) == last
            }
            _ => false,
        };
        // The slow one is cut off again and again: that is no fault of the others.
        (1..world.kernel().nodes().len())
            .map(NodeId::from)
            .all(|node| super::is_slow(world.settings(), node) || is_back(node))
    },
    explain: |_| Breach {
        nodes: Vec::new(),
        text: "Nothing has been wrong for 15 s, yet a client still has no connection.".to_owned(),
        values: Vec::new(),
    },
};

/// A group answers with one voice.
pub const ONE_RESPONDER: Promise<Nats> = never!(
    "one-responder",
    "One worker per request",
    "No two members of the queue group work on the same request.",
    |world| world.witness().both,
    |world, (request, first, second)| {
        let value = |node| (name(world, node), format!("works on request {request}"));
        Breach {
            nodes: vec![first, second],
            text: format!("Two workers have request {request}, and both will answer it."),
            values: vec![value(first), value(second)],
        }
    }
);

/// Answers are not mixed up.
pub const OWN_ANSWER: Promise<Nats> = never!(
    "own-answer",
    "An answer belongs to its question",
    "Whatever a caller accepts as the answer to a request is the answer to that request.",
    |world| world.witness().mixed,
    |world, (request, answer)| Breach {
        nodes: vec![ASKER],
        text: format!("The answer to request {answer} was taken for the answer to request {request}."),
        values: vec![
            ("asked".to_owned(), format!("request {request}")),
            ("answered".to_owned(), format!("request {answer}")),
        ],
    }
);

/// No service, no silence.
pub const CLEAR_NO: Promise<Nats> = never!(
    "a-clear-no",
    "A clear no when nobody listens",
    "A request that reaches the server while nobody listens is answered with status 503.",
    |world| world.witness().silent,
    |world, request| Breach {
        nodes: vec![SERVER, ASKER],
        text: format!("Nobody listened for request {request}; the server knew, but the caller still waits."),
        values: vec![
            ("server".to_owned(), format!("dropped request {request}")),
            ("caller".to_owned(), "waits for an answer".to_owned()),
        ],
    }
);

/// A request that has been open for too long.
fn stuck(world: &World<Nats>) -> Option<u32> {
    let Some(Memory::Client(client)) = world.memory(ASKER) else { return None };
    let Role::Caller { open } = &client.role else { return None };
    let now = world.kernel().node(ASKER).local(world.kernel().now());
    let longest = world.settings().amount(super::TIMEOUT) + SLACK;
    open.iter().find(|request| now > request.sent.saturating_add(longest)).map(|request| request.id)
}

/// Every request ends.
pub const ENDS: Promise<Nats> = Promise {
    id: "requests-end",
    title: "Every request ends",
    about: "With an answer, a 503 or a time-out: none stays open for 2 s beyond its time-out.",
    kind: Kind::Eventually { within: 5 * SEC },
    holds: |world| stuck(world).is_none(),
    explain: |world| Breach {
        nodes: vec![ASKER],
        text: format!("The caller still waits for the answer to request {}.", stuck(world).unwrap_or(0)),
        values: vec![(Nats::name(world.settings(), ASKER), format!("waits for request {}", stuck(world).unwrap_or(0)))],
    },
};

/// The nodes beside the server and the first client.
pub fn members(world: &World<Nats>) -> Vec<NodeId> {
    (FIRST..world.kernel().nodes().len()).map(NodeId::from).collect()
}
