//! What the log promises, judged by what was appended, looked up and read.

use super::{BROKER, Disk, KEYS, KafkaLog, Note, PACE, RATE, TABLE, Table, key_name, put_words};
use crate::mechanisms::kafka_log::Log;
use crate::never;
use crate::sim::judge::verdict::{Breach, Kind};
use crate::sim::kernel::time::{SEC, Time};
use crate::sim::machine::promise::{Limit, Promise};
use crate::sim::machine::world::World;

type Partition = World<KafkaLog>;

/// What was written last for a key: offset and value.
type Written = (u32, Option<u16>);

/// What has been seen of the run so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    latest: [Option<Written>; KEYS],
    /// A lookup that ended at the wrong record: asked, found, right.
    wrong: Option<(u32, Option<u32>, Option<u32>)>,
    /// When the consumer had read everything last, on the broker's clock.
    whole: Time,
    /// It took longer than delete.retention.ms since then: nothing is promised until it starts again.
    late: bool,
}

impl Witness {
    /// Whether the consumer was too slow for the promise.
    pub fn is_late(&self) -> bool {
        self.late
    }
}

pub(super) fn observe(witness: &mut Witness, notes: &[Note], retention: Time) {
    for note in notes {
        match *note {
            Note::Appended { offset, key, value } => {
                let slot = witness.latest.get_mut(usize::from(key));
                if let Some(slot) = slot.filter(|slot| slot.is_none_or(|known| offset >= known.0)) {
                    *slot = Some((offset, value));
                }
            }
            Note::Looked { asked, found, right } if found != right => witness.wrong = Some((asked, found, right)),
            Note::Looked { .. } => {}
            Note::Took { at, first, all } => {
                witness.late = !first && (witness.late || at.saturating_sub(witness.whole) > retention);
                if first || all {
                    witness.whole = at;
                }
            }
        }
    }
}

/// The broker's log.
pub fn log(world: &Partition) -> Option<&Log> {
    match &world.node(BROKER)?.disk {
        Disk::Broker(log) => Some(log),
        _ => None,
    }
}

/// The consumer's next offset and its table.
pub fn table(world: &Partition) -> Option<(u32, &Table)> {
    match &world.node(TABLE)?.disk {
        Disk::Table { next, table } => Some((*next, table)),
        _ => None,
    }
}

fn words(key: usize, value: Option<u16>) -> String {
    put_words(key as u8, value)
}

/// The last write of each key that retention has not taken.
fn written<'a>(world: &'a Partition, log: &'a Log) -> impl Iterator<Item = (usize, Option<u16>)> + 'a {
    let latest = world.witness().latest.iter().enumerate();
    latest.filter_map(|(key, known)| known.filter(|known| known.0 >= log.start()).map(|known| (key, known.1)))
}

/// A key whose last record is not what was written last: key, written, left.
fn forgotten(world: &Partition) -> Option<(usize, Option<u16>, Option<u16>)> {
    let log = log(world)?;
    let mut left: Table = [None; KEYS];
    for record in log.records() {
        if let Some(slot) = left.get_mut(usize::from(record.key)) {
            *slot = record.value;
        }
    }
    written(world, log).find_map(|(key, value)| (left[key] != value).then_some((key, value, left[key])))
}

/// Compaction loses no last value.
pub const LAST_VALUE: Promise<KafkaLog> = never!(
    "last-value-is-kept",
    "Compaction keeps the last value",
    "Read from the beginning, the log yields the last value written for every key.",
    |world| forgotten(world),
    |world, (key, wrote, left)| Breach {
        nodes: vec![BROKER],
        text: format!("The last value written is {}; the log ends with {}.", words(key, wrote), words(key, left)),
        values: vec![("written last".to_owned(), words(key, wrote)), ("left in the log".to_owned(), words(key, left)),],
    }
);

/// A lookup finds what is there.
pub const LOOKUP: Promise<KafkaLog> = never!(
    "lookup-finds-the-record",
    "A lookup finds the record",
    "A lookup ends at the first record at or after the requested offset.",
    |world| world.witness().wrong,
    |world, (asked, found, right)| {
        let word = |offset: Option<u32>| offset.map_or("nothing".to_owned(), |offset| format!("offset {offset}"));
        Breach {
            nodes: vec![BROKER],
            text: format!(
                "Asked for offset {asked}, the lookup ended at {}; the log has {}.",
                word(found),
                word(right)
            ),
            values: vec![("lookup".to_owned(), word(found)), ("log".to_owned(), word(right))],
        }
    }
);

/// A key that the consumer has wrong, having read everything: key, written, its own.
pub fn ghost(world: &Partition) -> Option<(usize, Option<u16>, Option<u16>)> {
    let (log, (next, table)) = (log(world)?, table(world)?);
    if next < log.end() || world.witness().late {
        return None;
    }
    written(world, log).find_map(|(key, value)| (table[key] != value).then_some((key, value, table[key])))
}

/// Replaying the log gives the right table.
pub const RIGHT_TABLE: Promise<KafkaLog> = never!(
    "replay-gives-the-table",
    "A replay ends with the right table",
    "A consumer that reads to the end within delete.retention.ms has the last value of every key, and no deleted one.",
    |world| ghost(world),
    |world, (key, wrote, own)| Breach {
        nodes: vec![TABLE, BROKER],
        text: format!(
            "The consumer has read everything and has {}; the last value written is {}.",
            words(key, own),
            words(key, wrote)
        ),
        values: vec![
            (format!("table, key {}", key_name(key as u8)), words(key, own)),
            ("written last".to_owned(), words(key, wrote)),
        ],
    }
);

/// The consumer comes to the end.
pub const CATCHES_UP: Promise<KafkaLog> = Promise {
    id: "consumer-catches-up",
    title: "The consumer catches up",
    about: "Within 60 s after the last fault the consumer has read everything.",
    kind: Kind::Eventually { within: 60 * SEC },
    holds: |world| matches!((log(world), table(world)), (Some(log), Some((next, _))) if next >= log.end()),
    explain: |_| Breach {
        nodes: vec![TABLE],
        text: "Nothing has been wrong for 60 s, yet the consumer is still behind.".to_owned(),
        values: Vec::new(),
    },
};

/// A consumer catches up if it is quicker than the producer.
pub const LIMITS: &[Limit] = &[Limit {
    promises: &[CATCHES_UP.id],
    beyond: |settings| settings.amount(RATE) * settings.amount(PACE) > 2_000_000,
    says: "Promised only where the consumer's pace leaves it time for the records that are produced.",
}];
