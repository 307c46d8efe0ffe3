//! Virtual time: whole microseconds since the start of a run. Nothing in the library reads a wall clock.

/// A moment, in microseconds since the start of the run.
pub type Time = u64;
/// A length of time, in microseconds.
pub type Micros = u64;

/// One millisecond.
pub const MS: Micros = 1_000;
/// One second.
pub const SEC: Micros = 1_000_000;

/// A length of time as a reader wants to see it: "840 µs", "12.4 ms", "3.20 s".
pub fn show(micros: Micros) -> String {
    match micros {
        0..MS => format!("{micros} µs"),
        MS..SEC => tenths(micros, MS, "ms"),
        _ => {
            let hundredths = micros / 10_000;
            format!("{}.{:02} s", hundredths / 100, hundredths % 100)
        }
    }
}

fn tenths(micros: Micros, unit: Micros, name: &str) -> String {
    let tenths = micros * 10 / unit;
    match tenths % 10 {
        0 => format!("{} {name}", tenths / 10),
        rest => format!("{}.{rest} {name}", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_sensible_precision() {
        assert_eq!(show(840), "840 µs");
        assert_eq!(show(12_430), "12.4 ms");
        assert_eq!(show(150 * MS), "150 ms");
        assert_eq!(show(3_209_000), "3.20 s");
    }
}
