//! The assignors against what Kafka's own classes answered.

use std::collections::BTreeMap;

use crate::vectors::{cases, report};
use faultline::mechanisms::assignors::{Assignor, Member, Partition};
use serde_json::Value;

/// A few strings in the iteration order of Java's `HashMap`: by bucket, then by insertion.
fn in_java_order<'a>(keys: impl Iterator<Item = &'a String>) -> Vec<&'a String> {
    let mut keys: Vec<&String> = keys.collect();
    let mut buckets = 16;
    while keys.len() as u32 * 4 > buckets * 3 {
        buckets *= 2;
    }
    let bucket = |key: &&String| {
        let hash = key.encode_utf16().fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
        (hash ^ hash >> 16) & (buckets - 1)
    };
    keys.sort_by_key(bucket);
    keys
}

fn partitions(value: &Value, topics: &[&String]) -> Vec<Partition> {
    let read = |pair: &Value| {
        let topic = topics.iter().position(|topic| Some(topic.as_str()) == pair[0].as_str())? as u16;
        Some(Partition { topic, index: pair[1].as_u64()? as u16 })
    };
    value.as_array().into_iter().flatten().filter_map(read).collect()
}

fn rank(mut all: Vec<&str>, one: &str) -> Option<u32> {
    all.sort_unstable();
    all.iter().position(|other| *other == one).map(|at| at as u32)
}

fn check(case: &Value) {
    let assignor = match case["assignor"].as_str().unwrap_or_default() {
        "range" => Assignor::Range,
        "roundrobin" => Assignor::RoundRobin,
        "sticky" => Assignor::Sticky,
        "cooperative-sticky" => Assignor::CooperativeSticky,
        other => panic!("an unknown assignor: {other}"),
    };
    let topics: BTreeMap<&String, u16> = case["topics"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(topic, count)| (topic, count.as_u64().unwrap_or(0) as u16))
        .collect();
    let names: Vec<&String> = topics.keys().copied().collect();
    let counts: Vec<u16> = topics.values().copied().collect();
    let Some(listed) = case["members"].as_object() else { panic!("no members: {case}") };
    let order = in_java_order(listed.keys());
    let instances = &case["group_instance_id"];
    let member = |id: &&String| {
        let subscribed = listed[*id].as_array().into_iter().flatten().filter_map(Value::as_str);
        let known = |topic: &str| names.iter().position(|name| name.as_str() == topic);
        // A topic that does not exist becomes a number without partitions, so that subscriptions stay distinct.
        let topics = subscribed.map(|topic| known(topic).map_or(1_000 + topic.len() as u16, |at| at as u16)).collect();
        let all = instances.as_object().into_iter().flatten().filter_map(|entry| entry.1.as_str()).collect();
        Member {
            id: rank(listed.keys().map(String::as_str).collect(), id).unwrap_or(0),
            instance: instances[id.as_str()].as_str().and_then(|one| rank(all, one)),
            topics,
            owned: partitions(&case["previous"][id.as_str()], &names),
            generation: case["generation"][id.as_str()].as_u64().map(|generation| generation as u32),
        }
    };
    let members: Vec<Member> = order.iter().map(member).collect();
    let given = assignor.assign(&counts, &members);
    for (id, mut found) in order.iter().zip(given) {
        let mut expected = partitions(&case["expected"][id.as_str()], &names);
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{} {}: {id}", case["assignor"], case["test"]);
    }
}

#[test]
fn groups_are_assigned_as_kafka_does() {
    let Some(cases) = cases("kafka_assignors.json") else { return };
    cases.iter().for_each(check);
    report("kafka_assignors.json", cases.len(), &[]);
}
