//! Messages, timers and sets in words.

use super::{Consumed, Fetched, Mask, Message, Partition, Produced, Timer, members};
use crate::sim::numbers::counted;

/// "1, 2, 3"; "nobody" for an empty set.
pub fn set(mask: Mask) -> String {
    let list: Vec<String> = members(mask).map(|broker| (broker + 1).to_string()).collect();
    if list.is_empty() { "nobody".to_owned() } else { list.join(", ") }
}

/// "broker 2 leads epoch 3, ISR 1, 2".
pub fn partition(partition: &Partition) -> String {
    let Partition { leader, leader_epoch, isr, .. } = partition;
    let who = leader.map_or("nobody".to_owned(), |leader| format!("broker {}", leader + 1));
    format!("{who} leads epoch {leader_epoch}, ISR {}", set(*isr))
}

pub(super) fn message(message: &Message) -> String {
    match message {
        Message::Register { .. } => "a registration".to_owned(),
        Message::Registered { epoch, .. } => format!("registered, broker epoch {epoch}"),
        Message::Heartbeat { .. } => "a heartbeat".to_owned(),
        Message::Metadata { partition: news } => format!("the metadata \"{}\"", partition(news)),
        Message::Stale => "a stale broker epoch".to_owned(),
        Message::AlterPartition { isr, .. } => format!("AlterPartition, ISR {}", set(*isr)),
        Message::Altered { accepted: true, partition, .. } => format!("\"the ISR is {}\"", set(partition.isr)),
        Message::Altered { .. } => "AlterPartition refused".to_owned(),
        Message::Fetch { from, .. } => format!("a fetch from offset {}", from.offset),
        Message::FetchAnswer { fetched: Fetched::Records(records), hw, .. } => {
            format!("{}, high watermark {hw}", counted(records.len() as u64, "record"))
        }
        Message::FetchAnswer { fetched: Fetched::Diverging { epoch, end }, .. } => {
            format!("\"the logs part: epoch {epoch} ends at {end}\"")
        }
        Message::FetchAnswer { fetched: Fetched::Reset { start }, .. } => format!("\"the log begins at {start}\""),
        Message::Produce { id, acks: -1 } => format!("record {id}, acks=all"),
        Message::Produce { id, acks } => format!("record {id}, acks={acks}"),
        Message::ProduceAnswer { id, produced: Produced::At(offset) } => {
            format!("\"record {id} is at offset {offset}\"")
        }
        Message::ProduceAnswer { id, produced: Produced::NotLeader } => format!("\"record {id}: not the leader\""),
        Message::ProduceAnswer { id, .. } => format!("\"record {id}: not enough replicas\""),
        Message::Consume { offset } => format!("a fetch from offset {offset}"),
        Message::ConsumeAnswer { consumed: Consumed::Records(records), .. } => counted(records.len() as u64, "record"),
        Message::ConsumeAnswer { consumed: Consumed::NotLeader, .. } => "\"not the leader\"".to_owned(),
        Message::ConsumeAnswer { .. } => "\"the offset is out of range\"".to_owned(),
        Message::WhoLeads => "\"who leads?\"".to_owned(),
        Message::Leads { leader: Some(leader), .. } => format!("\"broker {} leads\"", leader + 1),
        Message::Leads { .. } => "\"nobody leads\"".to_owned(),
    }
}

pub(super) fn timer(timer: Timer) -> String {
    match timer {
        Timer::Session(broker) => format!("no word from broker {} for a session", broker + 1),
        Timer::Heartbeat => "time for a heartbeat".to_owned(),
        Timer::Lag(broker) => format!("broker {} lags for too long", broker + 1),
        Timer::Wait(broker) => format!("the fetch of broker {} has waited long enough", broker + 1),
        Timer::WaitReader => "the consumer's fetch has waited long enough".to_owned(),
        Timer::Retry => "no answer came".to_owned(),
        Timer::Arrival => "a record is produced".to_owned(),
        Timer::Again => "time to ask again".to_owned(),
    }
}
