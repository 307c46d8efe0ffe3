//! Numbers as text.

/// With commas: 41,208.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// "1 record", "3 records".
pub fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{} {what}s", grouped(count)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([7, 41_208, 1_000_000].map(grouped), ["7", "41,208", "1,000,000"]);
        assert_eq!([0, 1, 2_000].map(|count| counted(count, "move")), ["0 moves", "1 move", "2,000 moves"]);
    }
}
