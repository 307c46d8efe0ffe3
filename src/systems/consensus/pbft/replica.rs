//! A replica in the normal case: requests, certificates, execution and checkpoints (sections 4.2 and 4.3). What a liar
//! does instead stands beside what an honest replica does.

use super::state::{Proof, State};
use super::{
    CERTIFICATES, Digest, INTERVAL, LIES, MESSAGES, Memory, Message, Note, Pbft, Request, SILENCE, TIMEOUT, TWO_PHASES,
    TWO_STORIES, Timer, VIEW, WINDOW, WRONG_REPLIES, digest_name, is_liar, primary, quorum, replicas, request_name,
};
use crate::sim::NodeId;
use crate::sim::machine::system::{Context, Event, System};

/// What a handler works on.
pub struct Replica<'a, 'b> {
    pub state: &'a mut State,
    pub memory: &'a mut Memory,
    pub context: &'a mut Context<'b, Pbft>,
}

/// A replica resumes where its disk says.
pub fn boot(state: &State, context: &mut Context<Pbft>) {
    let (me, view, timeout) = (context.me(), state.view, context.amount(TIMEOUT));
    context.gauge(VIEW, me.0, i64::from(view));
    if state.changing || state.service.seq < state.stable.seq {
        context.set_timer(Timer::Repeat, timeout / 2);
    }
    let wanted = state.changes.values().filter(|change| change.view >= view).count();
    if state.changing && wanted >= quorum(context.settings(), context.rule(CERTIFICATES)) {
        context.set_timer(Timer::Await, timeout);
    }
    if !state.changing && !state.pending.is_empty() {
        context.set_timer(Timer::Patience, timeout);
    }
}

impl Replica<'_, '_> {
    pub fn handle(mut self, event: Event<Pbft>) {
        match event {
            Event::Message { from, message } => self.message(from, message),
            Event::Timer(Timer::Patience) => self.lose_patience(),
            Event::Timer(Timer::Await) => self.no_new_view(),
            Event::Timer(_) => self.repeat(),
            Event::Command(_) => self.context.why(|_| "Replicas take no orders but requests.".to_owned()),
        }
    }

    fn message(&mut self, from: NodeId, message: Message) {
        match message {
            Message::Request(request) => self.request(from, request),
            Message::PrePrepare { view, seq, digest } => self.pre_prepare(from, view, seq, digest),
            Message::Prepare { view, seq, digest } => self.vote(from, false, view, seq, digest),
            Message::Commit { view, seq, digest } => self.vote(from, true, view, seq, digest),
            Message::Checkpoint(checkpoint) => self.checkpoint(from, checkpoint),
            Message::ViewChange(change) => self.view_change(from, change),
            Message::NewView(new) => self.new_view(from, new),
            Message::Fetch => self.fetched(from),
            Message::State { service, stable } => self.take_state(from, &service, stable),
            Message::Reply { .. } => self.context.why(|_| "Replies are for clients.".to_owned()),
        }
    }

    pub fn me(&self) -> NodeId {
        self.context.me()
    }

    /// Its own signature.
    pub fn bit(&self) -> u64 {
        1 << self.me().0
    }

    pub fn lies(&self, how: u64) -> bool {
        is_liar(self.context.settings(), self.me()) && self.context.amount(LIES) == how
    }

    pub fn quorum(&self) -> usize {
        quorum(self.context.settings(), self.context.rule(CERTIFICATES))
    }

    pub fn is_certificate(&self, by: u64) -> bool {
        by.count_ones() as usize >= self.quorum()
    }

    pub fn primary(&self) -> NodeId {
        primary(self.context.settings(), self.state.view)
    }

    pub fn leads(&self) -> bool {
        self.primary() == self.me() && !self.state.changing
    }

    pub fn others(&self) -> impl Iterator<Item = NodeId> + use<> {
        let me = self.me();
        (0..replicas(self.context.settings())).map(NodeId::from).filter(move |node| *node != me)
    }

    pub fn send(&mut self, to: NodeId, message: Message) {
        if to == self.me() || self.lies(SILENCE) {
            return;
        }
        self.context.count(MESSAGES, 0, 1);
        self.context.send(to, message);
    }

    pub fn tell_all(&mut self, message: &Message) {
        self.others().for_each(|to| self.send(to, message.clone()));
    }

    /// Arms the timer for the requests that wait, or disarms it (section 4.4: a backup's timer runs while it waits for
    /// a request). Here the primary's does as well: it may be the one that is stuck.
    pub fn watch(&mut self, anew: bool) {
        let waits = !self.state.pending.is_empty() && !self.state.changing;
        if !waits {
            self.context.cancel_timer(Timer::Patience);
        } else if anew || !self.context.has_timer(Timer::Patience) {
            let patience = self.patience();
            self.context.set_timer(Timer::Patience, patience);
        }
    }

    /// How long it waits: twice as long after each view change that led nowhere, up to eight times.
    pub fn patience(&self) -> u64 {
        self.context.amount(TIMEOUT) << self.memory.tries.min(3)
    }

    /// A client's request, or one that a backup passes on.
    fn request(&mut self, from: NodeId, request: Request) {
        let name = request_name(request);
        let is_known = self.state.pending.get(&request.client) == Some(&request.t);
        if self.state.service.has(request) {
            self.context.why(|_| format!("{name} was executed: it replies again, and repeats what it signed."));
            self.reply(request.client);
            self.say_again(request);
            return;
        }
        if self.state.pending.get(&request.client).is_some_and(|t| *t > request.t) {
            self.context.why(|_| format!("{name} is older than the client's latest request."));
            return;
        }
        self.state.pending.insert(request.client, request.t);
        if self.lies(WRONG_REPLIES) {
            self.reply(request.client);
        }
        let (primary, view, changing) = (self.primary(), self.state.view, self.state.changing);
        let is_from_client = from.index() >= replicas(self.context.settings());
        match (changing, self.leads()) {
            (true, _) => self.context.why(|_| format!("{name} must wait: this replica is on its way to view {view}.")),
            (_, true) if self.state.number_of(request, self.bit()).is_none() => self.propose(),
            (_, true) => self.context.why(|_| format!("{name} has its number already.")),
            _ => self
                .context
                .why(|s| format!("{name} is for {} to order; it waits to see it executed.", Pbft::name(s, primary))),
        }
        if is_from_client && !changing && !self.leads() {
            self.send(primary, Message::Request(request));
        }
        if is_known && is_from_client {
            self.say_again(request);
        }
        self.watch(false);
    }

    /// Says again what it signed for a request, for those who may have missed it.
    fn say_again(&mut self, request: Request) {
        let (view, me) = (self.state.view, self.bit());
        let digest = Some(request);
        let found = self.state.log.iter().find(|(_, slot)| slot.accepted == Some((view, digest)));
        if let Some((&seq, slot)) = found.filter(|_| !self.state.changing) {
            let signed = [false, true].map(|commit| slot.by(commit, view, digest) & me != 0);
            if self.leads() {
                self.tell_all(&Message::PrePrepare { view, seq, digest });
            } else if signed[0] {
                self.tell_all(&Message::Prepare { view, seq, digest });
            }
            if signed[1] {
                self.tell_all(&Message::Commit { view, seq, digest });
            }
        }
        if let Some(newest) = self.state.checkpoints.last().copied().filter(|newest| newest.by & me != 0) {
            self.tell_all(&Message::Checkpoint(newest));
        } else if self.state.stable.seq > 0 {
            self.tell_all(&Message::Checkpoint(self.state.stable));
        }
    }

    /// The primary gives every waiting request a number.
    pub fn propose(&mut self) {
        if self.lies(TWO_STORIES) {
            self.tell_two_stories();
            return;
        }
        let (view, me) = (self.state.view, self.bit());
        for request in self.state.waiting() {
            let seq = self.state.last() + 1;
            if self.state.number_of(request, me).is_some() {
                continue;
            }
            if seq > self.state.stable.seq + WINDOW {
                self.context.why(|_| {
                    format!("{} waits: no number is free until a checkpoint is stable.", request_name(request))
                });
                continue;
            }
            self.context.why(|s| {
                let me = Pbft::name(s, primary(s, view));
                format!("{me} is the primary of view {view}: it gives {} number {seq}.", request_name(request))
            });
            let digest = Some(request);
            self.state.log.entry(seq).or_default().accepted = Some((view, digest));
            self.tell_all(&Message::PrePrepare { view, seq, digest });
            self.progress(seq);
        }
    }

    /// A backup accepts one pre-prepare a number and view, and says so (section 4.2).
    fn pre_prepare(&mut self, from: NodeId, view: u32, seq: u32, digest: Digest) {
        let (mine, stable) = (self.state.view, self.state.stable.seq);
        if from != primary(self.context.settings(), view) || seq <= stable || seq > stable + WINDOW {
            self.context.why(|s| {
                let (from, first, last) = (Pbft::name(s, from), stable + 1, stable + WINDOW);
                format!("{from} may not give number {seq} in view {view}, or it is outside {first} to {last}.")
            });
            return;
        }
        if view > mine || (view == mine && self.state.changing) {
            self.context.why(|_| format!("A pre-prepare of view {view}, which it has not entered: it keeps it."));
            self.state.log.entry(seq).or_default().early = Some((view, digest));
            return;
        }
        let known = self.state.log.get(&seq).and_then(|slot| slot.accepted).filter(|known| known.0 == view);
        if view < mine || known.is_some() {
            self.context.why(|_| match known {
                Some((_, other)) if other != digest => {
                    format!("It has {} as number {seq} of view {view} and takes no other.", digest_name(other))
                }
                _ => format!("It takes no more pre-prepares for number {seq} of view {view}."),
            });
            self.vote_for_all(view, seq, digest);
            return;
        }
        self.context.why(|_| {
            format!("It accepts {} as number {seq} of view {view} and tells all: prepare.", digest_name(digest))
        });
        self.accept(view, seq, digest);
    }

    /// Files a pre-prepare of its view and multicasts a prepare.
    pub fn accept(&mut self, view: u32, seq: u32, digest: Digest) {
        let (me, is_primary) = (self.bit(), self.primary() == self.me());
        if let Some(request) = digest.filter(|request| !self.state.service.has(*request)) {
            let t = self.state.pending.entry(request.client).or_default();
            *t = request.t.max(*t);
        }
        let slot = self.state.log.entry(seq).or_default();
        slot.accepted = Some((view, digest));
        slot.early = None;
        if !is_primary {
            slot.vote(false, view, digest, me);
            self.tell_all(&Message::Prepare { view, seq, digest });
        }
        self.vote_for_all(view, seq, digest);
        self.watch(false);
        self.progress(seq);
    }

    /// A prepare or a commit.
    fn vote(&mut self, from: NodeId, commit: bool, view: u32, seq: u32, digest: Digest) {
        let (stable, what) = (self.state.stable.seq, if commit { "commit" } else { "prepare" });
        let is_primary = !commit && from == primary(self.context.settings(), view);
        if seq <= stable || seq > stable + WINDOW || view < self.state.view || is_primary {
            self.context
                .why(|_| format!("A {what} for number {seq} of view {view} counts no more, or does not count."));
            return;
        }
        let is_new = self.state.log.entry(seq).or_default().vote(commit, view, digest, 1 << from.0);
        let by = self.state.log.get(&seq).map_or(0, |slot| slot.by(commit, view, digest));
        let (count, name) = (by.count_ones(), digest_name(digest));
        self.context.why(|s| match is_new {
            true => {
                let have = if count == 1 { "1 has so far".to_owned() } else { format!("{count} have") };
                format!("{} signs {what} for {name} as number {seq} of view {view}: {have}.", Pbft::name(s, from))
            }
            false => format!("It has this {what} for number {seq} already."),
        });
        self.vote_for_all(view, seq, digest);
        self.progress(seq);
    }

    /// Prepared? Committed? Then on to executing.
    pub fn progress(&mut self, seq: u32) {
        let (view, me, primary) = (self.state.view, self.bit(), 1 << self.primary().0);
        let needed = self.quorum();
        let Some(slot) = self.state.log.get_mut(&seq) else { return };
        let Some((_, digest)) = slot.accepted.filter(|known| known.0 == view) else { return };
        if self.state.changing {
            return;
        }
        let by = slot.by(false, view, digest) | primary;
        let was_prepared = slot.prepared.is_some_and(|proof| proof.view == view);
        let is_prepared = by.count_ones() as usize >= needed;
        if is_prepared {
            slot.prepared = Some(Proof { seq, view, digest, by });
        }
        if is_prepared && !was_prepared {
            self.prepared(view, seq, digest, by);
        }
        let Some(slot) = self.state.log.get_mut(&seq) else { return };
        let by = slot.by(true, view, digest) | if is_prepared { me } else { 0 };
        if is_prepared && slot.decided.is_none() && by.count_ones() as usize >= needed {
            slot.decided = Some(digest);
            self.context.why_rule(CERTIFICATES, |_| {
                format!("{} have signed commit: {} is number {seq} for good.", by.count_ones(), digest_name(digest))
            });
        }
        self.execute();
    }

    fn prepared(&mut self, view: u32, seq: u32, digest: Digest, by: u64) {
        let (me, name) = (self.bit(), digest_name(digest));
        if self.context.rule(TWO_PHASES) {
            self.context.why_rule(CERTIFICATES, |_| {
                format!(
                    "{} have signed {name} as number {seq} of view {view}. It is prepared, and the replica says so: commit.",
                    by.count_ones()
                )
            });
            if let Some(slot) = self.state.log.get_mut(&seq) {
                slot.vote(true, view, digest, me);
            }
            self.tell_all(&Message::Commit { view, seq, digest });
            return;
        }
        self.context.why_rule(TWO_PHASES, |_| {
            format!("{name} is prepared as number {seq}, and it does not ask who else knows that: it executes it.")
        });
        if let Some(slot) = self.state.log.get_mut(&seq) {
            slot.decided = slot.decided.or(Some(digest));
        }
    }

    /// Executes all that is committed, in order, and replies.
    pub fn execute(&mut self) {
        let before = self.state.service.seq;
        while let Some(digest) = self.state.log.get(&(self.state.service.seq + 1)).and_then(|slot| slot.decided) {
            let (node, seq) = (self.me(), self.state.service.seq + 1);
            self.state.service.execute(digest);
            if !is_liar(self.context.settings(), node) {
                self.context.note(Note::Executed { node, seq, digest });
            }
            if let Some(request) = digest {
                self.reply(request.client);
            }
            self.forget_executed();
            if seq.is_multiple_of(INTERVAL) {
                self.take_checkpoint();
            }
        }
        if self.state.service.seq > before {
            self.memory.tries = 0;
            self.watch(true);
            if self.leads() {
                self.propose_if_any();
            }
        }
    }

    pub fn propose_if_any(&mut self) {
        let me = self.bit();
        if self.state.waiting().into_iter().any(|request| self.state.number_of(request, me).is_none()) {
            self.propose();
        }
    }

    pub fn forget_executed(&mut self) {
        let State { pending, service, .. } = &mut *self.state;
        pending.retain(|client, t| !service.has(Request { client: *client, t: *t }));
    }

    /// Tells a client its last result. One liar tells a wrong one.
    fn reply(&mut self, client: u8) {
        let wrong = self.lies(WRONG_REPLIES);
        let waits = self.state.pending.get(&client).copied().filter(|_| wrong);
        let known = self.state.service.last.get(&client).copied();
        let Some((t, result)) = waits.map(|t| (t, 0)).or(known) else { return };
        let to = NodeId::from(replicas(self.context.settings()) + usize::from(client));
        let result = if wrong { result + 99 } else { result };
        self.send(to, Message::Reply { view: self.state.view, t, result });
    }
}
