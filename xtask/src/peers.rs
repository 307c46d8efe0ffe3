//! `cargo xtask test --peers`: real brokers play the scripts of tests/peers, and our systems play them afterwards.
//!
//! Each broker runs on 127.0.0.1 with free ports and a temporary folder of its own. The driver in Node plays the
//! scripts through it and prints what was observed, which goes to target/peers; a line RESTART KILL or RESTART STOP
//! asks for the broker to be ended and started again. Then `tests/peers/main.rs` plays the same scripts through our
//! systems and compares.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
#[cfg(unix)]
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::command::{command, run};
use crate::{Outcome, say, setup, steps};

/// What the shell does: it starts the program and waits for a line. `stop` tells the program to stop and waits for it.
const WATCH: &str = "\"$@\" & read line; [ \"$line\" = stop ] && kill $! && wait $!; kill -KILL 0";

/// A program that ends, along with everything it has started, when this value or this process does: a shell waits for
/// the end of its standard input, which we hold, and kills its own process group.
struct Guarded(Child);

impl Guarded {
    fn start(program: Command, log: &Path) -> Outcome<Guarded> {
        let failed = |error: std::io::Error| format!("{:?} could not be started ({error}).", program.get_program());
        let log = std::fs::File::create(log).map_err(failed)?;
        let mut shell = command("sh", &["-c", WATCH, "sh"]);
        shell.arg(program.get_program()).args(program.get_args());
        for (name, value) in program.get_envs() {
            shell.env(name, value.unwrap_or_default());
        }
        shell.stdin(Stdio::piped()).stdout(log.try_clone().map_err(failed)?).stderr(log);
        #[cfg(unix)]
        shell.process_group(0);
        shell
            .spawn()
            .map(Guarded)
            .map_err(|error| format!("{:?} could not be started ({error}).", program.get_program()))
    }
}

impl Guarded {
    /// Lets the program shut down cleanly instead of being killed.
    fn stop(mut self) {
        // A shell that is gone has killed the program already.
        let _ = self.0.stdin.as_mut().map(|input| input.write_all(b"stop\n"));
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // The line above told the shell to end, and it has no way not to.
        let _ = self.0.wait();
    }
}

/// A running broker.
struct Broker {
    name: &'static str,
    port: u16,
    how: Box<dyn Fn() -> Outcome<Guarded>>,
    running: Option<Guarded>,
    /// Another program that it needs.
    _beside: Option<Guarded>,
}

impl Broker {
    fn start(&mut self) -> Outcome {
        self.running = Some((self.how)()?);
        Ok(())
    }
}

/// A folder that is deleted with the value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Outcome<Folder> {
        let path = std::env::temp_dir().join(format!("faultline-peers-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|error| format!("{} cannot be created ({error}).", path.display()))?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be deleted stays in the temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A broker's name and how to set it up in a folder.
type Peer = (&'static str, fn(&Path) -> Outcome<Broker>);

const PEERS: [Peer; 2] = [("rabbitmq", rabbitmq), ("nats", nats)];

/// See the module's header.
pub fn test(only: Option<&str>) -> Outcome {
    steps::take(setup::peers()?)?;
    run(&mut command("cargo", &["test", "--package", "faultline", "--test", "peers", "--no-run"]), "")?;
    let folder = Folder::new()?;
    let observed = crate::root().join("target/peers");
    std::fs::create_dir_all(&observed)
        .map_err(|error| format!("{} cannot be created ({error}).", observed.display()))?;
    for (name, start) in PEERS.iter().filter(|peer| only.is_none_or(|only| only == peer.0)) {
        say(&format!("Starting {name} ..."));
        let mut broker = start(&folder.0)?;
        broker.start()?;
        if let Err(why) = play(&mut broker, &observed.join(format!("{name}.jsonl"))) {
            let log = std::fs::read_to_string(folder.0.join(format!("{name}.log"))).unwrap_or_default();
            return Err(format!("{why}\n{log}"));
        }
    }
    compare(&observed, only)
}

/// Has the driver play all scripts of a broker, and keeps what it prints.
fn play(broker: &mut Broker, observed: &Path) -> Outcome {
    say(&format!("Playing the scripts of {} ...", broker.name));
    let failed = |error: std::io::Error| format!("The driver of {} failed ({error}).", observed.display());
    let port = broker.port.to_string();
    let mut driver = command("node", &["tests/peers/driver.mjs", broker.name, &port]);
    let mut driver = driver.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
    let mut kept = std::fs::File::create(observed).map_err(failed)?;
    for line in driver.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()).map_while(Result::ok) {
        match (line.as_str(), broker.running.take()) {
            ("RESTART STOP", Some(running)) => running.stop(),
            ("RESTART KILL", running) => drop(running),
            (line, running) => {
                broker.running = running;
                writeln!(kept, "{line}").map_err(failed)?;
                continue;
            }
        }
        let restarted = broker.start();
        if restarted.is_err() {
            driver.kill().map_err(failed)?;
        }
        restarted?;
        driver.stdin.as_mut().map_or(Ok(()), |input| writeln!(input)).map_err(failed)?;
    }
    let status = driver.wait().map_err(failed)?;
    if status.success() { Ok(()) } else { Err(format!("The driver of {} failed ({status}).", broker.name)) }
}

/// Plays the scripts through our systems and compares. The last line counts the scripts.
fn compare(observed: &Path, only: Option<&str>) -> Outcome {
    let words = ["test", "--quiet", "--package", "faultline", "--test", "peers", "--", "--ignored", "--nocapture"];
    let mut test = command("cargo", &words);
    let spawned = test
        .env("FAULTLINE_PEERS", observed)
        .env("FAULTLINE_PEER", only.unwrap_or_default())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut test = spawned.map_err(|error| format!("The comparison could not be started ({error})."))?;
    let mut counts = None;
    for line in test.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()).map_while(Result::ok) {
        // What follows is the test harness's own output.
        if counts.is_none() && line.split(' ').nth(1) == Some("passed,") {
            counts = Some(line);
        } else if counts.is_none() && !line.starts_with("running ") {
            println!("{line}");
        }
    }
    let counts = counts.unwrap_or_else(|| "0 passed, 1 failed".to_owned());
    let succeeded = test.wait().is_ok_and(|status| status.success());
    println!("{counts}");
    if succeeded { Ok(()) } else { Err("Not every script agrees; the table above says which.".to_owned()) }
}

fn free_port() -> Outcome<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| format!("There is no free port ({error})."))?;
    listener.local_addr().map(|address| address.port()).map_err(|error| format!("There is no free port ({error})."))
}

fn write(path: PathBuf, text: &str) -> Outcome<PathBuf> {
    std::fs::write(&path, text).map_err(|error| format!("{} cannot be written ({error}).", path.display()))?;
    Ok(path)
}

/// RabbitMQ, with a port mapper (epmd) of its own.
fn rabbitmq(folder: &Path) -> Outcome<Broker> {
    let program = setup::rabbitmq().ok_or("There is no rabbitmq-server.")?;
    let (port, dist, mapper) = (free_port()?, free_port()?.to_string(), free_port()?.to_string());
    let home = folder.join("rabbitmq");
    std::fs::create_dir_all(&home).map_err(|error| format!("{} cannot be created ({error}).", home.display()))?;
    let plugins = write(home.join("plugins"), "[].\n")?;
    let settings = write(home.join("rabbitmq.conf"), &format!("listeners.tcp.local = 127.0.0.1:{port}\n"))?;
    let nothing = write(home.join("env.conf"), "")?;
    let epmd = command("epmd", &["-port", &mapper, "-address", "127.0.0.1"]);
    let beside = Guarded::start(epmd, &home.join("epmd.log"))?;
    let log = folder.join("rabbitmq.log");
    let start = move || {
        let mut server = command(&program, &[]);
        server
            .env("HOME", &home)
            .env("ERL_EPMD_PORT", &mapper)
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODENAME", "faultline-peer@localhost")
            .env("RABBITMQ_DIST_PORT", &dist)
            .env("RABBITMQ_MNESIA_BASE", home.join("data"))
            .env("RABBITMQ_LOG_BASE", home.join("log"))
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_PID_FILE", home.join("pid"))
            .env("RABBITMQ_CONFIG_FILE", &settings)
            .env("RABBITMQ_CONF_ENV_FILE", &nothing)
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", &plugins)
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}");
        Guarded::start(server, &log)
    };
    Ok(Broker { name: "rabbitmq", port, how: Box::new(start), running: None, _beside: Some(beside) })
}

/// nats-server with JetStream.
fn nats(folder: &Path) -> Outcome<Broker> {
    let program = setup::nats().ok_or("There is no nats-server.")?;
    let port = free_port()?;
    let (log, data, number) = (folder.join("nats.log"), folder.join("nats"), port.to_string());
    let start = move || {
        let mut server = command(&program, &["--addr", "127.0.0.1", "--port", &number, "--jetstream", "--store_dir"]);
        server.arg(&data);
        Guarded::start(server, &log)
    };
    Ok(Broker { name: "nats", port, how: Box::new(start), running: None, _beside: None })
}
