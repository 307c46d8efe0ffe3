//! Topic and headers exchanges against what RabbitMQ's own test-suites expect.

use crate::vectors::{cases, report};
use faultline::mechanisms::topic::{Wildcards, XMatch, destinations, headers_match, is_valid_binding, matches};
use serde_json::Value;

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn topic(case: &Value) {
    let key = case["routing_key"].as_str().unwrap_or_default();
    let bindings: Vec<Vec<&str>> = case["bindings"].as_array().into_iter().flatten().map(texts).collect();
    let matched = bindings.iter().filter(|pair| matches(pair[0], key, Wildcards::AMQP)).map(|pair| pair[1]);
    let mut found = destinations(matched);
    found.sort_unstable();
    assert_eq!(found, texts(&case["expected"]), "{key}: {bindings:?}");
}

#[test]
fn topic_exchanges_route_as_rabbitmq_does() {
    let Some(cases) = cases("rabbitmq_topic.json") else { return };
    let mut run = 0;
    for case in &cases {
        match case["kind"].as_str().unwrap_or_default() {
            "topic" => topic(case),
            "binding_key_valid" => {
                let key = case["binding_key"].as_str().unwrap_or_default();
                assert_eq!(Some(is_valid_binding(key)), case["expected"].as_bool(), "{key}");
            }
            other => panic!("a case of kind {other}"),
        }
        run += 1;
    }
    report("rabbitmq_topic.json", run, &[]);
}

fn matched_by<'a>(binding: &'a Value, headers: &[(&str, &Value)]) -> Option<&'a str> {
    let arguments: Vec<(&str, Option<&Value>)> = binding["args"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), Some(value).filter(|value| !value.is_null())))
        .collect();
    let x_match = XMatch::parse(binding["x-match"].as_str().unwrap_or("all"));
    let fits = x_match.is_some_and(|x_match| headers_match(x_match, &arguments, headers));
    binding["queue"].as_str().filter(|_| fits)
}

#[test]
fn headers_exchanges_route_as_rabbitmq_does() {
    let Some(cases) = cases("rabbitmq_headers.json") else { return };
    for case in &cases {
        let headers: Vec<(&str, &Value)> =
            case["headers"].as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value)).collect();
        let bindings = case["bindings"].as_array().into_iter().flatten();
        let mut found = destinations(bindings.filter_map(|binding| matched_by(binding, &headers)));
        found.sort_unstable();
        assert_eq!(found, texts(&case["expected"]), "{case}");
    }
    report("rabbitmq_headers.json", cases.len(), &[]);
}
