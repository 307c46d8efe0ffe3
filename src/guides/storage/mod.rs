//! The Storage guide.

use crate::scenarios;

scenarios! {
    leaderless_quorum: "storage";
}
