//! The balancer: chooses a server for each request, tries again elsewhere, and checks who is alive.

use litemap::LiteMap;

use super::{
    CHOICE, CLIENT, FIRST, HEALTH, INTERVAL, Id, Known, LoadBalancer, MOST_TRIES, Memory, Message, Note, Open,
    POLICIES, POLICY, RELEASE, RETRY, TIMEOUT, TIMEOUTS, Timer, server_count, weights,
};
use crate::mechanisms::balancer::{Ring, SmoothRoundRobin, least_connections, two_choices};
use crate::sim::NodeId;
use crate::sim::kernel::random::below;
use crate::sim::machine::system::{Context, Event, System};
use crate::systems::parts::calls::Retry;

/// The most requests under way; more are turned away.
const MOST_OPEN: usize = 600;
/// A server that has missed this many checks in a row is out.
const FALL: u8 = 2;
/// A failed try is repeated at once, on another server.
const TRIES: Retry = Retry::at_once(MOST_TRIES);

pub(super) struct Balancer<'a, 'b> {
    pub open: &'a mut LiteMap<Id, Open>,
    pub servers: &'a mut Vec<Known>,
    pub robin: &'a mut SmoothRoundRobin,
    pub ring: &'a mut Ring,
    pub context: &'a mut Context<'b, LoadBalancer>,
}

pub(super) fn boot(context: &mut Context<LoadBalancer>) -> Memory {
    let count = server_count(context.settings());
    let names: Vec<String> = (1..=count).map(|server| format!("10.0.0.{server}:80")).collect();
    let ring = Ring::new(names.iter().map(|name| (name.as_str(), 1)));
    let interval = context.amount(INTERVAL);
    context.set_timer(Timer::Checks, interval);
    Memory::Balancer {
        open: LiteMap::new(),
        servers: vec![Known::default(); count],
        robin: SmoothRoundRobin::default(),
        ring,
    }
}

impl Balancer<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<LoadBalancer>) {
        match event {
            Event::Message { message: Message::Request { id, key }, .. } => self.request(id, key),
            Event::Message { from, message: Message::Response { id } } => self.answered(from, id),
            Event::Message { message: Message::Busy { id }, .. } => self.again(id, "is too busy"),
            Event::Message { from, message: Message::Healthy } => self.healthy(from),
            Event::Timer(Timer::Overdue(id)) => self.overdue(id),
            Event::Timer(Timer::Checks) => self.check(),
            _ => self.context.pass_over(),
        }
    }

    fn request(&mut self, id: Id, key: u16) {
        if self.open.len() >= MOST_OPEN {
            self.context.why(|_| format!("{MOST_OPEN} requests are under way: {id} is turned away."));
            self.context.send(CLIENT, Message::Failed { id });
            return;
        }
        self.pass(id, Open { key, server: 0, tried: 0, tries: 0 });
    }

    /// Whether a server may be chosen.
    fn is_in(&self, server: usize) -> bool {
        !self.context.rule(HEALTH) || self.servers[server].missed < FALL
    }

    /// The server for a request: not one that was tried, as long as there is another.
    fn choose(&mut self, request: &Open) -> Option<usize> {
        let count = self.servers.len();
        let all_in = (0..count).filter(|server| self.is_in(*server)).fold(0, |all, server| all | 1u64 << server);
        let fresh = all_in & !request.tried;
        let candidates = if fresh == 0 { all_in } else { fresh };
        let is_candidate = |server: usize| candidates >> server & 1 == 1;
        let policy = self.context.settings().get(POLICY);
        match policy {
            3 | 4 => {
                let (first, second) = (self.pick(candidates), self.pick(candidates));
                let (first, second) = (first?, second?);
                Some(if policy == 3 { two_choices(&self.load(), first, second) } else { first })
            }
            5 => self.ring.server(&request.key.to_le_bytes(), is_candidate),
            _ => {
                let mut weights = if policy == 1 { weights(self.context.settings()) } else { vec![1; count] };
                weights.iter_mut().enumerate().filter(|(at, _)| !is_candidate(*at)).for_each(|(_, weight)| *weight = 0);
                match policy {
                    2 => least_connections(&self.load(), &weights, self.robin),
                    _ => self.robin.next(&weights),
                }
            }
        }
    }

    /// Open requests by server.
    fn load(&self) -> Vec<u32> {
        self.servers.iter().map(|known| known.open).collect()
    }

    /// One of these servers (a bit each), at random.
    fn pick(&mut self, candidates: u64) -> Option<usize> {
        let at = below(self.context.draw(CHOICE), u64::from(candidates.count_ones())) as usize;
        (0..self.servers.len()).filter(|server| candidates >> server & 1 == 1).nth(at)
    }

    fn pass(&mut self, id: Id, mut request: Open) {
        let Some(server) = self.choose(&request) else {
            self.context.why_rule(HEALTH, |_| format!("No server is in: request {id} fails."));
            self.give_up(id, request.tried);
            return;
        };
        request.server = server as u16;
        request.tried |= 1 << server;
        request.tries += 1;
        self.servers[server].open += 1;
        let (node, load) = (NodeId::from(FIRST + server), self.servers[server].open);
        let policy = POLICIES.get(self.context.settings().get(POLICY) as usize).unwrap_or(&"?");
        self.context.why(|s| {
            let name = LoadBalancer::name(s, node);
            format!("By {policy}, request {id} goes to {name}, which now has {load} open.")
        });
        self.context.note(Note::Passed { server: node });
        self.context.send(node, Message::Request { id, key: request.key });
        self.open.insert(id, request);
        let patience = self.context.amount(TIMEOUT);
        self.context.set_timer(Timer::Overdue(id), patience);
    }

    fn release(&mut self, server: u16) {
        if let Some(known) = self.servers.get_mut(usize::from(server)) {
            known.open = known.open.saturating_sub(1);
        }
    }

    fn answered(&mut self, from: NodeId, id: Id) {
        let here = (from.index() - FIRST) as u16;
        let Some(request) = self.open.get(&id).copied().filter(|request| request.server == here) else {
            self.context.why(|s| format!("{} answers {id} too late.", LoadBalancer::name(s, from)));
            return;
        };
        self.open.remove(&id);
        self.release(request.server);
        self.context.cancel_timer(Timer::Overdue(id));
        self.context.why(|s| format!("{} has answered {id}; the balancer passes it on.", LoadBalancer::name(s, from)));
        self.context.send(CLIENT, Message::Response { id });
    }

    fn overdue(&mut self, id: Id) {
        let server = self.open.get(&id).map_or(0, |request| request.server);
        self.context.count(TIMEOUTS, FIRST as u16 + server, 1);
        self.again(id, "did not answer in time");
    }

    /// A try has failed.
    fn again(&mut self, id: Id, what: &'static str) {
        let Some(request) = self.open.remove(&id) else {
            self.context.why(|_| format!("Request {id} has been dealt with."));
            return;
        };
        self.context.cancel_timer(Timer::Overdue(id));
        let node = NodeId::from(FIRST + usize::from(request.server));
        if self.context.rule(RELEASE) {
            self.release(request.server);
        } else {
            self.context
                .why_rule(RELEASE, |s| format!("The try at {} stays counted as open.", LoadBalancer::name(s, node)));
        }
        let retries = self.context.rule(RETRY) && TRIES.wait(request.tries, 0).is_some();
        self.context.why_rule(RETRY, |s| {
            let name = LoadBalancer::name(s, node);
            let then = if retries { "the balancer tries another server" } else { "the request fails" };
            format!("{name} {what}: {then}.")
        });
        if retries {
            self.pass(id, request);
        } else {
            self.give_up(id, request.tried);
        }
    }

    fn give_up(&mut self, id: Id, tried: u64) {
        self.context.note(Note::GivenUp { id, tried });
        self.context.send(CLIENT, Message::Failed { id });
    }

    fn healthy(&mut self, from: NodeId) {
        let Some(known) = self.servers.get_mut(from.index() - FIRST) else { return };
        let was_out = known.missed >= FALL;
        known.missed = 0;
        self.context.why_rule(HEALTH, |s| {
            let name = LoadBalancer::name(s, from);
            if was_out { format!("{name} answers again: it is back in.") } else { format!("{name} is healthy.") }
        });
    }

    fn check(&mut self) {
        let interval = self.context.amount(INTERVAL);
        self.context.set_timer(Timer::Checks, interval);
        let out: Vec<NodeId> = (0..self.servers.len())
            .filter(|server| self.servers[*server].missed + 1 == FALL)
            .map(|server| NodeId::from(FIRST + server))
            .collect();
        self.context.why_rule(HEALTH, |s| {
            let names: Vec<String> = out.iter().map(|node| LoadBalancer::name(s, *node)).collect();
            match &names[..] {
                [] => "The balancer asks every server whether it is alive.".to_owned(),
                [one] => format!("{one} has not answered the last check. The balancer asks again."),
                _ => format!("{} have not answered the last check. The balancer asks again.", names.join(" and ")),
            }
        });
        for (server, known) in self.servers.iter_mut().enumerate() {
            // Counted as missed until the answer comes.
            known.missed = (known.missed + 1).min(FALL);
            self.context.send(NodeId::from(FIRST + server), Message::Check);
        }
    }
}
