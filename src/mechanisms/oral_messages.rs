//! The Oral Message algorithm OM(m) of Lamport, Shostak and Pease, "The Byzantine Generals Problem" (ACM TOPLAS 4(3),
//! 1982), section 3: what a lieutenant has heard, whom it tells, and how it decides.
//!
//! The recursion of the paper is unrolled: a value is filed under the path on which it came. `[0, 2]` is what general 2
//! says that general 0 said. A path of length k belongs to round k, so OM(m) takes m + 1 rounds.

use litemap::LiteMap;

/// Obey: attack.
pub const ATTACK: u8 = 1;
/// What a general does if it hears nothing, or no majority (section 3: "the value RETREAT is the default").
pub const RETREAT: u8 = 0;

/// The generals that a value came through, the commander first: at most 12 of them, with numbers below 16.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path(u64);

impl Path {
    const LENGTH_AT: u32 = 56;
    const MOST: usize = 12;

    /// What a general says of its own accord.
    pub fn of(general: u16) -> Path {
        Path::default().then(general)
    }

    /// The path with one more general at its end.
    #[must_use]
    pub fn then(self, general: u16) -> Path {
        let length = self.len().min(Path::MOST);
        let place = u64::from(general & 15) << (4 * length as u32);
        Path(self.0 & !(255 << Path::LENGTH_AT) | place | (length as u64 + 1) << Path::LENGTH_AT)
    }

    /// How many generals it came through: the round in which such a value is sent.
    pub fn len(self) -> usize {
        (self.0 >> Path::LENGTH_AT) as usize
    }

    /// Whether nobody is on it.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The generals on it, the commander first.
    pub fn generals(self) -> impl Iterator<Item = u16> {
        (0..self.len()).map(move |at| (self.0 >> (4 * at) & 15) as u16)
    }

    /// Whether a general is on it.
    pub fn has(self, general: u16) -> bool {
        self.generals().any(|other| other == general)
    }

    /// Who said it last.
    pub fn last(self) -> Option<u16> {
        self.generals().last()
    }
}

/// The majority value if there is one; `None` on a tie, or when no value has more than half.
pub fn majority(values: &[u8]) -> Option<u8> {
    let count = |value: u8| values.iter().filter(|other| **other == value).count();
    values.iter().copied().find(|value| 2 * count(*value) > values.len())
}

/// How many messages OM(m) takes among this many generals: (n-1) + (n-1)(n-2) + ... + (n-1)(n-2)...(n-m-1).
pub fn messages(generals: u64, m: u64) -> u64 {
    (1..=m + 1).map(|round| messages_in(generals, round)).sum()
}

/// How many messages are sent in a round, counted from 1.
pub fn messages_in(generals: u64, round: u64) -> u64 {
    (1..=round).map(|step| generals.saturating_sub(step)).product()
}

/// What a lieutenant has heard, by the path on which it came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Heard(LiteMap<Path, u8>);

impl Heard {
    /// Files a value. The first on a path counts; false when there already is one.
    pub fn file(&mut self, path: Path, value: u8) -> bool {
        let is_new = !self.0.contains_key(&path);
        if is_new {
            self.0.insert(path, value);
        }
        is_new
    }

    /// What came on a path.
    pub fn get(&self, path: Path) -> Option<u8> {
        self.0.get(&path).copied()
    }

    /// All that was heard, by path.
    pub fn all(&self) -> impl Iterator<Item = (Path, u8)> {
        self.0.iter().map(|(path, value)| (*path, *value))
    }

    /// What was heard in one round.
    pub fn of_round(&self, round: usize) -> impl Iterator<Item = (Path, u8)> {
        self.all().filter(move |heard| heard.0.len() == round)
    }
}

/// A lieutenant when the rounds are over: all that it decides by.
#[derive(Clone, Copy, Debug)]
pub struct Judge<'a> {
    /// What it has heard.
    pub heard: &'a Heard,
    /// Its own number.
    pub me: u16,
    /// How many generals there are, the commander among them.
    pub generals: u16,
    /// After how many rounds it decides: m + 1.
    pub rounds: usize,
    /// On a tie, RETREAT, as in the paper. False: the value that came first-hand.
    pub common_default: bool,
}

impl Judge<'_> {
    /// What the lieutenant takes the last general of a path to have said (section 3, step 3): on the longest paths
    /// what it heard, on shorter ones the majority of what it heard and of what the others say they heard.
    pub fn value(&self, path: Path) -> u8 {
        let own = self.heard.get(path).unwrap_or(RETREAT);
        if path.len() >= self.rounds {
            return own;
        }
        let values = self.values(path);
        majority(&values).unwrap_or(if self.common_default { RETREAT } else { own })
    }

    /// The values that majority is taken over: its own first, then those of the others by number.
    pub fn values(&self, path: Path) -> Vec<u8> {
        let others = (0..self.generals).filter(|other| *other != self.me && !path.has(*other));
        let own = self.heard.get(path).unwrap_or(RETREAT);
        std::iter::once(own).chain(others.map(|other| self.value(path.then(other)))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_keep_their_generals() {
        let path = Path::of(0).then(12).then(3);
        assert_eq!(path.generals().collect::<Vec<_>>(), [0, 12, 3]);
        assert_eq!((path.len(), path.last(), path.has(12), path.has(4)), (3, Some(3), true, false));
        assert!(Path::default().is_empty() && path != Path::of(0).then(3).then(12));
    }

    #[test]
    fn a_majority_is_more_than_half() {
        assert_eq!(majority(&[1, 1, 0]), Some(1));
        assert_eq!((majority(&[1, 0]), majority(&[0, 1, 2]), majority(&[])), (None, None, None));
    }

    #[test]
    fn messages_are_counted_as_in_the_paper() {
        assert_eq!((messages(4, 1), messages(7, 2), messages(10, 3)), (9, 156, 3_609));
        assert_eq!((messages_in(7, 1), messages_in(7, 2), messages_in(7, 3)), (6, 30, 120));
    }
}
