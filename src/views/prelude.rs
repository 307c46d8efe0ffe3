//! Everything a view imports.

pub use super::{Face, Fields, Inspection, field};
pub use crate::picture::layout::Area;
pub use crate::picture::{
    Bar, Body, Cell, Figure, Frame, Glyph, GridRow, LinkMark, Look, NodeMark, Picture, SetMark, Shape, TimerRing, Tone,
};
pub use crate::sim::NodeId;
pub use crate::sim::declare::commands::CommandId;
pub use crate::sim::declare::rules::{RuleId, RuleSet};
pub use crate::sim::declare::settings::{SettingId, Settings};
pub use crate::sim::kernel::time::{MS, Micros, SEC, Time};
pub use crate::sim::machine::system::System;
pub use crate::sim::machine::world::World;
pub use crate::sim::measure::metrics::MetricId;
pub use crate::sim::run::simulation::Simulation;
pub use crate::sim::run::tape::{Input, Origin};
