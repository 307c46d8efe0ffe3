//! What a liar with two stories does in the place of an honest replica.

use super::replica::Replica;
use super::{Digest, Message, Request, TWO_STORIES, primary, request_name};

impl Replica<'_, '_> {
    /// A lying primary waits until it has two requests, and gives them the same number: one to some, the other to
    /// others, and nothing to the rest. It votes for both.
    pub fn tell_two_stories(&mut self) {
        let (view, me, seq) = (self.state.view, self.bit(), self.state.last() + 1);
        let free = |request: &Request| self.state.number_of(*request, me).is_none();
        let waiting: Vec<Request> = self.state.waiting().into_iter().filter(free).collect();
        let &[one, other, ..] = waiting.as_slice() else {
            self.context.why(|_| "A lying primary: it waits for a second request, to tell two stories.".to_owned());
            return;
        };
        self.context.why(|_| {
            format!(
                "A lying primary: it gives number {seq} to {} here and to {} there.",
                request_name(one),
                request_name(other)
            )
        });
        let slot = self.state.log.entry(seq).or_default();
        slot.accepted = Some((view, Some(one)));
        slot.vote(true, view, Some(one), me);
        slot.vote(true, view, Some(other), me);
        for (at, to) in self.others().enumerate() {
            let told = [Some(one), Some(other), None][at % 3].map(Some);
            if let Some(digest) = told {
                self.send(to, Message::PrePrepare { view, seq, digest });
            }
        }
        for digest in [Some(one), Some(other)] {
            self.tell_all(&Message::Commit { view, seq, digest });
        }
    }

    /// A liar with two stories signs whatever it hears of.
    pub fn vote_for_all(&mut self, view: u32, seq: u32, digest: Digest) {
        if !self.lies(TWO_STORIES) {
            return;
        }
        let (me, is_primary) = (self.bit(), primary(self.context.settings(), view) == self.me());
        let slot = self.state.log.entry(seq).or_default();
        let prepares = !is_primary && slot.vote(false, view, digest, me);
        let commits = slot.vote(true, view, digest, me);
        if prepares {
            self.tell_all(&Message::Prepare { view, seq, digest });
        }
        if commits {
            self.tell_all(&Message::Commit { view, seq, digest });
        }
    }
}
