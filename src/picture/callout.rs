//! What clashed when a promise broke, on the stage: a bubble beside each node that has a part in it.

use std::fmt::Write;

use super::extent::extent;
use super::svg::escape;
use super::{Frame, NodeMark, Picture};

/// Of one line, in units of the picture, and its most characters.
const LINE: i32 = 17;
const MOST_LETTERS: usize = 26;
/// On the narrow frame letters are larger, in tenths.
const NARROW: i32 = 12;
/// The most lines of a bubble.
const MOST_LINES: usize = 2;
/// Between a node and its bubble, and between a bubble's edge and its words.
const GAP: i32 = 6;
const PAD: i32 = 8;
/// How far a crown stands out.
const CROWN: i32 = 14;

/// The bubbles as SVG: `values` says who has what; a value of somebody who is not on the picture has none.
pub fn callouts(picture: &Picture, values: &[(String, String)]) -> String {
    let mut out = String::new();
    for mark in &picture.nodes {
        let all: Vec<&str> =
            values.iter().filter(|(who, _)| *who == mark.label).map(|(_, what)| what.as_str()).collect();
        if !all.is_empty() {
            bubble(&mut out, picture, mark, &lines(&all.join(", ")));
        }
    }
    out
}

fn bubble(out: &mut String, picture: &Picture, mark: &NodeMark, lines: &[String]) {
    let widest = lines.iter().map(|line| width_of(line)).max().unwrap_or(0);
    let scale = if picture.frame == Frame::Narrow { NARROW } else { 10 };
    let (width, height) = (widest * scale / 100 + 2 * PAD, lines.len() as i32 * LINE + PAD);
    let (left, highest, right, _) = extent(picture).unwrap_or_default();
    let (_, top, _, bottom) = mark.bounds();
    // Above is a leader's crown.
    let above = top - GAP - height - if mark.crown { CROWN } else { 0 };
    let y = if above >= highest { above } else { bottom + GAP };
    let x = (mark.at.0 - width / 2).clamp(left, (right - width).max(left));
    let _ = write!(
        out,
        r#"<g class="callout" transform="translate({x} {y})"><rect width="{width}" height="{height}" rx="6"/>"#
    );
    for (nth, line) in lines.iter().enumerate() {
        let _ = write!(out, r#"<text x="{PAD}" y="{}">{}</text>"#, (nth as i32 + 1) * LINE, escape(line));
    }
    out.push_str("</g>");
}

/// How wide a line of bold letters is, in tenths of a unit.
fn width_of(line: &str) -> i32 {
    let letter = |letter: char| match letter {
        'm' | 'w' | 'M' | 'W' | '…' => 135,
        'i' | 'l' | 'j' | '.' | ',' | ':' | ';' | '\'' | ' ' => 52,
        'f' | 't' | 'r' | '(' | ')' | '-' => 68,
        'A'..='Z' => 108,
        _ => 94,
    };
    line.chars().map(letter).sum()
}

/// A text in short lines, between words; what does not fit is left out.
fn lines(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let taken = lines.last().map_or(0, |line| line.chars().count());
        let needed = word.chars().count() + usize::from(taken > 0);
        if taken + needed > MOST_LETTERS && taken > 0 {
            if lines.len() == MOST_LINES {
                if let Some(line) = lines.last_mut() {
                    line.push_str(" …");
                }
                return lines;
            }
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_end_with_a_whole_word() {
        assert_eq!(lines("leader of term 2"), ["leader of term 2"]);
        assert_eq!(
            lines("entry 4 of term 2: x=7, and entry 5 of term 3: y=9, and more of it"),
            ["entry 4 of term 2: x=7,", "and entry 5 of term 3: …"]
        );
    }
}
