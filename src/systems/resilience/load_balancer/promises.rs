//! What the balancer promises, judged by where it sends requests and which servers are alive.

use super::{BALANCER, FIRST, INTERVAL, Id, LoadBalancer, Memory, Note, RATE, SERVERS, SERVICE};
use crate::never;
use crate::sim::NodeId;
use crate::sim::declare::settings::Settings;
use crate::sim::judge::verdict::{Breach, Kind};
use crate::sim::kernel::time::{MS, SEC, Time, show};
use crate::sim::machine::promise::{Limit, Promise};
use crate::sim::machine::system::{Scene, System};

/// What has been seen of the run so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    /// When each server last got a request.
    passed: Vec<Time>,
    /// A server, and how long it had been down when it got a request.
    sent_to_dead: Option<(NodeId, Time)>,
    given_up: Option<(Id, u64)>,
}

/// How long after its death a server may still get requests: three checks and a margin.
fn bound(settings: &Settings) -> Time {
    3 * settings.amount(INTERVAL) + 100 * MS
}

pub(super) fn observe(witness: &mut Witness, notes: &[Note], scene: &Scene) {
    let (now, kernel) = (scene.kernel.now(), scene.kernel);
    witness.passed.resize(kernel.nodes().len(), 0);
    for note in notes {
        match *note {
            Note::Passed { server } => {
                witness.passed[server.index()] = now;
                let state = kernel.node(server);
                let dead_for = (!state.up).then(|| now - state.up_changed);
                let late = dead_for.filter(|length| *length > bound(scene.settings));
                witness.sent_to_dead = witness.sent_to_dead.or(late.map(|length| (server, length)));
            }
            Note::GivenUp { id, tried } => witness.given_up = witness.given_up.or(Some((id, tried))),
        }
    }
}

/// The dead get no work.
pub const AVOIDS_DEAD: Promise<LoadBalancer> = never!(
    "dead-servers-get-nothing",
    "Dead servers get no requests",
    "No request goes to a server that has been down for more than three health checks and 100 ms.",
    |world| world.witness().sent_to_dead,
    |world, (server, length)| {
        let name = LoadBalancer::name(world.settings(), server);
        Breach {
            nodes: vec![BALANCER, server],
            text: format!("The balancer sent a request to {name}, which had been down for {}.", show(length)),
            values: vec![
                (name, format!("down for {}", show(length))),
                ("bound".to_owned(), show(bound(world.settings()))),
            ],
        }
    }
);

/// No request is abandoned while some server could do it.
pub const ANSWERED: Promise<LoadBalancer> = never!(
    "requests-are-answered",
    "No request is abandoned",
    "With at most one server down at a time, no client is told that its request failed.",
    |world| world.witness().given_up,
    |world, (id, tried)| {
        let tried: Vec<NodeId> =
            (0..62).filter(|bit| tried >> bit & 1 == 1).map(|bit| NodeId(bit + FIRST as u16)).collect();
        let names: Vec<String> = tried.iter().map(|node| LoadBalancer::name(world.settings(), *node)).collect();
        Breach {
            nodes: tried,
            text: format!("Request {id} was abandoned after it had been tried on {}.", names.join(", ")),
            values: vec![(format!("request {id}"), "failed".to_owned())],
        }
    }
);

/// Every server that is up gets work.
pub const SHARED: Promise<LoadBalancer> = Promise {
    id: "healthy-servers-get-work",
    title: "Healthy servers get work",
    about: "Within 15 s after the last fault, every server has had a request in the last 3 s, as long as requests come.",
    kind: Kind::Eventually { within: 15 * SEC },
    holds: |world| {
        let now = world.kernel().now();
        world.settings().amount(RATE) == 0
            || world.witness().passed.iter().skip(FIRST).all(|last| last + 3 * SEC >= now)
    },
    explain: |world| {
        let now = world.kernel().now();
        let idle = |(at, last): (usize, &Time)| (at >= FIRST && last + 3 * SEC < now).then(|| NodeId::from(at));
        let nodes: Vec<NodeId> = world.witness().passed.iter().enumerate().filter_map(idle).collect();
        let open = |node: &NodeId| match world.memory(BALANCER) {
            Some(Memory::Balancer { servers, .. }) => servers.get(node.index() - FIRST).map_or(0, |known| known.open),
            _ => 0,
        };
        let value = |node: &NodeId| {
            (LoadBalancer::name(world.settings(), *node), format!("{} open by the balancer's count", open(node)))
        };
        Breach {
            text: "Nothing has been wrong for 15 s, yet some servers get no work.".to_owned(),
            values: nodes.iter().map(value).collect(),
            nodes,
        }
    },
};

/// Retries help while the servers together can do the work.
pub const LIMITS: &[Limit] = &[Limit {
    promises: &[ANSWERED.id, SHARED.id],
    beyond: |settings| {
        let busy = settings.amount(RATE) * settings.amount(SERVICE);
        // Server 1 counts as the slow one that it is, and one of the others may be down.
        10 * busy > 7 * (settings.amount(SERVERS) - 1) * 1_000_000
    },
    says: "Promised only below seven tenths of what the servers can do with one of them down: above it, queues fill and \
           requests are refused everywhere.",
}];
