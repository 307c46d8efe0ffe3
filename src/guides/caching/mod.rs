//! The Caching guide.

use crate::scenarios;

scenarios! {
    cache_aside: "caching";
}
