//! The server: matches subjects against subscriptions, writes, and keeps nothing.

use litemap::LiteMap;

use super::{
    CUT_OFF, CUT_SLOW, Connection, DEADLINE, MAX_PENDING, MAX_PINGS, MEMORY, Message, NO_RESPONDERS, Nats, Note,
    ONE_PER_GROUP, PENDING, PING, Payload, SLOW, Sub, Timer, is_slow,
};
use crate::sim::NodeId;
use crate::sim::kernel::random::{self, Drawer};
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::numbers::{are, counted};
use crate::sim::small;

pub(super) struct Server<'a, 'b> {
    pub connections: &'a mut LiteMap<NodeId, Connection>,
    pub context: &'a mut Context<'b, Nats>,
}

/// The most subscriptions of a connection.
const MOST_SUBS: usize = 8;

impl Server<'_, '_> {
    fn name(&self, node: NodeId) -> String {
        Nats::name(self.context.settings(), node)
    }

    pub(super) fn handle(&mut self, event: Event<Nats>) {
        match event {
            Event::Message { from, message: Message::Connect { connection, subs } } => {
                self.connect(from, connection, &subs)
            }
            Event::Message { from, message } => self.spoken(from, message),
            Event::Timer(Timer::Ping) => self.ping(),
            Event::Timer(Timer::Write(node)) => self.written(node),
            Event::Timer(Timer::Deadline(node)) => {
                let name = self.name(node);
                let limit = crate::sim::kernel::time::show(self.context.amount(DEADLINE));
                self.context.why(|_| format!("A write to {name} has taken longer than the deadline of {limit}."));
                self.cut_off(node);
            }
            _ => self.context.pass_over(),
        }
    }

    fn connect(&mut self, from: NodeId, number: u32, subs: &[Sub]) {
        let name = self.name(from);
        if self.connections.get(&from).is_some_and(|known| known.number > number) {
            self.context.why(|_| format!("{name} has a newer connection: this one is ignored."));
            return;
        }
        self.forget(from);
        let patterns: Vec<_> = subs.iter().map(|sub| sub.pattern.text()).collect();
        self.context.why(|_| match patterns.is_empty() {
            true => format!("{name} opens connection {number}."),
            false => format!("{name} wants {} from now on. Nothing was kept for it.", patterns.join(" and ")),
        });
        let fresh =
            Connection { number, subs: subs.to_vec(), pending: Vec::new(), batch: 0, allowed: u16::MAX, pings: 0 };
        self.connections.insert(from, fresh);
        self.write(from, Message::Pong { connection: number });
    }

    /// A message on a connection that should be open.
    fn spoken(&mut self, from: NodeId, message: Message) {
        let name = self.name(from);
        let number = match message {
            Message::Sub { connection, .. }
            | Message::Pub { connection, .. }
            | Message::Ping { connection }
            | Message::Pong { connection } => connection,
            _ => return self.context.pass_over(),
        };
        let Some(open) = self.connections.get_mut(&from).filter(|open| open.number == number) else {
            self.context.why(|_| format!("{name} speaks on connection {number}, which is not open: it is told so."));
            self.context.send(from, Message::Close { connection: number });
            return;
        };
        match message {
            Message::Sub { sub, .. } => self.subscribe(from, sub),
            Message::Pub { payload, .. } => self.publish(from, payload),
            Message::Ping { .. } => {
                self.context.why(|_| format!("The server answers the PING of {name}."));
                self.write(from, Message::Pong { connection: number });
            }
            _ => {
                open.pings = 0;
                self.context.why(|_| format!("{name} is still there."));
            }
        }
    }

    fn subscribe(&mut self, from: NodeId, sub: Sub) {
        let name = self.name(from);
        let Some(open) = self.connections.get_mut(&from) else { return };
        if open.subs.len() < MOST_SUBS && !open.subs.iter().any(|known| known.sid == sub.sid) {
            open.subs.push(sub);
            small::sort(&mut open.subs);
        }
        let group = if sub.group { ", as a member of its queue group" } else { "" };
        self.context.why(|_| format!("From now on {name} gets what matches {}{group}.", sub.pattern.text()));
    }

    /// One copy for each plain subscription that matches, and one for the queue group.
    fn publish(&mut self, from: NodeId, payload: Payload) {
        let (mut plain, mut group) = (Vec::new(), Vec::new());
        for (node, open) in self.connections.iter() {
            for sub in open.subs.iter().filter(|sub| payload.subject.matches(sub.pattern)) {
                if sub.group { &mut group } else { &mut plain }.push((*node, open.number, sub.sid));
            }
        }
        let one = self.context.rule(ONE_PER_GROUP);
        let (members, copies) = (group.len(), plain.len());
        if one && members > 1 {
            let pick = random::below(random::draw(0, Drawer::Node(0), 0, u64::from(payload.id)), members as u64);
            group = vec![group[pick as usize]];
        }
        self.say_who(payload, copies, members, group.first().map(|first| first.0));
        if copies + members == 0 && payload.reply.is_some() {
            self.unheard(from, payload);
        }
        for (node, connection, sid) in plain.into_iter().chain(group) {
            self.write(node, Message::Msg { connection, sid, payload });
        }
    }

    fn say_who(&mut self, payload: Payload, copies: usize, members: usize, picked: Option<NodeId>) {
        let one = self.context.rule(ONE_PER_GROUP);
        let text = payload.subject.text();
        match (copies, members) {
            (0, 0) => self.context.why(|_| format!("Nobody has subscribed to {text}: the message is gone.")),
            (1, 0) => self.context.why(|_| format!("One subscription matches {text}, and gets a copy.")),
            (_, 0) => self.context.why(|_| format!("{copies} subscriptions match {text}: a copy for each.")),
            _ => self.context.why_rule(ONE_PER_GROUP, |settings| {
                let group = match (one, picked) {
                    (true, Some(node)) => {
                        let members = counted(members as u64, "member");
                        format!("to {}, picked from the group's {members}", Nats::name(settings, node))
                    }
                    _ => format!("to every member of the group, {members} in all"),
                };
                match copies {
                    0 => format!("{text} goes {group}."),
                    _ => format!("{text} goes to {}, and {group}.", counted(copies as u64, "plain subscription")),
                }
            }),
        }
    }

    fn unheard(&mut self, from: NodeId, payload: Payload) {
        let told = self.context.rule(NO_RESPONDERS);
        let name = self.name(from);
        self.context.why_rule(NO_RESPONDERS, |_| match told {
            true => format!("Nobody listens to request {}: {name} gets status 503 at once.", payload.id),
            false => format!("Nobody listens to request {}, and {name} is not told.", payload.id),
        });
        self.context.note(Note::Unheard { request: payload.id, told });
        if told {
            let connection = self.connections.get(&from).map_or(0, |open| open.number);
            self.write(from, Message::NoResponders { connection, request: payload.id });
        }
    }

    /// Writes to a connection: at once, or, where the link is slow, when it has taken what is before it.
    fn write(&mut self, to: NodeId, message: Message) {
        if !is_slow(self.context.settings(), to) {
            return self.context.send(to, message);
        }
        let most = self.context.amount(MAX_PENDING) as usize;
        let cut = self.context.rule(CUT_SLOW);
        let Some(open) = self.connections.get_mut(&to) else { return };
        if open.pending.len() >= if cut { most } else { MEMORY } {
            let name = self.name(to);
            if cut {
                self.context.why_rule(CUT_SLOW, |_| {
                    format!("{} pending for {name}, and that is the limit: it is cut off.", are(most as u64, "message"))
                });
                self.cut_off(to);
            } else {
                self.context.why_rule(CUT_SLOW, |_| format!("The server's memory is full of messages for {name}."));
            }
            return;
        }
        open.pending.push(message);
        open.allowed = most as u16;
        let (waiting, first) = (open.pending.len(), open.batch == 0);
        self.context.gauge(PENDING, to.0, waiting as i64);
        if first {
            self.start_write(to);
        }
    }

    /// Starts to write all that is pending as one batch, against the write deadline.
    fn start_write(&mut self, to: NodeId) {
        let Some(open) = self.connections.get_mut(&to) else { return };
        open.batch = open.pending.len() as u16;
        let (slow, deadline) = (self.context.amount(SLOW), self.context.amount(DEADLINE));
        self.context.set_timer(Timer::Write(to), slow);
        self.context.set_timer(Timer::Deadline(to), deadline);
    }

    /// The slow link has taken the oldest message.
    fn written(&mut self, to: NodeId) {
        let name = self.name(to);
        let slow = self.context.amount(SLOW);
        let Some(open) = self.connections.get_mut(&to).filter(|open| !open.pending.is_empty()) else {
            return self.context.why(|_| format!("Nothing is pending for {name}."));
        };
        let message = open.pending.remove(0);
        open.batch = open.batch.saturating_sub(1);
        let (left, batch) = (open.pending.len(), open.batch);
        self.context.why(|_| format!("The link of {name} takes a message; still pending: {left}."));
        self.context.gauge(PENDING, to.0, left as i64);
        self.context.send(to, message);
        if batch > 0 {
            self.context.set_timer(Timer::Write(to), slow);
        } else if left > 0 {
            self.start_write(to);
        } else {
            self.context.cancel_timer(Timer::Deadline(to));
        }
    }

    /// A slow consumer: its connection is closed and what was pending is gone.
    fn cut_off(&mut self, node: NodeId) {
        let Some(number) = self.connections.get(&node).map(|open| open.number) else { return };
        self.forget(node);
        self.context.count(CUT_OFF, node.0, 1);
        self.context.send(node, Message::Close { connection: number });
    }

    /// Subscriptions and all that is pending end with the connection.
    fn forget(&mut self, node: NodeId) {
        if self.connections.remove(&node).is_some() && is_slow(self.context.settings(), node) {
            self.context.cancel_timer(Timer::Write(node));
            self.context.cancel_timer(Timer::Deadline(node));
            self.context.gauge(PENDING, node.0, 0);
        }
    }

    fn ping(&mut self) {
        let every = self.context.amount(PING);
        self.context.set_timer(Timer::Ping, every);
        let open: Vec<(NodeId, u32, u8)> =
            self.connections.iter().map(|(node, open)| (*node, open.number, open.pings)).collect();
        let count = open.len();
        self.context.why(|_| match count {
            0 => "Nobody is connected: there is nobody to send a PING to.".to_owned(),
            _ => format!("The server sends a PING on every connection; {} open.", are(count as u64, "connection")),
        });
        for (node, connection, pings) in open {
            if pings >= MAX_PINGS {
                let name = self.name(node);
                self.context.why(|_| format!("{name} has left {MAX_PINGS} PINGs unanswered: its connection is stale."));
                self.forget(node);
                self.context.send(node, Message::Close { connection });
                continue;
            }
            if let Some(open) = self.connections.get_mut(&node) {
                open.pings += 1;
            }
            self.write(node, Message::Ping { connection });
        }
    }
}
