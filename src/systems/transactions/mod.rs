//! Systems of the Transactions guide.

pub mod two_phase_commit;
