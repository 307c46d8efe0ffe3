//! `cargo xtask test`: every test there is, counted and timed. Ends with a line `N passed, N failed`.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::build::Terminal;
use crate::command::{command, run};
use crate::{Outcome, build, peers, say, setup, steps};

const WASM: &str = "wasm32-unknown-unknown";

/// A stage's name and what it runs.
type Stage = (&'static str, fn(&mut Tally) -> Outcome);

const STAGES: [Stage; 6] =
    [("format", format), ("clippy", clippy), ("native", native), ("wasm", wasm), ("site", site), ("browser", browser)];

/// How many of the slowest tests are named at the end.
const SLOWEST: usize = 10;

#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
    /// Seconds and name of every test that reports them.
    times: Vec<(f64, String)>,
}

impl Tally {
    /// Runs a check that has no count of its own as one test.
    fn one(&mut self, mut command: Command) {
        let passed = run(&mut command, "").map_err(|why| eprintln!("{why}")).is_ok();
        self.passed += u64::from(passed);
        self.failed += u64::from(!passed);
    }

    /// Runs a test runner, passes on what it prints, and adds up its counts. A runner that fails without counting a
    /// failure counts as one.
    fn many(&mut self, mut command: Command) -> Outcome {
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| format!("{command:?}: {error}"))?;
        let (passed, failed) = (self.passed, self.failed);
        for line in child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()).map_while(Result::ok) {
            println!("{line}");
            self.count(&line);
            self.times.extend(time_of(&line));
        }
        let succeeded = child.wait().is_ok_and(|status| status.success());
        if !succeeded && self.failed == failed {
            self.failed += 1;
        }
        if succeeded && self.passed == passed {
            eprintln!("{command:?} ran no test");
            self.failed += 1;
        }
        Ok(())
    }

    /// Reads "test result: ok. 3 passed; 0 failed; ..." and "3 passed, 0 failed".
    fn count(&mut self, line: &str) {
        let words: Vec<&str> = line.split([' ', ';', ',', '.']).filter(|word| !word.is_empty()).collect();
        let before = |what: &str| {
            let at = words.iter().position(|word| *word == what)?;
            words.get(at.checked_sub(1)?)?.parse::<u64>().ok()
        };
        let is_result = line.starts_with("test result:") || words.get(1) == Some(&"passed");
        if let (true, Some(passed), Some(failed)) = (is_result, before("passed"), before("failed")) {
            self.passed += passed;
            self.failed += failed;
        }
    }
}

/// The seconds and the name of a test that reports them: `seconds: 1.23 NAME`, perhaps after something else.
fn time_of(line: &str) -> Option<(f64, String)> {
    let (seconds, name) = line.split_once("seconds: ")?.1.split_once(' ')?;
    Some((seconds.parse().ok()?, name.to_owned()))
}

/// See the module's header.
pub fn test(options: &[&str]) -> Outcome {
    let only = match options {
        [] => None,
        ["--only", stage] if STAGES.iter().any(|known| known.0 == *stage) => Some(*stage),
        ["--peers"] => return peers::test(None),
        ["--peers", peer @ ("rabbitmq" | "nats")] => return peers::test(Some(peer)),
        _ => {
            let takes = "test takes --only and one of: format, clippy, native, wasm, site, browser; or --peers and";
            return Err(format!("{takes} perhaps one of: rabbitmq, nats."));
        }
    };
    steps::take(setup::tests()?)?;
    let mut total = Tally::default();
    let mut lines = Vec::new();
    for (name, stage) in STAGES.iter().filter(|stage| only.is_none_or(|only| only == stage.0)) {
        say(&format!("Stage {name} ..."));
        let (start, mut tally) = (Instant::now(), Tally::default());
        if let Err(why) = stage(&mut tally) {
            eprintln!("{why}");
            tally.failed += 1;
        }
        let seconds = start.elapsed().as_secs_f64();
        lines.push(format!("{name:<8} {:>5} ok {:>4} failed {seconds:>7.1} s", tally.passed, tally.failed));
        total.passed += tally.passed;
        total.failed += tally.failed;
        total.times.append(&mut tally.times);
    }
    println!("\n{}\n\n{}", lines.join("\n"), slowest(total.times));
    println!("{} passed, {} failed", total.passed, total.failed);
    if total.failed == 0 { Ok(()) } else { Err("Not every test passed; the first failure above says most.".to_owned()) }
}

/// The slowest tests of all stages, one per line.
fn slowest(mut times: Vec<(f64, String)>) -> String {
    times.sort_by(|one, other| other.0.total_cmp(&one.0));
    times.iter().take(SLOWEST).map(|(seconds, name)| format!("{seconds:>7.1} s  {name}\n")).collect()
}

/// Runs the benches: native, then in the browser.
pub fn bench() -> Outcome {
    steps::take(setup::tests()?)?;
    run(&mut command("cargo", &["bench", "--package", "faultline"]), "")?;
    let words = [
        "test",
        "--package",
        "faultline",
        "--profile",
        "site",
        "--target",
        WASM,
        "--bench",
        "kernel_wasm",
        "--",
        "--nocapture",
    ];
    run(&mut in_browser(command("cargo", &words))?, "")?;
    build::site(Terminal::OfTheTests)?;
    run(&mut command("node", &["tests/browser/bench.mjs"]), "")
}

fn format(tally: &mut Tally) -> Outcome {
    crate::format::commands(true).into_iter().for_each(|command| tally.one(command));
    Ok(())
}

fn clippy(tally: &mut Tally) -> Outcome {
    tally.one(command("cargo", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]));
    // By the site's profile, so that macros are compiled once for both.
    let app = ["--package", "faultline-app", "--lib", "--bins", "--profile", "site", "--target", WASM];
    tally.one(command("cargo", &[&["clippy"], &app[..], &["--", "-D", "warnings"]].concat()));
    Ok(())
}

fn native(tally: &mut Tally) -> Outcome {
    tally.many(command("cargo", &["test", "--workspace", "--no-fail-fast"]))
}

/// The same runs in Node and in Chromium, by the site's own build of the library: the app is named so that cargo chooses
/// the same features of what both stand on.
fn wasm(tally: &mut Tally) -> Outcome {
    let words = ["test", "--package", "faultline", "--package", "faultline-app", "--profile", "site", "--target", WASM];
    let test = || {
        let mut test = command("cargo", &words);
        test.args(["--test", "wasm"]);
        test
    };
    tally.many(with_runner(test()))?;
    tally.many(in_browser(test())?)
}

/// WebAssembly tests in Node.
fn with_runner(mut test: Command) -> Command {
    test.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", "wasm-bindgen-test-runner");
    test
}

/// WebAssembly tests in Chromium.
fn in_browser(test: Command) -> Outcome<Command> {
    let mut test = with_runner(test);
    test.env("WASM_BINDGEN_USE_BROWSER", "1");
    test.env("CHROMEDRIVER", setup::chromedriver().ok_or("There is no chromedriver on PATH.")?);
    Ok(test)
}

fn site(tally: &mut Tally) -> Outcome {
    build::site(Terminal::OfTheTests)?;
    tally.passed += 1;
    Ok(())
}

fn browser(tally: &mut Tally) -> Outcome {
    build::site(Terminal::OfTheTests)?;
    let mut node = command("node", &["tests/browser/run.mjs"]);
    node.env("CHROMIUM", setup::chromium().ok_or("There is no Chromium on PATH.")?);
    tally.many(node)
}

#[cfg(test)]
mod tests {
    use super::{Tally, slowest, time_of};

    #[test]
    fn counts_and_times_are_read() {
        let mut tally = Tally::default();
        for line in ["test result: ok. 3 passed; 1 failed; 0 ignored", "2 passed, 0 failed", "5 passed by"] {
            tally.count(line);
        }
        assert_eq!((tally.passed, tally.failed), (5, 1));
        assert_eq!(time_of("ok      seconds: 1.25 a name"), Some((1.25, "a name".to_owned())));
        assert_eq!(time_of("seconds: soon a name"), None);
    }

    #[test]
    fn the_slowest_come_first() {
        let lines = slowest(vec![(1.0, "quick".to_owned()), (20.5, "slow".to_owned())]);
        assert_eq!(lines, "   20.5 s  slow\n    1.0 s  quick\n");
    }
}
