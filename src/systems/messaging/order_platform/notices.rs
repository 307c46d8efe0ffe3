//! NATS and the screen: a copy for who is subscribed now, and nothing for anybody else.

use super::{Memory, Message, NATS, NOTICES, Note, Notice, OrderPlatform, Orders, Timer, VIEW, product};
use crate::mechanisms::subjects;
use crate::sim::NodeId;
use crate::sim::kernel::time::{MS, Micros, SEC};
use crate::sim::machine::system::{Context, Event};

/// What the screen subscribes to.
pub const PATTERN: &str = "orders.*";
/// How often it resubscribes: in place of PING and reconnect.
const RESUBSCRIBE: Micros = SEC;

/// The subject of an order's notice.
pub fn subject(order: u32) -> String {
    let names = ["tea", "cups", "pots"];
    format!("orders.{}", names[product(order)])
}

pub(super) fn boot_screen(context: &mut Context<OrderPlatform>) -> Memory {
    context.set_timer(Timer::Subscribe, MS);
    Memory::Screen { seen: Orders::default() }
}

/// The server.
pub(super) fn serve(
    subscribed: &mut Option<NodeId>,
    event: Event<OrderPlatform>,
    context: &mut Context<OrderPlatform>,
) {
    let Event::Message { from, message: Message::Nats(notice) } = event else {
        return context.pass_over();
    };
    match notice {
        Notice::Sub => {
            context.why(|_| format!("The screen wants {PATTERN} from now on. Nothing was kept for it."));
            *subscribed = Some(from);
        }
        Notice::Pub { order, reply } => {
            let subject = subject(order);
            let to = subscribed.filter(|_| subjects::matches(&subject, PATTERN));
            context.why(|_| match to {
                Some(_) => format!("{subject} matches {PATTERN}: a copy for the screen."),
                None => format!("Nobody has subscribed to {subject}: the notice is gone."),
            });
            if let Some(to) = to {
                context.send(to, Message::Nats(Notice::Msg { order, reply }));
            }
        }
        Notice::Answer { order } => {
            context.why(|_| "The answer goes to whoever asked.".to_owned());
            context.send(VIEW, Message::Nats(Notice::Answer { order }));
        }
        Notice::Msg { .. } => context.why(|_| "A server gets no copies.".to_owned()),
    }
}

/// The screen.
pub(super) fn show(seen: &mut Orders, event: Event<OrderPlatform>, context: &mut Context<OrderPlatform>) {
    match event {
        Event::Timer(Timer::Subscribe) => {
            context.why(|_| format!("The screen subscribes to {PATTERN}."));
            context.set_timer(Timer::Subscribe, RESUBSCRIBE);
            context.send(NATS, Message::Nats(Notice::Sub));
        }
        Event::Message { message: Message::Nats(Notice::Msg { order, reply }), .. } => {
            seen.add(order);
            context.why(|_| format!("The screen shows order {order}."));
            context.count(NOTICES, 1, 1);
            context.note(Note::Seen);
            if reply {
                context.send(NATS, Message::Nats(Notice::Answer { order }));
            }
        }
        _ => context.pass_over(),
    }
}
