//! The real brokers that our systems are compared with: RabbitMQ and nats-server.

use std::path::Path;

use super::{apt, packages};
use crate::Outcome;
use crate::command::{command, output};
use crate::steps::Step;

/// Where Debian's wrapper finds the broker itself; the wrapper changes the user, which does not work with a temporary
/// folder.
const DEBIAN_RABBITMQ: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

fn find(name: &str) -> Option<String> {
    output(&mut command("which", &[name])).or_else(|| {
        let known = format!("/usr/sbin/{name}");
        Path::new(&known).exists().then_some(known)
    })
}

/// Where rabbitmq-server is.
pub fn rabbitmq() -> Option<String> {
    if Path::new(DEBIAN_RABBITMQ).exists() { Some(DEBIAN_RABBITMQ.to_owned()) } else { find("rabbitmq-server") }
}

/// Where nats-server is.
pub fn nats() -> Option<String> {
    find("nats-server")
}

/// Installs both by apt, unless they are there, and the npm packages of their driver.
pub fn missing() -> Outcome<Vec<Step>> {
    let mut missing: Vec<Step> = packages::missing("tests/peers")?.into_iter().collect();
    if rabbitmq().is_none() || nats().is_none() {
        let remedy = "Install RabbitMQ 3.10 or later (https://www.rabbitmq.com/docs/download) and nats-server 2.9 or \
                      later (https://github.com/nats-io/nats-server/releases), put both on PATH, then run this again.";
        let install = move || apt::install(&["rabbitmq-server", "nats-server"], remedy);
        missing.push(Step::new("RabbitMQ and nats-server, by apt", "1 min", install));
    }
    Ok(missing)
}
