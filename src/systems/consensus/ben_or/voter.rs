//! A voter: how it joins an election, what it makes of reports and proposals, and its coin.

use super::{
    AHEAD, BALLOT, BALLOT_DRAW, BenOr, COIN, COIN_DRAW, EVERY, FIRST, KIND, MESSAGES, Memory, Message, Note, Phase,
    ROUND, Said, Step, TOSS, Timer, Voter, above, awaited, crashes, word,
};
use crate::sim::NodeId;
use crate::sim::kernel::hash::scramble;
use crate::sim::machine::system::System;

impl Voter<'_, '_> {
    fn name(&self) -> String {
        BenOr::name(self.context.settings(), self.context.me())
    }

    /// The next election by the clock, if it has not taken part in it already.
    pub(super) fn election_due(&mut self) {
        let (now, every) = (self.context.now(), self.context.amount(EVERY));
        self.context.set_timer(Timer::Election, every);
        let election = (now.saturating_sub(FIRST) + every / 2) / every + 1;
        if election as u32 > self.disk.election {
            self.join(election as u32);
        } else {
            let last = self.disk.election;
            self.context.why(|_| format!("It has taken part in decision {last} already, and waits for the next."));
        }
    }

    fn join(&mut self, election: u32) {
        self.disk.election = election;
        self.context.cancel_timer(Timer::Coin(false));
        self.context.cancel_timer(Timer::Coin(true));
        let me = self.context.me();
        let ballot = match self.context.settings().get(BALLOT) {
            0 => (u32::from(me.0) + election) % 2 == 1,
            1 => self.context.draw(BALLOT_DRAW) >> 63 == 1,
            _ => election % 2 == 1,
        };
        let vote = self.disk.cast.unwrap_or(ballot);
        *self.memory = Memory { vote, ..Memory::default() };
        self.context.why(|s| {
            format!("{} begins decision {election} with a vote for {}.", BenOr::name(s, me), word(Some(vote)))
        });
        self.begin_round(1);
        self.progress();
    }

    fn begin_round(&mut self, round: u32) {
        let (node, election, vote) = (self.context.me(), self.disk.election, self.memory.vote);
        self.memory.heard.retain(|(known, _), _| *known >= round);
        self.memory.round = round;
        self.context.gauge(ROUND, node.0, i64::from(round));
        let coin = self.context.rule(COIN);
        self.context.note(Note::Begins { node, election, round, vote, coin });
        self.say(Phase::Report, round, Some(vote));
        self.memory.step = Step::Waits(Phase::Report);
    }

    /// Sends to everybody, itself included.
    fn say(&mut self, phase: Phase, round: u32, value: Option<bool>) {
        let (me, election) = (self.context.me(), self.disk.election);
        self.hear(me, Message { election, round, phase, value });
        for to in (0..self.context.nodes()).map(NodeId::from).filter(|to| *to != me) {
            self.context.count(MESSAGES, 0, 1);
            self.context.send(to, Message { election, round, phase, value });
        }
    }

    fn hear(&mut self, from: NodeId, message: Message) {
        let said = self.memory.heard.entry((message.round, message.phase)).or_default();
        said[message.value.map_or(2, usize::from)] |= 1 << from.0;
    }

    pub(super) fn message(&mut self, from: NodeId, message: Message) {
        if message.election > self.disk.election {
            self.join(message.election);
        }
        let (me, round) = (self.name(), self.memory.round);
        let old = message.election < self.disk.election || message.round < round;
        let over = matches!(self.memory.step, Step::Out | Step::Decided(_));
        if old || over || message.round > round + AHEAD {
            self.context.why(|_| match over {
                true => format!("{me} takes no part in this decision any more."),
                false => format!("{me} is in round {round} by now, and has no use for a message of another."),
            });
            return;
        }
        self.hear(from, message);
        let (value, of) = (word(message.value), message.round);
        self.context.why(|s| {
            let from = BenOr::name(s, from);
            match message.phase {
                Phase::Report => format!("{from} reports {value} in round {of}."),
                Phase::Proposal => format!("{from} proposes {value} in round {of}."),
            }
        });
        self.progress();
    }

    /// Goes on as far as what it has heard allows.
    fn progress(&mut self) {
        while let Step::Waits(phase) = self.memory.step {
            let said = self.memory.heard.get(&(self.memory.round, phase)).copied().unwrap_or_default();
            let (have, awaited) =
                (said.iter().map(|set| set.count_ones()).sum::<u32>(), awaited(self.context.settings()));
            if (have as usize) < awaited {
                let me = self.name();
                self.context.why(|_| format!("{me} has {have} of the {awaited} messages that this phase waits for."));
                return;
            }
            match phase {
                Phase::Report => self.propose(&said),
                Phase::Proposal => self.conclude(&said),
            }
        }
    }

    fn propose(&mut self, said: &Said) {
        let (me, all, round) = (self.name(), self.context.nodes(), self.memory.round);
        let value = above(said, all / 2);
        self.context.why(|_| match value {
            Some(_) => format!("More than half of all {all} report {}: {me} proposes it.", word(value)),
            None => format!("No value is reported by more than half of all {all}: {me} proposes ?."),
        });
        self.say(Phase::Proposal, round, value);
        self.memory.step = Step::Waits(Phase::Proposal);
    }

    fn conclude(&mut self, said: &Said) {
        let (me, round, most) = (self.name(), self.memory.round, crashes(self.context.settings()));
        if let Some(value) = above(said, most) {
            self.context.why(|_| format!("More than {most} propose {}: {me} decides it.", word(Some(value))));
            self.decide(value);
        } else if let Some(value) = above(said, 0) {
            self.context.why(|_| format!("Somebody proposes {0}, so {me} votes {0} from now on.", word(Some(value))));
            self.memory.vote = value;
            self.begin_round(round + 1);
        } else if self.context.rule(COIN) {
            self.context.why_rule(COIN, |_| format!("Nobody proposes a value: {me} tosses a coin."));
            self.toss();
        } else {
            let vote = word(Some(self.memory.vote));
            self.context
                .why_rule(COIN, |_| format!("Nobody proposes a value, and there is no coin: {me} keeps {vote}."));
            self.begin_round(round + 1);
        }
    }

    fn decide(&mut self, value: bool) {
        let (node, election, round) = (self.context.me(), self.disk.election, self.memory.round);
        self.context.note(Note::Decides { node, election, round, value });
        self.memory.vote = value;
        self.say(Phase::Report, round + 1, Some(value));
        self.say(Phase::Proposal, round + 1, Some(value));
        self.memory.heard.clear();
        self.memory.step = Step::Decided(value);
    }

    fn toss(&mut self) {
        self.memory.step = Step::Tosses;
        if self.context.settings().get(KIND) == 1 {
            let word = scramble(u64::from(self.disk.election) << 32 | u64::from(self.memory.round));
            self.context.work(Timer::Coin(word >> 63 == 1), TOSS);
        } else {
            let side = self.context.draw(COIN_DRAW) >> 63 == 1;
            self.context.work(Timer::Coin(side), TOSS);
            self.context.work(Timer::Coin(!side), 2 * TOSS);
        }
    }

    pub(super) fn coin_falls(&mut self, side: bool) {
        let (me, round) = (self.name(), self.memory.round);
        self.context.cancel_timer(Timer::Coin(!side));
        self.context.why_rule(COIN, |_| format!("The coin falls on {}: so {me} votes now.", word(Some(side))));
        self.memory.vote = side;
        self.begin_round(round + 1);
        self.progress();
    }
}
