//! A server of RabbitMQ or JetStream: a member of a Raft group, or alone.
//!
//! The leader writes a message into the log and confirms it once it is committed; what an earlier leader wrote is applied
//! in silence, and the publisher asks again.

use std::rc::Rc;

use super::{
    DROPPED, Durability, IN_MEMORY, Kept, Lane, MOST_KEPT, Memory, Message, Part, REPLICATED, SYNC, Server, ServerDisk,
    Timer, Written, part, publisher, server, server_count, unflushed_for,
};
use crate::sim::NodeId;
use crate::sim::declare::rules::RuleSet;
use crate::sim::kernel::time::{MS, Micros};
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::machine::world::{Done, Place, inside};
use crate::systems::consensus::raft::{self, Raft};

/// The shortest election timeout, how much longer it may be, and the time between heartbeats.
const ELECTION: Micros = 600 * MS;
const SPREAD: Micros = 400 * MS;
const HEARTBEAT: Micros = 200 * MS;

pub(super) struct Node<'a, 'b> {
    pub disk: &'a mut ServerDisk,
    pub own: &'a mut Server,
    pub context: &'a mut Context<'b, Durability>,
}

/// What Raft is to do.
enum Ask {
    Handle(Event<Raft>),
    Propose(u32),
}

fn place(context: &Context<Durability>) -> Place<Durability, Raft> {
    let (lane, _) = part(context.settings(), context.me());
    Place {
        first: server(context.settings(), lane, 0),
        settings: Rc::new(raft::hosted(ELECTION, SPREAD, HEARTBEAT)),
        rules: RuleSet::ALL,
        outer: Timer::Raft,
        inner: |timer| match timer {
            Timer::Raft(timer) => Some(timer),
            _ => None,
        },
    }
}

/// A server finds what was written, or after a power cut what was on disk.
pub(super) fn boot(disk: &ServerDisk, context: &mut Context<Durability>) -> Memory {
    let written = disk.found().clone();
    let (lane, _) = part(context.settings(), context.me());
    let raft = (server_count(context.settings(), lane) > 1).then(|| {
        let place = place(context);
        inside(context, &place, |context| Raft::boot(&written.raft, context)).0
    });
    let kept = Rc::clone(&written.base);
    Memory::Server(Box::new(Server { written, raft, kept }))
}

/// The messages that are in a log from an index on.
pub(super) fn in_log(disk: &raft::Disk, from: u32) -> impl Iterator<Item = u32> + use<> {
    disk.log.from(from).into_iter().filter_map(|entry| match entry.payload {
        raft::Payload::Hosted([id, ..]) => Some(id as u32),
        _ => None,
    })
}

impl Server {
    /// Whether it leads; alone, it does.
    pub fn leads(&self) -> bool {
        self.raft.as_ref().is_none_or(raft::Memory::leads)
    }
}

impl Node<'_, '_> {
    fn lane(&self) -> Lane {
        part(self.context.settings(), self.context.me()).0
    }

    fn name(&self) -> String {
        Durability::name(self.context.settings(), self.context.me())
    }

    pub(super) fn handle(&mut self, event: Event<Durability>) {
        match event {
            Event::Message { message: Message::Publish { id, passed }, .. } => self.published(id, passed),
            Event::Message { from, message: Message::Raft { said, state } } => self.raft_said(from, said, state),
            Event::Timer(Timer::Raft(timer)) => {
                self.raft(Ask::Handle(Event::Timer(timer)), None);
            }
            _ => self.context.pass_over(),
        }
        self.write();
    }

    /// All that the handler has written goes to the operating system, and to disk where it is flushed.
    fn write(&mut self) {
        let (lane, now) = (self.lane(), self.context.now());
        let wait = unflushed_for(self.context.settings(), lane, self.context.rule(SYNC));
        self.disk.write(&self.own.written, now, wait);
        if self.own.leads() {
            let held = messages(&self.own.written);
            let flushed = messages(self.disk.on_disk(now));
            let exposed = held.iter().filter(|id| !flushed.contains(id)).count();
            self.context.gauge(IN_MEMORY, lane as u16, exposed as i64);
        }
    }

    fn published(&mut self, id: u32, passed: bool) {
        let name = self.name();
        let Some(own) = &self.own.raft else { return self.published_alone(id) };
        if !own.leads() {
            return self.pass_on(id, passed);
        }
        let is_open = in_log(&self.own.written.raft, own.commit + 1).any(|open| open == id);
        if self.own.kept.contains(&id) {
            self.context.why(|_| format!("Message {id} is committed already: {name} confirms it again."));
            return self.confirm(id);
        }
        let is_written = is_open || self.raft(Ask::Propose(id), None);
        let at_once = !self.context.rule(REPLICATED) && is_written;
        self.context.why_rule(REPLICATED, |_| match (at_once, is_written) {
            (true, _) => format!("{name} has message {id}, and confirms it without waiting for anybody."),
            (_, true) => format!("{name} confirms message {id} once two of the three have it."),
            _ => format!("{name}'s log is full: nothing was committed for long. Message {id} gets no answer."),
        });
        if at_once {
            self.confirm(id);
        }
    }

    fn published_alone(&mut self, id: u32) {
        let name = self.name();
        let flushes = unflushed_for(self.context.settings(), self.lane(), self.context.rule(SYNC)).is_none();
        if !self.own.kept.contains(&id) {
            keep(&mut self.own.kept, id);
            self.own.written.base = Rc::clone(&self.own.kept);
        }
        self.context.why_rule(SYNC, |_| match flushes {
            true => format!("{name} has flushed message {id} to disk: it confirms it."),
            false => format!("{name} has written message {id}, not flushed it, and confirms it."),
        });
        self.confirm(id);
    }

    /// Passes a message on to the leader, once.
    fn pass_on(&mut self, id: u32, passed: bool) {
        let (name, me) = (self.name(), self.context.me());
        let settings = self.context.settings();
        let leader = self.own.raft.as_ref().and_then(|own| own.leader);
        let leader = leader.map(|leader| server(settings, self.lane(), leader.index()));
        match leader.filter(|leader| *leader != me && !passed) {
            Some(leader) => {
                let to = Durability::name(settings, leader);
                self.context.why(|_| format!("{name} does not lead: it passes message {id} on to {to}."));
                self.context.send(leader, Message::Publish { id, passed: true });
            }
            None => {
                self.context
                    .why(|_| format!("{name} knows of no leader: message {id} gets no answer, and comes again."));
            }
        }
    }

    fn confirm(&mut self, id: u32) {
        let to = publisher(self.context.settings(), self.lane());
        self.context.send(to, Message::Confirm { id });
    }

    fn raft_said(&mut self, from: NodeId, said: raft::Message, state: Option<Kept>) {
        let (Some(own), (_, Part::Server(number))) = (&mut self.own.raft, part(self.context.settings(), from)) else {
            return self.context.pass_over();
        };
        let from = NodeId::from(number);
        if let raft::Message::AppendReply { term, ok: false, index, .. } = said
            && term == self.own.written.raft.term
        {
            own.believe(from, index);
        }
        self.raft(Ask::Handle(Event::Message { from, message: said }), state);
    }

    /// Lets Raft do something, and does what comes of it. `brought`: the messages that came with a snapshot. Whether a
    /// proposal was taken.
    fn raft(&mut self, what: Ask, brought: Option<Kept>) -> bool {
        let place = place(self.context);
        let Server { written, raft: Some(own), .. } = &mut *self.own else { return false };
        let (taken, done) = inside(self.context, &place, |context| match what {
            Ask::Handle(event) => {
                Raft::handle(&mut written.raft, own, event, context);
                false
            }
            Ask::Propose(id) => raft::propose(&mut written.raft, own, [u64::from(id), 0, 0, 0], context).is_some(),
        });
        self.repeat(done, brought);
        taken
    }

    fn repeat(&mut self, done: Done<Raft>, brought: Option<Kept>) {
        for note in done.notes {
            match (note, &brought) {
                (raft::Note::Applied { entry, .. }, _) => self.applied(entry),
                (raft::Note::Restored { .. }, Some(state)) => {
                    (self.own.written.base, self.own.kept) = (Rc::clone(state), Rc::clone(state));
                }
                (raft::Note::Restored { .. }, None) => self.own.written.base = Rc::clone(&self.own.kept),
                _ => {}
            }
        }
        let lane = self.lane();
        for (to, said) in done.sent {
            let to = server(self.context.settings(), lane, to.index());
            let state = match &said {
                raft::Message::InstallSnapshot { snapshot, .. }
                    if snapshot.last_index != self.own.written.raft.log.base() =>
                {
                    continue;
                }
                raft::Message::InstallSnapshot { .. } => Some(Rc::clone(&self.own.written.base)),
                _ => None,
            };
            self.context.send(to, Message::Raft { said, state });
        }
    }

    /// An entry is committed: its leader confirms it.
    fn applied(&mut self, entry: raft::Entry) {
        let raft::Payload::Hosted([id, ..]) = entry.payload else { return };
        let (id, name) = (id as u32, self.name());
        if !self.own.kept.contains(&id) {
            keep(&mut self.own.kept, id);
        }
        if self.own.leads() && entry.term == self.own.written.raft.term {
            let flushes = unflushed_for(self.context.settings(), self.lane(), self.context.rule(SYNC)).is_none();
            self.context.why_rule(SYNC, |_| match flushes {
                true => format!("Two of the three have flushed message {id}: {name} confirms it."),
                false => {
                    format!("Two of the three have written message {id}, none has flushed it: {name} confirms it.")
                }
            });
            self.confirm(id);
        }
    }
}

/// Takes a message among the others.
fn keep(kept: &mut Kept, id: u32) {
    let kept = Rc::make_mut(kept);
    kept.push(id);
    if kept.len() > MOST_KEPT {
        kept.drain(..DROPPED);
    }
}

/// All messages of what a server has written, committed or not.
pub fn messages(written: &Written) -> Vec<u32> {
    let logged = in_log(&written.raft, written.raft.log.base() + 1);
    let mut all = (*written.base).clone();
    logged.for_each(|id| {
        if !all.contains(&id) {
            all.push(id);
        }
    });
    all
}
