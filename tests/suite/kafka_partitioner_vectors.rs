//! The partitioner against the Java client, librdkafka, kafka-go and Sarama.

use crate::vectors::{cases, numbers, report};
use faultline::mechanisms::partitioner::{KeyHash, Sticky, fnv1a, frequencies, murmur2, partition_of};
use serde_json::Value;

fn number(case: &Value, name: &str) -> u32 {
    case[name].as_u64().unwrap_or(0) as u32
}

/// Spreads the draws 0, 1, 2 .. over all words, a thousand to the cycle.
fn even(n: u64) -> u64 {
    (n % 1_000) * (u64::MAX / 1_000)
}

fn partition(case: &Value) -> Option<u32> {
    let key = case["key"].as_str();
    let hash = match case["partitioner"].as_str()?.split(' ').nth(1).unwrap_or(case["partitioner"].as_str()?) {
        "murmur2" => KeyHash::Murmur2,
        "murmur2_random" if key.is_some() => KeyHash::Murmur2,
        "consistent" => KeyHash::Crc32,
        "consistent_random" if key.is_some_and(|key| !key.is_empty()) => KeyHash::Crc32,
        "fnv1a" => KeyHash::Fnv1aAbsolute,
        "fnv1a_random" if key.is_some() => KeyHash::Fnv1aAbsolute,
        "Hash" if key.is_some() => KeyHash::Fnv1aAbsolute,
        "ReferenceHash" => KeyHash::Fnv1aMasked,
        _ => return None,
    };
    Some(partition_of(hash, key.unwrap_or("").as_bytes(), number(case, "partitions")))
}

/// KIP-794: the queues decide how often each partition is drawn.
fn adaptive(case: &Value) {
    let queues: Vec<Option<u32>> = numbers(&case["queue_sizes"]).iter().map(|queue| Some(*queue as u32)).collect();
    let mut edge = 0;
    let each: Vec<i64> =
        frequencies(&queues).into_iter().map(|next| i64::from(next - std::mem::replace(&mut edge, next))).collect();
    assert_eq!(each, numbers(&case["frequency_per_cycle"]));
}

/// The same partition until the batch is full, then a newly drawn one.
fn sticky(case: &Value) {
    let batch = number(case, "sticky_batch_bytes");
    let queues = vec![Some(0); number(case, "partitions") as usize];
    let (mut sticky, mut drawn) = (Sticky::default(), 0);
    for size in numbers(&case["appends"]) {
        let partition = sticky.next(size as u32, batch, &frequencies(&queues), || {
            drawn += 1;
            even(400)
        });
        assert_eq!((partition, drawn), (1, 1));
    }
    let next = sticky.next(1, batch, &frequencies(&queues), || even(900));
    assert_eq!(next, 2, "the batch is full");
}

fn unavailable(case: &Value) {
    let down = numbers(&case["unavailable"]);
    let queue = |at: u32| (!down.contains(&i64::from(at))).then_some(0);
    let queues: Vec<Option<u32>> = (0..number(case, "partitions")).map(queue).collect();
    for n in 0..1_000 {
        let chosen = i64::from(Sticky::default().next(1, 16_384, &frequencies(&queues), || even(n)));
        assert!(!numbers(&case["never_chosen"]).contains(&chosen), "{case} chose {chosen}");
        let always = numbers(&case["always_chosen"]);
        assert!(always.is_empty() || always == [chosen], "{case} chose {chosen}");
    }
}

#[test]
fn keys_go_where_the_clients_send_them() {
    let Some(cases) = cases("kafka_partitioner.json") else { return };
    let (mut run, mut left) = (0, Vec::new());
    for case in &cases {
        let key = case["key"].as_str().unwrap_or("").as_bytes();
        match case["kind"].as_str().unwrap_or_default() {
            "murmur2" => assert_eq!(i64::from(murmur2(key) as i32), case["hash_i32"].as_i64().unwrap_or(0), "{case}"),
            "fnv1a_abs_i32" => {
                assert_eq!(i64::from((fnv1a(key) as i32).unsigned_abs()), case["hash_i32"].as_i64().unwrap_or(0));
            }
            "partition" => {
                let Some(found) = partition(case) else {
                    // Without a key these clients draw a partition, or take them in turn: there is no hash to compare.
                    left.push(format!("{}, key {}", case["partitioner"], case["key"]));
                    continue;
                };
                assert_eq!(Some(u64::from(found)), case["partition"].as_u64(), "{case}");
            }
            "adaptive_frequency" => adaptive(case),
            "sticky" => sticky(case),
            "unavailable" => unavailable(case),
            other => panic!("an unknown kind of case: {other}"),
        }
        run += 1;
    }
    report("kafka_partitioner.json", run, &left);
}
