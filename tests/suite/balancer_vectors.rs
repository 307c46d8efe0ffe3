//! The balancers against what nginx answered.

use crate::vectors::{cases, numbers, report};
use faultline::mechanisms::balancer::{Ring, SmoothRoundRobin, hash, least_connections};
use serde_json::Value;

fn smooth(case: &Value) {
    let weights = numbers(&case["weights"]);
    let mut robin = SmoothRoundRobin::default();
    for (round, expected) in numbers(&case["sequence"]).into_iter().enumerate() {
        assert_eq!(robin.next(&weights), Some(expected as usize), "{weights:?} round {round}");
        if let Some(state) = case["current_weight_after"].get(round) {
            assert_eq!(robin.current(), numbers(state));
        }
    }
}

fn least(case: &Value) {
    let weights = numbers(&case["weights"]);
    let (mut open, mut ties) = (vec![0; weights.len()], SmoothRoundRobin::default());
    for expected in numbers(&case["idle_sequence"]) {
        assert_eq!(least_connections(&open, &weights, &mut ties), Some(expected as usize), "{weights:?} idle");
    }
    for expected in numbers(&case["held_sequence_after_idle"]) {
        let chosen = least_connections(&open, &weights, &mut ties);
        assert_eq!(chosen, Some(expected as usize), "{weights:?} held {open:?}");
        open[expected as usize] += 1;
    }
}

fn keys(case: &Value) -> impl Iterator<Item = (&String, usize)> {
    case["keys"].as_object().into_iter().flatten().map(|(key, server)| (key, server.as_u64().unwrap_or(99) as usize))
}

fn consistent(case: &Value) {
    let names: Vec<&str> = case["servers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let ring = Ring::new(names.into_iter().zip(numbers(&case["weights"])));
    if let Some(points) = case["distinct_points"].as_u64() {
        assert_eq!(ring.len() as u64, points);
    }
    for (key, server) in keys(case) {
        assert_eq!(ring.server(key.as_bytes(), |_| true), Some(server), "{key}");
    }
}

#[test]
fn the_policies_choose_as_nginx_does() {
    let Some(cases) = cases("load_balancers.json") else { return };
    let (mut run, mut left) = (0, Vec::new());
    for case in &cases {
        match case["kind"].as_str().unwrap_or_default() {
            "smooth_wrr_states" | "weighted_round_robin" => smooth(case),
            "least_conn" => least(case),
            "hash" => {
                let weights = numbers(&case["weights"]);
                keys(case).for_each(|(key, server)| assert_eq!(hash(key.as_bytes(), &weights), Some(server), "{key}"));
            }
            "hash_consistent" => consistent(case),
            // Address hashing and passive health are not among this scenario's policies; totals repeat the sequences.
            other => {
                if !left.contains(&other.to_owned()) {
                    left.push(other.to_owned());
                }
                continue;
            }
        }
        run += 1;
    }
    report("load_balancers.json", run, &left);
}
