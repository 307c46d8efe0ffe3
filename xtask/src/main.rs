//! `cargo xtask`: set-up, build, serve, test, bless, bench. Every step first checks whether its result is already
//! there.

mod bless;
mod build;
mod command;
mod files;
mod format;
mod peers;
mod serve;
mod setup;
mod shelves;
mod steps;
mod test;

use std::process::ExitCode;

const HELP: &str = "cargo xtask <command>

  serve [--port N] [--no-serve] [--debug]   install what is missing, build the release site, serve it on 127.0.0.1
        [--base /PATH/] [--site FOLDER]     --debug: quick builds, rebuilt when a file changes
                                            --site: serve what is built, and build nothing
  test [--only STAGE]                       install what is missing and run every test
                                            stages: format, clippy, native, clippy-wasm, wasm, site,
                                            browser
  format                                    format all code, the scenarios too
  bless [GUIDE/SCENARIO]                    rewrite what the tests compare with: golden runs, counterexamples
  test --peers [PEER]                       compare our systems with real brokers: rabbitmq, nats
  bench                                     run the benches, native and in the browser
";

/// What a task ends with: nothing, or a sentence that says what failed and what to do.
pub type Outcome<T = ()> = Result<T, String>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words.split_first() {
        Some((&"serve", options)) => serve::serve(options),
        Some((&"test", options)) => test::test(options),
        Some((&"bless", options)) => bless::bless(options),
        Some((&"format", [])) => format::format(),
        Some((&"bench", [])) => test::bench(),
        _ => Err(HELP.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

/// The repository's root.
pub fn root() -> std::path::PathBuf {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Says what is being done.
pub fn say(sentence: &str) {
    println!("xtask: {sentence}");
}
