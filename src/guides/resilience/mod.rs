//! The Resilience guide.

pub mod load_balancing;

use super::AnyScenario;

/// Its scenarios, in reading order. A scenario is under test, on the site and in the terminal by being listed here.
pub const SCENARIOS: &[&dyn AnyScenario] = &[&load_balancing::SCENARIO];
