//! What a scenario is made of. A scenario's file begins with `use crate::guides::kit::prelude::*`.

pub mod any;
pub mod chart;
pub mod guide;
pub mod hunt;
#[cfg(not(target_arch = "wasm32"))]
pub mod in_practice;
pub mod info;
pub mod live;
pub mod prelude;
#[cfg(not(target_arch = "wasm32"))]
pub mod proof;
#[cfg(not(target_arch = "wasm32"))]
mod proving;
pub mod scenario;
pub mod shelf;
mod shown;
pub mod tour;
