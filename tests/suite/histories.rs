//! Histories in files: each form is told and read, what contradicts itself is refused by its line, and what a search
//! costs stays in proportion.

use std::fmt::Write;

use faultline::sim::judge::consistency::{
    Call, Register, RegisterOp, Report, check_text, check_text_within, linearize,
};

use crate::clock::timed;
use crate::linearizability::{Draw, Open, register_op, spans};

/// Process, type, function and value of a line.
type Line = (u32, &'static str, &'static str, String);

/// A history, as Jepsen's processes would say it: one whose operation is never answered goes on under another number.
fn lines(spans: &[(u32, Open)], ops: &[RegisterOp]) -> Vec<Line> {
    let mut points: Vec<(u64, usize, bool)> = Vec::new();
    for (op, (_, (called, returned))) in spans.iter().enumerate() {
        points.push((*called, op, false));
        points.extend(returned.map(|at| (at, op, true)));
    }
    points.sort_unstable();
    let said = |(_, op, is_return): (u64, usize, bool)| {
        let kind = if is_return { "ok" } else { "invoke" };
        let (kind, f, value) = match ops[op] {
            RegisterOp::Write(value) => (kind, "write", value.to_string()),
            RegisterOp::Read(Ok(Some(value))) if is_return => (kind, "read", value.to_string()),
            RegisterOp::Read(_) => (kind, "read", "nil".to_owned()),
            RegisterOp::CompareAndSet { from, to, done } => {
                let is_refused = is_return && done == Some(false);
                (if is_refused { "fail" } else { kind }, "cas", format!("[{from} {to}]"))
            }
        };
        (op as u32, kind, f, value)
    };
    points.into_iter().map(said).collect()
}

/// The same history in every form.
fn forms(lines: &[Line]) -> Vec<String> {
    let text = |line: &dyn Fn(&Line) -> String| lines.iter().map(|one| line(one) + "\n").collect::<String>();
    let map =
        |(process, kind, f, value): &Line| format!("{{:process {process}, :type :{kind}, :f :{f}, :value {value}}}");
    let log = |(process, kind, f, value): &Line| format!("INFO  jepsen.util - {process}\t:{kind}\t:{f}\t{value}");
    vec![
        text(&|(process, kind, f, value)| format!("{process} :{kind} :{f} {value}")),
        text(&|(process, kind, f, value)| format!("  {process}\t:{kind}\t:{f}\t{value}\r")),
        text(&map),
        format!("\u{feff}; a comment\n[{}]", text(&|line| map(line) + ",")),
        text(&|line| format!("#jepsen.history.Op{{:index 1, :time 2.5, :error nil, {}", &map(line)[1..])),
        format!("INFO  jepsen.core - begins\n{}", text(&|line| log(line) + "\nINFO  jepsen.core - something else")),
        text(&|line| {
            format!("2026-01-02 03:04:05,678{{GMT}}\tINFO\t[jepsen worker 1] jepsen.util: {}", &log(line)[20..])
        }),
    ]
}

#[test]
fn every_form_of_a_history_is_judged_alike() {
    let _timed = timed();
    let (mut draw, mut linearizable) = (Draw(7), 0);
    for number in 0..1_500 {
        let spans = spans(&mut draw);
        let ops: Vec<RegisterOp> = spans.iter().map(|span| register_op(&mut draw, span.1.1.is_some())).collect();
        let call = |(&(client, (called, returned)), &op)| Call { client, op, called, returned };
        let calls: Vec<Call<RegisterOp>> = spans.iter().zip(&ops).map(call).collect();
        let expected = linearize(&Register { start: Some(None) }, &calls).is_ok();
        for text in forms(&lines(&spans, &ops)) {
            let report = check_text(&text).unwrap_or_else(|why| panic!("history {number}: {why}\n{text}"));
            assert_eq!((report.operations, report.verdict()), (spans.len(), Some(expected)), "{number}:\n{text}");
        }
        linearizable += u32::from(expected);
    }
    assert!((75..1_425).contains(&linearizable), "{linearizable} of 1,500 tell too little");
}

fn judged(text: &str) -> Report {
    check_text(text).unwrap_or_else(|why| panic!("{why}\n{text}"))
}

/// What fits nowhere: key, line and operation.
fn unfit(text: &str) -> Vec<(Option<String>, usize, String)> {
    judged(text).unfit.into_iter().map(|one| (one.key, one.line, one.operation)).collect()
}

#[test]
fn what_is_usual_in_a_history_is_read() {
    let fresh = "{:process 0, :type :invoke, :f :get, :key \"k\", :value nil}\n\
                 {:process 0, :type :ok, :f :get, :key \"k\", :value nil}\n";
    assert!(judged(fresh).is_linearizable(), "a fresh key is got as nil");
    let nemesis = "{:process :nemesis, :type :info, :f :start, :value \"cut off n1\"}\n";
    assert!(judged(&format!("{nemesis}{fresh}{nemesis}")).is_linearizable());
    assert!(judged(":nemesis\t:info\t:start\tnil\n0 :invoke :read nil\n0 :ok :read nil").is_linearizable());

    let append = |kind: &str, read: &str| {
        format!(
            "{{:process 0, :type :invoke, :f :append, :key 1, :value \"a\"}} {{:process 0 :type {kind} :f :append :key 1 \
             :value \"a\" :error [:timeout {{:node \"n1\"}}]}}\n{{:process 1, :type :invoke, :f :get, :key 1}}\n\
             {{:process 1, :type :ok, :f :get, :key 1, :value \"{read}\"}}"
        )
    };
    let verdicts = |kind: &str| [judged(&append(kind, "")).verdict(), judged(&append(kind, "a")).verdict()];
    assert_eq!(verdicts(":ok"), [Some(false), Some(true)]);
    assert_eq!(verdicts(":fail"), [Some(true), Some(false)], "what failed did not happen");
    assert_eq!(verdicts(":info"), [Some(true), Some(true)], "it may have happened");

    let quoted = |put: &str, got: &str| {
        format!(
            "0 :invoke :put [\"k\" \"{put}\"]\n0 :ok :put\n1 :invoke :get [\"k\" nil]\n1 :ok :get [\"k\" \"{got}\"]"
        )
    };
    assert!(judged(&quoted("a\\\"b", "a\\\"b")).is_linearizable());
    assert_eq!(unfit(&quoted("a\\\"b", "a\\\"ZZZ")).len(), 1, "a quote within a text does not end it");
}

#[test]
fn independent_keys_are_judged_each_for_itself() {
    let keys = |read: u32| {
        format!(
            "0 :invoke :write [1 5]\n0 :ok :write [1 5]\n0 :invoke :write [2 6]\n0 :ok :write [2 6]\n\
             0 :invoke :cas [2 [6 7]]\n0 :ok :cas [2 [6 7]]\n1 :invoke :read [1 nil]\n1 :ok :read [1 {read}]\n"
        )
    };
    assert!(judged(&keys(5)).is_linearizable());
    assert_eq!(unfit(&keys(7)), [(Some("1".to_owned()), 8, "process 1's :read 7".to_owned())]);
}

#[test]
fn a_refused_cas_counts_only_where_nothing_else_went_wrong() {
    let cas =
        |error: &str| format!("0 :invoke :write 1\n0 :ok :write 1\n0 :invoke :cas [1 2]\n0 :fail :cas [1 2] {error}\n");
    assert_eq!(unfit(&cas("")), [(None, 3, "process 0's :cas [1 2]".to_owned())], "it found 1, and was refused");
    assert!(judged(&cas(":connection-refused")).is_linearizable());
    assert!(judged("0 :invoke :cas [1 2]\n0 :fail :cas :timed-out").is_linearizable());
}

#[test]
fn what_is_not_understood_is_refused_by_its_line() {
    let refused = [
        ("", "no operation"),
        ("\n ; nothing\n", "no operation"),
        (":nemesis :info :start nil\n", "no operation"),
        ("[]", "no operation"),
        ("INFO  jepsen.util - :nemesis\t:info\t:start\tnil\n", "no operation"),
        ("We wrote 3, and then we read 4.\n", "Line 1 is in no form"),
        ("process,type,f,value\n0,invoke,write,3\n", "Line 1 is in no form"),
        ("{\"process\": 0, \"type\": \"invoke\"}", "Line 1"),
        ("0 :invoke :write 3\nthen something\n", "Line 2 is not 'PROCESS"),
        ("0 :invoke :write 3\n1 :starts :read nil\n", "Line 2 is not 'PROCESS"),
        ("INFO jepsen.util - x\t:invoke\n", "Line 1 is not 'PROCESS"),
        ("0 :invoke :write [3\n", "Line 1 is not 'PROCESS"),
        ("0 :invoke :write 3\n0 :ok :read 9\n", "Line 2: this :ok is of :read 9, but process 0 asked for :write 3"),
        ("0 :invoke :write 3\n0 :ok :write 7\n", "Line 2: this :ok is of :write 7"),
        ("0 :invoke :write 3\n0 :fail :write 7\n", "Line 2: this :fail is of :write 7"),
        ("0 :invoke :write [1 3]\n0 :ok :write [2 3]\n", "Line 2: this :ok is of :write 3 on key 2"),
        ("0 :invoke :read [1 nil]\n0 :ok :read 3\n", "Line 2: this :ok is of :read 3, but"),
        ("0 :ok :read 3\n", "Line 1: process 0 has asked nothing that this :ok ends"),
        ("0 :invoke :read nil\n1 :info :read nil\n", "Line 2: process 1 has asked nothing"),
        ("0 :invoke :read nil\n0 :invoke :read nil\n", "Line 2: process 0 asks for something else before"),
        ("0 :invoke :txn [[:r 1 nil]]\n", "Line 1: functions read here are :read"),
        ("0 :invoke :write 3\n1 :invoke :get [\"k\" nil]\n", "Line 2: :get is not asked of a register"),
        ("0 :invoke :write 3\n1 :invoke :read [1 nil]\n", "Line 2 names a key, and line 1 none"),
        ("0 :invoke :write [1 3]\n1 :invoke :read nil\n", "Line 2 names no key, and line 1 one"),
        ("0 :invoke :write nil\n", "Line 1: :write takes one value, not nil"),
        ("0 :invoke :cas 3\n", "Line 1: :cas takes two values"),
        ("0 :invoke :put [\"k\" 3]\n", "Line 1: a store's values are texts in quotes"),
        ("0 :invoke :read nil\n0 :ok :read [1 2 3]\n", "Line 2: a register holds one value"),
        ("{:process 0, :type :invoke,\n :f :write, :value 3}\n7", "Line 3 is no map"),
        ("{:process 0, :type :invoke,\n :f :write, :value", "Line 2: the file ends within a map"),
        ("[{:process 0, :type :invoke, :f :write, :value 3}\n", "The list that begins on line 1 has no end"),
        ("[{:process 0, :type :invoke, :f :write, :value 3}]\n]", "Line 2: the list has ended"),
        ("{:type :invoke, :f :write, :value 3}", "Line 1 has no :process"),
        ("{:process 0, :type :begin, :f :write}", "Line 1 has no :type"),
        ("{:process 0, :type :invoke}", "Line 1 has no :f"),
        ("\n{:process 0, :process 1}", "Line 2 is not EDN"),
    ];
    for (text, expected) in refused {
        let why = check_text(text).err().unwrap_or_else(|| panic!("this was judged: {text}"));
        assert!(why.contains(expected) && why.ends_with('.'), "{text:?} is refused so: {why}");
    }
}

/// A linearizable history of one register: each operation takes effect at some moment while it is open.
fn register(draw: &mut Draw, operations: u64, processes: u64) -> String {
    let (mut text, mut held, mut begun) = (String::new(), "nil".to_owned(), 0);
    let mut open: Vec<Option<(bool, String, bool)>> = vec![None; processes as usize];
    while begun < operations || open.iter().any(Option::is_some) {
        let process = draw.below(processes) as usize;
        let slot = &mut open[process];
        match slot {
            None if begun < operations => {
                begun += 1;
                let is_write = draw.below(2) == 0;
                let value = if is_write { draw.below(1_000).to_string() } else { "nil".to_owned() };
                let _ = writeln!(text, "{process} :invoke :{} {value}", if is_write { "write" } else { "read" });
                *slot = Some((is_write, value, false));
            }
            Some((true, value, is_done @ false)) => (held, *is_done) = (value.clone(), true),
            Some((false, value, is_done @ false)) => (*value, *is_done) = (held.clone(), true),
            Some((is_write, value, true)) => {
                let _ = writeln!(text, "{process} :ok :{} {value}", if *is_write { "write" } else { "read" });
                *slot = None;
            }
            None => {}
        }
    }
    text
}

#[test]
fn the_cost_of_a_history_is_in_proportion_to_its_length() {
    let _timed = timed();
    let (few, many) = (20_000, 200_000);
    for operations in [few, many] {
        let report = judged(&register(&mut Draw(3), operations, 5));
        println!("{operations} operations on a register: {} states, {} steps", report.states, report.steps);
        assert!(report.is_linearizable() && report.steps < 20 * operations, "{report:?}");
    }
    let mut keys = String::new();
    for key in 0..50_000 {
        let _ = writeln!(keys, "0 :invoke :write [{key} 1]\n0 :ok :write [{key} 1]");
    }
    for key in 0..50_000 {
        let _ = writeln!(keys, "1 :invoke :read [{key} nil]\n1 :ok :read [{key} 1]");
    }
    let report = judged(&keys);
    assert!(report.is_linearizable());
    assert_eq!((report.operations, report.states), (100_000, 100_000));
    assert!(report.steps < 400_000, "{report:?}");
    let process = |kind: &'static str| (0..100_000).map(move |process| format!("{process} :{kind} :write {process}\n"));
    let report = judged(&process("invoke").chain(process("ok")).collect::<String>());
    assert_eq!((report.verdict(), report.states, report.steps), (Some(true), 100_000, 100_000), "all are open at once");
}

/// Writes that are all open at once, after one that was done before; then a read.
fn writes_and_a_read(writes: u32, read: &str) -> String {
    let all = |kind: &'static str| (1..=writes).map(move |process| format!("{process} :{kind} :write w{process}\n"));
    let begin = "0 :invoke :write w0\n0 :ok :write w0\n".to_owned();
    begin + &all("invoke").chain(all("ok")).collect::<String>() + "0 :invoke :read nil\n0 :ok :read " + read
}

#[test]
fn a_read_that_cannot_be_is_found_without_trying_every_order() {
    let report = judged(&writes_and_a_read(25, "w99"));
    assert_eq!((report.states, report.unfit[0].why), (0, "fits nowhere: nobody ever writes that value"));
    let report = judged(&writes_and_a_read(25, "w0"));
    assert_eq!((report.unfit[0].line, report.unfit[0].operation.as_str()), (54, "process 0's :read w0"));
    assert!(report.states < 100, "{report:?}");
}

/// Swaps that are all open at once and that no order gives, with many to try. `value` is how a value is written.
fn swaps(value: impl Fn(&str) -> String) -> String {
    let begin = value("v0");
    let mut text = format!("99 :invoke :write {begin}\n99 :ok :write {begin}\n");
    for kind in ["invoke", "ok"] {
        for process in 0..24 {
            let swap = value(&format!("[v{} v{}]", process % 5, (process * 7 + 3) % 5));
            let _ = writeln!(text, "{process} :{kind} :cas {swap}");
        }
    }
    text
}

#[test]
fn a_search_that_grows_too_large_stops_at_its_limit() {
    let text = swaps(str::to_owned);
    for limit in [1, 100, 5_000] {
        let report = check_text_within(&text, limit).expect("it can be read");
        assert_eq!((report.verdict(), report.states), (None, limit), "{report:?}");
        assert_eq!(report.undecided, ["the register"]);
    }
    let stale =
        "98 :invoke :write [easy 1]\n98 :ok :write [easy 1]\n98 :invoke :read [easy nil]\n98 :ok :read [easy nil]\n";
    let keys = swaps(|value| format!("[hard {value}]")) + stale;
    let report = check_text_within(&keys, 100).expect("it can be read");
    assert_eq!((report.verdict(), report.undecided.len()), (Some(false), 1), "one key is enough: {report:?}");
}
