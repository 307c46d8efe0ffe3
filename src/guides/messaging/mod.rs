//! The Messaging guide.

use crate::scenarios;

scenarios! {
    simple_task_queue: "queues";
    fan_out: "queues";
    fire_and_forget: "queues";
    competing_consumers: "queues";
    topic_routing: "queues";
    event_log: "logs";
    keys_and_order: "logs";
    rebalance: "logs";
    isr_and_acks: "logs";
    jetstream_work_queue: "queues";
    retries_and_dead_letters: "queues";
    share_groups: "queues";
    request_reply: "queues";
    exactly_once: "logs";
    flash_sale: "applied";
    right_tool: "applied";
    inside_kafka_log: "logs";
    schemas: "logs";
    lag_and_scaling: "logs";
    confirmed: "compared";
    side_by_side: "compared";
}
