//! The Transactions guide.

use crate::scenarios;

scenarios! {
    two_phase_commit: "transactions";
}
