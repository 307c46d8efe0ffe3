//! How requests end, in the words of load: what was offered, what was done in time, late, or refused. A system counts them
//! by one metric whose subjects these are.

/// See the module's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A client has asked.
    Offered,
    /// It has its answer, and still wanted it.
    InTime,
    /// The answer came when nobody wanted it any more: work for nothing.
    Late,
    /// It was told no, or could not even ask.
    Refused,
}

const NAMES: [&str; 4] = ["offered", "in time", "late", "refused"];

impl Outcome {
    /// As the subject of a metric.
    pub const fn subject(self) -> u16 {
        self as u16
    }

    /// The name of such a subject.
    pub fn name(subject: u16) -> &'static str {
        NAMES.get(usize::from(subject)).copied().unwrap_or("?")
    }
}
