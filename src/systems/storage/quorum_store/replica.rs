//! Replicas keep what is newest; the spare node keeps hints and hands them over.

use super::{Disk, HINTS, LATENCY, Message, QuorumStore, Stored, Timer};
use crate::sim::NodeId;
use crate::sim::kernel::time::MS;
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::numbers::counted;

/// A replica.
pub(super) fn replica(disk: &mut Disk, event: Event<QuorumStore>, context: &mut Context<QuorumStore>) {
    let name = QuorumStore::name(context.settings(), context.me());
    match event {
        Event::Message { from, message: Message::Query { request } } => {
            let stored = disk.stored;
            context.why(|s| {
                format!(
                    "{name} tells {} what it has: x={}, {}.",
                    QuorumStore::name(s, from),
                    stored.value,
                    stored.version
                )
            });
            context.send(from, Message::Answer { request, stored });
        }
        Event::Message { from, message: Message::Store { request, stored } } => {
            let before = disk.stored.version;
            context.why(|_| match stored.version > before {
                true => format!("{name} stores x={}, {}: it is newer than {before}.", stored.value, stored.version),
                false => format!("{name} keeps {before}: {} is not newer.", stored.version),
            });
            if stored.version > before {
                disk.stored = stored;
            }
            context.send(from, Message::Ack { request, version: stored.version });
        }
        _ => context.pass_over(),
    }
}

/// Arms the spare node's next try.
pub(super) fn await_handoff(context: &mut Context<QuorumStore>) {
    let pause = context.amount(LATENCY).saturating_mul(10).max(100 * MS);
    context.set_timer(Timer::Handoff, pause);
}

/// The spare node.
pub(super) fn spare(disk: &mut Disk, event: Event<QuorumStore>, context: &mut Context<QuorumStore>) {
    match event {
        Event::Message { from, message: Message::Hint { request, home, stored } } => {
            keep(disk, home, stored);
            context.why(|s| format!("The spare node keeps {} for {}.", stored.version, QuorumStore::name(s, home)));
            if request > 0 {
                context.send(from, Message::Hinted { request, home });
            }
        }
        Event::Message { from, message: Message::Ack { version, .. } } => {
            disk.hints.retain(|hint| hint.0 != from || hint.1.version > version);
            context.why(|s| format!("{} has {version} now: its hint can go.", QuorumStore::name(s, from)));
        }
        Event::Timer(Timer::Handoff) => {
            let waiting = disk.hints.len();
            context.why(|_| match waiting {
                0 => "The spare node has no hint to hand over.".to_owned(),
                _ => format!("The spare node tries to hand over what it keeps: {}.", counted(waiting as u64, "hint")),
            });
            for &(home, stored) in &disk.hints {
                context.send(home, Message::Store { request: 0, stored });
            }
            await_handoff(context);
        }
        _ => context.pass_over(),
    }
    context.gauge(HINTS, 0, disk.hints.len() as i64);
}

/// Keeps the newest hint for each replica.
fn keep(disk: &mut Disk, home: NodeId, stored: Stored) {
    match disk.hints.iter_mut().find(|hint| hint.0 == home) {
        Some(hint) if hint.1.version < stored.version => hint.1 = stored,
        Some(_) => {}
        None => disk.hints.push((home, stored)),
    }
}
