//! Promises that something is never found.

/// A promise that something is never found: a stable name, a title, a sentence, what looks for it in a world, and what
/// tells of what was found.
///
/// ```text
/// never!("one-holder", "One holder", "No two hold the lock at once.", |world| two_holders(world), |world, (one, other)| Breach { .. })
/// ```
#[macro_export]
macro_rules! never {
    ($id:expr, $title:expr, $about:expr, |$world:ident| $find:expr, |$there:ident, $found:pat_param| $tell:expr $(,)?) => {
        $crate::sim::machine::promise::Promise {
            id: $id,
            title: $title,
            about: $about,
            kind: $crate::sim::judge::verdict::Kind::Always,
            holds: |$world| $find.is_none(),
            explain: |$there| {
                let $world = $there;
                match $find {
                    Some($found) => $tell,
                    None => $crate::sim::judge::verdict::Breach::default(),
                }
            },
        }
    };
}
