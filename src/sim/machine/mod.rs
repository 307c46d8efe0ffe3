//! What a protocol implements ([`system`]), the promises it makes ([`promise`]), and a system in motion ([`world`]).

pub mod consistency;
pub mod promise;
pub mod system;
pub mod world;
