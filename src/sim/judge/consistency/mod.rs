//! Whether what clients saw fits a consistency model: linearizability, sequential consistency, and the session
//! guarantees "read your writes" and "monotonic reads".
//!
//! Sources: Herlihy and Wing, "Linearizability" (1990); Wing and Gong, "Testing and verifying concurrent objects"
//! (1993); Lowe, "Testing for linearizability" (2017); Terry et al., "Session guarantees" (1994).

mod order;
mod register;
mod sessions;
#[cfg(not(target_arch = "wasm32"))]
mod text;

pub use order::{Call, Linearizer, Misfit, Sequence, Spec, linearize, sequence};
pub(in crate::sim) use register::by_key;
pub use register::{Judged, Register, RegisterOp, judge};
pub use sessions::{Staleness, monotonic_reads, read_your_writes};
#[cfg(not(target_arch = "wasm32"))]
pub use text::{Report, STATES, Unfit, check_text, check_text_within};
