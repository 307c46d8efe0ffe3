//! RabbitMQ's scripts through our host: exchanges, queues and consumers as one pure state machine.

use std::collections::BTreeMap;
use std::rc::Rc;

use faultline::mechanisms::topic::XMatch;
use faultline::sim::NodeId;
use faultline::sim::kernel::time::{MS, Time};
use faultline::systems::messaging::rabbitmq::exchange::{Binding, EXCHANGES};
use faultline::systems::messaging::rabbitmq::host::{Handed, Host, Policy, Settle};
use faultline::systems::messaging::rabbitmq::message::{Body, Envelope, ExchangeId, Message, QueueId};
use faultline::systems::messaging::rabbitmq::queue::{Arguments, DeadLetter, Overflow};
use serde_json::{Value, json};

use crate::script::{Ours, Played, Script, is_look, texts};

type Step<'a> = &'a Value;

/// What a step yields.
type Yield = Result<Value, String>;

/// A verb and what it does.
type Verb = (&'static str, fn(&mut Player, Step, &Value) -> Yield);

const VERBS: [Verb; 14] = [
    ("queue", Player::queue),
    ("bind", Player::bind),
    ("unbind", Player::unbind),
    ("publish", Player::publish),
    ("consume", Player::consume),
    ("ack", Player::ack),
    ("nack", Player::nack),
    ("reject", Player::reject),
    ("drop", Player::cut),
    ("wait", Player::nothing),
    ("crash", Player::restart),
    ("restart", Player::restart),
    ("look", Player::look),
    ("count", Player::count),
];

/// A client that consumes.
struct Client {
    name: String,
    node: NodeId,
    /// What it was handed since the last look.
    seen: Vec<String>,
    /// Delivery tags, by message.
    tags: BTreeMap<String, u32>,
}

#[derive(Default)]
struct Player {
    host: Host,
    now: Time,
    /// By id.
    queues: Vec<String>,
    /// By number, from 1.
    messages: Vec<String>,
    clients: Vec<Client>,
    /// Nodes used so far.
    nodes: u16,
    prefetch: Option<usize>,
}

/// Plays a script.
pub fn play(script: &Script, theirs: &Played) -> Ours {
    let mut player = Player::default();
    script.steps.iter().zip(&theirs.ended).map(|(step, end)| player.step(step, *end)).collect()
}

/// A name that lives as long as the test: our declarations are constants.
fn constant(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn exchange(step: Step, field: &str) -> Result<ExchangeId, String> {
    let name = step[field].as_str().unwrap_or_default();
    let at = (0..).zip(EXCHANGES).find(|(_, known)| known.0 == name).map(|(at, _)| at);
    at.ok_or_else(|| format!("no exchange {name}"))
}

impl Player {
    fn step(&mut self, step: Step, end: Time) -> Yield {
        let fields = step.as_object().ok_or("a step is an object")?;
        let verb = VERBS.iter().find(|verb| fields.contains_key(verb.0)).ok_or_else(|| format!("no verb in {step}"))?;
        if is_look(step) {
            self.wait_until(end);
        }
        let observed = verb.1(self, step, &step[verb.0])?;
        self.hand_out();
        self.wait_until(end);
        Ok(observed)
    }

    fn id(&self, queue: &str) -> Result<QueueId, String> {
        let at = self.queues.iter().position(|known| known == queue).ok_or_else(|| format!("no queue {queue}"))?;
        QueueId::try_from(at).map_err(|error| error.to_string())
    }

    fn queue(&mut self, step: Step, queue: &Value) -> Yield {
        let name = queue.as_str().unwrap_or_default();
        if self.id(name).is_err() {
            self.queues.push(name.to_owned());
        }
        self.host.declare(self.id(name)?, constant(name), arguments(&step["with"])?);
        Ok(Value::Null)
    }

    fn bind(&mut self, step: Step, queue: &Value) -> Yield {
        let key = step["key"].as_str().unwrap_or_default();
        let mut binding = Binding::new(exchange(step, "to")?, self.id(queue.as_str().unwrap_or_default())?, key);
        for (name, value) in step["with"].as_object().into_iter().flatten() {
            match name.as_str() {
                "x-match" => binding.x_match = value.as_str().and_then(XMatch::parse).ok_or("no such x-match")?,
                _ => binding.arguments.push((constant(name), value.as_str().map(constant))),
            }
        }
        self.host.bind(binding);
        Ok(Value::Null)
    }

    fn unbind(&mut self, step: Step, queue: &Value) -> Yield {
        let queue = self.id(queue.as_str().unwrap_or_default())?;
        self.host.unbind(exchange(step, "from")?, queue, step["key"].as_str().unwrap_or_default());
        Ok(Value::Null)
    }

    fn publish(&mut self, step: Step, messages: &Value) -> Yield {
        let headers = step["headers"].as_object().into_iter().flatten();
        let envelope = Rc::new(Envelope {
            exchange: exchange(step, "to")?,
            key: step["key"].as_str().unwrap_or_default().to_owned(),
            headers: headers.map(|(name, value)| (constant(name), constant(value.as_str().unwrap_or("")))).collect(),
        });
        let mandatory = step["mandatory"] == true;
        let mut told = Vec::new();
        for name in texts(messages) {
            self.messages.push(name.to_owned());
            let message = Message {
                id: self.messages.len() as u32,
                published: self.now,
                persistent: step["transient"] != true,
                mandatory,
                expiration: step["ttl"].as_u64().map(|ms| ms * MS),
                attempt: 0,
                body: Body::Plain,
                envelope: Rc::clone(&envelope),
                deaths: Vec::new(),
                priority: 0,
            };
            let outcome = self.host.publish(&message, Policy::AMQP, self.now);
            let returned = if mandatory && outcome.queues.is_empty() { "returned, " } else { "" };
            told.push(format!("{name} {returned}{}", if outcome.refused { "refused" } else { "confirmed" }));
            self.hand_out();
        }
        Ok(json!(told))
    }

    fn consume(&mut self, step: Step, queues: &Value) -> Yield {
        let queues = texts(queues).map(|name| self.id(name)).collect::<Result<Vec<QueueId>, String>>()?;
        let prefetch = step["prefetch"].as_u64().filter(|most| *most > 0).map(|most| most as usize);
        if self.clients.len() > 1 && prefetch != self.prefetch {
            return Err("our consumers have one prefetch".to_owned());
        }
        self.prefetch = prefetch;
        self.nodes += 1;
        let node = NodeId(self.nodes);
        let name = step["as"].as_str().unwrap_or_default().to_owned();
        self.clients.push(Client { name, node, seen: Vec::new(), tags: BTreeMap::new() });
        self.host.consume(node, 1, queues, self.now);
        Ok(Value::Null)
    }

    fn client(&mut self, name: &Value) -> Result<&mut Client, String> {
        let known = self.clients.iter_mut().find(|client| Some(client.name.as_str()) == name.as_str());
        known.ok_or_else(|| format!("no client {name}"))
    }

    fn ack(&mut self, step: Step, messages: &Value) -> Yield {
        self.settle(step, messages, Settle::Ack)
    }

    fn nack(&mut self, step: Step, messages: &Value) -> Yield {
        let how = if step["requeue"] == false { Settle::Discard } else { Settle::Requeue };
        self.settle(step, messages, how)
    }

    fn reject(&mut self, step: Step, messages: &Value) -> Yield {
        let how = if step["requeue"] == true { Settle::Retry } else { Settle::Discard };
        self.settle(step, messages, how)
    }

    fn settle(&mut self, step: Step, messages: &Value, how: Settle) -> Yield {
        for message in texts(messages) {
            let client = self.client(&step["as"])?;
            let tag = client.tags.remove(message).ok_or_else(|| format!("{message} was not delivered"))?;
            let node = client.node;
            self.host.settle(node, tag, how, Policy::AMQP, self.now);
            self.hand_out();
        }
        Ok(Value::Null)
    }

    /// Its connection ends.
    fn cut(&mut self, _: Step, client: &Value) -> Yield {
        let node = self.client(client)?.node;
        self.clients.retain(|known| known.node != node);
        self.host.close(node, Policy::AMQP, self.now);
        Ok(Value::Null)
    }

    fn nothing(&mut self, _: Step, _: &Value) -> Yield {
        Ok(Value::Null)
    }

    /// Time passes, and messages and queues expire.
    fn wait_until(&mut self, end: Time) {
        while let Some(at) = self.host.next_expiry().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            if self.host.expire(Policy::AMQP, self.now).is_empty() {
                break;
            }
            self.hand_out();
        }
        self.now = end;
    }

    /// Ours has only one way to restart: after a crash.
    fn restart(&mut self, _: Step, _: &Value) -> Yield {
        self.host = self.host.after_restart();
        self.clients.clear();
        Ok(Value::Null)
    }

    fn look(&mut self, _: Step, _: &Value) -> Yield {
        let seen = self.clients.iter_mut().filter(|client| !client.seen.is_empty());
        Ok(seen.map(|client| (client.name.clone(), json!(std::mem::take(&mut client.seen)))).collect())
    }

    fn count(&mut self, _: Step, queues: &Value) -> Yield {
        let ready = |name: &str| self.id(name).ok().and_then(|id| self.host.queues.get(&id)).map(|q| q.ready.len());
        Ok(texts(queues).map(|name| (name.to_owned(), json!(ready(name)))).collect())
    }

    /// The broker pushes what it can.
    fn hand_out(&mut self) {
        self.host.expire(Policy::AMQP, self.now);
        while let Some(handed) = self.host.hand_out(self.prefetch, self.now) {
            let name = self.messages[handed.stored.message.id as usize - 1].clone();
            let line = self.show(&handed, &name);
            if let Some(client) = self.clients.iter_mut().find(|client| client.node == handed.to) {
                client.seen.push(line);
                client.tags.insert(name, handed.tag);
            }
            self.host.expire(Policy::AMQP, self.now);
        }
    }

    fn show(&self, handed: &Handed, name: &str) -> String {
        let message = &handed.stored.message;
        let queue = |id: QueueId| self.queues[usize::from(id)].as_str();
        let again = if handed.stored.redelivered { " again" } else { "" };
        let died = message.deaths.iter();
        let died: Vec<String> =
            died.map(|death| format!("{} {} {}", queue(death.queue), death.reason.name(), death.count)).collect();
        let deaths = match died.is_empty() {
            true => String::new(),
            false => {
                let exchange = EXCHANGES[usize::from(message.envelope.exchange)].0;
                format!(" ({}) by {exchange}:{}", died.join(", "), message.envelope.key)
            }
        };
        format!("{}/{name}{again}{deaths}", queue(handed.queue))
    }
}

fn arguments(given: &Value) -> Result<Arguments, String> {
    let is_quorum = given["x-queue-type"] == "quorum";
    let mut arguments = if is_quorum { Arguments::QUORUM } else { Arguments::CLASSIC };
    let (mut target, mut key) = (None, None);
    for (name, value) in given.as_object().into_iter().flatten() {
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        match name.as_str() {
            "x-queue-type" => {}
            "durable" => arguments.durable = value == true,
            "exclusive" => arguments.exclusive = value == true,
            "x-message-ttl" => arguments.message_ttl = number.map(|ms| u64::from(ms) * MS),
            "x-max-length" => arguments.max_length = number,
            "x-delivery-limit" => arguments.delivery_limit = number,
            "x-overflow" if value == "reject-publish" => arguments.overflow = Overflow::RejectPublish,
            "x-dead-letter-exchange" => {
                target = Some(exchange(&json!({ "to": value }), "to")?);
            }
            "x-dead-letter-routing-key" => key = value.as_str().map(constant),
            other => return Err(format!("our queues have no argument {other}")),
        }
    }
    arguments.dead_letter = target.map(|exchange| DeadLetter { exchange, key });
    Ok(arguments)
}
