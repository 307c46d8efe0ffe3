//! NATS subjects against nats-server's own tests.

use crate::vectors::{cases, report};
use faultline::mechanisms::subjects::{
    Mapping, collide, interest, is_literal, is_subset, is_valid, is_valid_literal, matches, word_at,
};
use serde_json::{Value, json};

fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap_or_default()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Pairs of a pattern and its queue group.
fn pairs(value: &Value) -> Vec<(&str, Option<&str>)> {
    let list = value.as_array().into_iter().flatten();
    list.filter_map(|pair| Some((pair[0].as_str()?, pair[1].as_str()))).collect()
}

/// The patterns of a list that are kept, sorted.
fn chosen(list: &Value, keep: impl Fn(&str) -> bool) -> Value {
    let mut found: Vec<&str> = texts(list).into_iter().filter(|pattern| keep(pattern)).collect();
    found.sort_unstable();
    json!(found)
}

fn sorted(value: &Value) -> Value {
    let mut list = texts(value);
    list.sort_unstable();
    json!(list)
}

fn groups(case: &Value, subject: &str) -> Value {
    let list = pairs(&case["subscriptions"]);
    let plain = interest(list.iter().filter(|pair| pair.1.is_none()).map(|pair| pair.0), subject);
    let mut groups = serde_json::Map::new();
    for (_, group) in list.iter().filter(|pair| matches(subject, pair.0)) {
        if let Some(group) = group {
            let before = groups.get(*group).and_then(Value::as_u64).unwrap_or(0);
            groups.insert((*group).to_owned(), json!(before + 1));
        }
    }
    json!({ "plain": plain, "groups": groups })
}

/// What we answer and what is expected. `None` for a kind that has nothing to do with matching.
fn answer(case: &Value) -> Option<(Value, Value)> {
    let subject = text(case, "subject");
    let expected = case["expected"].clone();
    let queued = || pairs(&case["queue"]).into_iter().map(|pair| pair.0).collect::<Vec<&str>>();
    let counts = || (interest(texts(&case["plain"]).into_iter(), subject), interest(queued().into_iter(), subject));
    let found = match text(case, "kind") {
        "valid_literal_subject" => json!(is_valid_literal(subject)),
        "valid_subject" => json!(is_valid(subject)),
        "match_literal" => json!(matches(subject, text(case, "pattern"))),
        "is_literal" => json!(is_literal(subject)),
        "subset_match" => json!(is_subset(subject, text(case, "within"))),
        "collide" => json!(collide(text(case, "a"), text(case, "b"))),
        "token_at" => json!(word_at(subject, case["index_from_1"].as_u64()? as usize)),
        "sublist_match" => {
            return Some((chosen(&case["subscriptions"], |pattern| matches(subject, pattern)), sorted(&expected)));
        }
        "reverse_match" => {
            let filter = text(case, "filter");
            return Some((chosen(&case["subscriptions"], |pattern| collide(pattern, filter)), sorted(&expected)));
        }
        "num_interest" => json!([counts().0, counts().1]),
        "has_interest" => json!(counts() != (0, 0)),
        "insert_invalid" => json!(if is_valid(subject) { "fine" } else { "error" }),
        "queue_groups" => groups(case, subject),
        "filter_count" => {
            let filter = text(case, "filter");
            json!(texts(&case["stored_subjects"]).iter().filter(|stored| matches(stored, filter)).count())
        }
        "subject_transform" => {
            let mapping = Mapping::new(text(case, "src"), text(case, "dest"));
            json!(mapping.and_then(|mapping| mapping.apply(subject, 0)))
        }
        _ => return None,
    };
    Some((found, expected))
}

#[test]
fn subjects_match_as_nats_server_matches_them() {
    let Some(cases) = cases("nats_subjects.json") else { return };
    let (mut run, mut left, mut wrong) = (0, Vec::new(), Vec::new());
    for case in &cases {
        match answer(case) {
            Some((found, expected)) if found == expected => run += 1,
            Some((found, _)) => wrong.push(format!("{found} for {case}")),
            // The hit rate of the server's cache of matches: we match without a cache.
            None => left.push(text(case, "kind").to_owned()),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    report("nats_subjects.json", run, &left);
    assert_eq!(left, ["cache_hit_rate"]);
}
