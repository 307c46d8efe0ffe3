//! What is promised, judged by what the publisher was told and what consumers did.

use super::host::Host;
use super::message::TaskId;
use super::topology::DESKS;
use super::{BROKER, CONFIRMS, DELIVERY_LIMIT, FIRST, LATENCY, Memory, Method, PUBLISHER, RabbitMq};
use crate::never;
use crate::sim::NodeId;
use crate::sim::judge::verdict::{Breach, Kind};
use crate::sim::kernel::time::{SEC, Time};
use crate::sim::machine::promise::Promise;
use crate::sim::machine::system::System;
use crate::sim::machine::world::{Node, World};
use crate::sim::numbers::{counted, counted_or_no, times};

type Shop = World<RabbitMq>;

/// How many of the oldest open messages are looked for after each event.
const LOOKED_FOR: usize = 20;

/// A confirmed message that can no longer be done, if there is one.
pub fn lost(world: &Shop) -> Option<TaskId> {
    let open = world.witness().open().iter().take(LOOKED_FOR);
    open.map(|open| open.id).find(|id| !is_kept(world, *id, None))
}

/// A message, and a service that will never get it.
pub fn missed(world: &Shop) -> Option<(TaskId, NodeId)> {
    let services = || (FIRST..world.kernel().nodes().len()).map(NodeId::from);
    world.witness().open().iter().take(LOOKED_FOR).find_map(|open| {
        let misses = |service: &NodeId| {
            world.witness().has_not_done(open.id, service.index() - FIRST) && !is_kept(world, open.id, Some(*service))
        };
        services().find(misses).map(|service| (open.id, service))
    })
}

/// Whether a message is still somewhere from where it will be done, by a certain consumer if one is named.
fn is_kept(world: &Shop, id: TaskId, by: Option<NodeId>) -> bool {
    let flies = |flight_to: NodeId, message: &Method| match message {
        Method::Publish { message } => message.id == id,
        Method::Deliver { delivery, .. } => delivery.message.id == id && by.is_none_or(|by| by == flight_to),
        _ => false,
    };
    world.nodes().any(|(node, state)| is_in(node, state, id, by))
        || world.flights().any(|flight| flies(flight.pending.node, flight.message))
}

fn is_in(node: NodeId, state: &Node<RabbitMq>, id: TaskId, by: Option<NodeId>) -> bool {
    match &state.memory {
        Some(Memory::Publisher { unconfirmed, .. }) => unconfirmed.iter().any(|sent| sent.message.id == id),
        Some(Memory::Broker { host, .. }) => is_on(host, id, by),
        Some(Memory::Worker { buffer, working, moving, .. }) => {
            let mut held = buffer.iter().chain(working).chain(moving);
            by.is_none_or(|by| by == node) && held.any(|delivery| delivery.message.id == id)
        }
        None => state.disk.host.as_ref().is_some_and(|host| is_on(host, id, by)),
    }
}

/// Whether a consumer may yet get a message from the broker: from a queue that it consumes from, or that is its own.
fn is_on(host: &Host, id: TaskId, by: Option<NodeId>) -> bool {
    let consumes = |queue: u8| {
        by.is_none_or(|by| {
            usize::from(queue) + FIRST == by.index()
                || host.consumers.get(&by).is_some_and(|consumer| consumer.queues.contains(&queue))
        })
    };
    let queued = host
        .queues
        .iter()
        .any(|(queue, state)| consumes(*queue) && state.ready.iter().any(|stored| stored.message.id == id));
    queued
        || host
            .consumers
            .values()
            .flat_map(|consumer| &consumer.unacked)
            .any(|unacked| unacked.stored.message.id == id && consumes(unacked.queue))
}

/// Nothing confirmed is lost.
pub const NOT_LOST: Promise<RabbitMq> = Promise {
    id: "confirmed-is-done",
    title: "A confirmed task is done",
    about: "Every confirmed task is done at least once, or is still somewhere it will be done from.",
    kind: Kind::Always,
    holds: |world| lost(world).is_none(),
    explain: explain_lost,
};

/// Nothing vanishes: done or parked.
pub const NOTHING_VANISHES: Promise<RabbitMq> = Promise {
    id: "nothing-vanishes",
    title: "Nothing vanishes",
    about: "Every confirmed task is done or parked, or is still somewhere that leads to one of them.",
    kind: Kind::Always,
    holds: |world| lost(world).is_none(),
    explain: explain_lost,
};

fn explain_lost(world: &Shop) -> Breach {
    let Some(id) = lost(world) else { return Breach::default() };
    let believed =
        if world.rules().on(CONFIRMS) { "was confirmed" } else { "counts as safe, though nobody confirmed it" };
    Breach {
        nodes: vec![PUBLISHER, BROKER],
        text: format!("Task {id} {believed}; nobody has done it, and nobody has it any more."),
        values: vec![
            ("publisher".to_owned(), format!("believes that task {id} is safe")),
            ("queue".to_owned(), format!("has no task {id}, nor has any worker")),
        ],
    }
}

/// Broadcast.
pub const EVERY_SERVICE: Promise<RabbitMq> = never!(
    "every-service-gets-it",
    "Every service gets every message",
    "Each service does every confirmed message at least once, or will still get it.",
    |world| missed(world),
    |world, (id, service)| {
        let name = RabbitMq::name(world.settings(), service);
        Breach {
            nodes: vec![service],
            text: format!("Message {id} was confirmed, and {name} has not had it and never will."),
            values: vec![
                ("publisher".to_owned(), format!("was told that message {id} is safe")),
                (name, format!("has no message {id}, and no copy waits for it")),
            ],
        }
    }
);

/// A consumer that holds a task it has not begun, and one that has had nothing to do for longer than a message takes.
/// A worker that has cancelled wants nothing.
fn unfair(world: &Shop) -> Option<(NodeId, usize, NodeId)> {
    let Some(Memory::Broker { host, .. }) = world.memory(super::BROKER) else { return None };
    let waits = |node: &NodeId| match world.memory(*node) {
        Some(Memory::Worker { buffer, working: Some(_), .. }) => buffer.len(),
        _ => 0,
    };
    let now = world.kernel().node(super::BROKER).local(world.kernel().now());
    let patience = if world.kernel().is_timeless() { 0 } else { 4 * LATENCY };
    let idle = host.consumers.iter().find(|(_, consumer)| {
        let is_idle = consumer.unacked.is_empty() && !consumer.cancelled.0;
        is_idle && consumer.idle_since.is_some_and(|since| now >= since + patience)
    })?;
    let busy = (FIRST..world.kernel().nodes().len()).map(NodeId::from).find(|node| waits(node) > 0)?;
    Some((busy, waits(&busy), *idle.0))
}

/// Work goes to a free worker.
pub const FAIR: Promise<RabbitMq> = never!(
    "no-task-waits-behind-a-busy-worker",
    "No task waits behind a busy worker",
    "No task waits in a busy worker's buffer while another consuming worker has had nothing to do for 4 ms.",
    |world| unfair(world),
    |world, (busy, waiting, idle)| {
        let (hoards, rests) = (RabbitMq::name(world.settings(), busy), RabbitMq::name(world.settings(), idle));
        Breach {
            nodes: vec![busy, idle],
            text: format!(
                "{hoards} works on one task and sits on {}, while {rests} has nothing to do.",
                counted(waiting as u64, "more task")
            ),
            values: vec![(hoards, format!("works, {waiting} waiting")), (rests, "idle".to_owned())],
        }
    }
);

/// The queue moves.
pub const MOVES: Promise<RabbitMq> = Promise {
    id: "workers-come-back",
    title: "Every worker is connected",
    about: "Within 15 s after the last fault, every worker has a connection that the broker knows.",
    kind: Kind::Eventually { within: 15 * SEC },
    holds: all_connected,
    explain: |_| Breach {
        nodes: Vec::new(),
        text: "Nothing has been wrong for 15 s, yet a worker still has no connection.".to_owned(),
        values: Vec::new(),
    },
};

/// The same, of services.
pub const SERVICES_MOVE: Promise<RabbitMq> = Promise {
    id: "consumers-come-back",
    title: "Every consumer is connected",
    about: "Within 15 s after the last fault, every consumer has a connection that the broker knows.",
    explain: |_| Breach {
        nodes: Vec::new(),
        text: "Nothing has been wrong for 15 s, yet a consumer still has no connection.".to_owned(),
        values: Vec::new(),
    },
    ..MOVES
};

fn all_connected(world: &Shop) -> bool {
    let Some(Memory::Broker { host, .. }) = world.memory(super::BROKER) else { return false };
    (FIRST..world.kernel().nodes().len()).all(|node| {
        let node = NodeId::from(node);
        let number = world.node(node).map(|node| node.disk.last);
        host.consumers.get(&node).map(|consumer| consumer.connection) == number
    })
}

/// Routing is exact.
pub const EXACT: Promise<RabbitMq> = never!(
    "delivered-where-bound",
    "Delivered exactly where a binding matches",
    "Each message goes once into every queue with a matching binding, and into no other.",
    |world| world.witness().misrouted(),
    |world, wrong| {
        let name = DESKS.get(usize::from(wrong.queue)).copied().unwrap_or("?");
        Breach {
            nodes: vec![super::BROKER],
            text: match (wrong.expected, wrong.got) {
                (0, _) => format!("No binding of '{name}' matches message {}, yet it got a copy.", wrong.id),
                (_, 0) => format!("A binding of '{name}' matches message {}, yet it got no copy.", wrong.id),
                (_, got) => {
                    format!("Queue '{name}' got message {} {}, once for each binding.", wrong.id, times(u64::from(got)))
                }
            },
            values: vec![
                (format!("due in '{name}'"), counted_or_no(u64::from(wrong.expected), "copy")),
                (
                    RabbitMq::name(world.settings(), BROKER),
                    format!("put {} there", counted_or_no(u64::from(wrong.got), "copy")),
                ),
            ],
        }
    }
);

/// Nobody's message is dropped without a word.
pub const NOT_DROPPED: Promise<RabbitMq> = Promise {
    id: "nothing-dropped-silently",
    title: "What no queue takes comes back",
    about: "A message that matches no binding is returned to its publisher.",
    kind: Kind::Always,
    holds: |world| world.witness().dropped().is_none(),
    explain: |world| {
        let id = world.witness().dropped().unwrap_or(0);
        Breach {
            nodes: vec![super::BROKER, super::PUBLISHER],
            text: format!("Message {id} matched no binding: it is gone, yet its publisher was told that all is well."),
            values: vec![
                ("broker".to_owned(), format!("dropped message {id}")),
                ("publisher".to_owned(), format!("gets a confirm of message {id}")),
            ],
        }
    },
};

/// A task that has come back to the head of its queue more often than it may.
pub fn endless(world: &Shop) -> Option<(TaskId, u32)> {
    let Some(Memory::Broker { host, .. }) = world.memory(super::BROKER) else { return None };
    let limit = world.settings().amount(DELIVERY_LIMIT) as u32;
    let held = host.consumers.values().flat_map(|consumer| &consumer.unacked).map(|unacked| &unacked.stored);
    let ready = host.queues.get(&0).into_iter().flat_map(|queue| &queue.ready);
    let over = held.chain(ready).find(|stored| stored.returns > limit)?;
    Some((over.message.id, over.returns))
}

/// Poison is put aside.
pub const STOPS_NOBODY: Promise<RabbitMq> = never!(
    "poison-stops-nobody",
    "A poison message stops nobody",
    "No task comes back to the head of its queue more often than the delivery limit.",
    |world| endless(world),
    |world, (id, returns)| {
        let limit = world.settings().amount(DELIVERY_LIMIT);
        Breach {
            nodes: vec![super::BROKER],
            text: format!(
                "Task {id} has come back {}, and goes out again before all that wait behind it.",
                counted(u64::from(returns), "time")
            ),
            values: vec![
                ("delivery limit".to_owned(), limit.to_string()),
                (format!("task {id}"), counted(u64::from(returns), "return")),
            ],
        }
    }
);

/// How long a healthy task may take once nothing is wrong.
const HEALTHY_WITHIN: Time = 20 * SEC;

/// Healthy tasks are done.
pub const HEALTHY_DONE: Promise<RabbitMq> = Promise {
    id: "healthy-tasks-are-done",
    title: "Healthy tasks get through",
    about: "Within 20 s after the last fault, no healthy task has waited for more than 20 s.",
    kind: Kind::Eventually { within: HEALTHY_WITHIN },
    holds: |world| {
        let now = world.kernel().now();
        let late = |open: &super::witness::Open| open.healthy && now > open.published.saturating_add(HEALTHY_WITHIN);
        !world.witness().open().iter().any(late)
    },
    explain: |_| Breach {
        nodes: Vec::new(),
        text: "Nothing has been wrong for 20 s, yet a healthy task has waited for longer than that.".to_owned(),
        values: Vec::new(),
    },
};

/// See [`System::outside`](crate::sim::machine::system::System::outside).
pub(super) fn outside(world: &Shop, promise: &str) -> Option<&'static str> {
    (promise == HEALTHY_DONE.id && waits_for_what_is_lost(world)).then_some(
        "A task was lost on a cut link, where TCP would send it again: its worker sits idle until the broker's consumer \
         time-out of 30 s.",
    )
}

/// Whether the broker waits for an idle worker to settle what has never reached it, or what it has settled; or has just
/// closed its connection for it.
fn waits_for_what_is_lost(world: &Shop) -> bool {
    let Some(Memory::Broker { host, .. }) = world.memory(BROKER) else { return false };
    let is_idle = |worker: NodeId| match world.memory(worker) {
        Some(Memory::Worker { buffer, working, moving, .. }) => {
            buffer.is_empty() && working.is_none() && moving.is_none()
        }
        _ => false,
    };
    let is_under_way = |worker: NodeId| {
        world.flights().any(|flight| match flight.message {
            Method::Deliver { .. } => flight.pending.node == worker,
            Method::Settle { .. } => flight.from == worker,
            _ => false,
        })
    };
    let is_served = |worker: NodeId| host.consumers.get(&worker).is_some_and(|consumer| consumer.unacked.is_empty());
    let mut workers = (FIRST..world.kernel().nodes().len()).map(NodeId::from);
    workers.any(|worker| is_idle(worker) && !is_under_way(worker) && !is_served(worker))
}
