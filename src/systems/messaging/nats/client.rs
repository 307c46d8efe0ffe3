//! What all clients have in common: a connection that they lose and open again, and PING.

use super::{
    Client, Disk, Event, MAX_PINGS, Message, Nats, PING, Payload, Phase, RECONNECT_WAIT, RESTORE_ONCE, Role, SERVER,
    Sub, Timer, caller, is_service, member, publisher, reconnect_delay, subscriptions,
};
use crate::sim::kernel::time::MS;
use crate::sim::machine::system::{Context, System};

/// What a client keeps while it is away. nats.go keeps 8 MiB.
const BUFFER: usize = 50;
/// The application's own subscriptions after a reconnection are numbered from here.
const SECOND_SID: u8 = 100;

pub(super) struct Peer<'a, 'b> {
    pub disk: &'a mut Disk,
    pub client: &'a mut Client,
    pub context: &'a mut Context<'b, Nats>,
}

pub(super) fn boot(context: &mut Context<Nats>) -> Client {
    let me = context.me();
    context.set_timer(Timer::Connect, MS);
    let role = match (is_service(context.settings()), me.index()) {
        (false, 1) => Role::Publisher { doubt: Vec::new() },
        (true, 1) => Role::Caller { open: Vec::new() },
        (false, _) => Role::Subscriber,
        (true, _) => Role::Responder { jobs: Vec::new() },
    };
    if me == super::ASKER {
        publisher::await_next(context);
    }
    let subs = subscriptions(context.settings(), me);
    Client { phase: Phase::Away, subs, waiting: Vec::new(), pings: 0, before: false, role }
}

pub(super) fn handle(disk: &mut Disk, client: &mut Client, event: Event<Nats>, context: &mut Context<Nats>) {
    let mut peer = Peer { disk, client, context };
    match event {
        Event::Timer(Timer::Connect) => peer.connect(),
        Event::Timer(Timer::Ping) => peer.ping(),
        Event::Timer(Timer::Arrival) => publisher::arrival(&mut peer),
        Event::Timer(Timer::Timeout(id)) => caller::timed_out(&mut peer, id),
        Event::Timer(Timer::Done) => member::done(&mut peer),
        Event::Timer(_) => peer.useless(),
        Event::Command(call) => match call.command {
            super::PUBLISH => publisher::publish(&mut peer, call.value(0), call.value(1)),
            super::SUBSCRIBE => member::subscribe(&mut peer, call.value(1)),
            super::REQUEST => (0..call.value(0).max(1)).for_each(|_| caller::request(&mut peer, false)),
            _ => caller::request(&mut peer, true),
        },
        Event::Message { message, .. } => peer.hear(message),
    }
}

impl Peer<'_, '_> {
    pub(super) fn name(&self) -> String {
        Nats::name(self.context.settings(), self.context.me())
    }

    pub(super) fn useless(&mut self) {
        self.context.pass_over();
    }

    fn hear(&mut self, message: Message) {
        let name = self.name();
        let number = match message {
            Message::Msg { connection, .. }
            | Message::NoResponders { connection, .. }
            | Message::Ping { connection }
            | Message::Pong { connection }
            | Message::Close { connection } => connection,
            _ => return self.useless(),
        };
        if number != self.disk.connections || self.client.phase == Phase::Away {
            self.context.why(|_| format!("{name} has left connection {number}: it hears nothing more on it."));
            return;
        }
        match message {
            Message::Pong { .. } => self.alive(),
            Message::Ping { connection } => {
                self.context.why(|_| format!("{name} answers the PING."));
                self.context.send(SERVER, Message::Pong { connection });
            }
            Message::Close { .. } => {
                self.context.why(|_| format!("{name} has lost connection {number}, and will open another one."));
                self.leave();
            }
            Message::NoResponders { request, .. } => caller::refused(self, request),
            Message::Msg { sid, payload, .. } => match self.client.role {
                Role::Subscriber => member::received(self, sid, payload),
                Role::Responder { .. } => member::asked(self, sid, payload),
                _ => caller::answered(self, payload),
            },
            _ => self.useless(),
        }
    }

    /// Opens a connection; also when the one before was not answered in time.
    fn connect(&mut self) {
        let name = self.name();
        self.disk.connections += 1;
        let connection = self.disk.connections;
        self.client.phase = Phase::Connecting;
        self.client.pings = 0;
        let subs = self.restored();
        let (wanted, sent) = (self.client.subs.len(), subs.len());
        self.context.why_rule(RESTORE_ONCE, |_| match (sent, sent > wanted) {
            (0, _) => format!("{name} opens connection {connection} to the server."),
            (_, false) => format!("{name} opens connection {connection} and subscribes to what it wants."),
            _ => format!("{name}'s library restores its subscriptions, and the application subscribes once more."),
        });
        self.context.send(SERVER, Message::Connect { connection, subs: subs.into() });
        self.context.set_timer(Timer::Connect, RECONNECT_WAIT);
    }

    fn leave(&mut self) {
        self.client.phase = Phase::Away;
        let delay = reconnect_delay(self.context);
        self.context.set_timer(Timer::Connect, delay);
    }

    /// A PONG: to the CONNECT, or to a PING.
    fn alive(&mut self) {
        let name = self.name();
        self.client.pings = 0;
        if let Role::Publisher { doubt } = &mut self.client.role
            && self.client.phase == Phase::Connected
        {
            doubt.clear();
        }
        if self.client.phase == Phase::Connected {
            self.context.why(|_| format!("{name} hears that the server is still there."));
            return;
        }
        self.client.phase = Phase::Connected;
        self.context.cancel_timer(Timer::Connect);
        self.context.why(|_| format!("{name} is connected."));
        publisher::flush(self);
        self.client.before = true;
    }

    /// The subscriptions for a new connection.
    fn restored(&mut self) -> Vec<Sub> {
        let mut subs = self.client.subs.clone();
        if self.client.before && !self.context.rule(RESTORE_ONCE) {
            let again: Vec<Sub> = subs.iter().map(|sub| Sub { sid: sub.sid + SECOND_SID, ..*sub }).collect();
            subs.extend(again);
        }
        subs
    }

    fn ping(&mut self) {
        let (name, every) = (self.name(), self.context.amount(PING));
        self.context.set_timer(Timer::Ping, every);
        if self.client.phase != Phase::Connected {
            self.context.why(|_| format!("{name} is not connected: no PING."));
        } else if self.client.pings >= MAX_PINGS {
            self.context.why(|_| format!("{MAX_PINGS} PINGs of {name} were not answered: its connection is stale."));
            self.leave();
        } else {
            self.client.pings += 1;
            let connection = self.disk.connections;
            self.context.why(|_| format!("{name} sends a PING."));
            self.context.send(SERVER, Message::Ping { connection });
        }
    }

    /// Publishes, or keeps it for the next connection. False when there is no room.
    pub(super) fn put(&mut self, payload: Payload) -> bool {
        if self.client.phase == Phase::Connected {
            let connection = self.disk.connections;
            self.context.send(SERVER, Message::Pub { connection, payload });
            return true;
        }
        let room = self.client.waiting.len() < BUFFER;
        if room {
            self.client.waiting.push(payload);
        }
        room
    }

    /// The pattern of one of its subscriptions.
    pub(super) fn sub(&self, sid: u8) -> Option<Sub> {
        let plain = sid % SECOND_SID;
        self.client.subs.iter().copied().find(|sub| sub.sid == plain)
    }
}
