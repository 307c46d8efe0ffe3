//! An order platform with a broker for each leg: Kafka as the log of orders, RabbitMQ for the payments, NATS for notices.
//!
//! A shop writes orders to the log. A relay reads the log and gives each order to RabbitMQ as a task; a worker charges the
//! card; what fails too often is parked. A read model (the query side of CQRS) is a fold over the log, kept in a database
//! of its own, and can be dropped and rebuilt. It tells whoever is online of each order through NATS.
//!
//! Kafka's broker and producer and RabbitMQ's broker and worker are those of [`crate::systems::messaging::kafka`] and
//! [`crate::systems::messaging::rabbitmq`] (its retries topology), run inside this system (see
//! [`crate::sim::machine::world::inside`]). Relay and read model are clients written here, which speak the same
//! messages. They assign themselves the one partition (`assign()`) and commit under a group's name without being
//! members, as Kafka allows to a group without members; so the coordinator's fence is off. The NATS server is a small
//! one of our own over [`crate::mechanisms::subjects`].
//!
//! The worker's database has one transaction for a charge and the order's number; the read model's has one for rows
//! and offset.
//!
//! # Simplified here
//!
//! - Of the databases there is only this: what belongs to one transaction is written together or not at all.
//! - A charge is a row in the worker's own database. How a payment provider treats the same charge twice is left out.
//! - That an order is paid does not go back to the log as an event.
//! - The NATS server copies to those who are subscribed, and no more. Its clients subscribe again every second, in
//!   place of PING and a new connection.
//! - Relay and read model commit under a group's name without being its members, as Kafka allows. So no generation
//!   fences them.
//! - The shop closes after 300 orders, so that the log is whole.
//! - What Kafka and RabbitMQ leave out on their own pages is left out here as well.

mod catalogue;
mod legs;
pub mod notices;
pub mod promises;
mod relay;
mod view;

pub use catalogue::*;

use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall};
use crate::sim::declare::notes::Notes;
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Setting, Settings};
use crate::sim::kernel::link::{Latency, LinkSpec};
use crate::sim::kernel::time::{MS, Micros, SEC};
use crate::sim::machine::system::{Context, Event, Scene, System};
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::Metric;
use crate::systems::messaging::kafka::{self, Kafka};
use crate::systems::messaging::rabbitmq::{self, RabbitMq};

/// The system. See the module's header.
pub struct OrderPlatform;

pub const KAFKA: NodeId = NodeId(0);
pub const SHOP: NodeId = NodeId(1);
pub const RELAY: NodeId = NodeId(2);
pub const RABBIT: NodeId = NodeId(3);
pub const PAYMENTS: NodeId = NodeId(4);
pub const VIEW: NodeId = NodeId(5);
pub const NATS: NodeId = NodeId(6);
pub const SCREEN: NodeId = NodeId(7);

/// How long a message takes between any two nodes.
pub const LATENCY: Micros = 2 * MS;
/// The most orders: then the shop closes.
pub const MOST_ORDERS: u32 = 300;
/// Products, numbered from 0.
pub const PRODUCTS: usize = 3;
/// Their names.
pub const PRODUCT_NAMES: [&str; PRODUCTS] = ["tea", "cups", "pots"];
/// How often a shop without orders looks for a rate.
const IDLE: Micros = SEC / 2;
/// How long a client waits for an answer before it asks again.
const RETRY: Micros = SEC / 2;
/// The most orders that the relay has under way to RabbitMQ.
const BATCH: u32 = 4;

/// A set of orders' numbers, up to [`MOST_ORDERS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Orders([u64; 5]);

impl Orders {
    /// Whether an order is in it.
    pub fn has(&self, order: u32) -> bool {
        self.0.get(order as usize / 64).is_some_and(|word| word >> (order % 64) & 1 == 1)
    }

    /// Adds an order. False when it was there before.
    pub fn add(&mut self, order: u32) -> bool {
        let is_new = !self.has(order);
        if let Some(word) = self.0.get_mut(order as usize / 64) {
            *word |= 1 << (order % 64);
        }
        is_new
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }
}

/// The product of an order.
pub fn product(order: u32) -> usize {
    order as usize % PRODUCTS
}

/// What an order costs.
pub fn price(order: u32) -> u32 {
    5 + order * 7 % 20
}

/// Whether the card of an order is declined, at every attempt.
pub fn is_declined(settings: &Settings, order: u32) -> bool {
    let every = settings.amount(DECLINED) as u32;
    every > 0 && order % every == every / 2
}

/// What the read model's database has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rows {
    /// Revenue by product.
    pub revenue: [u32; PRODUCTS],
    /// The offset up to which it is, as the last transaction that had one says.
    pub offset: u32,
}

/// What survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Disk {
    Kafka(kafka::Disk),
    Rabbit(rabbitmq::Disk),
    /// The worker's connection number, and the table of orders whose card was charged.
    Payments {
        rabbit: rabbitmq::Disk,
        charged: Orders,
    },
    View(Rows),
    Nothing,
}

/// A client that reads the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reader {
    /// The next offset; `None` until it knows where to begin.
    pub next: Option<u32>,
    /// It waits for records.
    fetching: bool,
}

/// What does not survive a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    Kafka(kafka::Memory),
    Rabbit(rabbitmq::Memory),
    /// `waiting`: orders read and not confirmed by RabbitMQ.
    Relay {
        reader: Reader,
        waiting: Vec<u32>,
    },
    /// `awaited`: the order whose notice must be answered first; with the rule on nobody is waited for.
    View {
        reader: Reader,
        awaited: Option<u32>,
    },
    /// Who has subscribed, and to what.
    Nats {
        subscribed: Option<NodeId>,
    },
    Screen {
        seen: Orders,
    },
}

/// What nodes say through NATS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notice {
    /// SUB, to [`notices::PATTERN`].
    Sub,
    /// PUB of a notice; `reply`: an answer is wanted.
    Pub { order: u32, reply: bool },
    /// MSG to a subscriber.
    Msg { order: u32, reply: bool },
    /// PUB on the reply subject, and MSG from there.
    Answer { order: u32 },
}

/// What nodes send each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    Kafka(kafka::Message),
    Rabbit(rabbitmq::Method),
    Nats(Notice),
}

/// What nodes may have armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    Kafka(kafka::Timer),
    Rabbit(rabbitmq::Timer),
    /// The shop's next order.
    Load,
    /// Relay and read model: time to ask again, or to send again.
    Retry,
    /// Relay: the tasks are made out.
    Hand,
    /// Read model: time to commit.
    Commit,
    /// Screen: time to subscribe.
    Subscribe,
}

/// What a bystander sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// A card was charged.
    Charged { order: u32 },
    /// A notice was published.
    Told,
    /// The screen has shown one.
    Seen,
    /// The read model starts from scratch.
    Rebuilt,
}

/// A node of Kafka's own numbering.
fn of_kafka(node: NodeId) -> NodeId {
    if node == NodeId(3) { VIEW } else { node }
}

impl System for OrderPlatform {
    type Disk = Disk;
    type Memory = Memory;
    type Message = Message;
    type Timer = Timer;
    type Note = Note;
    type Witness = promises::Witness;

    const NAME: &'static str = "Order platform";
    const POWER_CUT: bool = false;
    const RULES: &'static [Rule] = catalogue::RULES;
    const SETTINGS: &'static [Setting] = catalogue::SETTINGS;
    const COMMANDS: &'static [Command] = catalogue::COMMANDS;
    const METRICS: &'static [Metric] = catalogue::METRICS;
    const NOTES: Notes = Notes { header: include_str!("mod.rs"), practice: include_str!("practice.md") };

    fn nodes(_: &Settings) -> usize {
        8
    }

    fn name(_: &Settings, node: NodeId) -> String {
        let names = ["Kafka", "shop", "relay", "RabbitMQ", "payments", "read model", "NATS", "screen"];
        names.get(node.index()).map_or("?", |name| name).to_owned()
    }

    fn link(_: &Settings, _: NodeId, _: NodeId) -> LinkSpec {
        LinkSpec::fifo(Latency::Fixed(LATENCY))
    }

    fn blank_disk(settings: &Settings, node: NodeId) -> Disk {
        match node {
            KAFKA | SHOP => Disk::Kafka(Kafka::blank_disk(&legs::kafka_settings(), node)),
            RABBIT => Disk::Rabbit(rabbitmq::Disk::default()),
            PAYMENTS => Disk::Payments {
                rabbit: RabbitMq::blank_disk(&legs::rabbit_settings(settings), NodeId(2)),
                charged: Orders::default(),
            },
            VIEW => Disk::View(Rows::default()),
            _ => Disk::Nothing,
        }
    }

    fn boot(disk: &Disk, context: &mut Context<Self>) -> Memory {
        match (context.me(), disk) {
            (_, Disk::Kafka(disk)) => legs::boot_kafka(disk, context),
            (_, Disk::Rabbit(disk) | Disk::Payments { rabbit: disk, .. }) => legs::boot_rabbit(disk, context),
            (_, Disk::View(rows)) => view::boot(*rows, context),
            (RELAY, _) => relay::boot(context),
            (NATS, _) => Memory::Nats { subscribed: None },
            _ => notices::boot_screen(context),
        }
    }

    fn handle(disk: &mut Disk, memory: &mut Memory, event: Event<Self>, context: &mut Context<Self>) {
        match (disk, memory) {
            (Disk::Kafka(disk), Memory::Kafka(memory)) => legs::kafka(disk, memory, event, context),
            (Disk::Rabbit(disk), Memory::Rabbit(memory)) => legs::rabbit(disk, memory, event, context),
            (Disk::Payments { rabbit, charged }, Memory::Rabbit(memory)) => {
                legs::payments(rabbit, charged, memory, event, context);
            }
            (_, Memory::Relay { reader, waiting }) => relay::Relay { reader, waiting, context }.handle(event),
            (Disk::View(rows), Memory::View { reader, awaited }) => {
                view::View { rows, reader, awaited, context }.handle(event);
            }
            (_, Memory::Nats { subscribed }) => notices::serve(subscribed, event, context),
            (_, Memory::Screen { seen }) => notices::show(seen, event, context),
            _ => context.why(|_| "Nobody has a use for this.".to_owned()),
        }
    }

    fn route(world: &World<Self>, call: &CommandCall) -> Option<NodeId> {
        let node = if call.command == ORDER { SHOP } else { VIEW };
        world.kernel().node(node).up.then_some(node)
    }

    fn observe(witness: &mut promises::Witness, notes: &[Note], _: &Scene) {
        promises::observe(witness, notes);
    }

    fn describe_message(settings: &Settings, message: &Message) -> String {
        match message {
            Message::Kafka(message) => Kafka::describe_message(&legs::kafka_settings(), message),
            Message::Rabbit(method) => RabbitMq::describe_message(&legs::rabbit_settings(settings), method),
            Message::Nats(Notice::Sub) => format!("SUB {}", notices::PATTERN),
            Message::Nats(Notice::Pub { order, .. }) => format!("PUB {}", notices::subject(*order)),
            Message::Nats(Notice::Msg { order, .. }) => format!("MSG {}", notices::subject(*order)),
            Message::Nats(Notice::Answer { order }) => format!("\"the screen has shown order {order}\""),
        }
    }

    fn describe_timer(settings: &Settings, timer: Timer) -> String {
        match timer {
            Timer::Kafka(timer) => Kafka::describe_timer(&legs::kafka_settings(), timer),
            Timer::Rabbit(timer) => RabbitMq::describe_timer(&legs::rabbit_settings(settings), timer),
            Timer::Load => "the next order".to_owned(),
            Timer::Retry => "time to ask again".to_owned(),
            Timer::Hand => "the tasks are made out".to_owned(),
            Timer::Commit => "time to commit".to_owned(),
            Timer::Subscribe => "time to subscribe".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_orders_takes_each_once() {
        let mut orders = Orders::default();
        assert!([1, 64, MOST_ORDERS].into_iter().all(|order| orders.add(order)));
        assert!(!orders.add(64) && orders.has(MOST_ORDERS) && !orders.has(2));
        assert_eq!(orders.count(), 3);
    }
}
