//! The Transactions guide.

pub mod two_phase_commit;

use super::AnyScenario;

/// Its scenarios, in reading order. A scenario is under test, on the site and in the terminal by being listed here.
pub const SCENARIOS: &[&dyn AnyScenario] = &[&two_phase_commit::SCENARIO];
