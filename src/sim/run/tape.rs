//! What the reader did, and when: inputs stamped with the number of events handled before them.
//!
//! A tape's text form is a version byte and a postcard record, in URL-safe base64. It carries where the run began
//! (scenario, seed, settings, rules), the inputs, the step the reader stood at, and a check of the state there, so
//! that a link can tell when its scenario has changed since.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::sim::NodeId;
use crate::sim::declare::commands::{CommandCall, CommandId};
use crate::sim::declare::rules::RuleId;
use crate::sim::declare::settings::SettingId;
use crate::sim::kernel::hash;
use crate::sim::small;

/// Something the reader does to a run. Add new kinds at the end: their order is part of the text form.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Input {
    /// The node loses its memory and what it was doing; its disk stays.
    Crash { node: NodeId },
    /// A crashed node boots from its disk.
    Restart { node: NodeId },
    /// The node stops in the middle of things and does not notice.
    Pause { node: NodeId },
    /// A paused node resumes.
    Resume { node: NodeId },
    /// The node takes this many percent of the normal time; 100 is normal.
    Slow { node: NodeId, percent: u32 },
    /// The node's clock is off by `offset` microseconds and gains `drift_ppm` millionths.
    Skew { node: NodeId, offset: i64, drift_ppm: i32 },
    /// The node crashes and comes back with a blank disk.
    LoseDisk { node: NodeId },
    /// One direction of a link is cut.
    Cut { from: NodeId, to: NodeId },
    /// One direction of a link works again: no cut, no extra latency, no extra loss.
    Heal { from: NodeId, to: NodeId },
    /// All links between the nodes in the set (bit n: node n) and the rest are cut; all others are joined.
    Partition { side: u64 },
    /// Every link works again.
    HealAll,
    /// One direction of a link takes this much longer, in microseconds.
    Latency { from: NodeId, to: NodeId, extra: u64 },
    /// One direction of a link loses this many messages per million.
    Loss { from: NodeId, to: NodeId, ppm: u32 },
    /// A message in flight is lost.
    Drop { id: u64 },
    /// A message in flight arrives a second time.
    Duplicate { id: u64 },
    /// A message in flight takes this much longer, in microseconds.
    Delay { id: u64, by: u64 },
    /// A message in flight arrives now.
    DeliverNow { id: u64 },
    /// A rule is switched.
    Rule { rule: RuleId, on: bool },
    /// A setting is turned.
    Setting { setting: SettingId, value: i64 },
    /// A client command.
    Command(CommandCall),
    /// This pending event comes next, whatever else is due.
    Choose { id: u64 },
    /// The machine under the node loses power: as a crash, and what was written to its disk and not synced is gone.
    PowerCut { node: NodeId },
    /// As a power cut, in the middle of writing back what was not synced: only the last of those writes, this many, are
    /// gone. The first of them is on the disk in part, and recovery cuts it off: its checksum is wrong.
    TearWrite { node: NodeId, lost: u32 },
}

impl Input {
    /// A client command with these values.
    pub fn call(command: CommandId, values: &[i64]) -> Input {
        Input::Command(CommandCall::new(command, values))
    }

    /// A setting is turned.
    pub const fn set(setting: SettingId, value: i64) -> Input {
        Input::Setting { setting, value }
    }

    /// A rule is switched off.
    pub const fn off(rule: RuleId) -> Input {
        Input::Rule { rule, on: false }
    }

    /// Whether it disturbs the system, so that promises about the undisturbed future start waiting again.
    pub fn is_disturbance(&self) -> bool {
        !matches!(self, Input::Command(_) | Input::Choose { .. } | Input::HealAll)
    }
}

/// An input and the number of events handled before it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stamped {
    /// Events handled before the input.
    pub after: u64,
    /// What the reader did.
    pub input: Input,
}

/// The inputs of a run, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tape(Vec<Stamped>);

impl Tape {
    /// A tape of these inputs; they are put in order of their stamps.
    pub fn new(mut inputs: Vec<Stamped>) -> Tape {
        small::sort_by_key(&mut inputs, |stamped| stamped.after);
        Tape(inputs)
    }

    /// All inputs.
    pub fn inputs(&self) -> &[Stamped] {
        &self.0
    }

    /// The inputs that come after at most this many events.
    pub fn up_to(&self, steps: u64) -> &[Stamped] {
        &self.0[..self.0.partition_point(|stamped| stamped.after <= steps)]
    }

    /// The inputs that come just after this many events.
    pub fn after(&self, steps: u64) -> &[Stamped] {
        let until = self.up_to(steps);
        &until[until.partition_point(|stamped| stamped.after < steps)..]
    }

    /// Whether an input comes at this many events or later.
    pub fn reaches(&self, steps: u64) -> bool {
        self.0.last().is_some_and(|stamped| stamped.after >= steps)
    }

    /// Appends an input; stamps never go down.
    pub fn push(&mut self, after: u64, input: Input) {
        debug_assert!(self.0.last().is_none_or(|last| last.after <= after));
        self.0.push(Stamped { after, input });
    }

    /// Forgets the inputs that come after more than this many events.
    pub fn truncate(&mut self, steps: u64) {
        self.0.retain(|stamped| stamped.after <= steps);
    }

    /// Forgets the last inputs, this many.
    pub fn drop_last(&mut self, count: usize) {
        self.0.truncate(self.0.len().saturating_sub(count));
    }
}

/// Where a run begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// Seed of all randomness.
    pub seed: u64,
    /// Settings that differ from the scenario's own.
    pub settings: Vec<(SettingId, i64)>,
    /// Rules that are off from the start, as bits.
    pub rules_off: u64,
}

/// A run as a value: everything needed to replay it and to stand where the reader stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// `guide/scenario`; only its hash travels.
    pub scenario: String,
    /// Where the run begins.
    pub origin: Origin,
    /// What the reader did.
    pub tape: Tape,
    /// Where the reader stood: events handled.
    pub step: u64,
    /// The low half of the run's fingerprint there.
    pub check: u32,
}

/// Why a link cannot be read. Each reads as a sentence on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadLink {
    /// Not something Faultline wrote, or cut short.
    Mangled,
    /// From a later version.
    UnknownVersion(u8),
    /// Of another scenario.
    OtherScenario,
    /// Longer than this page is willing to replay.
    TooLong,
}

impl std::fmt::Display for BadLink {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            BadLink::Mangled => out.write_str("This link is damaged: part of it is missing or was changed."),
            BadLink::UnknownVersion(version) => {
                write!(
                    out,
                    "This link was made by a later Faultline (format {version}); this one reads format {VERSION}."
                )
            }
            BadLink::OtherScenario => out.write_str("This link belongs to another scenario."),
            BadLink::TooLong => out.write_str("This link describes a longer run than this page replays."),
        }
    }
}

/// The version this build writes, and the only one it reads.
pub const VERSION: u8 = 1;
/// The longest text that is looked at, in bytes.
pub const MOST_TEXT: usize = 1 << 20;
/// The most inputs on a tape.
pub const MOST_INPUTS: usize = 20_000;
/// The furthest step a link may point at.
pub const MOST_STEPS: u64 = 2_000_000;

#[derive(Serialize, Deserialize)]
struct Wire {
    scenario: u32,
    origin: Origin,
    inputs: Vec<Stamped>,
    step: u64,
    check: u32,
}

fn slug_hash(slug: &str) -> u32 {
    hash::stable(slug) as u32
}

impl Link {
    /// The URL-safe text.
    pub fn encode(&self) -> String {
        let mut last = 0;
        let inputs = self.tape.inputs().iter().map(|stamped| {
            let gap = stamped.after - last;
            last = stamped.after;
            Stamped { after: gap, input: stamped.input.clone() }
        });
        let wire = Wire {
            scenario: slug_hash(&self.scenario),
            origin: self.origin.clone(),
            inputs: inputs.collect(),
            step: self.step,
            check: self.check,
        };
        let mut bytes = vec![VERSION];
        // Serialising plain data into a Vec cannot fail; if it ever did, an empty record decodes as "damaged".
        bytes.extend(postcard::to_allocvec(&wire).unwrap_or_default());
        bytes.extend((hash::stable(&bytes[..]) as u16).to_le_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a text that claims to be a run of this scenario.
    pub fn decode(scenario: &str, text: &str) -> Result<Link, BadLink> {
        if text.len() > MOST_TEXT {
            return Err(BadLink::TooLong);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text.trim()).map_err(|_| BadLink::Mangled)?;
        let version = *bytes.first().ok_or(BadLink::Mangled)?;
        if version != VERSION {
            return Err(BadLink::UnknownVersion(version));
        }
        let (body, sum) = bytes.split_last_chunk::<2>().ok_or(BadLink::Mangled)?;
        if u16::from_le_bytes(*sum) != hash::stable(body) as u16 {
            return Err(BadLink::Mangled);
        }
        let record = body.get(1..).ok_or(BadLink::Mangled)?;
        let wire: Wire = postcard::from_bytes(record).map_err(|_| BadLink::Mangled)?;
        if wire.scenario != slug_hash(scenario) {
            return Err(BadLink::OtherScenario);
        }
        Link::from_wire(scenario, wire)
    }

    fn from_wire(scenario: &str, wire: Wire) -> Result<Link, BadLink> {
        if wire.inputs.len() > MOST_INPUTS || wire.step > MOST_STEPS {
            return Err(BadLink::TooLong);
        }
        let mut at = 0u64;
        let mut inputs = Vec::with_capacity(wire.inputs.len());
        for stamped in wire.inputs {
            at = at.checked_add(stamped.after).filter(|at| *at <= MOST_STEPS).ok_or(BadLink::TooLong)?;
            inputs.push(Stamped { after: at, input: stamped.input });
        }
        Ok(Link {
            scenario: scenario.to_owned(),
            origin: wire.origin,
            tape: Tape::new(inputs),
            step: wire.step,
            check: wire.check,
        })
    }
}
