//! Trunk and wasm-bindgen, at the versions this project builds with.

use crate::Outcome;
use crate::command::{command, output, run};
use crate::steps::Step;

const TRUNK: &str = "0.21.14";

/// Where both are compiled. What was compiled before an interruption is not compiled again.
const WORKSHOP: &str = "target/tools";

/// Installs both unless they are there at the right version.
pub fn missing() -> Outcome<Vec<Step>> {
    let bindgen = locked_version("wasm-bindgen").ok_or("Cargo.lock names no wasm-bindgen. Is the checkout intact?")?;
    let tools = [
        // Its own lock file names a dependency that is no longer available, so it is installed without --locked.
        Tool { package: "wasm-bindgen-cli", program: "wasm-bindgen", version: bindgen, locked: false },
        Tool { package: "trunk", program: "trunk", version: TRUNK.to_owned(), locked: true },
    ];
    Ok(tools.into_iter().filter(|tool| !tool.is_there()).map(Tool::step).collect())
}

struct Tool {
    package: &'static str,
    program: &'static str,
    version: String,
    locked: bool,
}

impl Tool {
    fn is_there(&self) -> bool {
        let present = output(&mut command(self.program, &["--version"])).unwrap_or_default();
        present.split_whitespace().nth(1) == Some(&self.version)
    }

    fn step(self) -> Step {
        Step::new(format!("{} {}", self.package, self.version), "2 min", move || self.install())
    }

    /// Compiles it to be ready soon rather than to run fast, and without TLS: it never downloads anything.
    fn install(self) -> Outcome {
        let words = ["install", self.package, "--version", &self.version, "--force", "--no-default-features"];
        let mut cargo = command("cargo", &words);
        cargo.args(self.locked.then_some("--locked")).env("CARGO_TARGET_DIR", crate::root().join(WORKSHOP));
        let quick = [("LTO", "off"), ("OPT_LEVEL", "0"), ("CODEGEN_UNITS", "16"), ("DEBUG", "false")];
        quick.iter().for_each(|(name, value)| {
            cargo.env(format!("CARGO_PROFILE_RELEASE_{name}"), value);
        });
        run(&mut cargo, "If cargo installed it but it is not found, put cargo's bin folder on PATH.")
    }
}

/// The version of a package in Cargo.lock.
fn locked_version(package: &str) -> Option<String> {
    let lock = std::fs::read_to_string(crate::root().join("Cargo.lock")).ok()?;
    let name = format!("name = \"{package}\"");
    let version = lock.lines().skip_while(|line| *line != name).nth(1)?;
    version.strip_prefix("version = \"")?.strip_suffix('"').map(str::to_owned)
}
