//! Everything a scenario imports.

pub use super::chart::{Chart, Plot};
pub use super::guide::Guide;
pub use super::hunt::Hunt;
#[cfg(not(target_arch = "wasm32"))]
pub use super::proof::{Breaks, Proof, Script, Solution, Way};
pub use super::scenario::Scenario;
pub use super::tour::{Beat, Challenge, Predict, on_the_way};
pub use crate::picture::layout::Area;
pub use crate::picture::{
    Bar, Body, Cell, Figure, Frame, Glyph, GridRow, LinkMark, Look, NodeMark, Picture, SetMark, Shape, TimerRing, Tone,
};
pub use crate::prose;
pub use crate::sim::NodeId;
pub use crate::sim::declare::commands::CommandId;
pub use crate::sim::declare::rules::{RuleId, RuleSet};
pub use crate::sim::declare::settings::{SettingId, Settings};
pub use crate::sim::explore::{Bounds, Budget};
pub use crate::sim::kernel::time::{MS, Micros, SEC, Time};
pub use crate::sim::machine::promise::{Limit, Promise};
pub use crate::sim::machine::system::System;
pub use crate::sim::machine::world::World;
pub use crate::sim::measure::metrics::MetricId;
pub use crate::sim::run::chaos::FaultModel;
pub use crate::sim::run::simulation::Simulation;
pub use crate::sim::run::tape::{Input, Origin};
pub use crate::versions;
pub use crate::views::{Face, Fields, Inspection, field};
