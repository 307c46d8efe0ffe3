//! The terminal front end, for authors and tests: list the catalogue, run a scenario, write the site's pages.

mod arguments;
mod campaign;
mod commands;
mod explore;
mod in_practice;
mod list;
mod pages;
mod run;
mod tour;

use std::process::ExitCode;

const HELP: &str = "Faultline in the terminal.

  faultline list [--json]                      scenarios, systems, rules, promises, settings, challenges
  faultline run GUIDE/SCENARIO [options]       run one and print every event with its why
      --seed N          seed of all randomness (default: the scenario's own)
      --events N        how many events (default 100)
      --tape TEXT       replay this run: the text of a permalink
      --without RULE    with this rule off; may be given several times
      --set NAME=VALUE  with this setting; may be given several times
      --busy            under load, where the page begins without one
      --do LINE         a client's command, such as '12 write client=1 value=7': after 12 events; may be given several times
      --json            one object per line
  faultline tour GUIDE/SCENARIO [options]      walk its tour: what is said, done, guessed, seen and promised at each beat
      --beat N          print only this beat, counted from 1
      --events N        print the last N events of each beat with their why (default 3)
  faultline explore GUIDE/SCENARIO [options]   search all schedules of its small instance for a broken promise
      --promise ID      this promise (default: any about every state)
      --without RULE, --set NAME=VALUE, --seed N   as above
      --tape TEXT       search on from where this run stands
      --max-states N    at most N states (default 2,000,000)
      --depth N         at most N moves
      --faults LIST     such as crash=1,drop=2,duplicate=1,cut=1 (default: the scenario's own)
      --order ORDER     breadth (default), depth or random
      --json            one object
  faultline shrink GUIDE/SCENARIO --tape TEXT  make a run that breaks a promise smaller
  faultline campaign GUIDE|SCENARIO [options]  random fault schedules with every rule on
      --seeds N, --from N   how many seeds (default 1,000), from which on (default 0)
      --shard K/N       only the seeds with remainder K modulo N: for N machines
      --merge FILE      instead of running: add up what the shards wrote; give it once per file
      --json            one object per scenario
  faultline check-history FILE [--json]        judge a history of a register or a key-value store
  faultline pages APPS DIR                     write the pages of the site in DIR, with the guides' apps built in APPS
  faultline --help

Exit codes: 0 done, 1 a promise broke or a history fits no order, 2 the command line is wrong, 3 a file cannot be read or written.
";

/// How a command fails.
pub enum Failure {
    /// The command line is wrong: one sentence.
    Usage(String),
    /// A file cannot be read or written: one sentence.
    File(String),
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = words.split_first().map_or(("--help", &[][..]), |(first, rest)| (first.as_str(), rest));
    let done = match command {
        "list" => list::list(rest),
        "run" => run::run(rest),
        "tour" => tour::tour(rest),
        "explore" => explore::explore(rest),
        "shrink" => explore::shrink(rest),
        "campaign" => campaign::campaign(rest),
        "check-history" => explore::check_history(rest),
        "pages" => pages::pages(rest),
        "--help" | "-h" | "help" => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        other => Err(Failure::Usage(format!("There is no command '{other}'."))),
    };
    done.unwrap_or_else(|failure| match failure {
        Failure::Usage(sentence) => {
            eprintln!("{sentence} See 'faultline --help'.");
            ExitCode::from(2)
        }
        Failure::File(sentence) => {
            eprintln!("{sentence}");
            ExitCode::from(3)
        }
    })
}
