//! A client: asks for the lock, reads, works, writes, gives the lock back; stops when its lease ends.

use super::{
    Disk, LOCK, Lease, LeaseLock, MARGIN, Memory, Message, Phase, STORE, THINK, THINKING, Timer, WAITED, WORK, usable,
};
use crate::sim::kernel::time::{Micros, Time, show};
use crate::sim::machine::system::{Context, Event, System};

pub(super) struct Client<'a, 'b> {
    pub disk: &'a mut Disk,
    pub phase: &'a mut Phase,
    pub lease: &'a mut Option<Lease>,
    pub since: &'a mut Time,
    pub context: &'a mut Context<'b, LeaseLock>,
}

pub(super) fn boot(context: &mut Context<LeaseLock>) -> Memory {
    think(context);
    Memory::Client { phase: Phase::Idle, lease: None, since: 0 }
}

fn think(context: &mut Context<LeaseLock>) {
    let mean = context.amount(THINK);
    let delay = context.draw_between(THINKING, mean / 2, mean + mean / 2);
    context.set_timer(Timer::Wish, delay);
}

impl Client<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<LeaseLock>) {
        match event {
            Event::Message { message: Message::Grant { ask, token }, .. } => self.granted(Lease { token, ask }),
            Event::Message { message: Message::Value { token, value }, .. } => self.read(token, value),
            Event::Message { message: Message::Done { token, ok }, .. } => self.done(token, ok),
            Event::Timer(Timer::Wish) | Event::Command(_) => self.wish(),
            Event::Timer(Timer::End(ask)) => self.end(ask),
            Event::Timer(Timer::Renew) => self.renew(),
            Event::Timer(Timer::Worked) => self.worked(),
            _ => self.why(|me| format!("{me} has no use for this.")),
        }
    }

    fn why(&mut self, text: impl FnOnce(String) -> String) {
        let me = self.context.me();
        self.context.why(|s| text(LeaseLock::name(s, me)));
    }

    /// How long it counts on a lease.
    fn usable(&self) -> Micros {
        usable(self.context.settings(), self.context.rule(MARGIN))
    }

    /// A new question. Its lease, should it get one, counts from now.
    fn ask(&mut self) -> u32 {
        self.disk.asks += 1;
        let usable = self.usable();
        self.context.set_timer(Timer::End(self.disk.asks), usable);
        self.context.set_timer(Timer::Renew, usable / 2);
        self.disk.asks
    }

    fn wish(&mut self) {
        if *self.phase != Phase::Idle {
            self.why(|me| format!("{me} waits for the lock or has it already."));
            return;
        }
        self.context.cancel_timer(Timer::Wish);
        (*self.phase, *self.since) = (Phase::Waits, self.context.now());
        self.acquire();
    }

    fn acquire(&mut self) {
        let (ask, usable) = (self.ask(), self.usable());
        self.context.why_rule(MARGIN, |_| {
            format!("It asks for the lock. A lease that it gets for this counts from now, for {}.", show(usable))
        });
        self.context.send(LOCK, Message::Acquire { ask });
    }

    fn granted(&mut self, new: Lease) {
        // The answer to the newest question, whose time is not up.
        let is_in_time = new.ask == self.disk.asks && self.context.has_timer(Timer::End(new.ask));
        match *self.lease {
            Some(old) if old.token == new.token && old.ask < new.ask && is_in_time => {
                self.why(|me| format!("{me} keeps the lock: its lease counts from when it asked to renew."));
                self.context.cancel_timer(Timer::End(old.ask));
                *self.lease = Some(new);
            }
            None if *self.phase == Phase::Waits && is_in_time => {
                let waited = self.context.now().saturating_sub(*self.since);
                self.context.observe(WAITED, self.context.me().0, waited);
                self.why(|me| format!("{me} has the lock, with token {}, and reads the value.", new.token));
                (*self.lease, *self.phase) = (Some(new), Phase::Reads);
                self.context.send(STORE, Message::Read { token: new.token });
                if !self.context.has_timer(Timer::Renew) {
                    // It has waited so long that half of the lease is over.
                    self.ask_to_keep(new.token);
                }
            }
            None => {
                self.why(|me| format!("{me} is no longer waiting for this lease, and gives it back."));
                self.context.send(LOCK, Message::Release { token: new.token });
            }
            Some(old) => self.why(|me| format!("{me} has token {} already: nothing changes.", old.token)),
        }
    }

    fn holds(&self, token: super::Token) -> bool {
        self.lease.is_some_and(|lease| lease.token == token)
    }

    fn read(&mut self, token: super::Token, value: u32) {
        if !self.holds(token) || *self.phase != Phase::Reads {
            self.why(|me| format!("{me} did not wait for this value."));
            return;
        }
        *self.phase = Phase::Works(value);
        let work = self.context.amount(WORK);
        self.why(|me| format!("{me} has read {value} and works on it for {}.", show(work)));
        self.context.work(Timer::Worked, work);
    }

    fn worked(&mut self) {
        let (Some(lease), Phase::Works(value)) = (*self.lease, *self.phase) else {
            self.why(|me| format!("{me} abandoned this work when its lease ended."));
            return;
        };
        *self.phase = Phase::Writes;
        let token = lease.token;
        self.why(|me| format!("{me} believes that it holds the lock, and writes {} with token {token}.", value + 1));
        self.context.send(STORE, Message::Write { token, value: value + 1 });
    }

    fn done(&mut self, token: super::Token, ok: bool) {
        if !self.holds(token) {
            self.why(|me| format!("{me} no longer holds token {token}: too late to matter."));
            return;
        }
        self.why(|me| match ok {
            true => format!("{me}'s write was taken: it gives the lock back."),
            false => format!("{me} was refused: somebody holds the lock with a newer token."),
        });
        self.context.send(LOCK, Message::Release { token });
        self.stop();
    }

    /// It no longer believes that it has the lock.
    fn stop(&mut self) {
        if let Some(lease) = self.lease.take() {
            self.context.cancel_timer(Timer::End(lease.ask));
        }
        self.context.cancel_timer(Timer::End(self.disk.asks));
        self.context.cancel_timer(Timer::Renew);
        self.context.cancel_timer(Timer::Worked);
        *self.phase = Phase::Idle;
        think(self.context);
    }

    /// Half of a lease is over. A client renews while it works, not while it waits for an answer that may be lost.
    fn renew(&mut self) {
        match (*self.lease, *self.phase) {
            (Some(lease), Phase::Works(_)) => {
                self.why(|me| format!("Half of {me}'s lease is over and it still works: it asks to keep the lock."));
                self.ask_to_keep(lease.token);
            }
            _ => self.why(|me| format!("{me} is not at work and does not renew.")),
        }
    }

    fn ask_to_keep(&mut self, token: super::Token) {
        let ask = self.ask();
        self.context.send(LOCK, Message::Renew { ask, token });
    }

    /// The time of a question is up.
    fn end(&mut self, ask: u32) {
        match (*self.lease, *self.phase) {
            (Some(lease), _) if lease.ask == ask => {
                self.context.why_rule(MARGIN, |_| {
                    format!("Its lease with token {} has ended by its own clock: it stops at once.", lease.token)
                });
                self.stop();
            }
            (None, Phase::Waits) if ask == self.disk.asks => self.acquire(),
            _ => self.why(|me| format!("Nothing came of {me}'s question {ask}.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::declare::settings::Settings;
    use crate::systems::consensus::lease_lock::{DRIFT, LEASE};

    /// Gray and Cheriton 1989: the slowest clock allowed for, at the client, must not outlast the fastest, at the server.
    #[test]
    fn the_slowest_clock_does_not_outlast_the_fastest() {
        for (lease, drift) in [(1_000_000, 20), (1_000_000, 0), (200_000, 40), (5_000_000, 5)] {
            let mut settings = Settings::defaults(LeaseLock::SETTINGS);
            settings.set(LEASE, lease);
            settings.set(DRIFT, drift);
            let (lease, drift) = (lease as u64, drift as u64);
            let (slowest, fastest) = (usable(&settings, true) * 100 / (100 - drift), lease * 100 / (100 + drift));
            assert!(slowest <= fastest && fastest - slowest < 10, "{slowest} {fastest}");
            assert!(drift == 0 || usable(&settings, false) * 100 / (100 - drift) > fastest);
        }
    }
}
