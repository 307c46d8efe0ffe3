//! Terms that texts mark with asterisks, each with one sentence.

/// Term and meaning, sorted by term.
const TERMS: &[(&str, &str)] = &[
    ("acknowledgement", "A consumer's word to the broker that a message has been dealt with."),
    ("cache-aside", "The application asks the cache first, and on a miss loads from the database and fills the cache."),
    ("candidate", "A server that stands for election in a new term."),
    ("committed", "Decided for good: no later leader will take it back."),
    ("coordinator", "The node that asks all participants and decides for them."),
    ("election timeout", "How long a follower waits for a word from a leader before it stands for election."),
    ("follower", "A server that takes its orders from the leader."),
    ("followers", "Servers that take their orders from the leader."),
    ("health check", "A regular question to a server whether it still works."),
    ("heartbeat", "A regular message that says no more than: I am still here."),
    ("hinted handoff", "A write kept by another node for one that is down, and handed over when it is back."),
    ("in doubt", "A participant has voted yes and does not know the decision: it may neither commit nor abort."),
    ("invalidate", "To delete a cached copy because what it was copied from has changed."),
    ("leader", "The one server that takes clients' commands in its term."),
    ("log", "The list of entries a server has written, in order."),
    ("majority", "More than half: two of three, three of five."),
    ("participant", "A node that does part of a transaction and votes on it."),
    ("prefetch", "How many unacknowledged messages a broker lets a consumer hold."),
    ("quorum", "Enough nodes that any two such sets have one in common."),
    ("read repair", "Writing the newest version back to replicas that a read found stale."),
    ("redelivered", "A flag on a message that the broker has handed out before."),
    ("single flight", "Only one load of a key at a time; whoever comes meanwhile waits for it."),
    ("term", "A number that counts elections: each has at most one leader."),
];

/// What a term means.
pub fn explain(term: &str) -> Option<&'static str> {
    let lower = term.to_lowercase();
    TERMS.binary_search_by_key(&lower.as_str(), |known| known.0).ok().map(|at| TERMS[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_sorted_and_found() {
        assert!(TERMS.is_sorted_by_key(|known| known.0));
        assert!(TERMS.iter().all(|known| explain(known.0) == Some(known.1)));
        assert!(explain("Term").is_some() && explain("nothing").is_none());
    }
}
