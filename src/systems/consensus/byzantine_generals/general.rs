//! One general: loyal ones say what they heard, traitors what they like.

use super::{
    ANYTHING, ATTACKS, ByzantineGenerals, COMMANDER, COMMON_DEFAULT, Disk, ENOUGH_ROUNDS, LATENCY, LIES, MESSAGES,
    MORE_THAN_3M, Memory, Message, Note, ORDER, Timer, generals, judge, lie, period, round, rounds, traitors, word,
};
use crate::mechanisms::oral_messages::{ATTACK, Path, RETREAT, majority, messages_in};
use crate::purposes;
use crate::sim::NodeId;
use crate::sim::declare::commands::CommandCall;
use crate::sim::declare::rules::RuleSet;
use crate::sim::declare::settings::Settings;
use crate::sim::kernel::random::below;
use crate::sim::machine::system::{Context, System};

purposes! {
    /// Which way a traitor lies who says anything.
    WAY;
}

/// What a handler works on.
pub struct General<'a, 'b> {
    pub disk: &'a mut Disk,
    pub memory: &'a mut Memory,
    pub context: &'a mut Context<'b, ByzantineGenerals>,
}

fn name(settings: &Settings, id: u16) -> String {
    ByzantineGenerals::name(settings, NodeId(id))
}

impl General<'_, '_> {
    fn rules(&self) -> RuleSet {
        let rules = [ENOUGH_ROUNDS, MORE_THAN_3M, COMMON_DEFAULT];
        rules.into_iter().fold(RuleSet::ALL, |set, rule| set.with(rule, self.context.rule(rule)))
    }

    fn is_commander(&self) -> bool {
        self.context.me() == COMMANDER
    }

    /// The lieutenants whom it tells, by number.
    fn told(&self) -> Vec<u16> {
        let me = self.context.me().0;
        (1..generals(self.context.settings())).filter(|other| *other != me).collect()
    }

    /// A battle begins.
    pub fn muster(&mut self) {
        let (me, rules, battle) = (self.context.me(), self.rules(), self.memory.battle + 1);
        let settings = self.context.settings();
        let traitor = traitors(settings, rules).contains(&me.0);
        let order = match settings.get(ORDER) {
            0 => ATTACK,
            1 => RETREAT,
            _ => (battle % 2) as u8,
        };
        let (rounds, length) = (rounds(settings, rules), round(settings));
        *self.memory = Memory { battle, traitor, order, rounds, ..Memory::default() };
        self.context.set_timer(Timer::Close, length);
        if self.is_commander() {
            self.context.why(|_| match traitor {
                true => format!("Battle {battle}: the commander is a traitor and prepares a lie for each lieutenant."),
                false => format!("Battle {battle}: the commander wants to {} and writes the orders.", word(order)),
            });
            self.prepare_to_speak();
        } else {
            self.context.why(|s| format!("Battle {battle}: {} waits for the commander's order.", name(s, me.0)));
        }
    }

    /// Arms the timer after which it speaks: a traitor who says anything arms one for each way to lie, and the first
    /// to fire is the way. The explorer tries them all.
    fn prepare_to_speak(&mut self) {
        let work = self.context.amount(LATENCY) / 10;
        if !self.memory.traitor || self.context.amount(LIES) != ANYTHING {
            self.context.work(Timer::Speak(0), work);
            return;
        }
        let ways = 1u64 << self.told().len().min(6);
        let chosen = below(self.context.draw(WAY), ways);
        for way in 0..ways {
            let later = if way == chosen { 0 } else { work / 2 };
            self.context.work(Timer::Speak(way as u8), work + later);
        }
    }

    /// Says in the next round what it has to say: the commander its order, a lieutenant all that it heard in the last.
    pub fn speak(&mut self, pattern: u8) {
        if self.memory.traitor {
            (0..64).for_each(|way| self.context.cancel_timer(Timer::Speak(way)));
        }
        let (me, round) = (self.context.me().0, self.memory.closed + 1);
        self.memory.spoken = round;
        let known: Vec<(Path, u8)> = match self.is_commander() {
            true => vec![(Path::default(), self.memory.order)],
            false => self.to_relay(),
        };
        self.say_why(&known);
        if self.is_commander() && !self.memory.traitor {
            self.context.note(Note::Order { battle: self.memory.battle, value: self.memory.order });
        }
        for (path, truth) in known {
            self.tell(path.then(me), truth, pattern);
        }
    }

    /// What came in the last round, and RETREAT where nothing came.
    fn to_relay(&self) -> Vec<(Path, u8)> {
        let me = self.context.me().0;
        let mut paths = vec![Path::of(COMMANDER.0)];
        for _ in 1..self.memory.closed {
            let longer = |path: &Path| {
                let path = *path;
                self.told().into_iter().filter(move |other| !path.has(*other)).map(move |other| path.then(other))
            };
            paths = paths.iter().flat_map(longer).filter(|path| !path.has(me)).collect();
        }
        paths.into_iter().map(|path| (path, self.memory.heard.get(path).unwrap_or(RETREAT))).collect()
    }

    fn tell(&mut self, path: Path, truth: u8, pattern: u8) {
        let (battle, lies) = (self.memory.battle, self.context.amount(LIES));
        for (at, to) in self.told().into_iter().enumerate().filter(|(_, to)| !path.has(*to)) {
            let ordered = self.disk.says.iter().find(|known| known.0 == to);
            let value = match (self.memory.traitor, ordered) {
                (false, _) => Some(truth),
                (true, Some(known)) => known.1,
                (true, None) => lie(lies, to, truth, pattern, at),
            };
            if let Some(value) = value {
                self.context.count(MESSAGES, path.len() as u16, 1);
                self.context.send(NodeId(to), Message { battle, path, value });
            }
        }
    }

    fn say_why(&mut self, known: &[(Path, u8)]) {
        let (me, traitor, round) = (self.context.me().0, self.memory.traitor, self.memory.spoken);
        let first = known.first().map_or(RETREAT, |known| known.1);
        let count = known.len();
        self.context.why(|s| {
            let who = name(s, me);
            match (traitor, round, count) {
                (true, ..) => format!("{who} is a traitor: in round {round} it says what it likes to each."),
                (_, 1, _) => format!("{who} is loyal: it sends the order, {}, to every lieutenant.", word(first)),
                (_, _, 1) => format!("{who} is loyal: it tells the others that it heard {}.", word(first)),
                _ => format!("{who} is loyal: in round {round} it tells the others the {count} values it heard."),
            }
        });
    }

    /// A message arrives. A2: the receiver knows who sent it, so nobody can speak in another's name.
    pub fn hear(&mut self, from: NodeId, message: Message) {
        let (me, closed, battle) = (self.context.me().0, self.memory.closed, self.memory.battle);
        let Message { path, value, .. } = message;
        if message.battle != battle || path.len() <= usize::from(closed) {
            self.context
                .why(|s| format!("{} takes no notice: this comes after the round in which it was due.", name(s, me)));
            return;
        }
        let is_sound = path.last() == Some(from.0) && !path.has(me) && path.len() <= usize::from(self.memory.rounds);
        if !is_sound || !self.memory.heard.file(path, value) {
            self.context.why(|s| format!("{} has this from {} already.", name(s, me), name(s, from.0)));
            return;
        }
        self.context.why(|s| {
            let (me, from, value) = (name(s, me), name(s, from.0), word(value));
            match path.len() {
                1 => format!("{me} hears the order: {value}. It cannot know what the others were told."),
                2 => format!("{me} hears from {from} that the commander said {value}."),
                _ => format!("{me} hears from {from} what others say that they heard: {value}."),
            }
        });
    }

    /// A round is over. A3: what has not come by now was not sent.
    pub fn close(&mut self) {
        self.memory.closed += 1;
        let (me, closed, rounds) = (self.context.me().0, self.memory.closed, self.memory.rounds);
        let count = self.memory.heard.of_round(usize::from(closed)).count();
        let length = round(self.context.settings());
        let n = u64::from(generals(self.context.settings()));
        let due = messages_in(n, u64::from(closed)) / (n - 1).max(1);
        self.context.why(|s| {
            let who = name(s, me);
            match me == COMMANDER.0 {
                true => format!("Round {closed} of {rounds} is over."),
                false => format!(
                    "Round {closed} of {rounds} is over: {who} heard {count} of {due}. What is missing counts as \
                     retreat."
                ),
            }
        });
        if closed < rounds {
            self.context.set_timer(Timer::Close, length);
            if !self.is_commander() {
                self.prepare_to_speak();
            }
            return;
        }
        let rest = period(self.context.settings()) - u64::from(rounds) * length;
        self.context.set_timer(Timer::Muster, rest);
        let work = self.context.amount(LATENCY) / 10;
        self.context.work(Timer::Decide, work);
    }

    /// Takes its majorities and obeys.
    pub fn decide(&mut self) {
        let (me, rules, battle) = (self.context.me(), self.rules(), self.memory.battle);
        if self.is_commander() || self.memory.traitor {
            let value = self.memory.order;
            self.memory.decision = self.is_commander().then_some(value);
            self.context.why(|s| match me == COMMANDER {
                true => format!("The commander does what it wanted: {}.", word(value)),
                false => format!("{} is a traitor: nothing is promised about what it does.", name(s, me.0)),
            });
            return;
        }
        let judge = judge(self.context.settings(), rules, me, self.memory);
        let (value, values) = (judge.value(Path::of(COMMANDER.0)), judge.values(Path::of(COMMANDER.0)));
        let (alone, is_tie) = (judge.rounds == 1, majority(&values).is_none());
        let default = self.context.rule(COMMON_DEFAULT);
        self.memory.decision = Some(value);
        let text = move |s: &Settings| {
            let list: Vec<&str> = values.iter().map(|value| word(*value)).collect();
            let (who, list, value) = (name(s, me.0), list.join(", "), word(value));
            match (alone, is_tie) {
                (true, _) => format!("{who} has asked nobody and obeys what it heard: {value}."),
                (_, true) if default => format!("{who} has {list}: that is no majority, so it retreats."),
                (_, true) => {
                    format!("{who} has {list}: that is no majority, and it believes what it heard first-hand: {value}.")
                }
                _ => format!("{who} has {list}: the majority is {value}."),
            }
        };
        match (alone, is_tie) {
            (true, _) => self.context.why_rule(ENOUGH_ROUNDS, text),
            (_, true) => self.context.why_rule(COMMON_DEFAULT, text),
            _ => self.context.why(text),
        }
        self.context.count(ATTACKS, me.0, u64::from(value == ATTACK));
        self.context.note(Note::Obeys { battle, general: me, value });
    }

    /// The reader puts words into a traitor's mouth.
    pub fn learn_to_say(&mut self, call: &CommandCall) {
        let (me, to) = (self.context.me().0, call.value(1).clamp(0, 5) as u16 + 1);
        let value = match call.value(2) {
            0 => Some(Some(RETREAT)),
            1 => Some(Some(ATTACK)),
            2 => Some(None),
            _ => None,
        };
        self.disk.says.retain(|known| known.0 != to);
        self.disk.says.extend(value.map(|value| (to, value)));
        self.context.why(|s| {
            let what = match value {
                Some(Some(value)) => word(value),
                Some(None) => "nothing",
                None => "what is set for all",
            };
            format!(
                "As a traitor, {} will say {what} to {}. As a loyal general it does not lie.",
                name(s, me),
                name(s, to)
            )
        });
    }
}
