//! The linearizability checker against Porcupine's histories, each with its verdict.

use crate::vectors::{cases, path, report};
use faultline::sim::judge::consistency::{Call, Register, RegisterOp, Spec, check_text, linearize};
use serde_json::Value;

/// A set that only grows.
struct GrowOnly;

enum SetOp {
    Add(i64),
    Read(Option<Vec<i64>>),
}

impl Spec for GrowOnly {
    type State = Vec<i64>;
    type Op = SetOp;

    fn start(&self) -> Vec<i64> {
        Vec::new()
    }

    fn apply(&self, state: &Vec<i64>, op: &SetOp) -> Option<Vec<i64>> {
        match op {
            SetOp::Read(None) => Some(state.clone()),
            SetOp::Read(Some(values)) => (values == state).then(|| state.clone()),
            SetOp::Add(value) => {
                let mut state = state.clone();
                state.push(*value);
                state.sort_unstable();
                Some(state)
            }
        }
    }
}

fn register(history: &[Value]) -> bool {
    let call = |line: &Value| {
        let number = |name: &str| line[name].as_i64();
        let op = match line["op"].as_str() {
            Some("put") => RegisterOp::Write(number("value").unwrap_or_default()),
            _ => RegisterOp::Read(Ok(number("output"))),
        };
        let at = |name: &str| number(name).unwrap_or_default() as u64;
        Call { client: at("client") as u32, op, called: at("call"), returned: Some(at("return")) }
    };
    let calls: Vec<_> = history.iter().map(call).collect();
    linearize(&Register { start: Some(Some(0)) }, &calls).is_ok()
}

fn set(operations: &[Value]) -> bool {
    let call = |(client, line): (usize, &Value)| {
        let op = match line[0].as_str() {
            Some("add") => SetOp::Add(line[1].as_i64().unwrap_or_default()),
            _ => SetOp::Read(line[1].as_array().map(|all| all.iter().filter_map(Value::as_i64).collect())),
        };
        Call { client: client as u32, op, called: 0, returned: Some(100) }
    };
    let calls: Vec<_> = operations.iter().enumerate().map(call).collect();
    linearize(&GrowOnly, &calls).is_ok()
}

#[test]
fn porcupine_histories() {
    const FILE: &str = "linearizability_porcupine.json";
    let Some(cases) = cases(FILE) else { return };
    let (mut agree, mut operations, mut left_out) = (0, 0, Vec::new());
    for case in &cases {
        let Some(verdict) = case["linearizable"].as_bool() else {
            left_out.push(format!("{} (no verdict)", case["file"]));
            continue;
        };
        let ours = if let Some(history) = case["history"].as_array() {
            register(history)
        } else if let Some(list) = case["operations_list"].as_array() {
            set(list)
        } else {
            let file = case["file"].as_str().unwrap_or_default();
            let text = std::fs::read_to_string(path(file)).expect("the history's file is there");
            let report = check_text(&text).expect("the history can be read");
            assert_eq!(Some(report.operations as u64), case["operations"].as_u64(), "{file}");
            operations += report.operations;
            report.is_linearizable()
        };
        assert_eq!(ours, verdict, "{case}");
        agree += 1;
    }
    println!("{operations} operations in files");
    report(FILE, agree, &left_out);
}
