//! `cargo xtask test`: every test there is, counted and timed. Ends with a line `N passed, N failed`.
//!
//! The stages run in two lanes at the same time: a compiler that has come to its last crate, and a browser that waits for
//! an animation, leave a core idle that the other lane can use.

use std::io::{BufRead, BufReader, PipeReader};
use std::process::{Command, ExitStatus};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use crate::build::Terminal;
use crate::command::{command, run};
use crate::{Outcome, build, peers, say, setup, steps};

const WASM: &str = "wasm32-unknown-unknown";

/// A stage's name and what it runs.
type Stage = (&'static str, fn(&mut Tally) -> Outcome);

/// What is native, and what is in the browser: each lane's stages need what the ones before them have built. The library
/// is compiled for other targets in each, so they do not wait for one another's folder.
const LANES: [&[Stage]; 2] = [
    &[("format", format), ("clippy", clippy), ("native", native)],
    &[("clippy-wasm", clippy_wasm), ("wasm", wasm), ("site", site), ("browser", browser)],
];

/// How many of the slowest tests are named at the end.
const SLOWEST: usize = 10;

/// Whether the first lane has ended, so that the second need not hold its lines back any more.
static ALONE: AtomicBool = AtomicBool::new(false);

#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
    /// Seconds and name of every test that reports them.
    times: Vec<(f64, String)>,
    /// What the stages came to, a line each.
    stages: Vec<String>,
    /// What has been printed and is not shown yet, if it is held back until its stage has ended.
    held: Option<String>,
}

impl Tally {
    /// Runs a check that has no count of its own as one test.
    fn one(&mut self, command: Command) {
        let passed = self.pass_on(command, |_, _| {}).is_ok_and(|status| status.success());
        self.passed += u64::from(passed);
        self.failed += u64::from(!passed);
    }

    /// Runs a test runner and adds up its counts. A runner that fails without counting a failure counts as one.
    fn many(&mut self, command: Command) -> Outcome {
        let (passed, failed, shown) = (self.passed, self.failed, format!("{command:?}"));
        let status = self.pass_on(command, |tally, line| {
            tally.count(line);
            tally.times.extend(time_of(line));
        });
        let succeeded = status.map_err(|error| format!("{shown}: {error}"))?.success();
        if !succeeded && self.failed == failed {
            self.failed += 1;
        }
        if succeeded && self.passed == passed {
            self.show(&format!("{shown} ran no test"));
            self.failed += 1;
        }
        Ok(())
    }

    /// Runs a command, passes on what it prints, and reads each line.
    fn pass_on(&mut self, mut command: Command, read: fn(&mut Tally, &str)) -> std::io::Result<ExitStatus> {
        let (lines, writer): (PipeReader, _) = std::io::pipe()?;
        let mut child = command.stdout(writer.try_clone()?).stderr(writer).spawn()?;
        // It holds the pipe's other end, which must be closed for the lines to end.
        drop(command);
        for line in BufReader::new(lines).lines().map_while(Result::ok) {
            self.show(&line);
            read(self, &line);
        }
        child.wait()
    }

    fn show(&mut self, line: &str) {
        if ALONE.load(Relaxed) {
            print!("{}", self.held.take().unwrap_or_default());
        }
        match &mut self.held {
            Some(held) => held.extend([line, "\n"]),
            None => println!("{line}"),
        }
    }

    /// Runs a stage, and notes what it came to.
    fn run(&mut self, (name, stage): Stage) {
        say(&format!("Stage {name} ..."));
        let (start, passed, failed) = (Instant::now(), self.passed, self.failed);
        if let Err(why) = stage(self) {
            self.show(&why);
            self.failed += 1;
        }
        let seconds = start.elapsed().as_secs_f64();
        if let Some(held) = &mut self.held {
            print!("{}", std::mem::take(held));
        }
        let (passed, failed) = (self.passed - passed, self.failed - failed);
        self.stages.push(format!("{name:<11} {passed:>5} ok {failed:>4} failed {seconds:>7.1} s"));
        say(&format!("Stage {name} took {seconds:.0} s."));
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
    let names: Vec<&str> = LANES.iter().copied().flatten().map(|stage| stage.0).collect();
    let only = match options {
        [] => None,
        ["--only", stage] if names.contains(stage) => Some(*stage),
        ["--peers"] => return peers::test(None),
        ["--peers", peer @ ("rabbitmq" | "nats")] => return peers::test(Some(peer)),
        _ => {
            let names = names.join(", ");
            return Err(format!(
                "test takes --only and one of: {names}; or --peers and perhaps one of: rabbitmq, nats."
            ));
        }
    };
    steps::take(setup::tests()?)?;
    let start = Instant::now();
    let lane = |stages: &[Stage], held: Option<String>| {
        let mut tally = Tally { held, ..Tally::default() };
        stages.iter().filter(|stage| only.is_none_or(|only| only == stage.0)).for_each(|stage| tally.run(*stage));
        tally
    };
    let [one, other] = std::thread::scope(|scope| {
        let other = scope.spawn(|| lane(LANES[1], only.is_none().then(String::new)));
        let one = lane(LANES[0], None);
        ALONE.store(true, Relaxed);
        [one, other.join().unwrap_or_else(|_| Tally { failed: 1, ..Tally::default() })]
    });
    let (passed, failed) = (one.passed + other.passed, one.failed + other.failed);
    let times = [one.times, other.times].concat();
    println!("\n{}\n\n{}", [one.stages, other.stages].concat().join("\n"), slowest(times));
    println!("All stages, in two lanes: {}", steps::shown(start.elapsed()));
    println!("{passed} passed, {failed} failed");
    if failed == 0 { Ok(()) } else { Err("Not every test passed; the first failure above says most.".to_owned()) }
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
    Ok(())
}

/// By the site's profile, so that macros are compiled once for both.
fn clippy_wasm(tally: &mut Tally) -> Outcome {
    let app = ["--package", "faultline-app", "--lib", "--bins", "--profile", "site", "--target", WASM];
    tally.one(command("cargo", &[&["clippy"], &app[..], &["--", "-D", "warnings"]].concat()));
    Ok(())
}

/// The library's own tests are quick; compiled without optimisation, they spare a second compilation with it. What they
/// stand on is compiled as for the others.
fn native(tally: &mut Tally) -> Outcome {
    let plain = ["--config", "profile.dev.package.faultline.opt-level=0"];
    tally.many(command("cargo", &[&plain[..], &["test", "--workspace", "--no-fail-fast", "--lib"]].concat()))?;
    tally.many(command("cargo", &[&["test", "--no-fail-fast"], &build::WITH_THE_TESTS[..]].concat()))
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
