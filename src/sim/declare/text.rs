//! Text that a reader types, as the values of a command: eight characters in each, so that a tape holds nothing but
//! numbers.

/// How many values a text takes.
pub const VALUES: usize = 4;
/// The longest text, in characters.
pub const MOST: usize = VALUES * 8;

/// Whether a text may have this character: visible ASCII, so no spaces.
fn may_have(character: u8) -> bool {
    character.is_ascii_graphic()
}

/// A text as values; `None` when it is too long or has a character that is not visible ASCII.
pub fn pack(text: &str) -> Option<[i64; VALUES]> {
    let is_fine = text.len() <= MOST && text.bytes().all(may_have);
    is_fine.then(|| values_of(text.as_bytes()))
}

fn values_of(text: &[u8]) -> [i64; VALUES] {
    let mut bytes = [0; MOST];
    bytes[..text.len()].copy_from_slice(text);
    std::array::from_fn(|at| {
        let mut part = [0; 8];
        part.copy_from_slice(&bytes[at * 8..at * 8 + 8]);
        i64::from_le_bytes(part)
    })
}

/// The text that these values hold. If they are not a text, only the characters that a text may have.
pub fn unpack(values: &[i64]) -> String {
    let bytes = values.iter().take(VALUES).flat_map(|value| value.to_le_bytes());
    bytes.filter(|byte| may_have(*byte)).map(char::from).collect()
}

/// Turns any values into ones that [`pack`] could have made.
pub fn tidy(values: &[i64]) -> [i64; VALUES] {
    values_of(unpack(values).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_survives() {
        for text in ["", "#", "orders.eu.paid", "x-12345678901234567890123456789_"] {
            assert_eq!(pack(text).map(|values| unpack(&values)).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert_eq!(pack("orders eu"), None);
        assert_eq!(pack("bestellungen.größer"), None);
        assert_eq!(pack(&"a".repeat(MOST + 1)), None);
    }

    #[test]
    fn any_values_become_a_text() {
        for values in [&[-1, i64::MIN, 77, 0, 5][..], &[0x41_00_42][..], &[]] {
            let tidy = tidy(values);
            assert_eq!(pack(&unpack(&tidy)), Some(tidy));
        }
    }
}
