//! What consensus promises, and the one promise among them that no deterministic protocol can keep.

use super::{BOUND, BenOr, KIND, Note, SPREAD, expected_rounds, word};
use crate::never;
use crate::sim::NodeId;
use crate::sim::declare::settings::Settings;
use crate::sim::judge::verdict::Breach;
use crate::sim::kernel::time::Micros;
use crate::sim::machine::promise::Promise;
use crate::sim::machine::system::{Scene, System};
use crate::sim::machine::world::World;
use crate::sim::numbers::counted_or_no;

/// How many elections are remembered one by one.
const KEPT: usize = 4;
/// Rounds to decide up to this are counted one by one, the rest together.
pub const COUNTED: usize = 8;
/// The mean is judged once this many elections could have been decided.
const JUDGED_AFTER: u32 = 10;

/// What has been seen of an election.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Election {
    /// Its number, from 1.
    pub number: u32,
    /// Whether somebody began it with 0, and with 1.
    pub begun: [bool; 2],
    /// How many began it with 1.
    pub ones: u32,
    /// How many began it.
    pub voters: u32,
    /// The last round that somebody has begun.
    pub round: u32,
    /// Who decided first, what, and in which round.
    pub outcome: Option<(NodeId, bool, u32)>,
    /// How many have decided.
    pub decided: u32,
    /// Whether it began under the terms of the moment: others are not counted.
    counts: bool,
}

/// What the number of rounds depends on: the coin, and the schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Terms {
    coin: bool,
    kind: i64,
    spread: Micros,
    /// What is added to the latency of each link, and whether it is cut.
    late: Vec<(Micros, bool)>,
}

impl Terms {
    fn now(coin: bool, scene: &Scene) -> Terms {
        let every = || (0..scene.kernel.nodes().len()).map(NodeId::from);
        let links = every().flat_map(|from| every().map(move |to| scene.kernel.link(from, to)));
        Terms {
            coin,
            kind: scene.settings.get(KIND),
            spread: scene.settings.amount(SPREAD),
            late: links.map(|link| (link.extra, link.cut)).collect(),
        }
    }
}

/// What has been seen of the run so far. Rounds are counted afresh whenever the terms change, since the bound of one
/// coin says nothing about another coin, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    /// The last elections, the newest last.
    elections: Vec<Election>,
    terms: Terms,
    /// Elections decided under these terms, by the round in which the first voter decided; the last number is of all
    /// longer ones.
    pub decided_in: [u32; COUNTED],
    /// Elections decided under these terms.
    pub decided: u32,
    /// The rounds that these took in all.
    pub spent: u32,
    /// Elections that the next one overtook before anybody had decided.
    pub abandoned: u32,
    /// Rounds begun under these terms, by whoever was ahead, until the first decision of each election.
    pub rounds: u32,
    clash: Option<(u32, [(NodeId, bool); 2])>,
    invented: Option<(u32, NodeId, bool)>,
    /// Who was the first to begin a round beyond the promised ones undecided, in which election.
    late: Option<(u32, NodeId, u32)>,
    /// Rounds and decisions when the mean was too high.
    slow: Option<(u32, u32)>,
}

impl Witness {
    /// The election of the moment.
    pub fn now(&self) -> Option<&Election> {
        self.elections.last()
    }

    /// An election that is still remembered.
    fn find(&mut self, number: u32) -> Option<&mut Election> {
        let newest = self.elections.last().map_or(0, |last| last.number);
        if number > newest {
            self.abandoned += u32::from(self.elections.last().is_some_and(|last| last.outcome.is_none()));
            if self.elections.len() == KEPT {
                self.elections.remove(0);
            }
            self.elections.push(Election { number, counts: true, ..Election::default() });
        }
        self.elections.iter_mut().find(|known| known.number == number)
    }

    pub(super) fn see(&mut self, note: Note, scene: &Scene) {
        match note {
            Note::Begins { node, election, round, vote, coin } => {
                self.under(Terms::now(coin, scene));
                self.begins(node, election, (round, vote), scene.settings);
            }
            Note::Decides { node, election, round, value } => self.decides(node, election, round, value),
        }
    }

    /// Counts afresh if these terms are new. What is under way was begun under others, and is not counted at all.
    fn under(&mut self, terms: Terms) {
        if self.terms == terms {
            return;
        }
        self.terms = terms;
        self.elections.iter_mut().for_each(|election| election.counts = false);
        self.decided_in = [0; COUNTED];
        (self.decided, self.spent, self.rounds) = (0, 0, 0);
    }

    fn begins(&mut self, node: NodeId, number: u32, (round, vote): (u32, bool), settings: &Settings) {
        let Some(election) = self.find(number) else { return };
        if round == 1 {
            election.begun[usize::from(vote)] = true;
            election.ones += u32::from(vote);
            election.voters += 1;
        }
        let ahead = round > election.round && election.outcome.is_none() && election.counts;
        election.round = election.round.max(round);
        self.rounds += u32::from(ahead);
        if u64::from(round) > settings.amount(BOUND) {
            self.late = self.late.or(Some((number, node, round)));
        }
        let most = expected_rounds(settings);
        if self.rounds >= most * JUDGED_AFTER && self.rounds > most * (self.decided + 1) {
            self.slow = self.slow.or(Some((self.rounds, self.decided)));
        }
    }

    fn decides(&mut self, node: NodeId, number: u32, round: u32, value: bool) {
        let Some(election) = self.find(number) else { return };
        election.decided += 1;
        let valid = election.begun[usize::from(value)];
        let known = *election.outcome.get_or_insert((node, value, round));
        let is_first = election.decided == 1 && election.counts;
        if !valid {
            self.invented = self.invented.or(Some((number, node, value)));
        }
        if known.1 != value {
            self.clash = self.clash.or(Some((number, [(known.0, known.1), (node, value)])));
        }
        if is_first {
            self.decided += 1;
            self.spent += round;
            self.decided_in[(round as usize).clamp(1, COUNTED) - 1] += 1;
        }
    }

    /// The mean number of rounds until somebody decided, in hundredths. `None` before the first decision.
    pub fn mean(&self) -> Option<u32> {
        (self.spent * 100).checked_div(self.decided)
    }
}

fn name(world: &World<BenOr>, node: NodeId) -> String {
    BenOr::name(world.settings(), node)
}

/// The impossible one.
pub const CERTAIN_END: Promise<BenOr> = never!(
    "certain-end",
    "Decided within the promised rounds",
    "No voter ever goes beyond the promised number of rounds. No number can be promised while one may crash.",
    |world| world.witness().late,
    |world, (election, node, round)| {
        let name = name(world, node);
        Breach {
            nodes: vec![node],
            text: format!("{name} begins round {round} of decision {election}, and has decided nothing yet."),
            values: vec![
                (name, format!("round {round}")),
                ("promised".to_owned(), format!("{} rounds", world.settings().amount(BOUND))),
            ],
        }
    }
);

/// What the coin gives instead.
pub const EXPECTED_ROUNDS: Promise<BenOr> = never!(
    "expected-rounds",
    "The mean number of rounds is bounded",
    "Over many decisions, one takes at most 2^(n-1)+1 rounds on average; 3 with a common coin. Counted afresh whenever \
     the coin or the schedule changes.",
    |world| world.witness().slow,
    |world, (rounds, decided)| {
        let most = expected_rounds(world.settings());
        let decisions = counted_or_no(u64::from(decided), "decision");
        Breach {
            nodes: world.nodes().map(|(id, _)| id).collect(),
            text: format!("{rounds} rounds have brought {decisions}: more than {most} rounds per decision."),
            values: vec![
                ("so far".to_owned(), format!("{rounds} rounds, {decisions}")),
                ("bound of the mean".to_owned(), format!("{most} rounds")),
            ],
        }
    }
);

/// Safety, first half.
pub const AGREEMENT: Promise<BenOr> = never!(
    "agreement",
    "One value per decision",
    "In no decision do two voters settle on different values.",
    |world| world.witness().clash,
    |world, (election, sides)| {
        let value = |(node, value): (NodeId, bool)| (name(world, node), format!("decided {}", word(Some(value))));
        Breach {
            nodes: sides.iter().map(|side| side.0).collect(),
            text: format!("Decision {election} has come out both ways."),
            values: sides.into_iter().map(value).collect(),
        }
    }
);

/// Safety, second half.
pub const VALIDITY: Promise<BenOr> = never!(
    "validity",
    "Only votes are decided",
    "Whatever is decided was some voter's first vote.",
    |world| world.witness().invented,
    |world, (election, node, value)| {
        let (name, value) = (name(world, node), word(Some(value)));
        Breach {
            nodes: vec![node],
            text: format!("{name} decides {value} in decision {election}, though nobody began with it."),
            values: vec![(name, format!("decided {value}"))],
        }
    }
);
