//! What a kind of message is called, read off the title of one of them.

/// Words at the end of a kind's name that only lead to what is left out.
const LEADING: [&str; 9] = ["term", "for", "of", "to", "with", "at", "by", "from", "the"];

/// "a vote, term 1" is a "vote", "a pre-vote request for term 3" a "pre-vote request". A title that begins with what a
/// message carries is its own name.
pub fn kind(title: &str) -> String {
    let bare = title.trim_start_matches('"');
    let words = ["a ", "an ", "the "].iter().find_map(|article| bare.strip_prefix(article)).unwrap_or(bare);
    let end = words.find(|letter: char| letter.is_ascii_digit() || ",:\"(#=".contains(letter)).unwrap_or(words.len());
    let mut name: Vec<&str> = words[..end].split_whitespace().collect();
    while name.last().is_some_and(|last| LEADING.contains(last) || last.len() == 1) {
        name.pop();
    }
    if name.is_empty() { title.to_owned() } else { name.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::kind;

    #[test]
    fn kinds_are_named_without_what_they_carry() {
        assert_eq!(kind("a vote, term 1"), "vote");
        assert_eq!(kind("a pre-vote request for term 3"), "pre-vote request");
        assert_eq!(kind("AppendEntries, term 2, entries 1 to 3"), "AppendEntries");
        assert_eq!(kind("an ack of v0"), "ack");
        assert_eq!(kind("\"x=0, v0\""), "\"x=0, v0\"");
        assert_eq!(kind("\"matches to 0\", term 1"), "matches");
        assert_eq!(kind("7 acks"), "7 acks");
    }
}
