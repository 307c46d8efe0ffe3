//! A scaler: watches the lag of group A and starts consumers while it is too high.
//!
//! What KEDA's Kafka scaler does in Kubernetes, made small. There too the members are bounded by the partitions unless
//! `allowIdleConsumers` is set; adding partitions is an operator's step that is taken here at once.

use super::{ALERT, BROKER, CONSUMERS, Kafka, MEMBERS_WITHIN, Memory, Message, PARTITIONS, RUNNING, Timer};
use crate::sim::kernel::time::{Micros, SEC};
use crate::sim::machine::system::{Context, Event};
use crate::sim::numbers::counted;

/// How often it looks.
const WATCH: Micros = SEC;
/// Looks that it lets pass after each change: a rebalance takes its time.
const PAUSE: u8 = 3;

/// What it saw and did last.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scaler {
    /// Group A's lag, in records.
    pub lag: u32,
    /// Partitions of the topic.
    pub partitions: u16,
    /// Consumers that it wants to run.
    pub wanted: u16,
    /// Looks to let pass.
    pub pause: u8,
}

pub(super) fn boot(context: &mut Context<Kafka>) -> Memory {
    context.set_timer(Timer::Watch, WATCH);
    let wanted = context.amount(RUNNING).min(context.amount(CONSUMERS)) as u16;
    Memory::Scaler(Scaler { lag: 0, partitions: context.amount(PARTITIONS) as u16, wanted, pause: 0 })
}

pub(super) fn handle(scaler: &mut Scaler, event: Event<Kafka>, context: &mut Context<Kafka>) {
    match event {
        Event::Timer(_) => {
            context.why(|_| "The scaler asks how far group A is behind.".to_owned());
            context.send(BROKER, Message::AskLag);
            context.set_timer(Timer::Watch, WATCH);
        }
        Event::Message { message: Message::Lag { records, partitions }, .. } => {
            (scaler.lag, scaler.partitions) = (records, partitions);
            decide(scaler, context);
        }
        _ => context.pass_over(),
    }
}

/// At half the alert one more member starts; beyond the partitions, only with a partition of its own.
fn decide(scaler: &mut Scaler, context: &mut Context<Kafka>) {
    let (lag, wanted, partitions) = (scaler.lag, scaler.wanted, scaler.partitions);
    let (most, alert) = (context.amount(CONSUMERS) as u16, context.amount(ALERT) as u32);
    let (behind, within) = (lag > alert / 2, context.rule(MEMBERS_WITHIN));
    if !behind || scaler.pause > 0 {
        scaler.pause = scaler.pause.saturating_sub(1);
        context.why(|_| match behind {
            false => format!(
                "The lag is {lag}, at most half of {alert}: {} is enough.",
                counted(u64::from(wanted), "member")
            ),
            true => format!("The lag is {lag}; the last change has to show first."),
        });
        if behind {
            // A consumer that was down may have missed that it should run.
            keep_running(scaler, context);
        }
        return;
    }
    scaler.pause = PAUSE;
    scaler.wanted = (wanted + 1).min(most);
    let wanted = scaler.wanted;
    let grows = within && wanted > partitions;
    if grows {
        context.send(BROKER, Message::Grow { partitions: wanted });
    }
    context.why_rule(MEMBERS_WITHIN, |_| match (grows, wanted > partitions) {
        (true, _) => format!(
            "The lag is {lag}. A member of its own needs a partition of its own: the scaler asks for partition number \
             {wanted} and member number {wanted}."
        ),
        (false, true) => format!(
            "The lag is {lag}: the scaler starts member number {wanted}, though there is no partition for it ({} in all).",
            counted(u64::from(partitions), "partition")
        ),
        (false, false) => format!(
            "The lag is {lag}: the scaler starts member number {wanted}, for {}.",
            counted(u64::from(partitions), "partition")
        ),
    });
    keep_running(scaler, context);
}

/// Starts every member that is wanted: one that runs already passes it over.
fn keep_running(scaler: &Scaler, context: &mut Context<Kafka>) {
    for at in context.amount(RUNNING) as u16..scaler.wanted {
        let node = Kafka::consumer(context.settings(), at);
        context.send(node, Message::Run(true));
    }
}
