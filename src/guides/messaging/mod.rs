//! The Messaging guide.

pub mod competing_consumers;
pub mod event_log;
pub mod exactly_once;
pub mod fan_out;
pub mod fire_and_forget;
pub mod flash_sale;
pub mod inside_kafka_log;
pub mod isr_and_acks;
pub mod jetstream_work_queue;
pub mod keys_and_order;
pub mod lag_and_scaling;
pub mod rebalance;
pub mod request_reply;
pub mod retries_and_dead_letters;
pub mod right_tool;
pub mod schemas;
pub mod side_by_side;
pub mod simple_task_queue;
pub mod topic_routing;

use super::AnyScenario;

/// Its scenarios, in reading order. A scenario is under test, on the site and in the terminal by being listed here.
pub const SCENARIOS: &[&dyn AnyScenario] = &[
    &simple_task_queue::SCENARIO,
    &fan_out::SCENARIO,
    &fire_and_forget::SCENARIO,
    &competing_consumers::SCENARIO,
    &topic_routing::SCENARIO,
    &event_log::SCENARIO,
    &keys_and_order::SCENARIO,
    &rebalance::SCENARIO,
    &isr_and_acks::SCENARIO,
    &jetstream_work_queue::SCENARIO,
    &retries_and_dead_letters::SCENARIO,
    &request_reply::SCENARIO,
    &exactly_once::SCENARIO,
    &flash_sale::SCENARIO,
    &right_tool::SCENARIO,
    &inside_kafka_log::SCENARIO,
    &schemas::SCENARIO,
    &lag_and_scaling::SCENARIO,
    &side_by_side::SCENARIO,
];
