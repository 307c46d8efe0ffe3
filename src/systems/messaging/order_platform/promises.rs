//! What the platform promises, judged by the log, the rows, the queues and the charges.

use std::cmp::Ordering;

use super::{
    Disk, KAFKA, Memory, Message, Note, OrderPlatform, Orders, PAYMENTS, PRODUCT_NAMES, PRODUCTS, RABBIT, RELAY, VIEW,
    legs, price, product,
};
use crate::sim::judge::verdict::{Breach, Kind};
use crate::sim::kernel::time::SEC;
use crate::sim::machine::promise::Promise;
use crate::sim::machine::world::World;
use crate::systems::messaging::kafka::{self, BrokerDisk};
use crate::systems::messaging::rabbitmq::topology::PARKED;
use crate::systems::messaging::rabbitmq::{self, Method};

type Shop = World<OrderPlatform>;

/// How far behind the log's end who reads it may be at any time.
const BEHIND: u32 = 12;

/// What has been seen of the run so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    charged: Orders,
    twice: Option<u32>,
    /// Notices published, and shown.
    pub told: u32,
    pub seen: u32,
    /// How often the read model was rebuilt.
    pub rebuilt: u8,
}

pub(super) fn observe(witness: &mut Witness, notes: &[Note]) {
    for note in notes {
        match *note {
            Note::Charged { order } => {
                if !witness.charged.add(order) {
                    witness.twice = witness.twice.or(Some(order));
                }
            }
            Note::Told => witness.told = witness.told.saturating_add(1),
            Note::Seen => witness.seen = witness.seen.saturating_add(1),
            Note::Rebuilt => witness.rebuilt = witness.rebuilt.saturating_add(1),
        }
    }
}

/// The log of orders.
pub fn log(world: &Shop) -> Option<&kafka::log::Log> {
    disk(world)?.logs.first().map(|log| &**log)
}

fn disk(world: &Shop) -> Option<&BrokerDisk> {
    world.node(KAFKA).and_then(|node| legs::log_of(&node.disk))
}

/// The offset that the relay (group 0) or the read model (1) has committed.
pub fn committed(world: &Shop, group: u8) -> u32 {
    disk(world).and_then(|disk| disk.committed.get(&(group, 0)).copied()).unwrap_or(0)
}

/// What the rows should be at an offset: the fold over the log up to there.
pub fn fold(world: &Shop, upto: u32) -> [u32; PRODUCTS] {
    let mut revenue = [0; PRODUCTS];
    let Some(log) = log(world) else { return revenue };
    for order in (0..upto).filter_map(|at| log.get(at)).map(|record| record.number) {
        revenue[product(order)] += price(order);
    }
    revenue
}

/// What the read model has, and the offset at which it believes to be, if it knows.
pub fn view(world: &Shop) -> ([u32; PRODUCTS], Option<u32>) {
    let Some(node) = world.node(VIEW) else { return ([0; PRODUCTS], None) };
    let Disk::View(rows) = &node.disk else { return ([0; PRODUCTS], None) };
    match &node.memory {
        Some(Memory::View { reader, .. }) => (rows.revenue, reader.next),
        _ => (rows.revenue, None),
    }
}

/// The read model is the log.
pub const VIEW_IS_LOG: Promise<OrderPlatform> = Promise {
    id: "read-model-equals-log",
    title: "The read model equals the log",
    about: "The read model's rows are the sum of all orders before its offset, each counted once, rebuilt or not.",
    kind: Kind::Always,
    holds: |world| match view(world) {
        (rows, Some(next)) => rows == fold(world, next),
        _ => true,
    },
    explain: |world| {
        let (rows, next) = view(world);
        let next = next.unwrap_or(0);
        let right = fold(world, next);
        let at = (0..PRODUCTS).find(|at| rows[*at] != right[*at]).unwrap_or(0);
        let all = fold(world, log(world).map_or(next, kafka::log::Log::end));
        let (have, should, name) = (rows[at], right[at], PRODUCT_NAMES[at]);
        let text = match (have.cmp(&should), have > all[at]) {
            (Ordering::Greater, true) => format!("An order for {name} is in the rows twice."),
            (Ordering::Greater, false) => format!(
                "The rows have {have} for {name}, but the read model goes on at offset {next}, up to which there are \
                 {should}: what comes next is counted a second time."
            ),
            _ => format!("Up to offset {next} there are {should} for {name}, and the rows have {have}."),
        };
        Breach {
            nodes: vec![VIEW, KAFKA],
            text,
            values: vec![
                ("read model".to_owned(), format!("{have} for {name}, goes on at offset {next}")),
                ("log".to_owned(), format!("{should} for {name} before offset {next}")),
            ],
        }
    },
};

/// The orders that were charged.
pub fn charged(world: &Shop) -> Orders {
    match world.node(PAYMENTS).map(|node| &node.disk) {
        Some(Disk::Payments { charged, .. }) => *charged,
        _ => Orders::default(),
    }
}

/// RabbitMQ's host, in memory or, while it is down, on disk.
pub fn host(world: &Shop) -> Option<&rabbitmq::host::Host> {
    let node = world.node(RABBIT)?;
    match (&node.memory, &node.disk) {
        (Some(Memory::Rabbit(rabbitmq::Memory::Broker { host, .. })), _) => Some(host),
        (_, Disk::Rabbit(disk)) => disk.host.as_deref(),
        _ => None,
    }
}

/// Orders that are parked.
pub fn parked(world: &Shop) -> impl Iterator<Item = u32> {
    let queue = host(world).and_then(|host| host.queues.get(&PARKED));
    queue.into_iter().flat_map(|queue| &queue.ready).map(|stored| stored.message.id)
}

/// Whether the task of an order is parked, or somewhere from where it will be done.
fn is_kept(world: &Shop, order: u32) -> bool {
    let hosted = host(world).is_some_and(|host| {
        let ready = host.queues.values().flat_map(|queue| &queue.ready);
        let held = host.consumers.values().flat_map(|consumer| &consumer.unacked).map(|unacked| &unacked.stored);
        ready.chain(held).any(|stored| stored.message.id == order)
    });
    let relayed = matches!(world.memory(RELAY), Some(Memory::Relay { waiting, .. }) if waiting.contains(&order));
    let worked = match world.memory(PAYMENTS) {
        Some(Memory::Rabbit(rabbitmq::Memory::Worker { buffer, working, moving, .. })) => {
            buffer.iter().chain(working).chain(moving).any(|delivery| delivery.message.id == order)
        }
        _ => false,
    };
    let flies = |message: &Message| match message {
        Message::Rabbit(Method::Publish { message }) => message.id == order,
        Message::Rabbit(Method::Deliver { delivery, .. }) => delivery.message.id == order,
        _ => false,
    };
    hosted || relayed || worked || world.flights().any(|flight| flies(flight.message))
}

/// An order in the log whose task nobody has done, and nobody will.
pub fn undone(world: &Shop) -> Option<u32> {
    let (log, done) = (log(world)?, charged(world));
    let orders = (0..committed(world, 0)).filter_map(|at| log.get(at)).map(|record| record.number);
    orders.filter(|order| !done.has(*order)).find(|order| !is_kept(world, *order))
}

/// Every order is paid for or parked.
pub const TASK_DONE: Promise<OrderPlatform> = Promise {
    id: "every-order-has-its-task",
    title: "Every order has its task",
    about: "Every order in the log has its card charged at least once, or is parked, or one of the two is yet to come.",
    kind: Kind::Always,
    holds: |world| undone(world).is_none(),
    explain: |world| {
        let order = undone(world).unwrap_or(0);
        Breach {
            nodes: vec![RELAY, RABBIT],
            text: format!("Order {order} is in the log, but its task is nowhere: it will never be paid for."),
            values: vec![
                ("Kafka".to_owned(), format!("has order {order}; the relay has committed past it")),
                ("RabbitMQ".to_owned(), format!("has no task for order {order}")),
            ],
        }
    },
};

/// Nobody pays twice.
pub const CHARGED_ONCE: Promise<OrderPlatform> = Promise {
    id: "charged-once",
    title: "No card is charged twice",
    about: "However often RabbitMQ delivers a task, the card of its order is charged once.",
    kind: Kind::Always,
    holds: |world| world.witness().twice.is_none(),
    explain: |world| {
        let order = world.witness().twice.unwrap_or(0);
        Breach {
            nodes: vec![PAYMENTS],
            text: format!("The card of order {order} was charged twice."),
            values: vec![
                ("log".to_owned(), format!("order {order}, once: {}", price(order))),
                ("payments".to_owned(), format!("order {order}, twice: {}", 2 * price(order))),
            ],
        }
    },
};

/// How far the relay (0) and the read model (1) are behind the log.
pub fn behind(world: &Shop, group: u8) -> u32 {
    let end = log(world).map_or(0, kafka::log::Log::end);
    let at = match (group, view(world).1) {
        (1, Some(next)) => next,
        _ => committed(world, group),
    };
    end.saturating_sub(at)
}

/// All who read the log keep up.
pub const CATCHES_UP: Promise<OrderPlatform> = Promise {
    id: "readers-catch-up",
    title: "Readers of the log catch up",
    about: "Within 10 s after the last fault, relay and read model are at most 12 orders behind the log.",
    kind: Kind::Eventually { within: 10 * SEC },
    holds: |world| (0..2).all(|group| behind(world, group) <= BEHIND),
    explain: |world| {
        let (relay, view) = (behind(world, 0), behind(world, 1));
        let node = if view > BEHIND { VIEW } else { RELAY };
        Breach {
            nodes: vec![node],
            text: "Nothing has been wrong for 10 s, yet somebody is still far behind the log.".to_owned(),
            values: vec![
                ("relay".to_owned(), format!("{relay} behind")),
                ("read model".to_owned(), format!("{view} behind")),
            ],
        }
    },
};
