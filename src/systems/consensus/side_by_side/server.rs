//! A server of a group: its own system's handler inside of this one's, and what that did, done again and measured.

use std::rc::Rc;

use super::{
    COMMIT_LATENCY, COMMITTED, MESSAGES, Memory, Message, Note, Protocol, RATE, Said, SideBySide, State, Timer, UPKEEP,
    inner_settings, leads, outer, servers,
};
use crate::sim::NodeId;
use crate::sim::declare::commands::CommandCall;
use crate::sim::declare::rules::RuleSet;
use crate::sim::declare::settings::Settings;
use crate::sim::kernel::time::{Micros, SEC};
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::machine::world::{Done, Place, inside};
use crate::sim::measure::metrics::{MetricId, Metrics};
use crate::systems::consensus::paxos::{self, Paxos};
use crate::systems::consensus::raft::{self, Raft};
use crate::systems::consensus::zab::{self, Zab};

/// What a node's group puts around its handler.
fn place<S: System>(
    context: &Context<SideBySide>,
    of: Protocol,
    outer: fn(S::Timer) -> Timer,
    inner: fn(Timer) -> Option<S::Timer>,
) -> Place<SideBySide, S> {
    let settings = context.settings();
    Place {
        first: super::outer(settings, of, NodeId(0)),
        settings: Rc::new(inner_settings(settings, of)),
        rules: RuleSet::ALL,
        outer,
        inner,
    }
}

pub(super) fn raft_place(context: &Context<SideBySide>) -> Place<SideBySide, Raft> {
    place(context, Protocol::Raft, Timer::Raft, |timer| match timer {
        Timer::Raft(timer) => Some(timer),
        _ => None,
    })
}

pub(super) fn paxos_place(context: &Context<SideBySide>) -> Place<SideBySide, Paxos> {
    place(context, Protocol::Paxos, Timer::Paxos, |timer| match timer {
        Timer::Paxos(timer) => Some(timer),
        _ => None,
    })
}

pub(super) fn zab_place(context: &Context<SideBySide>) -> Place<SideBySide, Zab> {
    place(context, Protocol::Zab, Timer::Zab, |timer| match timer {
        Timer::Zab(timer) => Some(timer),
        _ => None,
    })
}

/// Does for an outer node what the inner one did: messages and notes. What is meant for nobody in the group, Paxos's
/// answers to clients, stays here.
pub(super) fn repeat<S: System>(
    done: Done<S>,
    of: Protocol,
    work: bool,
    said: fn(S::Message) -> Said,
    noted: fn(S::Note) -> Note,
    context: &mut Context<SideBySide>,
) {
    let count = servers(context.settings());
    for (to, message) in done.sent.into_iter().filter(|sent| sent.0.index() < count) {
        let to = outer(context.settings(), of, to);
        context.count(if work { MESSAGES } else { UPKEEP }, of as u16, 1);
        context.send(to, Message { work, said: said(message) });
    }
    done.notes.into_iter().for_each(|note| context.note(noted(note)));
}

/// A leader knows that a command is committed, so long after it took it up.
fn committed(context: &mut Context<SideBySide>, of: Protocol, took: Micros) {
    context.observe(COMMIT_LATENCY, of as u16, took);
    context.count(COMMITTED, of as u16, 1);
    context.note(Note::Committed(of));
}

/// What an inner system has observed of its commits within one event.
fn commits_in(metrics: &Metrics, metric: MetricId) -> (u64, Micros) {
    let all = metrics.of(metric).map(|(_, series)| series.merged(0));
    all.fold((0, 0), |(count, sum), window| (count + window.count, sum + window.sum))
}

/// The period of the load; `None` without one.
pub(super) fn period(settings: &Settings) -> Option<Micros> {
    SEC.checked_div(settings.amount(RATE))
}

/// Keeps the client beside a leader asking, at full multiples of the period, and no other.
pub(super) fn keep_load(memory: &Memory, context: &mut Context<SideBySide>) {
    match period(context.settings()).filter(|_| leads(&memory.state).is_some()) {
        Some(period) if !context.has_timer(Timer::Load) => {
            let delay = period - context.now() % period;
            context.set_timer(Timer::Load, delay);
        }
        Some(_) => {}
        None => context.cancel_timer(Timer::Load),
    }
}

/// What a client asks for.
type Asked = (u8, i16);

/// What there is to ask for by an event; `None` when it asks for nothing.
fn asked(event: &Event<SideBySide>, context: &Context<SideBySide>) -> Option<Asked> {
    match event {
        Event::Command(call) => Some((call.value(1) as u8, call.value(2) as i16)),
        Event::Timer(Timer::Load) => {
            let number = period(context.settings()).map_or(0, |period| context.now() / period);
            Some((0, (number % 100) as i16))
        }
        _ => None,
    }
}

impl Memory {
    pub(super) fn handle_raft(
        &mut self,
        disk: &mut raft::Disk,
        event: Event<SideBySide>,
        context: &mut Context<SideBySide>,
    ) {
        let State::Raft(memory) = &mut self.state else { return };
        let first = outer(context.settings(), Protocol::Raft, NodeId(0)).0;
        let (event, work) = match (asked(&event, context), event) {
            (Some((register, value)), _) => {
                let values = vec![i64::from(register), i64::from(value)];
                (Event::Command(CommandCall { command: raft::SET, values }), true)
            }
            (_, Event::Message { from, message: Message { work, said: Said::Raft(message) } }) => {
                (Event::Message { from: NodeId(from.0 - first), message }, work)
            }
            (_, Event::Timer(Timer::Raft(timer))) => (Event::Timer(timer), false),
            _ => return stray(context),
        };
        let place = raft_place(context);
        let ((), done) = inside(context, &place, |context| Raft::handle(disk, memory, event, context));
        let (count, sum) = commits_in(&done.metrics, raft::COMMIT_LATENCY);
        (0..count).for_each(|_| committed(context, Protocol::Raft, sum / count));
        repeat(done, Protocol::Raft, work, Said::Raft, Note::Raft, context);
    }

    pub(super) fn handle_paxos(
        &mut self,
        disk: &mut paxos::Disk,
        event: Event<SideBySide>,
        context: &mut Context<SideBySide>,
    ) {
        let State::Paxos(memory) = &mut self.state else { return };
        let first = outer(context.settings(), Protocol::Paxos, NodeId(0)).0;
        let (event, work) = match (asked(&event, context), event) {
            (Some((register, value)), _) => {
                let id = command_id(memory, context.me().0 - first);
                self.open.push((id, context.now()));
                // Paxos's clients have the number after the servers'.
                let from = NodeId::from(servers(context.settings()));
                let message = paxos::Message::Request { value: paxos::Value { id, register, value } };
                (Event::Message { from, message }, true)
            }
            (_, Event::Message { from, message: Message { work, said: Said::Paxos(message) } }) => {
                (Event::Message { from: NodeId(from.0 - first), message }, work)
            }
            (_, Event::Timer(Timer::Paxos(timer))) => (Event::Timer(timer), false),
            _ => return stray(context),
        };
        let place = paxos_place(context);
        let ((), done) = inside(context, &place, |context| Paxos::handle(disk, memory, event, context));
        self.close(&done.notes, context);
        repeat(done, Protocol::Paxos, work, Said::Paxos, Note::Paxos, context);
    }

    /// Books what a leader of Paxos has learned to be chosen; what it does not have open any more is forgotten.
    fn close(&mut self, notes: &[paxos::Note], context: &mut Context<SideBySide>) {
        for note in notes {
            let paxos::Note::Learned { value, .. } = note else { continue };
            if let Some(at) = self.open.iter().position(|open| open.0 == value.id) {
                let took = context.now().saturating_sub(self.open.remove(at).1);
                committed(context, Protocol::Paxos, took);
            }
        }
        let State::Paxos(paxos::Memory::Member(member)) = &self.state else { return };
        let paxos::Phase::Accept { open, .. } = &member.phase else { return self.open.clear() };
        self.open.retain(|known| open.iter().any(|open| open.value.id == known.0));
    }

    pub(super) fn handle_zab(
        &mut self,
        disk: &mut zab::Disk,
        event: Event<SideBySide>,
        context: &mut Context<SideBySide>,
    ) {
        let State::Zab(memory) = &mut self.state else { return };
        let first = outer(context.settings(), Protocol::Zab, NodeId(0)).0;
        let (event, work) = match (asked(&event, context), event) {
            (Some((register, value)), _) => {
                let values = vec![i64::from(register), i64::from(value)];
                (Event::Command(CommandCall { command: zab::SET, values }), true)
            }
            (_, Event::Message { from, message: Message { work, said: Said::Zab(message) } }) => {
                (Event::Message { from: NodeId(from.0 - first), message }, work)
            }
            (_, Event::Timer(Timer::Zab(timer))) => (Event::Timer(timer), false),
            _ => return stray(context),
        };
        let place = zab_place(context);
        let ((), done) = inside(context, &place, |context| Zab::handle(disk, memory, event, context));
        let (count, sum) = commits_in(&done.metrics, zab::LATENCY_OF_COMMIT);
        (0..count).for_each(|_| committed(context, Protocol::Zab, sum / count));
        repeat(done, Protocol::Zab, work, Said::Zab, Note::Zab, context);
    }
}

/// No message crosses from one group to another.
fn stray(context: &mut Context<SideBySide>) {
    context.why(|_| "This belongs to another group: it is ignored.".to_owned());
}

/// The number of a leader's next command: the slot it will get and who proposes it, so that numbers grow with the slots,
/// as Paxos's memory of commands wants it.
fn command_id(memory: &paxos::Memory, me: u16) -> u32 {
    let next = match memory {
        paxos::Memory::Member(paxos::Member { phase: paxos::Phase::Accept { next, .. }, .. }) => *next,
        _ => 0,
    };
    next.saturating_mul(8).saturating_add(u32::from(me) + 1)
}
