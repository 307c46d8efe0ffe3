//! The shop: an idempotent producer. It numbers its batches and sends them until they are written.

use std::collections::VecDeque;
use std::rc::Rc;

use super::caller::first_number;
use super::topic::Order;
use super::wire::{Answer, Batch, Refused, Request};
use super::{ARRIVALS, BROKER, IDEMPOTENT, Memory, Message, Note, Once, PATIENCE, RATE, REQUESTS, TAKEN, Timer};
use crate::sim::kernel::time::{MS, Micros, SEC};
use crate::sim::machine::system::{Context, Event};
use crate::sim::measure::workload;
use crate::sim::numbers::counted;

/// max.in.flight.requests.per.connection
const IN_FLIGHT: u64 = 5;
/// Orders in a batch: stands for batch.size, which counts bytes.
const BATCH: usize = 5;
/// Orders that wait for their batch: stands for buffer.memory. One beyond it is refused.
const MOST_WAITING: usize = 50;
/// retry.backoff.ms
const BACK_OFF: Micros = 100 * MS;

/// What the shop has in memory: customers whose order is in here have no answer yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Shop {
    /// Its producer id.
    pub pid: Option<u16>,
    /// The next sequence number.
    pub sequence: u32,
    /// Orders without a batch.
    pub waiting: VecDeque<Order>,
    /// Batches that were sent and not answered, by number.
    pub in_flight: VecDeque<(u64, Rc<Batch>)>,
    /// The number of its last batch, or, before there is one, of its InitProducerId: see [`first_number`].
    number: u64,
}

pub(super) fn boot(context: &mut Context<Once>) -> Memory {
    if context.amount(RATE) > 0 {
        context.set_timer(Timer::Arrival, MS);
    }
    Memory::Shop(Shop { number: first_number(context), ..Shop::default() })
}

pub(super) fn handle(last: &mut u32, shop: &mut Shop, event: Event<Once>, context: &mut Context<Once>) {
    match event {
        Event::Timer(Timer::Arrival) => {
            let rate = context.amount(RATE);
            if rate > 0 {
                place(last, shop, context);
            } else {
                context.why(|_| "Nothing is ordered at a rate of 0.".to_owned());
            }
            let next = workload::poisson(context, ARRIVALS, rate).unwrap_or(SEC);
            context.set_timer(Timer::Arrival, next);
        }
        Event::Timer(Timer::Resend) => resend(shop, context),
        Event::Command(call) => (0..call.value(0).clamp(1, 20)).for_each(|_| place(last, shop, context)),
        Event::Message { message: Message::Answer { number, body }, .. } => answered(shop, number, &body, context),
        _ => context.pass_over(),
    }
    send(shop, context);
}

fn place(last: &mut u32, shop: &mut Shop, context: &mut Context<Once>) {
    if shop.waiting.len() >= MOST_WAITING {
        context.why(|_| format!("{MOST_WAITING} orders wait already: the next customer is turned away."));
        return;
    }
    *last += 1;
    let order = Order { id: *last, at: context.now() };
    shop.waiting.push_back(order);
    context.why(|_| format!("A customer places order {}.", order.id));
}

/// Sends what waits, as long as not too much is under way. Without a producer id it asks for one first.
fn send(shop: &mut Shop, context: &mut Context<Once>) {
    let numbered = context.rule(IDEMPOTENT);
    if numbered && shop.pid.is_none() {
        if !shop.waiting.is_empty() && !context.has_timer(Timer::Resend) {
            context.send(BROKER, Message::Request { number: shop.number, body: Request::Init { transactional: None } });
            watch(context);
        }
        return;
    }
    while !shop.waiting.is_empty() && has_room(shop) {
        let count = BATCH.min(shop.waiting.len());
        let orders: Vec<Order> = shop.waiting.drain(..count).collect();
        let pid = if numbered { shop.pid.unwrap_or(0) } else { 0 };
        let sequence = shop.sequence;
        shop.sequence += u32::from(numbered) * count as u32;
        shop.number += 1;
        let batch = Batch { topic: REQUESTS, pid, epoch: 0, sequence, orders: Rc::new(orders), transactional: None };
        let batch = Rc::new(batch);
        context.send(BROKER, Message::Request { number: shop.number, body: Request::Produce(Rc::clone(&batch)) });
        shop.in_flight.push_back((shop.number, batch));
        watch(context);
    }
}

/// Whether one more batch may be under way. What was answered behind one that was not counts as well, as on a connection that
/// answers in order: the log knows only the last five batches again.
fn has_room(shop: &Shop) -> bool {
    shop.in_flight.front().is_none_or(|oldest| shop.number - oldest.0 < IN_FLIGHT)
}

/// The shop's own patience: with a request timeout of 0 it waits for ever.
fn watch(context: &mut Context<Once>) {
    let patience = context.amount(PATIENCE);
    if patience > 0 {
        context.set_timer(Timer::Resend, patience);
    }
}

fn resend(shop: &mut Shop, context: &mut Context<Once>) {
    let count = shop.in_flight.len();
    context.why_rule(IDEMPOTENT, |_| {
        format!(
            "No answer for too long: the shop sends {} again, and cannot know what was written.",
            counted(count as u64, "batch")
        )
    });
    for (number, batch) in &shop.in_flight {
        context.send(BROKER, Message::Request { number: *number, body: Request::Produce(Rc::clone(batch)) });
    }
    if count > 0 {
        watch(context);
    }
}

fn answered(shop: &mut Shop, number: u64, answer: &Answer, context: &mut Context<Once>) {
    match answer {
        Answer::Producer { pid, .. } if shop.pid.is_none() && number == shop.number => {
            shop.pid = Some(*pid);
            context.cancel_timer(Timer::Resend);
            context.why(|_| format!("The shop is producer {pid} from now on."));
        }
        Answer::Refused(why @ Refused::OutOfOrder) => {
            context.why(|_| format!("{}: the shop sends all again, in order, after a pause.", why.code()));
            context.set_timer(Timer::Resend, BACK_OFF);
        }
        _ => {
            let Some(at) = shop.in_flight.iter().position(|sent| sent.0 == number) else {
                context.why(|_| "The shop knows this already.".to_owned());
                return;
            };
            let Some((_, batch)) = shop.in_flight.remove(at) else { return };
            for order in batch.orders.iter() {
                context.note(Note::Taken { order: order.id });
            }
            context.count(TAKEN, 0, batch.orders.len() as u64);
            context.why(|_| format!("Order {} is taken: its customer is told.", super::wire::ids(&batch.orders)));
            if shop.in_flight.is_empty() {
                context.cancel_timer(Timer::Resend);
            }
        }
    }
}
