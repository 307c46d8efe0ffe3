//! A station of the ring: takes the token, goes in, hands it on; calls for a new one when it stays away.

use super::{
    Cargo, Claim, Disk, ENTRIES, EPOCH, Entered, INSIDE, MESSAGES, Memory, Message, NEWER, Number, SILENT_ROUND, THINK,
    THINKING, Timer, TokenRing, WAITED, patience, silence,
};
use crate::sim::NodeId;
use crate::sim::kernel::time::show;
use crate::sim::machine::system::{Context, Event, System};

pub(super) struct Station<'a, 'b> {
    pub disk: &'a mut Disk,
    pub memory: &'a mut Memory,
    pub context: &'a mut Context<'b, TokenRing>,
}

fn next(node: NodeId, context: &Context<TokenRing>) -> NodeId {
    NodeId::from((node.index() + 1) % context.nodes())
}

/// Asks the node after this one whether it is there, to hand it something.
pub(super) fn ask_next(memory: &mut Memory, cargo: Cargo, after: NodeId, context: &mut Context<TokenRing>) {
    let to = next(after, context);
    memory.passing = Some((cargo, to));
    let patience = patience(context);
    if to == context.me() {
        // Everybody else is down. The token stays, a call has been all the way round.
        match cargo {
            Cargo::Token => context.set_timer(Timer::Unanswered, patience),
            Cargo::Claim(claim) => context.send(to, Message::Claim(claim)),
        }
        return;
    }
    context.count(MESSAGES, 0, 1);
    context.send(to, Message::Ask);
    context.set_timer(Timer::Unanswered, patience);
}

/// Arms the next wish.
pub(super) fn wish_later(context: &mut Context<TokenRing>) {
    let mean = context.amount(THINK);
    if mean > 0 {
        let delay = context.draw_between(THINKING, mean / 2, mean + mean / 2);
        context.set_timer(Timer::Wish, delay);
    }
}

impl Station<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<TokenRing>) {
        match event {
            Event::Message { from, message: Message::Ask } => {
                self.why(|me, other| format!("{me} tells {other} that it is there."), from);
                self.send(from, Message::Here);
            }
            Event::Message { from, message: Message::Here } => self.answered(from),
            Event::Message { message: Message::Token(number), .. } => self.take(number),
            Event::Message { message: Message::Claim(claim), .. } => self.claimed(claim),
            Event::Timer(Timer::Wish) | Event::Command(_) => self.wish(),
            Event::Timer(Timer::Done) => self.leave(),
            Event::Timer(Timer::Silence) => self.silent(),
            Event::Timer(Timer::Unanswered) => self.unanswered(),
        }
    }

    fn why(&mut self, text: impl FnOnce(String, String) -> String, other: NodeId) {
        let me = self.context.me();
        self.context.why(|s| text(TokenRing::name(s, me), TokenRing::name(s, other)));
    }

    fn send(&mut self, to: NodeId, message: Message) {
        self.context.count(MESSAGES, 0, 1);
        self.context.send(to, message);
    }

    fn see(&mut self, number: Number) {
        self.disk.seen = number;
        self.context.gauge(EPOCH, self.context.me().0, i64::from(number.epoch));
    }

    fn wish(&mut self) {
        let (me, has_token) = (self.context.me(), self.memory.token.is_some());
        if self.memory.wants.is_some() || self.memory.inside {
            self.why(|me, _| format!("{me} wants in already, or is inside."), me);
            return;
        }
        self.memory.wants = Some(self.context.now());
        if has_token {
            self.why(|me, _| format!("{me} wants in, and has the token."), me);
            self.use_token();
        } else {
            self.why(|me, _| format!("{me} wants in and waits for the token."), me);
        }
    }

    /// The token is here: in, or on.
    fn use_token(&mut self) {
        let (me, token) = (self.context.me(), self.memory.token.unwrap_or_default());
        self.context.cancel_timer(Timer::Silence);
        self.memory.claims = None;
        match self.memory.wants.take() {
            Some(since) => {
                self.stop_passing();
                self.memory.inside = true;
                let waited = self.context.now().saturating_sub(since);
                self.context.observe(WAITED, me.0, waited);
                self.context.count(ENTRIES, me.0, 1);
                self.context.note(Entered { node: me, token });
                let inside = self.context.amount(INSIDE);
                self.why(|me, _| format!("{me} goes in for {}: it has the token.", show(inside)), me);
                self.context.work(Timer::Done, inside);
            }
            None => ask_next(self.memory, Cargo::Token, me, self.context),
        }
    }

    fn stop_passing(&mut self) {
        self.memory.passing = None;
        self.context.cancel_timer(Timer::Unanswered);
    }

    fn take(&mut self, number: Number) {
        let (me, seen) = (self.context.me(), self.disk.seen);
        let newer = number > seen;
        if !newer && self.context.rule(NEWER) {
            self.context.why_rule(NEWER, |s| {
                format!(
                    "{} ignores a token of epoch {}, hand-over {}: it has seen epoch {}, hand-over {}.",
                    TokenRing::name(s, me),
                    number.epoch,
                    number.turn,
                    seen.epoch,
                    seen.turn
                )
            });
            return;
        }
        self.context.why_rule(NEWER, |s| {
            let age = if newer { "newer than any it has seen" } else { "an old one, and it takes it all the same" };
            format!("{} takes the token of epoch {}: {age}.", TokenRing::name(s, me), number.epoch)
        });
        self.see(number);
        self.memory.token = Some(number);
        if !self.memory.inside {
            if self.memory.wants.is_none() && !self.context.has_timer(Timer::Wish) {
                wish_later(self.context);
            }
            self.stop_passing();
            self.use_token();
        }
    }

    fn leave(&mut self) {
        let me = self.context.me();
        self.memory.inside = false;
        self.why(|me, _| format!("{me} is done inside and will hand the token on."), me);
        wish_later(self.context);
        ask_next(self.memory, Cargo::Token, me, self.context);
    }

    /// The neighbour is there: it gets what there is to hand on.
    fn answered(&mut self, from: NodeId) {
        let Some((cargo, _)) = self.memory.passing.filter(|passing| passing.1 == from) else {
            self.why(|me, other| format!("{me} has nothing for {other} any more."), from);
            return;
        };
        self.stop_passing();
        match cargo {
            Cargo::Claim(claim) => {
                self.why(|me, other| format!("{me} hands the call on to {other}."), from);
                self.send(from, Message::Claim(claim));
            }
            Cargo::Token => {
                let mut number = self.memory.token.take().unwrap_or(self.disk.seen);
                number.turn += 1;
                self.see(number);
                self.why(|me, other| format!("{me} hands the token to {other} and no longer has it."), from);
                self.send(from, Message::Token(number));
                self.listen();
            }
        }
    }

    fn listen(&mut self) {
        let silence = silence(self.context);
        self.context.set_timer(Timer::Silence, silence);
    }

    fn unanswered(&mut self) {
        let Some((cargo, to)) = self.memory.passing else {
            let me = self.context.me();
            self.why(|me, _| format!("{me} asks nobody any more."), me);
            return;
        };
        let me = self.context.me();
        if to == me {
            self.why(|me, _| format!("{me} tries again to find somebody else in the ring."), me);
        } else {
            self.why(|me, other| format!("{me} passes over {other}: it did not answer in time and is down."), to);
        }
        match cargo {
            Cargo::Claim(claim) if claim.by == to && to != me => {
                self.why(|_, other| format!("The call was {other}'s own, so it ends here."), to);
                self.memory.passing = None;
            }
            _ => ask_next(self.memory, cargo, to, self.context),
        }
    }

    /// No token for too long.
    fn silent(&mut self) {
        let (me, silence) = (self.context.me(), silence(self.context));
        let (is_new, waits) = (self.disk.seen == Number::default(), self.context.rule(SILENT_ROUND));
        self.listen();
        self.context.why_rule(SILENT_ROUND, |s| {
            let heard = if is_new {
                "has never seen a token".to_owned()
            } else {
                format!("has heard of none for {}", show(silence))
            };
            let does =
                if waits { "it calls for one, and the call goes round the ring first" } else { "it makes one at once" };
            format!("{} {heard}: {does}.", TokenRing::name(s, me))
        });
        if !waits {
            self.make_token(self.disk.seen.epoch);
            return;
        }
        self.disk.calls += 1;
        self.memory.claims = Some(self.disk.calls);
        let claim = Claim { by: me, call: self.disk.calls, epoch: self.disk.seen.epoch };
        ask_next(self.memory, Cargo::Claim(claim), me, self.context);
    }

    fn make_token(&mut self, epoch: u32) {
        let me = self.context.me();
        let number = Number { epoch: epoch + 1, maker: me.0, turn: 0 };
        self.see(number);
        self.stop_passing();
        self.memory.token = Some(number);
        self.use_token();
    }

    /// A call for a new token comes by.
    fn claimed(&mut self, mut claim: Claim) {
        let me = self.context.me();
        claim.epoch = claim.epoch.max(self.disk.seen.epoch);
        let higher = match self.memory.passing {
            Some((Cargo::Claim(other), _)) if other.by > claim.by => Some(other.by),
            _ if self.memory.claims.is_some() && me > claim.by => Some(me),
            _ => None,
        };
        if self.memory.token.is_some() {
            self.context.why_rule(SILENT_ROUND, |s| {
                let (me, by) = (TokenRing::name(s, me), TokenRing::name(s, claim.by));
                format!("{me} stops {by}'s call: the token is not lost, {me} has it.")
            });
        } else if claim.by == me {
            self.came_round(claim);
        } else if let Some(higher) = higher {
            self.context.why(|s| {
                let (by, higher) = (TokenRing::name(s, claim.by), TokenRing::name(s, higher));
                format!("{by}'s call ends here: {higher} calls as well, and is higher.")
            });
        } else {
            self.why(|me, by| format!("{me} has no token: {by}'s call goes on."), claim.by);
            self.memory.claims = None;
            self.listen();
            ask_next(self.memory, Cargo::Claim(claim), me, self.context);
        }
    }

    /// Its own call is back.
    fn came_round(&mut self, claim: Claim) {
        let me = self.context.me();
        if self.memory.claims != Some(claim.call) {
            self.context.why_rule(SILENT_ROUND, |s| {
                format!("{} drops its call: it has withdrawn it, or a token has passed since.", TokenRing::name(s, me))
            });
            return;
        }
        self.context.why_rule(SILENT_ROUND, |s| {
            format!(
                "{}'s call went all the way round and met no token: it is lost. {0} makes one of epoch {}.",
                TokenRing::name(s, me),
                claim.epoch + 1
            )
        });
        self.make_token(claim.epoch);
    }
}
