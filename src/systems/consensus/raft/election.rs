//! Elections: section 5.2 of the paper, and pre-votes (dissertation, section 9.6).

use super::config::Config;
use super::{
    APPEND_ONLY, ELECTIONS, Leadership, Message, NO_OP, Note, ONE_VOTE, PRE_VOTE, Payload, RANDOM_TIMEOUT, Raft, Role,
    Server, TIMEOUT, Term, Timer, UP_TO_DATE, VOTE_ON_DISK,
};
use crate::sim::NodeId;
use crate::sim::kernel::time::{self, Micros};
use crate::sim::machine::system::System;

impl Server<'_, '_> {
    /// No leader was heard in time.
    pub(super) fn election_timeout_elapsed(&mut self) {
        let (me, config) = (self.context.me(), self.config());
        if matches!(self.memory.role, Role::Leader(_)) {
            self.context.why(|s| format!("{} leads; it has nobody to wait for.", Raft::name(s, me)));
        } else if !config.has(me) && !self.may_be_needed() {
            self.context.why(|s| format!("{} is no member of {config}: it does not stand.", Raft::name(s, me)));
            self.await_leader();
        } else if self.context.settings().is_on(PRE_VOTE) {
            self.ask_before();
        } else {
            self.stand();
        }
    }

    /// Whether it has a vote by what it knows to be committed, and the members that leave it out may not be: then nobody
    /// else may be able to win, and it stands although its own vote does not count (dissertation, section 4.2.2).
    fn may_be_needed(&self) -> bool {
        let (log, commit) = (&self.disk.log, self.memory.commit);
        let committed = || log.config_at(commit).unwrap_or_else(|| Config::first(self.context.settings()));
        commit < log.last_config_index() && committed().has(self.context.me())
    }

    /// Asks whether it could win, without raising its term.
    fn ask_before(&mut self) {
        let (me, term) = (self.context.me(), self.disk.term);
        self.context.why(|s| {
            format!(
                "{} has heard no leader. Before it raises term {term}, it asks who would vote for it.",
                Raft::name(s, me)
            )
        });
        self.memory.role = Role::PreCandidate { votes: 1 << me.0 };
        self.memory.leader = None;
        self.await_leader();
        self.canvass(term + 1, true);
        self.count_votes();
    }

    /// Stands for election in the next term.
    fn stand(&mut self) {
        let me = self.context.me();
        self.disk.term = self.disk.term.saturating_add(1);
        let term = self.disk.term;
        self.context.why_rule(RANDOM_TIMEOUT, |s| {
            format!(
                "{} has heard no leader in time. It stands for election in term {term} and votes for itself.",
                Raft::name(s, me)
            )
        });
        self.memory.role = Role::Candidate { votes: 1 << me.0 };
        self.memory.leader = None;
        self.save_vote(me);
        self.context.count(ELECTIONS, me.0, 1);
        self.context.gauge(super::TERM, me.0, i64::from(term));
        self.await_leader();
        self.canvass(term, false);
        self.count_votes();
    }

    fn canvass(&mut self, term: Term, pre: bool) {
        let (last_term, last_index) = self.disk.log.end();
        for to in self.others() {
            self.send(to, Message::RequestVote { term, last_index, last_term, pre });
        }
    }

    fn save_vote(&mut self, candidate: NodeId) {
        if self.context.rule(VOTE_ON_DISK) {
            self.disk.voted_for = Some(candidate);
        } else {
            self.memory.unsaved_vote = Some((self.disk.term, candidate));
        }
    }

    /// Whom it has voted for in its term, as far as it remembers.
    fn vote(&self) -> Option<NodeId> {
        let unsaved = self.memory.unsaved_vote.filter(|vote| vote.0 == self.disk.term).map(|vote| vote.1);
        self.disk.voted_for.or(unsaved)
    }

    /// A candidate asks for a vote.
    pub(super) fn asked_for_vote(&mut self, from: NodeId, term: Term, end: (Term, u32), pre: bool) {
        let refusal = if pre { self.pre_refusal(term) } else { self.refusal(from) };
        let refusal = refusal.or_else(|| self.log_refusal(from, end));
        let (me, granted) = (self.context.me(), refusal.is_none());
        match refusal {
            Some((rule, sentence)) => self.context.why_rule(rule, |_| sentence),
            None => self.context.why_rule(if pre { UP_TO_DATE } else { ONE_VOTE }, |s| {
                let (me, from) = (Raft::name(s, me), Raft::name(s, from));
                match pre {
                    true => format!("{me} would vote for {from} in term {term}: it has heard no leader lately."),
                    false => format!("{me} votes for {from} in term {term}."),
                }
            }),
        }
        if granted && pre {
            let heard = self.leader_heard_within().is_some() || matches!(self.memory.role, Role::Leader(_));
            self.context.note(Note::WouldVote { node: me, candidate: from, has_leader: heard });
        } else if granted {
            self.save_vote(from);
            self.await_leader();
        }
        // A granted pre-vote carries the term that was asked about; everything else the server's own.
        let answer = if pre && granted { term } else { self.disk.term };
        self.send(from, Message::Vote { term: answer, granted, pre });
    }

    /// Why it cannot vote for this candidate in its term, if so.
    fn refusal(&self, from: NodeId) -> Option<(crate::sim::declare::rules::RuleId, String)> {
        let settings = self.context.settings();
        let other = self.vote().filter(|vote| *vote != from)?;
        let (me, other, term) = (Raft::name(settings, self.context.me()), Raft::name(settings, other), self.disk.term);
        let on = self.context.rule(ONE_VOTE);
        on.then(|| (ONE_VOTE, format!("{me} keeps its vote: it voted for {other} in term {term}.")))
    }

    /// Why it would not want an election now, if so.
    fn pre_refusal(&self, term: Term) -> Option<(crate::sim::declare::rules::RuleId, String)> {
        let (settings, mine) = (self.context.settings(), self.disk.term);
        let me = Raft::name(settings, self.context.me());
        if term <= mine && !matches!(self.memory.role, Role::PreCandidate { .. }) {
            return Some((UP_TO_DATE, format!("{me} would not: term {term} is not above its own, {mine}.")));
        }
        if matches!(self.memory.role, Role::Leader(_)) {
            return Some((UP_TO_DATE, format!("{me} would not: it leads term {mine} itself.")));
        }
        let since = self.leader_heard_within();
        since.map(|since| (UP_TO_DATE, format!("{me} would not: it heard a leader {} ago.", time::show(since))))
    }

    /// How long ago it heard a leader, if that is less than the shortest time after which it may stand itself.
    pub(super) fn leader_heard_within(&self) -> Option<Micros> {
        let since = self.memory.heard.map(|heard| self.context.now().saturating_sub(heard));
        since.filter(|since| *since < self.context.amount(TIMEOUT))
    }

    /// Why this candidate's log will not do, if so (section 5.4.1).
    fn log_refusal(&self, from: NodeId, end: (Term, u32)) -> Option<(crate::sim::declare::rules::RuleId, String)> {
        if self.disk.log.is_caught_up_by(end) || !self.context.rule(UP_TO_DATE) {
            return None;
        }
        let settings = self.context.settings();
        let (me, from) = (Raft::name(settings, self.context.me()), Raft::name(settings, from));
        let (term, index) = self.disk.log.end();
        Some((
            UP_TO_DATE,
            format!(
                "{me} refuses {from}: its own log ends in term {term} at index {index}, {from}'s in term {} at index {}.",
                end.0, end.1
            ),
        ))
    }

    /// An answer to a request for votes.
    pub(super) fn got_vote(&mut self, from: NodeId, granted: bool, pre: bool) {
        let me = self.context.me();
        let votes = match (&mut self.memory.role, pre) {
            (Role::PreCandidate { votes }, true) | (Role::Candidate { votes }, false) => {
                *votes |= u64::from(granted) << from.0;
                *votes
            }
            _ => {
                self.context.why(|s| format!("{} no longer counts votes for this.", Raft::name(s, me)));
                return;
            }
        };
        let (have, needed) = (votes.count_ones(), self.quorum_words());
        self.context.why(|s| {
            let (me, from) = (Raft::name(s, me), Raft::name(s, from));
            let kind = if pre { "pre-vote" } else { "vote" };
            let got = if granted { format!("has {from}'s {kind}") } else { format!("does not get {from}'s {kind}") };
            format!("{me} {got}: it has {have}, and {} are needed.", needed())
        });
        self.count_votes();
    }

    /// Goes on with the votes of a quorum.
    fn count_votes(&mut self) {
        match self.memory.role {
            Role::PreCandidate { votes } if self.is_quorum(votes) => self.stand(),
            Role::Candidate { votes } if self.is_quorum(votes) => self.lead(votes),
            _ => {}
        }
    }

    /// Wins the election.
    fn lead(&mut self, votes: u64) {
        let (me, servers, term) = (self.context.me(), self.context.nodes(), self.disk.term);
        self.context.why(|s| format!("{} leads term {term} and says so to everyone at once.", Raft::name(s, me)));
        self.context.note(Note::Elected { term, node: me, log: self.disk.log.clone(), votes });
        if !self.context.rule(APPEND_ONLY) {
            let commit = self.memory.commit;
            self.context.why_rule(APPEND_ONLY, |s| {
                format!(
                    "{} deletes its entries after {commit}: it does not know them to be committed.",
                    Raft::name(s, me)
                )
            });
            self.disk.log.truncate(commit);
        }
        let last = self.disk.log.last_index();
        let mut matched = vec![0; servers];
        matched[me.index()] = last;
        let first = last + u32::from(self.context.settings().is_on(NO_OP));
        self.memory.role = Role::Leader(Leadership {
            next: vec![last + 1; servers],
            matched,
            echoed: vec![0; servers],
            first,
            round: 0,
            writes: Vec::new(),
            reads: Vec::new(),
            count: Default::default(),
        });
        self.memory.leader = Some(me);
        self.context.cancel_timer(Timer::Election);
        if first > last {
            self.append(Payload::NoOp);
            self.heartbeat_after();
        } else {
            self.send_heartbeats();
        }
    }
}
