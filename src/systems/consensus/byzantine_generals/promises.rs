//! The interactive consistency conditions (section 1 of the paper), judged by a bystander who knows who is loyal.

use super::{ByzantineGenerals, COMMANDER, GENERALS, M, Note, word};
use crate::never;
use crate::sim::NodeId;
use crate::sim::judge::verdict::Breach;
use crate::sim::machine::promise::{Limit, Promise};
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;

/// How many battles are remembered.
const KEPT: usize = 6;

/// What was seen of one battle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Battle {
    /// Its number.
    pub number: u32,
    /// What a loyal commander ordered.
    pub order: Option<u8>,
    /// What each loyal lieutenant did.
    pub obeyed: Vec<(NodeId, u8)>,
}

/// What has been seen so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    /// The last battles, the present one last.
    pub battles: Vec<Battle>,
    /// The first battle in which two loyal lieutenants parted, and what each did.
    pub parted: Option<(u32, [(NodeId, u8); 2])>,
    /// The first battle in which a loyal commander was not obeyed: by whom, what it did, and the order.
    pub disobeyed: Option<(u32, NodeId, u8, u8)>,
}

impl Witness {
    pub(super) fn see(&mut self, note: Note) {
        let (Note::Order { battle: number, .. } | Note::Obeys { battle: number, .. }) = note;
        let last = self.battles.last().map_or(0, |battle| battle.number);
        if number < last {
            return;
        }
        if number > last {
            if self.battles.len() == KEPT {
                self.battles.remove(0);
            }
            self.battles.push(Battle { number, ..Battle::default() });
        }
        let Some(battle) = self.battles.last_mut() else { return };
        match note {
            Note::Order { value, .. } => battle.order = Some(value),
            Note::Obeys { general, value, .. } => {
                let other = battle.obeyed.iter().find(|other| other.1 != value);
                self.parted = self.parted.or(other.map(|other| (number, [*other, (general, value)])));
                let order = battle.order.filter(|order| *order != value);
                self.disobeyed = self.disobeyed.or(order.map(|order| (number, general, value, order)));
                battle.obeyed.push((general, value));
            }
        }
    }
}

fn name(world: &World<ByzantineGenerals>, general: NodeId) -> String {
    ByzantineGenerals::name(world.settings(), general)
}

/// IC1.
pub const AGREE: Promise<ByzantineGenerals> = never!(
    "loyal-agree",
    "Loyal lieutenants agree",
    "IC1: all loyal lieutenants obey the same order, whoever lies.",
    |world| world.witness().parted,
    |world, (battle, [(a, one), (b, other)])| {
        let (first, second) = (name(world, a), name(world, b));
        Breach {
            nodes: vec![a, b],
            text: format!("In battle {battle} {first} and {second}, both loyal, obey different orders."),
            values: vec![(first, word(one).to_owned()), (second, word(other).to_owned())],
        }
    }
);

/// IC2.
pub const OBEYED: Promise<ByzantineGenerals> = never!(
    "loyal-obeyed",
    "A loyal commander is obeyed",
    "IC2: if the commander is loyal, every loyal lieutenant obeys its order.",
    |world| world.witness().disobeyed,
    |world, (battle, general, did, order)| {
        let who = name(world, general);
        Breach {
            nodes: vec![COMMANDER, general],
            text: format!(
                "In battle {battle} the loyal commander ordered {}, and {who}, loyal, did not obey.",
                word(order)
            ),
            values: vec![(name(world, COMMANDER), word(order).to_owned()), (who, word(did).to_owned())],
        }
    }
);

/// Theorem 1 of the paper: OM(m) solves the problem for more than 3m generals, and for no fewer.
pub const LIMITS: &[Limit] = &[Limit {
    promises: &[AGREE.id, OBEYED.id],
    // With m = 1, the rule of this name keeps traitors away from generals who are too few.
    beyond: |settings| settings.amount(M) > 1 && settings.amount(GENERALS) <= 3 * settings.amount(M),
    says: "Promised only for more than 3m generals: fewer cannot agree, whatever they do.",
}];
