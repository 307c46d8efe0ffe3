//! One request at a time: what was asked and not answered, and asking again.
//!
//! An answer to a process that has crashed since is no answer to the one that took its place: TCP would have reset the
//! connection. Here a process's numbers begin at a draw, so that it knows its own.

use super::wire::Request;
use super::{Message, NUMBERS, Once, PATIENCE, Timer};
use crate::sim::NodeId;
use crate::sim::kernel::time::{MS, Micros};
use crate::sim::machine::system::Context;

/// retry.backoff.ms
const BACK_OFF: Micros = 100 * MS;

/// See the module's header.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    number: u64,
    open: Option<(NodeId, Request)>,
}

/// The number from which a process that boots counts its requests.
pub(super) fn first_number(context: &mut Context<Once>) -> u64 {
    context.draw(NUMBERS) >> 16
}

impl Caller {
    /// A caller that has asked nothing yet.
    pub(super) fn boot(context: &mut Context<Once>) -> Caller {
        Caller { number: first_number(context), open: None }
    }

    /// Asks, and waits for the answer.
    pub(super) fn ask(&mut self, context: &mut Context<Once>, to: NodeId, request: Request) {
        self.number += 1;
        self.open = Some((to, request));
        self.send(context);
    }

    fn send(&self, context: &mut Context<Once>) {
        let Some((to, request)) = &self.open else { return };
        context.send(*to, Message::Request { number: self.number, body: request.clone() });
        let patience = context.amount(PATIENCE);
        if patience > 0 {
            context.set_timer(Timer::Retry, patience);
        }
    }

    /// Asks again. False when nothing is open.
    pub(super) fn again(&self, context: &mut Context<Once>) -> bool {
        self.send(context);
        self.open.is_some()
    }

    /// Asks the same again after a pause.
    pub(super) fn later(&mut self, context: &mut Context<Once>, to: NodeId, request: Request) {
        self.open = Some((to, request));
        context.set_timer(Timer::Retry, BACK_OFF);
    }

    /// Whether an answer is the one that is waited for.
    pub(super) fn takes(&mut self, context: &mut Context<Once>, number: u64) -> bool {
        let awaited = number == self.number && self.open.take().is_some();
        if awaited {
            context.cancel_timer(Timer::Retry);
        }
        awaited
    }

    /// Waits for nothing any more.
    pub(super) fn forget(&mut self, context: &mut Context<Once>) {
        self.open = None;
        context.cancel_timer(Timer::Retry);
    }
}
