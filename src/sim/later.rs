//! A value that was added to a state after its fingerprints had been published: at its default it adds nothing to
//! them, so runs that never use it keep theirs.

use std::hash::{Hash, Hasher};

/// See the module's header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Later<T>(pub T);

impl<T: Hash + Default + PartialEq> Hash for Later<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if self.0 != T::default() {
            self.0.hash(state);
        }
    }
}
