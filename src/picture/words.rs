//! How much room words take before anything is drawn: measured in a broad sans serif, so that what fits here fits in any.

/// The largest letters that a figure is drawn with, in units of the picture; the style sheet holds to it.
pub const LARGEST: i32 = 16;

/// How wide a text is in letters of this size, in units of the picture.
pub fn width(text: &str, size: i32) -> i32 {
    (text.chars().map(hundredths).sum::<i32>() * size + 99) / 100
}

/// The width of a letter, in hundredths of its size.
fn hundredths(letter: char) -> i32 {
    match letter {
        'i' | 'j' | 'l' | 'I' | '|' | '\'' => 29,
        ' ' | '.' | ',' | ':' | ';' | '!' | '·' | '/' => 34,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '-' => 41,
        'm' | 'M' | 'W' | '…' => 99,
        'w' | '=' | '+' | '<' | '>' => 84,
        'c' | 'k' | 's' | 'v' | 'x' | 'y' | 'z' => 59,
        'A'..='Z' => 70,
        _ => 64,
    }
}

/// Between a label and what it belongs to.
const GAP: i32 = 8;
/// Columns of labels are a multiple of this wide, so that stacked figures line up.
const STEP: i32 = 12;

/// The width of the column of labels before rows.
pub fn label_column<'a>(labels: impl Iterator<Item = &'a str>) -> i32 {
    match labels.map(|label| width(label, LARGEST)).max().unwrap_or(0) {
        0 => 0,
        widest => (widest + GAP + STEP - 1) / STEP * STEP,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_as_wide_as_its_longest_label() {
        assert_eq!(label_column(["", ""].into_iter()), 0);
        assert_eq!(label_column(["A", "B"].into_iter()), 24);
        assert!(label_column(["unconfirmed"].into_iter()) > width("unconfirmed", LARGEST));
        assert!(width("will", 10) < width("wool", 10));
    }
}
