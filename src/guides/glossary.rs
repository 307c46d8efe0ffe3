//! Terms that texts mark with asterisks, each with one sentence.

/// Term and meaning, sorted by term.
const TERMS: &[(&str, &str)] = &[
    ("acceptor", "A node that promises and accepts; a majority of them decides."),
    ("acceptors", "Nodes that promise and accept; a majority of them decides."),
    ("ack wait", "How long a delivered message may go without an acknowledgement before it is delivered again."),
    ("acknowledgement", "A consumer's word to the broker that a message has been dealt with."),
    ("advisory", "A message that a server publishes about what has happened in it."),
    ("asynchronous", "Messages arrive at some time, and nobody knows how late they may be."),
    ("at most once", "A message arrives once or not at all; nobody sends it again."),
    ("back-off", "A random wait before trying again, longer after each failure."),
    ("ballot", "A proposal number, made of a round and a proposer; no two proposers share one."),
    ("binding", "What ties a queue to an exchange, with a key or headers to match."),
    ("bindings", "What ties a queue to an exchange, with a key or headers to match."),
    ("cache-aside", "The application asks the cache first, and on a miss loads from the database and fills the cache."),
    ("candidate", "A server that stands for election in a new term."),
    ("chosen", "Accepted by a majority in one ballot, and so settled for good."),
    ("commit", "A replica's signed word that it holds a certificate of prepares."),
    ("commit index", "The index up to which a server knows the log to be committed."),
    ("committed", "Decided for good: no later leader will take it back."),
    ("committed offset", "The next offset that a group wants, kept by the broker."),
    ("consumer group", "Consumers that share a topic, each partition having one owner."),
    ("cooperative", "Giving up only the partitions that move."),
    ("coordinator", "The node that decides for a group, or leads it."),
    ("dead-letter exchange", "The exchange to which a queue's dead messages go."),
    ("dead-letters", "Publishes again, to another exchange, what was rejected, has expired, or does not fit."),
    ("delivery limit", "How often a quorum queue takes a message back before it gives it up."),
    ("double ack", "An acknowledgement that is itself acknowledged."),
    ("duplicate window", "How long a stream remembers message ids, so that copies are recognised."),
    ("durable", "Said of a queue that survives a restart of the broker."),
    ("eager", "Giving up all partitions before joining again."),
    ("earliest", "Begin at the oldest record that is kept."),
    ("election timeout", "How long a follower waits for a word from a leader before it stands for election."),
    ("epoch", "A number raised with each new leader or token, so that old ones are recognised."),
    ("exchange", "Where publishers send; it passes copies on to the queues whose bindings match, and keeps nothing."),
    ("exchanges", "Where publishers send; they pass copies on to the queues whose bindings match, and keep nothing."),
    ("fanout", "An exchange that gives every bound queue a copy."),
    ("fencing token", "A number that grows with each grant of a lock, by which a store refuses old holders."),
    ("fencing tokens", "Numbers that grow with each grant of a lock, by which a store refuses old holders."),
    ("follower", "A server that takes its orders from the leader."),
    ("followers", "Servers that take their orders from the leader."),
    ("generation", "A number raised by each rebalance of a group."),
    ("halts", "Stops lower nodes from working for anybody else before a new coordinator takes over."),
    ("health check", "A regular question to a server whether it still works."),
    ("heartbeat", "A regular message that says no more than: I am still here."),
    ("heartbeats", "Regular messages that say no more than: I am still here."),
    ("hinted handoff", "A write kept by another node for one that is down, and handed over when it is back."),
    ("idempotent", "Said of a producer whose batches are written once, however often they are sent."),
    ("in doubt", "A participant has voted yes and does not know the decision: it may neither commit nor abort."),
    ("in progress", "A consumer's word that it is still at work; its ack wait starts anew."),
    ("inbox", "A subject made up for the answers to one caller."),
    ("invalidate", "To delete a cached copy because what it was copied from has changed."),
    ("jitter", "A random part of a wait, so that many do not return at once."),
    ("joint consensus", "A time in which decisions need majorities of an old and of a new set of members."),
    ("key", "The part of a record that decides its partition."),
    ("lag", "Log end minus committed offset: how many records a group has yet to read."),
    ("latest", "Begin at the end of the log."),
    ("leader", "The one server that takes clients' commands in its term."),
    ("lease", "A lock or right that ends by itself after a set time."),
    ("linearizability", "Each operation seems to happen at one moment between its call and its answer."),
    ("log", "The list of entries a server has written, in order."),
    ("logs", "Each server's list of entries, in order."),
    ("majority", "More than half: two of three, three of five."),
    ("mandatory", "Returned to the publisher when no queue takes it."),
    ("members", "The servers whose majorities count."),
    ("metadata", "What clients know of a topic's partitions."),
    ("n - t", "How many messages a process may wait for when t of n may have crashed."),
    ("nak", "A consumer's word that it gives a message back, to be delivered again."),
    ("no responders", "Status 503: nobody has subscribed to the subject of a request."),
    ("no-op", "A command that changes nothing and fills a gap in the log."),
    ("offset", "A record's number within its partition."),
    ("offsets", "Records' numbers within their partition."),
    ("participant", "A node that does part of a transaction and votes on it."),
    ("partition", "One of a topic's logs; order holds within it."),
    ("partitions", "A topic's logs; order holds within each."),
    ("persistent", "Said of a message that is kept on disk."),
    ("poison", "A message on which the work fails every time."),
    ("pre-vote", "A question before an election: would you vote for me? It raises no term."),
    ("prefetch", "How many unacknowledged messages a broker lets a consumer hold."),
    ("prepare", "A backup's signed word that it accepted a request under a number in this view."),
    ("primary", "The node that gives requests their order in its epoch or view."),
    ("promise", "An acceptor's word that it accepts nothing below a ballot."),
    ("proposer", "A node that tries to get a value chosen."),
    ("puback", "The server's word to a publisher that a message is stored, and under which sequence."),
    ("publisher confirm", "The broker's word that it has taken charge of a message."),
    ("publisher confirms", "The broker's words that it has taken charge of messages."),
    ("queue group", "Subscribers that share their messages: one member gets each."),
    ("quorum", "Enough nodes that any two such sets have one in common."),
    ("range", "Dealing partitions in stretches."),
    ("read repair", "Writing the newest version back to replicas that a read found stale."),
    ("rebalance", "Dealing a group's partitions anew."),
    ("redelivered", "A flag on a message that the broker has handed out before."),
    ("request", "A message that carries a subject for its answer."),
    ("retention", "How long, or how much of it, a log is kept, read or not."),
    ("routing key", "The words by which a message is routed."),
    ("scatter-gather", "One question to many, and their answers collected."),
    ("session timeout", "The silence after which a member is taken for dead."),
    ("single flight", "Only one load of a key at a time; whoever comes meanwhile waits for it."),
    ("snapshot", "The state after an index of the log, kept in place of the entries up to there."),
    ("split brain", "Two parts of a cluster that each believe to be the whole."),
    ("stable", "Said of a checkpoint that 2f + 1 replicas have signed: the log before it can go."),
    ("static", "Said of a member with a lasting name."),
    ("sticky", "Dealing partitions so that members keep what they had."),
    ("stream", "Messages that a server keeps, in order, each with a sequence number."),
    ("subject", "Words with dots between them, on which a message is published and by which it is asked for."),
    ("synchronous", "Every message arrives, and every running node answers, within a known time."),
    ("term", "A number that counts elections: each has at most one leader."),
    ("time to live", "How long a message may stay in a queue."),
    ("time-out", "How long a node waits for an answer before it takes the other for dead."),
    ("token", "A message of which there is one; whoever has it may go in."),
    ("version", "A number that orders the values of a copy: the higher one is newer."),
    ("write deadline", "How long a server tries to write to a connection before it closes it."),
    ("zombie", "A member that was replaced and does not know it."),
    ("zxid", "A transaction's number in ZooKeeper: the epoch and a counter within it."),
];

/// Every term and its meaning, sorted by term.
pub fn all() -> &'static [(&'static str, &'static str)] {
    TERMS
}

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
