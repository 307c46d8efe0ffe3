//! Checkpoints and garbage collection (section 4.3), and taking over the state of one.

use std::rc::Rc;

use super::replica::Replica;
use super::state::{Service, Stable};
use super::{CERTIFICATES, LATENCY, Message, Pbft, TIMEOUT, Timer};
use crate::sim::NodeId;
use crate::sim::kernel::hash::stable;
use crate::sim::machine::system::System;
use crate::sim::numbers::counted;
use crate::sim::small;

impl Replica<'_, '_> {
    /// Saves the state and signs for it (section 4.3).
    pub fn take_checkpoint(&mut self) {
        let service = Rc::new(self.state.service.clone());
        let (seq, digest, by) = (service.seq, stable(&*service), self.bit());
        self.state.saved.push(service);
        self.sign_for(Stable { seq, digest, by });
        let own = self.state.checkpoints.iter().find(|known| known.seq == seq && known.digest == digest).copied();
        // The others' signatures go with it: a certificate may be shown to anybody.
        let checkpoint = own.unwrap_or(self.state.stable);
        self.tell_all(&Message::Checkpoint(checkpoint));
    }

    pub fn checkpoint(&mut self, from: NodeId, checkpoint: Stable) {
        let Stable { seq, by, .. } = checkpoint;
        if seq <= self.state.stable.seq {
            self.context.why(|s| format!("{}'s checkpoint at {seq} is no news.", Pbft::name(s, from)));
            return;
        }
        self.context
            .why(|_| format!("The state after number {seq} now has {}.", counted(by.count_ones().into(), "signature")));
        self.sign_for(checkpoint);
    }

    /// Adds signatures to a checkpoint. With a certificate it is stable, and the log up to it can go.
    pub fn sign_for(&mut self, checkpoint: Stable) {
        let Stable { seq, digest, by } = checkpoint;
        if seq <= self.state.stable.seq {
            return;
        }
        let checkpoints = &mut self.state.checkpoints;
        let same = |known: &&mut Stable| known.seq == seq && known.digest == digest;
        let all = match checkpoints.iter_mut().find(same) {
            Some(known) => {
                known.by |= by;
                *known
            }
            None => {
                checkpoints.push(checkpoint);
                small::sort_by_key(checkpoints, |known| (known.seq, known.digest));
                checkpoint
            }
        };
        if !self.is_certificate(all.by) {
            return;
        }
        self.context.why_rule(CERTIFICATES, |_| {
            format!("{} have signed the state after number {seq}: the log up to there can go.", all.by.count_ones())
        });
        self.state.stable = all;
        self.state.log.retain(|at, _| *at > seq);
        self.state.saved.retain(|saved| saved.seq >= seq);
        self.state.checkpoints.retain(|known| known.seq > seq);
        if self.state.service.seq < seq {
            self.fetch();
        } else if self.leads() {
            self.propose_if_any();
        }
    }

    /// Asks for the state that it lacks.
    pub fn fetch(&mut self) {
        let (seq, by) = (self.state.stable.seq, self.state.stable.by);
        self.context.why(|_| format!("It lacks the state after number {seq} and asks those who signed for it."));
        let signers: Vec<NodeId> = self.others().filter(|other| by >> other.0 & 1 == 1).collect();
        signers.into_iter().for_each(|to| self.send(to, Message::Fetch));
        let again = self.context.amount(TIMEOUT) / 2;
        self.context.set_timer(Timer::Repeat, again.max(4 * self.context.amount(LATENCY)));
    }

    pub fn fetched(&mut self, from: NodeId) {
        let stable = self.state.stable;
        let Some(service) = self.state.saved.iter().find(|saved| saved.seq == stable.seq).cloned() else {
            self.context.why(|_| "It has no stable checkpoint to give.".to_owned());
            return;
        };
        self.context.why(|s| format!("It sends {} the state after number {}.", Pbft::name(s, from), stable.seq));
        self.send(from, Message::State { service, stable });
    }

    /// Takes over a state that enough have signed for.
    pub fn take_state(&mut self, from: NodeId, service: &Rc<Service>, checkpoint: Stable) {
        let is_signed = stable(&**service) == checkpoint.digest && self.is_certificate(checkpoint.by);
        if !is_signed || service.seq <= self.state.service.seq {
            self.context.why(|_| "This state is not signed for, or no news.".to_owned());
            return;
        }
        self.context.why(|s| {
            format!(
                "It takes over the state after number {} from {}: enough have signed for it.",
                service.seq,
                Pbft::name(s, from)
            )
        });
        self.state.service = (**service).clone();
        self.state.took_over = service.seq;
        self.state.saved.push(Rc::clone(service));
        self.sign_for(checkpoint);
        self.forget_executed();
        self.execute();
        self.watch(true);
    }
}
