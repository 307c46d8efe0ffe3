//! Numbers as text, and lists.

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

/// "1 record", "3 records", "2 batches", "0 entries".
pub fn counted(count: u64, what: &str) -> String {
    if count == 1 {
        return format!("1 {what}");
    }
    let number = grouped(count);
    match what.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'i', 'o', 'u'])) {
        Some(stem) => format!("{number} {stem}ies"),
        None if what.ends_with("ch") || what.ends_with('s') => format!("{number} {what}es"),
        None => format!("{number} {what}s"),
    }
}

/// "1 record is", "3 records are".
pub fn are(count: u64, what: &str) -> String {
    format!("{} {}", counted(count, what), if count == 1 { "is" } else { "are" })
}

/// "once", "twice", "3 times".
pub fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => counted(count, "time"),
    }
}

/// "no value", "1 value", "2 values".
pub fn counted_or_no(count: u64, what: &str) -> String {
    if count == 0 { format!("no {what}") } else { counted(count, what) }
}

/// "1 waiting", "3 waiting".
pub fn waiting(count: u64) -> String {
    format!("{} waiting", grouped(count))
}

/// Things in a row: "A, B and C".
pub fn listed(things: &[String]) -> String {
    match things {
        [all @ .., last] if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        _ => things.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([7, 41_208, 1_000_000].map(grouped), ["7", "41,208", "1,000,000"]);
        assert_eq!([0, 1, 2_000].map(|count| counted(count, "move")), ["0 moves", "1 move", "2,000 moves"]);
        assert_eq!(
            ["batch", "entry", "replay", "bus"].map(|what| counted(2, what)),
            ["2 batches", "2 entries", "2 replays", "2 buses"]
        );
        assert_eq!([1, 2].map(|count| are(count, "order")), ["1 order is", "2 orders are"]);
        assert_eq!([0, 1, 2].map(waiting), ["0 waiting", "1 waiting", "2 waiting"]);
        assert_eq!([1, 2, 3].map(times), ["once", "twice", "3 times"]);
        assert_eq!([0, 1, 2].map(|count| counted_or_no(count, "gap")), ["no gap", "1 gap", "2 gaps"]);
    }
}
