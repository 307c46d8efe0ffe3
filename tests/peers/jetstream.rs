//! JetStream's scripts through our stream and our consumer, as pure state machines.

use std::collections::BTreeMap;

use faultline::sim::kernel::time::{MS, Micros, Time};
use faultline::systems::messaging::jetstream::consumer::{AckPolicy, Consumer, ConsumerConfig, Delivery, Next};
use faultline::systems::messaging::jetstream::stream::{Discard, PubAck, Retention, Stream, StreamConfig, Task};
use serde_json::{Value, json};

use crate::script::{Ours, Played, Script, is_look, texts};

/// What a step yields.
type Yield = Result<Value, String>;

/// How often the server looks for messages that were not acknowledged in time.
const TICK: Time = 10 * MS;

struct Player {
    now: Time,
    stream: Stream,
    stream_config: StreamConfig,
    consumer: Option<(Consumer, ConsumerConfig)>,
    /// The tasks' names; their numbers count from 1.
    names: Vec<String>,
    /// The sequence under which a task was delivered last.
    sequences: BTreeMap<String, u32>,
    advisories: Vec<String>,
}

/// Plays a script.
pub fn play(script: &Script, theirs: &Played) -> Ours {
    let config = script.steps.iter().find(|step| step["stream"].is_object()).ok_or("no stream")?;
    let mut player = Player {
        now: 0,
        stream: Stream::default(),
        stream_config: stream_config(&config["stream"])?,
        consumer: None,
        names: Vec::new(),
        sequences: BTreeMap::new(),
        advisories: Vec::new(),
    };
    let steps = script.steps.iter().zip(&theirs.ended);
    steps.map(|(step, end)| player.at(step, *end)).collect()
}

fn micros(value: &Value) -> Option<Micros> {
    value.as_u64().map(|ms| ms * MS)
}

fn stream_config(given: &Value) -> Result<StreamConfig, String> {
    let retention = match given["retention"].as_str() {
        None | Some("limits") => Retention::Limits,
        Some("interest") => Retention::Interest,
        Some("workqueue") => Retention::WorkQueue,
        Some(other) => return Err(format!("no retention {other}")),
    };
    Ok(StreamConfig {
        retention,
        discard: if given["discard"] == "new" { Discard::New } else { Discard::Old },
        max_msgs: given["max_msgs"].as_u64().map(|most| most as u32),
        max_age: micros(&given["max_age"]),
        duplicates: micros(&given["duplicate_window"]).unwrap_or(120_000 * MS),
    })
}

fn consumer_config(given: &Value) -> ConsumerConfig {
    let back_off: Vec<Micros> = given["backoff"].as_array().into_iter().flatten().filter_map(micros).collect();
    ConsumerConfig {
        policy: if given["ack_policy"] == "all" { AckPolicy::All } else { AckPolicy::Explicit },
        ack_wait: micros(&given["ack_wait"]).unwrap_or(30_000 * MS),
        max_deliver: given["max_deliver"].as_u64().map(|most| most as u32),
        back_off: Box::leak(back_off.into_boxed_slice()),
        max_ack_pending: given["max_ack_pending"].as_u64().unwrap_or(1_000) as u32,
    }
}

impl Player {
    fn at(&mut self, step: &Value, end: Time) -> Yield {
        if is_look(step) {
            self.wait_until(end);
        }
        let yields = self.step(step);
        self.wait_until(end);
        yields
    }

    fn step(&mut self, step: &Value) -> Yield {
        let fields = step.as_object().ok_or("a step is an object")?;
        let has = |verb: &str| fields.contains_key(verb);
        if has("consumer") {
            self.consumer = Some((Consumer::default(), consumer_config(&step["consumer"])));
        } else if has("store") {
            return self.store(step);
        } else if has("fetch") {
            return self.fetch(step["fetch"].as_u64().unwrap_or(1));
        } else if let Some(verb) = ["ack", "nak", "term", "progress"].iter().find(|verb| has(verb)) {
            return self.settle(verb, step);
        } else if has("crash") || has("restart") {
            self.stream.recover(&self.stream_config, self.now);
        } else if has("stored") {
            self.stream.expire(&self.stream_config, self.now);
            return Ok(json!({ "messages": self.stream.msgs().len(), "last": self.stream.last() }));
        } else if has("pending") {
            return self.pending();
        } else if has("advisories") {
            return Ok(json!(std::mem::take(&mut self.advisories)));
        }
        Ok(Value::Null)
    }

    fn consumer(&mut self) -> Result<(&mut Consumer, ConsumerConfig), String> {
        self.consumer.as_mut().map(|(consumer, config)| (consumer, *config)).ok_or_else(|| "no consumer".to_owned())
    }

    fn store(&mut self, step: &Value) -> Yield {
        let mut told = Vec::new();
        for name in texts(&step["store"]) {
            let known = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
                self.names.push(name.to_owned());
                self.names.len() - 1
            });
            let task = Task { id: known as u32 + 1, ..Task::default() };
            let id = (step["ids"] != false).then_some(task.id);
            let interest = self.consumer.is_some();
            told.push(match self.stream.store(&self.stream_config, id, task, interest, self.now) {
                PubAck::Stored { seq } => format!("{name} {seq}"),
                PubAck::Duplicate { seq } => format!("{name} {seq} duplicate"),
                PubAck::Refused => format!("{name} refused"),
            });
        }
        Ok(json!(told))
    }

    fn fetch(&mut self, most: u64) -> Yield {
        let (now, mut got) = (self.now, Vec::new());
        while got.len() < most as usize {
            let (consumer, config) = self.consumer.as_mut().ok_or("no consumer")?;
            match consumer.next(config, &self.stream, now) {
                Next::Deliver(Delivery { seq, delivery, times }) => {
                    let task = self.stream.get(seq).ok_or("delivered and not stored")?.task;
                    let name = &self.names[task.id as usize - 1];
                    self.sequences.insert(name.clone(), seq);
                    got.push(format!("{name} is {seq}, delivery {delivery}, time {times}"));
                }
                Next::GaveUp { seq, times } => self.advisories.push(format!("{seq} after {times}")),
                Next::TooManyPending | Next::Nothing => break,
            }
        }
        Ok(json!(got))
    }

    fn settle(&mut self, verb: &str, step: &Value) -> Yield {
        let (now, mut told) = (self.now, Vec::new());
        for name in texts(&step[verb]) {
            let seq = *self.sequences.get(name).ok_or_else(|| format!("{name} was not delivered"))?;
            let (consumer, config) = self.consumer()?;
            let settled = match verb {
                "ack" => consumer.ack(&config, seq),
                "term" => consumer.term(&config, seq),
                "nak" => {
                    consumer.nak(seq, micros(&step["delay"]), now);
                    Vec::new()
                }
                _ => {
                    consumer.in_progress(seq, now);
                    Vec::new()
                }
            };
            settled.into_iter().for_each(|seq| self.stream.settle(&self.stream_config, seq));
            told.push(format!("{name} confirmed"));
        }
        Ok(if step["double"] == true { json!(told) } else { Value::Null })
    }

    /// Time passes; messages that were not acknowledged in time are queued again as they fall due.
    fn wait_until(&mut self, end: Time) {
        while self.now < end {
            self.now += TICK.min(end - self.now);
            if let Some((consumer, config)) = &mut self.consumer {
                for seq in consumer.due(config, self.now) {
                    consumer.expire(seq);
                }
            }
        }
    }

    fn pending(&mut self) -> Yield {
        let (consumer, _) = self.consumer.as_ref().ok_or("no consumer")?;
        let fresh = self.stream.msgs().iter().filter(|stored| stored.seq > consumer.delivered()).count();
        Ok(json!({ "unacknowledged": consumer.pending().len(), "floor": consumer.floor(), "fresh": fresh }))
    }
}
