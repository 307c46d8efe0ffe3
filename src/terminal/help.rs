//! The commands, and what `--help` says of them.

use std::process::ExitCode;

use super::{Failure, campaign, explore, history, list, pages, run, tour};

/// A command of the terminal.
pub struct Command {
    pub name: &'static str,
    /// Does what the words after its name say.
    pub run: fn(&[String]) -> Result<ExitCode, Failure>,
    /// How it is called, and its options.
    brief: &'static str,
    /// What only its own help says.
    more: &'static str,
}

/// All commands, in the order in which they are listed.
pub const COMMANDS: [Command; 8] = [
    Command {
        name: "list",
        run: list::list,
        brief: "  faultline list [--json]                      scenarios, systems, rules, promises, settings, challenges\n",
        more: "",
    },
    Command {
        name: "run",
        run: run::run,
        brief: "  faultline run GUIDE/SCENARIO [options]       run one and print every event with its why
      --seed N          seed of all randomness (default: the scenario's own)
      --events N        how many events (default 100)
      --tape TEXT       replay this run: the text of a permalink
      --without RULE    with this rule off; may be given several times
      --set NAME=VALUE  with this setting; may be given several times
      --busy            under load, where the page begins without one
      --do LINE         a client's command, such as '12 write client=Bob value=7': after 12 events; may be given several times
      --json            one object per line
",
        more: SETTINGS,
    },
    Command {
        name: "tour",
        run: tour::tour,
        brief: "  faultline tour GUIDE/SCENARIO [options]      walk its tour: what is said, done, guessed, seen and promised at each beat
      --beat N          print only this beat, counted from 1
      --events N        print the last N events of each beat with their why (default 3)
",
        more: "",
    },
    Command {
        name: "explore",
        run: explore::explore,
        brief: "  faultline explore GUIDE/SCENARIO [options]   search all schedules of its small instance for a broken promise
      --promise ID      this promise (default: any about every state)
      --without RULE    with this rule off, in the instance that the page searches then; may be given several times
      --seed N          as above
      --tape TEXT       search on from where this run stands
      --set NAME=VALUE  with --tape: with this setting in that run
      --max-states N    at most N states (default 2,000,000)
      --depth N         at most N moves
      --faults LIST     such as crash=1,drop=2,duplicate=1,cut=1 (default: the scenario's own)
      --order ORDER     breadth (default), depth or random
      --json            one object
",
        more: SETTINGS,
    },
    Command {
        name: "shrink",
        run: explore::shrink,
        brief: "  faultline shrink GUIDE/SCENARIO --tape TEXT  make a run that breaks a promise smaller
      --promise ID      this promise (default: the first that it breaks)
      --seed N, --without RULE, --set NAME=VALUE   as above, changed in that run
      --json            one object
",
        more: SETTINGS,
    },
    Command {
        name: "campaign",
        run: campaign::campaign,
        brief: "  faultline campaign GUIDE|SCENARIO [options]  random fault schedules with every rule on
      --seeds N, --from N   how many seeds (default 1,000), from which on (default 0)
      --events N        events under faults in a schedule (default 400); as many follow once all is healed
      --shard K/N       only the seeds with remainder K modulo N: for N machines
      --merge FILE      instead of running: add up what the shards wrote; give it once per file
      --json            one object per scenario
",
        more: "",
    },
    Command {
        name: "check-history",
        run: history::check_history,
        brief: "  faultline check-history FILE [options]       judge a history: Jepsen's EDN or log, or lines '0 :invoke :write 3'
      --max-states N    give the search up after N states (default 20,000,000)
      --json            one object
",
        more: HISTORIES,
    },
    Command {
        name: "pages",
        run: pages::pages,
        brief: "  faultline pages APPS DIR                     write the pages of the site in DIR, with the guides' apps built in APPS
      --base URL        the address that the site will have: pages name their own, and sitemap.xml lists them
",
        more: "",
    },
];

const SETTINGS: &str = "
Settings and rules are those on the scenario's page; 'faultline list' names them. A value is a number within the
setting's bounds, a length of time such as 250ms or 1.5s (a plain number is of microseconds), on or off, or the name of
a choice such as R3. Blanks in a name may be written as '-'.
";

const HISTORIES: &str = "
FILE, or '-' for standard input, is a history of registers (:read, :write, :cas) or of a key-value store (:get, :put,
:append), in one of these forms:

  Lines of PROCESS :TYPE :FUNCTION VALUE, by blanks or tabs: what to write by hand, and Jepsen's history.txt.
      0 :invoke :write 3
      0 :ok :write 3
  EDN, Jepsen's history.edn: a map for each event, one after another or in one vector.
      {:process 0, :type :invoke, :f :append, :key \"k\", :value \"v\"}
      #jepsen.history.Op{:index 0, :time 7, :process 0, :type :invoke, :f :cas, :value [3 4]}
  A log of Jepsen's, of which the lines of jepsen.util count.
      INFO  jepsen.util - 0 :invoke :read nil

TYPE is :invoke, :ok, :fail (it did not happen) or :info (nobody knows). A :cas that fails without an error found another
value. A register or text holds nothing (nil) at first. Independent keys are written [KEY VALUE], or as :key in EDN.
Lines of :nemesis, and fields of EDN that are not shown here, are passed over. Whatever else cannot be read, and a history
that contradicts itself or has no operation, is refused with the number of the line.
";

const EXIT_CODES: &str = "
Exit codes: 0 done, 1 a promise broke or a history fits no order, 2 the command line or a history is wrong, 3 a file or
standard output cannot be read or written, 4 a history is undecided: its search grew too large. A reader who goes away,
as 'head' does, ends a command quietly.
";

/// What `faultline --help` says.
pub fn overview() -> String {
    let briefs: String = COMMANDS.iter().map(|command| command.brief).collect();
    format!(
        "Faultline in the terminal.\n\n{briefs}  faultline COMMAND --help                     more about one of these\n  \
         faultline --help, faultline --version\n{EXIT_CODES}"
    )
}

impl Command {
    /// What `faultline COMMAND --help` says.
    pub fn help(&self) -> String {
        format!("{}{}{EXIT_CODES}", self.brief, self.more)
    }
}
