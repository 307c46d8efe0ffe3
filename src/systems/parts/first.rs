//! What is seen once and remembered, and promises that something is never seen.

/// The first thing of a kind that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct First<T>(Option<T>);

impl<T> Default for First<T> {
    fn default() -> Self {
        First(None)
    }
}

impl<T> First<T> {
    /// Looks for one, unless one was seen before.
    pub fn see(&mut self, find: impl FnOnce() -> Option<T>) {
        if self.0.is_none() {
            self.0 = find();
        }
    }

    /// The one that was seen.
    pub fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }
}

/// A promise that something is never found: a stable name, a title, a sentence, what looks for it in a world, and what
/// tells of what was found.
#[macro_export]
macro_rules! never {
    ($id:expr, $title:expr, $about:expr, $find:expr, $tell:expr) => {
        $crate::sim::machine::promise::Promise {
            id: $id,
            title: $title,
            about: $about,
            kind: $crate::sim::judge::verdict::Kind::Always,
            holds: |world| $find(world).is_none(),
            explain: |world| match $find(world) {
                Some(found) => $tell(world, found),
                None => $crate::sim::judge::verdict::Breach::default(),
            },
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_is_kept() {
        let mut first = First::default();
        first.see(|| None);
        assert_eq!(first.get(), None);
        first.see(|| Some(3));
        first.see(|| unreachable!("nobody looks again"));
        assert_eq!(first.get(), Some(&3));
    }
}
