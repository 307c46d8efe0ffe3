//! What the generals would like to promise, and cannot.

use super::{FIRST, Note, SECOND, TwoGenerals};
use crate::never;
use crate::sim::judge::verdict::Breach;
use crate::sim::machine::promise::Promise;

/// What has been seen at dawn so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    /// What each general did at its last dawn, and on which night.
    last: [Option<(u32, bool)>; 2],
    /// Nights on which both attacked, on which neither did, and on which one went alone.
    pub both: u32,
    pub neither: u32,
    pub alone: u32,
    /// The last night on which one attacked alone, and who: the first or the second.
    pub split: Option<(u32, u16)>,
}

impl Witness {
    pub(super) fn see(&mut self, note: Note) {
        self.last[note.general.index() % 2] = Some((note.night, note.attacks));
        let [Some(first), Some(second)] = self.last else { return };
        if first.0 != second.0 {
            return;
        }
        match (first.1, second.1) {
            (true, true) => self.both += 1,
            (false, false) => self.neither += 1,
            (first_alone, _) => {
                self.alone += 1;
                self.split = Some((note.night, if first_alone { FIRST.0 } else { SECOND.0 }));
            }
        }
    }

    /// Nights so far.
    pub fn nights(&self) -> u32 {
        self.both + self.neither + self.alone
    }
}

/// Both or neither.
pub const TOGETHER: Promise<TwoGenerals> = never!(
    "both-or-neither",
    "Both attack, or neither",
    "On no night does one general attack alone. No number of messages can promise this.",
    |world| world.witness().split,
    |world, (night, alone)| {
        let (brave, other) = if alone == FIRST.0 { ("A", "B") } else { ("B", "A") };
        Breach {
            nodes: vec![FIRST, SECOND],
            text: format!("On night {night} General {brave} attacked alone: the last messenger did not arrive."),
            values: vec![
                (format!("General {brave}"), "attacks".to_owned()),
                (format!("General {other}"), "stays".to_owned()),
            ],
        }
    }
);
