//! Systems of the Messaging guide.

pub mod brokers;
pub mod durability;
pub mod exactly_once;
pub mod flash_sale;
pub mod jetstream;
pub mod kafka;
pub mod kafka_log;
pub mod kafka_replication;
pub mod nats;
pub mod order_platform;
pub mod rabbitmq;
pub mod schema_registry;
pub mod share_groups;
