//! Each order is written once: never twice, and in the end.

use super::{BROKER, MAX_POLL, Note, ORDERS, Once, PATIENCE, RATE, TAKEOVER, TXN_TIMEOUT, WORK};
use crate::never;
use crate::sim::judge::seen::Seen;
use crate::sim::judge::verdict::{Breach, Kind};
use crate::sim::kernel::time::SEC;
use crate::sim::later::Later;
use crate::sim::machine::promise::{Limit, Promise};
use crate::sim::machine::world::World;
use crate::sim::small::Set;

/// Orders that are taken and not written, and remembered as such.
const MOST_OPEN: usize = 600;

/// What has been seen of the run so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    readable: [Seen; 2],
    rows: Seen,
    open: Set<u32>,
    /// Orders that retention removed before they were read: nobody has promised a row for them.
    expired: Later<Seen>,
    in_log: Option<(u8, u32)>,
    in_table: Option<u32>,
}

impl Witness {
    /// An order that readers of committed records find twice: its topic and its number.
    pub fn twice_in_log(&self) -> Option<(u8, u32)> {
        self.in_log
    }

    /// An order that has two rows.
    pub fn two_rows(&self) -> Option<u32> {
        self.in_table
    }

    /// Orders that are taken and not written yet.
    pub fn open(&self) -> usize {
        self.open.len()
    }
}

pub(super) fn observe(witness: &mut Witness, notes: &[Note]) {
    for note in notes {
        match *note {
            Note::Taken { order } => {
                let is_missing = witness.rows.lacks(order) && witness.expired.0.lacks(order);
                if is_missing && witness.open.len() < MOST_OPEN {
                    witness.open.insert(order, ());
                }
            }
            Note::Readable { topic, order } => {
                let seen = &mut witness.readable[usize::from(topic.min(1))];
                if seen.add(order) {
                    witness.in_log.get_or_insert((topic, order));
                }
            }
            Note::Row { order } => {
                witness.open.remove(&order);
                if witness.rows.add(order) {
                    witness.in_table.get_or_insert(order);
                }
            }
            // An order that leaves the requests may be among the orders, and wait there.
            Note::Expired { topic, order } if topic == ORDERS || !witness.readable[1].has(order) => {
                if witness.rows.lacks(order) {
                    witness.open.remove(&order);
                    witness.expired.0.add(order);
                }
            }
            Note::Expired { .. } => {}
        }
    }
}

/// Never twice in a log.
pub const ONCE_IN_LOG: Promise<Once> = never!(
    "once-in-the-log",
    "Each order is once in the log",
    "A reader of committed records finds no order twice, neither among the requests nor among the orders.",
    |world| world.witness().in_log,
    |world, (topic, order)| {
        let name = if topic == ORDERS { "orders" } else { "requests" };
        Breach {
            nodes: vec![BROKER],
            text: format!("Order {order} is in the topic of {name} twice, and both copies count."),
            values: vec![
                ("first".to_owned(), format!("order {order}")),
                ("again".to_owned(), format!("order {order}")),
            ],
        }
    }
);

/// Never two rows.
pub const ONE_ROW: Promise<Once> = never!(
    "written-once",
    "Each order is written once",
    "No order has two rows in the database.",
    |world| world.witness().in_table,
    |world, order| Breach {
        nodes: vec![Once::DATABASE],
        text: format!("Order {order} has two rows: it will be charged and sent twice."),
        values: vec![("row".to_owned(), format!("order {order}")), ("row".to_owned(), format!("order {order}"))],
    }
);

/// At least once.
pub const WRITTEN_AT_LAST: Promise<Once> = Promise {
    id: "written-at-last",
    title: "Each order is written in the end",
    about: "Within 30 s after the last fault there is a moment at which every accepted order has its row, but for those \
            that retention removed from a topic before they were read.",
    kind: Kind::Eventually { within: 30 * SEC },
    holds: |world: &World<Once>| world.witness().open.is_empty(),
    explain: |world| {
        let missing = world.witness().open.first().map_or(0, |(order, _)| *order);
        Breach {
            nodes: vec![Once::DATABASE],
            text: format!("Nothing has been wrong for 30 s, yet order {missing} still has no row."),
            values: vec![("taken".to_owned(), format!("order {missing}")), ("row".to_owned(), "none".to_owned())],
        }
    },
};

/// Thirty seconds are enough where a dead checkout and its transaction are given up on long before.
pub const LIMITS: &[Limit] = &[Limit {
    promises: &[WRITTEN_AT_LAST.id],
    beyond: |settings| {
        let orders_at_once = settings.amount(RATE) * (settings.amount(WORK) + 60_000) / 1_000_000;
        settings.amount(TAKEOVER) == 0
            || settings.amount(TAKEOVER) + settings.amount(TXN_TIMEOUT) > 15_000_000
            || settings.amount(PATIENCE) == 0
            || settings.amount(PATIENCE) > 2_000_000
            || orders_at_once >= settings.amount(MAX_POLL).min(2)
    },
    says: "Promised only where somebody takes over, transactions and requests are given up on within seconds, and the \
           checkout keeps pace with the orders.",
}];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::declare::rules::RuleSet;
    use crate::sim::declare::settings::Settings;
    use crate::sim::kernel::time::Time;
    use crate::sim::machine::system::System;
    use crate::sim::run::Run;
    use crate::sim::run::tape::{Input, Tape};

    fn run_to(run: &mut Run<World<Once>>, end: Time) {
        while run.world().kernel().now() < end && run.step().is_some() {}
    }

    /// The database is away for so long that the topic of orders overflows.
    #[test]
    fn what_retention_removed_is_promised_by_nobody() {
        let mut settings = Settings::defaults(Once::SETTINGS);
        settings.set(RATE, 8);
        let world = World::new(settings, RuleSet::ALL, 1, &[WRITTEN_AT_LAST, ONE_ROW]).within(LIMITS);
        let mut run = Run::new(world, Tape::default());
        let node = Once::DATABASE;
        assert!(run.act(Input::Crash { node }).is_ok());
        run_to(&mut run, 120 * SEC);
        assert!(run.act(Input::Restart { node }).is_ok());
        run_to(&mut run, 200 * SEC);
        let world = run.world();
        let expired = &world.witness().expired.0;
        assert!(expired.has(1) && expired.first_lacking(1, 900).is_some_and(|order| order > 100), "{expired:?}");
        assert!(!world.is_promise_broken(WRITTEN_AT_LAST.id) && !world.is_promise_broken(ONE_ROW.id));
        assert!(world.witness().open() < 20, "{}", world.witness().open());
    }
}
