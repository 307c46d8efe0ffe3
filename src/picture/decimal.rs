//! Numbers with few decimals, printed by integers: the standard library's way of printing floats would be one of the
//! largest parts of the WebAssembly.

use std::fmt::{self, Display, Formatter};

/// A number that is printed with at most this many decimals, without zeros at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    scaled: i64,
    places: u32,
}

/// To a tenth: near enough for a place in a picture.
pub fn tenths(value: f64) -> Decimal {
    Decimal { scaled: whole(value * 10.0), places: 1 }
}

/// To a hundredth.
pub fn hundredths(value: f64) -> Decimal {
    Decimal { scaled: whole(value * 100.0), places: 2 }
}

/// The nearest whole number; the even one on a tie.
pub fn whole(value: f64) -> i64 {
    value.round_ties_even() as i64
}

impl Display for Decimal {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        let (unit, size) = (10u64.pow(self.places), self.scaled.unsigned_abs());
        let (mut rest, mut places) = (size % unit, self.places as usize);
        while places > 0 && rest.is_multiple_of(10) {
            (rest, places) = (rest / 10, places - 1);
        }
        let sign = if self.scaled < 0 { "-" } else { "" };
        match places {
            0 => write!(out, "{sign}{}", size / unit),
            _ => write!(out, "{sign}{}.{rest:0places$}", size / unit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_and_end_without_zeros() {
        let tenth = [0.0, 128.0, -3.25, 0.04, -0.04, 99.96, 12.3].map(|value| tenths(value).to_string());
        assert_eq!(tenth, ["0", "128", "-3.2", "0", "0", "100", "12.3"]);
        let hundredth = [0.5, 0.07, 1.0, -0.129].map(|value| hundredths(value).to_string());
        assert_eq!(hundredth, ["0.5", "0.07", "1", "-0.13"]);
        assert_eq!([0.5, 1.5, 2.5, -0.5].map(whole), [0, 2, 2, 0]);
    }
}
