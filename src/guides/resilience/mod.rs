//! The Resilience guide.

use crate::scenarios;

scenarios! {
    load_balancing: "resilience";
}
