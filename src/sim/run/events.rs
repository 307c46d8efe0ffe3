//! The events of a branch, packed: a long run has millions, and each takes half the room of a [`Handled`].

use super::MOST_EVENTS;
use super::simulation::{Handled, What};
use crate::sim::NodeId;
use crate::sim::journal::Journal;
use crate::sim::kernel::time::Time;
use crate::sim::kernel::{Cause, Lost};

/// See the module's header.
#[derive(Clone, Debug, Default)]
pub struct Events(Journal<Packed>);

impl Events {
    pub(super) fn push(&mut self, event: Handled) {
        self.0.push(Packed::from(event));
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing has happened.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The event at `index`, counted from 0.
    pub fn get(&self, index: usize) -> Option<Handled> {
        self.0.get(index).map(|packed| packed.unpacked(index as u64 + 1))
    }

    /// When the event at `index` happened.
    pub(super) fn time(&self, index: usize) -> Option<Time> {
        self.0.get(index).map(|packed| packed.time)
    }

    /// The events from `start` on, in order.
    pub fn from(&self, start: usize) -> impl DoubleEndedIterator<Item = Handled> {
        (start..self.len()).filter_map(|index| self.get(index))
    }

    /// All events, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Handled> {
        self.from(0)
    }
}

/// A [`Handled`] without its number, which is its place.
#[derive(Clone, Copy, Debug)]
struct Packed {
    time: Time,
    /// When the message was sent.
    sent: Time,
    id: u32,
    /// The number of the event or of the input, and which of the two in the highest bits.
    cause: u32,
    node: u16,
    from: u16,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Message,
    Lost(Lost),
    Timer,
    Command,
}

const _: () = assert!(size_of::<Packed>() == 32);

const BY_INPUT: u32 = 1 << 31;
const BY_EVENT: u32 = 1 << 30;
const _: () = assert!(MOST_EVENTS < BY_EVENT as u64);

impl From<Handled> for Packed {
    fn from(event: Handled) -> Packed {
        let (kind, from, sent) = match event.what {
            What::Message { from, sent } => (Kind::Message, from.0, sent),
            What::Lost { from, sent, why } => (Kind::Lost(why), from.0, sent),
            What::Timer => (Kind::Timer, 0, 0),
            What::Command => (Kind::Command, 0, 0),
        };
        let cause = match event.cause {
            Cause::Start => 0,
            Cause::Event(step) => BY_EVENT | step as u32,
            Cause::Input(step) => BY_INPUT | step as u32,
        };
        // A run of the most events would have to schedule a thousand for each to exceed this.
        let id = event.id as u32;
        Packed { time: event.time, sent, id, cause, node: event.node.0, from, kind }
    }
}

impl Packed {
    fn unpacked(self, step: u64) -> Handled {
        let (from, sent) = (NodeId(self.from), self.sent);
        let what = match self.kind {
            Kind::Message => What::Message { from, sent },
            Kind::Lost(why) => What::Lost { from, sent, why },
            Kind::Timer => What::Timer,
            Kind::Command => What::Command,
        };
        let number = u64::from(self.cause & (BY_EVENT - 1));
        let cause = match self.cause {
            by if by & BY_INPUT != 0 => Cause::Input(number),
            by if by & BY_EVENT != 0 => Cause::Event(number),
            _ => Cause::Start,
        };
        Handled { step, time: self.time, node: NodeId(self.node), what, cause, id: u64::from(self.id) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_as_it_was() {
        let (from, sent) = (NodeId(3), 1 << 40);
        let whats = [
            What::Message { from, sent },
            What::Lost { from, sent, why: Lost::Cut },
            What::Lost { from, sent, why: Lost::Down },
            What::Timer,
            What::Command,
        ];
        let causes =
            [Cause::Start, Cause::Event(0), Cause::Event(MOST_EVENTS), Cause::Input(0), Cause::Input(MOST_EVENTS)];
        let mut events = Events::default();
        let mut pushed = Vec::new();
        for what in whats {
            for cause in causes {
                let step = events.len() as u64 + 1;
                let event =
                    Handled { step, time: step << 30, node: NodeId(u16::MAX), what, cause, id: u64::from(u32::MAX) };
                events.push(event);
                pushed.push(event);
            }
        }
        assert!(events.iter().eq(pushed));
    }
}
