//! Trunk and wasm-bindgen, at the versions this project builds with.

use crate::command::{command, output, run};
use crate::{Outcome, say};

const TRUNK: &str = "0.21.14";

/// Installs both unless they are there at the right version.
pub fn install() -> Outcome {
    let bindgen = locked_version("wasm-bindgen").ok_or("Cargo.lock names no wasm-bindgen. Is the checkout whole?")?;
    // Its own lock file names a dependency that can no longer be had, so it is not asked for --locked.
    // It reads megabytes of WebAssembly, so it is worth some optimising; Trunk only calls others.
    cargo_install("wasm-bindgen-cli", "wasm-bindgen", &bindgen, "1", &[])?;
    cargo_install("trunk", "trunk", TRUNK, "0", &["--locked"])
}

/// Installs a program, compiled for a quick start rather than for a quick run: Trunk's own release profile takes seven
/// minutes, nearly all of it optimising across crates, and this takes two.
fn cargo_install(package: &str, program: &str, version: &str, optimise: &str, more: &[&str]) -> Outcome {
    let present = output(&mut command(program, &["--version"])).unwrap_or_default();
    if present.split_whitespace().nth(1) == Some(version) {
        return Ok(());
    }
    say(&format!("Installing {package} {version} (about two minutes on two cores, once) ..."));
    let mut cargo = command("cargo", &["install", package, "--version", version, "--force"]);
    let remedy = "If cargo installed it but it is not found, put cargo's bin folder on PATH.";
    let quick = [("LTO", "off"), ("OPT_LEVEL", optimise), ("CODEGEN_UNITS", "16"), ("DEBUG", "false")];
    quick.iter().for_each(|(name, value)| {
        cargo.env(format!("CARGO_PROFILE_RELEASE_{name}"), value);
    });
    run(cargo.args(more).env_remove("CARGO_TARGET_DIR"), remedy)
}

/// The version of a package in Cargo.lock.
fn locked_version(package: &str) -> Option<String> {
    let lock = std::fs::read_to_string(crate::root().join("Cargo.lock")).ok()?;
    let name = format!("name = \"{package}\"");
    let version = lock.lines().skip_while(|line| *line != name).nth(1)?;
    version.strip_prefix("version = \"")?.strip_suffix('"').map(str::to_owned)
}
