//! A server of R3: Raft's own handler inside of this one's, and stream and consumer as its state machine.
//! The leader writes what clients ask for into the log, and acts on an entry once it is committed: it confirms a task,
//! hands a message out, acknowledges an acknowledgement. It does so for entries of its own term alone; what an earlier
//! leader wrote is applied in silence, and clients ask again. nats-server, `server/jetstream_cluster.go`
//! (processClusteredInboundMsg, applyStreamEntries) and `server/consumer.go` (replicateDeliveries,
//! processReplicatedAck).

use std::rc::Rc;

use super::cluster::{self, raft_settings};
use super::consumer::{Delivery, Next};
use super::op::{Op, Outcome};
use super::server::{ask, asked_words, publisher_hears, say_what_was_torn};
use super::stream::{PubAck, Task};
use super::words::ack_word;
use super::{
    ACK_PENDING, ACK_RETRY, AckKind, DEDUP, Disk, JetStream, Memory, Message, Note, PUBLISHER, READY, REDELIVER,
    REDELIVERED, SYNC, SYNC_INTERVAL, Store, Timer, consumer_config, stream_config,
};
use crate::sim::NodeId;
use crate::sim::declare::rules::RuleSet;
use crate::sim::kernel::time::Time;
use crate::sim::machine::system::{Context, Event, System};
use crate::sim::machine::world::{Done, Place, inside};
use crate::sim::numbers::counted;
use crate::systems::consensus::raft::{self, Raft, Words};

/// What a server of R3 loses in a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Replica {
    /// What Raft has written, synced or not.
    pub written: raft::Disk,
    /// What Raft itself loses.
    pub raft: raft::Memory,
    /// The state that the snapshot of `written` stands for.
    pub base: Rc<Store>,
    /// The state after all that is committed, as far as the server knows.
    pub store: Rc<Store>,
    /// Questions for a message, oldest first, and when they end. Only the leader is asked.
    pub waiting: Vec<(NodeId, u32, Time)>,
}

pub(super) struct Server<'a, 'b> {
    pub disk: &'a mut Disk,
    pub own: &'a mut Replica,
    pub context: &'a mut Context<'b, JetStream>,
}

/// What Raft is to do.
enum Ask {
    Handle(Event<Raft>),
    Propose(Words),
}

/// Where Raft lives: this server's number in the group is its number among the servers.
fn place(context: &Context<JetStream>) -> Place<JetStream, Raft> {
    let me = context.me();
    let number = cluster::number(context.settings(), me).unwrap_or(0) as u16;
    Place {
        first: NodeId(me.0.saturating_sub(number)),
        settings: Rc::new(raft_settings()),
        rules: RuleSet::ALL,
        outer: Timer::Raft,
        inner: |timer| match timer {
            Timer::Raft(timer) => Some(timer),
            _ => None,
        },
    }
}

/// A server that restarts has what was written, or after a power cut what was synced: the state of the snapshot, and the entries after it, which it applies as
/// soon as it hears that they are committed.
pub(super) fn boot(disk: &Disk, context: &mut Context<JetStream>) -> Memory {
    say_what_was_torn(disk, context);
    let written = disk.raft().cloned().unwrap_or_default();
    let place = place(context);
    let (raft, _) = inside(context, &place, |context| Raft::boot(&written, context));
    let every = context.amount(SYNC_INTERVAL);
    context.set_timer(Timer::Sync, every);
    let (base, store) = (Rc::clone(disk.store()), Rc::clone(disk.store()));
    Memory::Replica(Box::new(Replica { written, raft, base, store, waiting: Vec::new() }))
}

impl Server<'_, '_> {
    fn name(&self, node: NodeId) -> String {
        JetStream::name(self.context.settings(), node)
    }

    pub(super) fn handle(&mut self, event: Event<JetStream>) {
        match event {
            Event::Message { from, message: Message::Raft { said, state } } => self.raft_said(from, said, state),
            Event::Message { message: Message::Routed { origin, request }, .. } if self.own.raft.leads() => {
                self.asked(origin, &request);
            }
            Event::Message { message: Message::Routed { origin, .. }, .. } => {
                let name = self.name(origin);
                self.context
                    .why(|_| format!("{name}'s request was passed on to a server that does not lead any more."));
            }
            Event::Message { from, message } if self.own.raft.leads() => self.asked(from, &message),
            Event::Message { from, message } => self.route(from, message),
            Event::Timer(Timer::Raft(timer)) => {
                self.raft(Ask::Handle(Event::Timer(timer)), None);
            }
            Event::Timer(Timer::AckWait(seq)) => self.waited(seq),
            Event::Timer(Timer::Sync) => self.sync(),
            _ => self.context.pass_over(),
        }
        self.deliver();
        self.keep_clocks();
        let synced = self.context.rule(SYNC);
        self.disk.write(&self.own.base, Some(&self.own.written), synced);
        if self.own.raft.leads() {
            let (ready, pending) = (self.own.store.ready(), self.own.store.consumer.pending().len());
            self.context.gauge(READY, 0, ready as i64);
            self.context.gauge(ACK_PENDING, 0, pending as i64);
        }
    }

    fn sync(&mut self) {
        let every = self.context.amount(SYNC_INTERVAL);
        self.context.set_timer(Timer::Sync, every);
        self.disk.write(&self.own.base, Some(&self.own.written), true);
        self.context.why_rule(SYNC, |_| "The server syncs: what it has written is on disk now.".to_owned());
    }

    fn raft_said(&mut self, from: NodeId, said: raft::Message, state: Option<Rc<Store>>) {
        let Some(number) = cluster::number(self.context.settings(), from) else { return };
        let from = NodeId::from(number);
        if let raft::Message::AppendReply { term, ok: false, index, .. } = said
            && term == self.own.written.term
        {
            self.own.raft.believe(from, index);
        }
        self.raft(Ask::Handle(Event::Message { from, message: said }), state);
    }

    /// Lets Raft do something, and does what comes of it. `brought`: the state that came with a snapshot.
    fn raft(&mut self, what: Ask, brought: Option<Rc<Store>>) -> Option<u32> {
        let place = place(self.context);
        let Replica { written, raft, .. } = &mut *self.own;
        let (index, done) = inside(self.context, &place, |context| match what {
            Ask::Handle(event) => {
                Raft::handle(written, raft, event, context);
                None
            }
            Ask::Propose(words) => raft::propose(written, raft, words, context),
        });
        self.repeat(done, brought);
        index
    }

    fn repeat(&mut self, done: Done<Raft>, brought: Option<Rc<Store>>) {
        for note in done.notes {
            match (note, &brought) {
                (raft::Note::Applied { entry, .. }, _) => self.applied(entry),
                (raft::Note::Restored { .. }, Some(state)) => {
                    (self.own.base, self.own.store) = (Rc::clone(state), Rc::clone(state));
                }
                (raft::Note::Restored { .. }, None) => self.own.base = Rc::clone(&self.own.store),
                _ => {}
            }
        }
        for (to, said) in done.sent {
            let to = cluster::server(self.context.settings(), to.index());
            let state = match &said {
                raft::Message::InstallSnapshot { snapshot, .. }
                    if snapshot.last_index != self.own.written.log.base() =>
                {
                    continue;
                }
                raft::Message::InstallSnapshot { .. } => Some(Rc::clone(&self.own.base)),
                _ => None,
            };
            self.context.send(to, Message::Raft { said, state });
        }
    }

    /// Writes an operation into the log. False when there is no room.
    fn propose(&mut self, op: Op) -> bool {
        self.raft(Ask::Propose(op.words()), None).is_some()
    }

    /// A server that does not lead passes a request on to the one that does.
    fn route(&mut self, origin: NodeId, request: Message) {
        let (name, me) = (self.name(origin), self.name(self.context.me()));
        let leader = self.own.raft.leader.map(|leader| cluster::server(self.context.settings(), leader.index()));
        let Some(leader) = leader.filter(|leader| *leader != self.context.me()) else {
            return self
                .context
                .why(|_| format!("{me} knows of no leader: {name} gets no answer, and will ask again."));
        };
        let to = self.name(leader);
        self.context.why(|_| format!("{me} does not lead: it passes {name}'s request on to {to}."));
        self.context.send(leader, Message::Routed { origin, request: Rc::new(request) });
    }

    /// A client asks the leader.
    fn asked(&mut self, from: NodeId, request: &Message) {
        let now = self.context.now();
        let op = match *request {
            // As nats-server: an id that is on its way into the stream is in the window already, without a sequence.
            Message::Publish { task } if self.context.rule(DEDUP) && self.is_open(task.id) => {
                let id = task.id;
                return self
                    .context
                    .why_rule(DEDUP, |_| format!("Task {id} is in the log but not committed: the copy is ignored."));
            }
            Message::Publish { task } => {
                let window = stream_config(self.context.settings()).duplicates;
                Op::Store { task, dedup: self.context.rule(DEDUP), window, now }
            }
            Message::Ack { seq, kind, reply } => Op::Answer { from, seq, kind, reply, now },
            Message::Pull { request } => {
                let name = self.name(from);
                let asked = ask(&mut self.own.waiting, from, request, now);
                return self.context.why(|_| asked_words(asked, &name));
            }
            _ => return self.context.pass_over(),
        };
        let (name, me) = (self.name(from), self.name(self.context.me()));
        let is_written = self.propose(op);
        self.context.why(|_| match op {
            _ if !is_written => {
                format!("{me}'s log is full: nothing was committed for long. {name} gets no answer.")
            }
            Op::Answer { seq, kind, .. } => {
                format!("{name}'s {} of message {seq} counts when two of the three have the entry.", ack_word(kind))
            }
            _ => format!("{name}'s task will be confirmed when two of the three servers have the entry."),
        });
    }

    /// An entry is committed: every server applies it, and its writer acts on it.
    fn applied(&mut self, entry: raft::Entry) {
        let raft::Payload::Hosted(words) = entry.payload else { return };
        let (op, mine) = (Op::read(words), self.own.raft.leads() && entry.term == self.own.written.term);
        let outcome = Rc::make_mut(&mut self.own.store).apply(op, self.context.settings());
        match (op, outcome) {
            (Op::Store { task, .. }, Outcome::Stored(ack)) => self.stored(task, ack, mine),
            (Op::Hand { to, .. }, Outcome::Handed(next)) => self.handed(to, next, mine),
            (Op::Answer { from, seq, kind, reply, .. }, Outcome::Settled(tasks)) => {
                tasks.iter().for_each(|task| self.context.note(Note::Gone { id: task.0, parked: false }));
                self.context.cancel_timer(Timer::AckWait(seq));
                self.answered(from, seq, kind, reply && mine);
            }
            (Op::Expire { seq, .. }, Outcome::Queued(true)) => {
                self.context.cancel_timer(Timer::AckWait(seq));
                self.context.why_rule(REDELIVER, |_| {
                    format!("Message {seq} was not acknowledged within its ack wait: it will be delivered again.")
                });
            }
            _ => {}
        }
    }

    fn stored(&mut self, task: Task, ack: PubAck, mine: bool) {
        let id = task.id;
        if let PubAck::Stored { seq } = ack {
            self.context.note(Note::Stored { id, seq });
        }
        if !mine {
            return;
        }
        publisher_hears(self.context, id, ack, "two of the three servers have it");
    }

    fn handed(&mut self, to: NodeId, next: Next, mine: bool) {
        match next {
            Next::Deliver(Delivery { seq, delivery, .. }) => {
                self.context.note(Note::Handed { delivery, seq, to });
                self.context.cancel_timer(Timer::AckWait(seq));
            }
            Next::GaveUp { seq, .. } => {
                if let Some(stored) = self.own.store.stream.get(seq) {
                    self.context.note(Note::Gone { id: stored.task.id, parked: true });
                }
                self.context.cancel_timer(Timer::AckWait(seq));
            }
            Next::TooManyPending | Next::Nothing => {}
        }
        match next {
            Next::Deliver(delivery) if mine => self.hand(to, delivery),
            Next::GaveUp { seq, times } if mine => {
                self.context.why(|_| {
                    let times = counted(u64::from(times), "time");
                    format!("Message {seq} was delivered {times}, the most allowed: an advisory says so.")
                });
                self.context.send(PUBLISHER, Message::Advisory { seq, times });
            }
            _ => {}
        }
    }

    /// Sends a message to a worker: a quorum knows that it has it.
    fn hand(&mut self, to: NodeId, delivery: Delivery) {
        let Delivery { seq, times, .. } = delivery;
        let Some(task) = self.own.store.stream.get(seq).map(|stored| stored.task) else { return };
        let name = self.name(to);
        self.own.waiting.retain(|waiting| waiting.0 != to);
        self.context.why(|_| match times {
            1 => format!("Two of the three know that message {seq} is {name}'s: it goes there, and its ack wait runs."),
            _ => format!("Two of the three know that message {seq} is {name}'s now: it goes there, delivery {times}."),
        });
        self.context.count(REDELIVERED, 0, u64::from(times > 1));
        self.context.send(to, Message::Deliver { delivery, task });
    }

    fn answered(&mut self, from: NodeId, seq: u32, kind: AckKind, reply: bool) {
        if !reply {
            return;
        }
        let name = self.name(from);
        self.context
            .why(|_| format!("Two of the three have {name}'s {} of message {seq}: it is confirmed.", ack_word(kind)));
        self.context.send(from, Message::AckAck { seq });
    }

    /// A message's ack wait is over, by the leader's clock.
    fn waited(&mut self, seq: u32) {
        let consumer = &self.own.store.consumer;
        let times = consumer.times(seq);
        let waits = consumer.pending().iter().any(|pending| pending.seq == seq) && !consumer.again().contains(&seq);
        if !waits || !self.own.raft.leads() {
            return self
                .context
                .why(|_| format!("Message {seq} was acknowledged before, or is another server's business."));
        }
        if !self.context.rule(REDELIVER) {
            let wait = consumer_config(self.context.settings()).wait(times);
            self.context.set_timer(Timer::AckWait(seq), wait);
            return self.context.why_rule(REDELIVER, |_| {
                format!("Message {seq} was not acknowledged in time, and the server does nothing about it.")
            });
        }
        self.context.set_timer(Timer::AckWait(seq), ACK_RETRY);
        self.propose(Op::Expire { seq, times });
        self.context.why_rule(REDELIVER, |_| format!("The ack wait of message {seq} is over: that goes into the log."));
    }

    /// Writes hand-outs for those who asked, as many as there is something for.
    fn deliver(&mut self) {
        let now = self.context.now();
        if !self.own.raft.leads() {
            return self.own.waiting.clear();
        }
        self.own.waiting.retain(|waiting| now <= waiting.2);
        if self.own.waiting.is_empty() || !self.own.raft.leads_and_knows() {
            return;
        }
        let config = consumer_config(self.context.settings());
        let Store { consumer, .. } = &*self.own.store;
        let room = (config.max_ack_pending as usize).saturating_sub(consumer.pending().len());
        let most = consumer.again().len() + self.own.store.fresh().min(room);
        let mut under_way = self.under_way();
        let asking: Vec<NodeId> = self.own.waiting.iter().map(|waiting| waiting.0).collect();
        for to in asking {
            if under_way.len() >= most {
                break;
            }
            if under_way.contains(&to) {
                continue;
            }
            let (max_deliver, max_ack_pending) = (config.max_deliver.unwrap_or(0), config.max_ack_pending);
            if !self.propose(Op::Hand { to, max_deliver, max_ack_pending, now }) {
                break;
            }
            under_way.push(to);
        }
    }

    /// What the log says and is not committed.
    fn open(&self) -> impl Iterator<Item = Op> + use<> {
        let open = self.own.written.log.from(self.own.raft.commit + 1);
        open.into_iter().filter_map(|entry| match entry.payload {
            raft::Payload::Hosted(words) => Some(Op::read(words)),
            _ => None,
        })
    }

    /// To whom something is being handed out.
    fn under_way(&self) -> Vec<NodeId> {
        let hand = |op| match op {
            Op::Hand { to, .. } => Some(to),
            _ => None,
        };
        self.open().filter_map(hand).collect()
    }

    /// Whether a task is in the log and not committed.
    fn is_open(&self, id: u32) -> bool {
        self.open().any(|op| matches!(op, Op::Store { task, .. } if task.id == id))
    }

    /// The leader has a clock running for every message that waits for its acknowledgement; nobody else does.
    fn keep_clocks(&mut self) {
        let (config, now) = (consumer_config(self.context.settings()), self.context.now());
        let (leads, store) = (self.own.raft.leads_and_knows(), Rc::clone(&self.own.store));
        let consumer = &store.consumer;
        for pending in consumer.pending() {
            let timer = Timer::AckWait(pending.seq);
            if !leads || consumer.again().contains(&pending.seq) {
                self.context.cancel_timer(timer);
            } else if !self.context.has_timer(timer) {
                let wait = pending.delay.unwrap_or_else(|| config.wait(consumer.times(pending.seq)));
                self.context.set_timer(timer, pending.since.saturating_add(wait).saturating_sub(now));
            }
        }
    }
}
