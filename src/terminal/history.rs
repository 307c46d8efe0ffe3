//! `faultline check-history`: whether what clients saw fits some order.

use std::io::Read;
use std::process::ExitCode;

use faultline::sim::judge::consistency::{Report, STATES, check_text_within};
use faultline::sim::numbers::grouped;
use serde_json::json;

use super::arguments::Arguments;
use super::{Failure, UNDECIDED};

/// Judges a history in a file. Exit code 1 when it is not linearizable, 4 when the search is given up.
pub fn check_history(words: &[String]) -> Result<ExitCode, Failure> {
    let arguments = Arguments::parse(words, &["--max-states"], &["--json"])?;
    let text = text(arguments.only_word("file")?)?;
    let most = arguments.number("--max-states")?.unwrap_or(STATES);
    let report = check_text_within(&text, most).map_err(Failure::Usage)?;
    if arguments.flag("--json") {
        println!("{}", as_json(&report));
    } else {
        print(&report, most);
    }
    Ok(match report.verdict() {
        Some(true) => ExitCode::SUCCESS,
        Some(false) => ExitCode::from(1),
        None => ExitCode::from(UNDECIDED),
    })
}

fn text(file: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let read = match file {
        "-" => std::io::stdin().read_to_string(&mut text).map(|_| text),
        file => std::fs::read_to_string(file),
    };
    read.map_err(|error| Failure::File(format!("{file} cannot be read ({error}).")))
}

fn as_json(report: &Report) -> serde_json::Value {
    let unfit = report
        .unfit
        .iter()
        .map(|one| json!({"key": one.key, "line": one.line, "first": one.operation, "why": one.why}));
    json!({
        "operations": report.operations,
        "linearizable": report.verdict(),
        "misfits": unfit.collect::<Vec<_>>(),
        "undecided": report.undecided,
        "states": report.states,
    })
}

fn print(report: &Report, most: u64) {
    for one in &report.unfit {
        let key = one.key.as_ref().map_or(String::new(), |key| format!("on key {key}, "));
        println!("Not linearizable: {key}{} (line {}) {}.", one.operation, one.line, one.why);
    }
    if let [first, others @ ..] = report.undecided.as_slice() {
        let others = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
        println!(
            "Undecided: the search for an order on {first}{others} was given up after {} states and {} steps; \
             --max-states is {}.",
            grouped(report.states),
            grouped(report.steps),
            grouped(most)
        );
    }
    if report.is_linearizable() {
        println!("Linearizable: an order fits all {} operations.", grouped(report.operations as u64));
    }
}
