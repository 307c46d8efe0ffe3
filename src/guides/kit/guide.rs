//! The guides: their names, levels and texts.

use crate::prose;

/// The guides, in reading order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guide {
    Consensus,
    Messaging,
    Caching,
    Storage,
    Transactions,
    Resilience,
}

impl Guide {
    /// All of them.
    pub const ALL: [Guide; 6] =
        [Guide::Consensus, Guide::Messaging, Guide::Caching, Guide::Storage, Guide::Transactions, Guide::Resilience];

    /// The part of the address: `consensus`.
    pub const fn slug(self) -> &'static str {
        match self {
            Guide::Consensus => "consensus",
            Guide::Messaging => "messaging",
            Guide::Caching => "caching",
            Guide::Storage => "storage",
            Guide::Transactions => "transactions",
            Guide::Resilience => "resilience",
        }
    }

    /// What the guide is about, in one or two sentences.
    pub const fn about(self) -> &'static str {
        match self {
            Guide::Consensus => "How machines that crash, and messages that are lost, still come to one decision.",
            Guide::Messaging => "Queues, logs and subjects: who gets a message, how often, and in what order.",
            Guide::Caching => "Copies that are quick to read, and what it takes to keep them from lying.",
            Guide::Storage => "Data on many machines: who has it, who has the newest of it, and how they agree.",
            Guide::Transactions => "Work on several machines that must happen as a whole or not at all.",
            Guide::Resilience => "Systems under load and in trouble: what sheds, what retries, what collapses.",
        }
    }

    /// What a level of it is about.
    pub const fn level(self, level: u8) -> &'static str {
        match (self, level) {
            (Guide::Consensus, 1) => "Why consensus is hard",
            (Guide::Consensus, 2) => "Who leads",
            (Guide::Consensus, 3) => "The replicated log",
            (Guide::Consensus, 4) => "The Paxos family",
            (Guide::Consensus, 5) => "Traitors",
            (Guide::Messaging, 1) => "Sending a message",
            (Guide::Messaging, 2) => "Who gets it",
            (Guide::Messaging, 3) => "Guarantees",
            (Guide::Messaging, 4) => "Exactly once, and under load",
            (Guide::Messaging, 5) => "Inside the broker",
            _ => "",
        }
    }

    /// Its own text, in Markdown: a comparison, and which one to use when. Empty in the browser, which reads it from
    /// the page.
    pub const fn prose(self) -> &'static str {
        match self {
            Guide::Consensus => prose!("../consensus/guide.md"),
            Guide::Messaging => prose!("../messaging/guide.md"),
            _ => "",
        }
    }

    /// The heading: "Consensus".
    pub const fn title(self) -> &'static str {
        match self {
            Guide::Consensus => "Consensus",
            Guide::Messaging => "Messaging",
            Guide::Caching => "Caching",
            Guide::Storage => "Storage",
            Guide::Transactions => "Transactions",
            Guide::Resilience => "Resilience",
        }
    }
}
