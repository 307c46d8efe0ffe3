//! The standard library for wasm32-unknown-unknown: from rustup if it can reach its server, otherwise built from
//! Debian's copy of the compiler's source.

use std::path::{Path, PathBuf};

use crate::command::{command, output, run};
use crate::steps::Step;
use crate::{Outcome, say};

const TARGET: &str = "wasm32-unknown-unknown";

/// Installs the target unless it is there.
pub fn missing() -> Outcome<Option<Step>> {
    let is_there = has_core(&library_folder()?);
    Ok((!is_there).then(|| Step::new("the WebAssembly target", "30 s", install)))
}

fn install() -> Outcome {
    if run(&mut command("rustup", &["target", "add", TARGET]), "").is_ok() && has_core(&library_folder()?) {
        return Ok(());
    }
    say("rustup could not; building the target's standard library from Debian's rust-src instead ...");
    from_source()
}

fn library_folder() -> Outcome<PathBuf> {
    let sysroot = output(&mut command("rustc", &["--print", "sysroot"]));
    let sysroot = sysroot.ok_or("rustc does not answer. Install Rust with rustup first: https://rustup.rs")?;
    Ok(Path::new(&sysroot).join("lib/rustlib").join(TARGET).join("lib"))
}

fn has_core(folder: &Path) -> bool {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.into_iter().any(|name| name.to_string_lossy().starts_with("libcore-"))
}

fn from_source() -> Outcome {
    let version = output(&mut command("rustc", &["--version"])).unwrap_or_default();
    let version = version.split_whitespace().nth(1).unwrap_or("unknown").to_owned();
    let ways = format!(
        "There are two ways out: run `rustup target add {TARGET}` where rustup reaches its server, \
         or use a compiler whose source Debian has as rust-src (wanted: {version})."
    );
    let work = std::env::temp_dir().join(format!("faultline-rust-src-{version}"));
    download(&work, &version).map_err(|why| format!("{why} {ways}"))?;
    let library = work.join(format!("source/usr/src/rustc-{version}/library"));
    let built = work.join("target");
    compile(&library, &built).map_err(|why| format!("{why} {ways}"))?;
    copy_libraries(&built.join(TARGET).join("release/deps"), &library_folder()?)?;
    // The source is large and no longer needed; what cannot be deleted stays in the temporary folder.
    let _ = std::fs::remove_dir_all(&work);
    Ok(())
}

/// Fetches rust-src of this version from the machine's own Debian mirror; apt checks its signatures.
fn download(work: &Path, version: &str) -> Outcome {
    let failed = |error: std::io::Error| format!("The folder for the source cannot be written ({error}).");
    std::fs::create_dir_all(work.join("lists/partial")).map_err(failed)?;
    let mirror = debian_mirror().ok_or("This machine names no Debian mirror.")?;
    let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
    let list = work.join("sources.list");
    std::fs::write(&list, format!("deb [signed-by={keyring}] {mirror} trixie-backports main\n")).map_err(failed)?;
    let options = [
        format!("-oDir::Etc::sourcelist={}", list.display()),
        "-oDir::Etc::sourceparts=-".to_owned(),
        format!("-oDir::State::lists={}", work.join("lists").display()),
    ];
    let apt = |words: &[&str]| {
        let mut apt = command("apt-get", words);
        apt.args(&options).current_dir(work);
        run(&mut apt, "")
    };
    apt(&["update"])?;
    apt(&["download", &format!("rust-src={version}*")])?;
    let package = std::fs::read_dir(work).map_err(failed)?.flatten().map(|entry| entry.path());
    let package = package.into_iter().find(|path| path.extension().is_some_and(|end| end == "deb"));
    let package = package.ok_or("apt brought no package.")?;
    run(command("dpkg", &["-x"]).arg(package).arg(work.join("source")), "")
}

/// The first Debian mirror that the machine's own apt sources name.
fn debian_mirror() -> Option<String> {
    let folder = std::fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten();
    let files = folder.map(|entry| entry.path()).chain(std::iter::once(PathBuf::from("/etc/apt/sources.list")));
    let texts: Vec<String> = files.filter_map(|file| std::fs::read_to_string(file).ok()).collect();
    let words = texts.iter().flat_map(|text| text.split_whitespace());
    let mut mirrors = words.filter(|word| word.contains("://") && word.trim_end_matches('/').ends_with("debian"));
    mirrors.next().map(str::to_owned)
}

fn compile(library: &Path, built: &Path) -> Outcome {
    let features = "panic-unwind compiler-builtins-mem";
    let words = ["build", "--release", "--target", TARGET, "-p", "sysroot", "--features", features];
    let mut cargo = command("cargo", &words);
    cargo
        .current_dir(library)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Cembed-bitcode=yes -Zforce-unstable-if-unmarked -Cdebuginfo=0")
        .env("CARGO_TARGET_DIR", built);
    run(&mut cargo, "")
}

fn copy_libraries(from: &Path, to: &Path) -> Outcome {
    let failed = |error: std::io::Error| format!("{} cannot be written ({error}).", to.display());
    std::fs::create_dir_all(to).map_err(failed)?;
    for entry in std::fs::read_dir(from).map_err(failed)?.flatten() {
        if entry.path().extension().is_some_and(|end| end == "rlib") {
            std::fs::copy(entry.path(), to.join(entry.file_name())).map_err(failed)?;
        }
    }
    Ok(())
}
