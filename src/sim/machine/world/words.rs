//! Events and inputs in words.

use super::World;
use super::fabric::Payload;
use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall, Entry};
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::{Control, Setting};
use crate::sim::declare::text;
use crate::sim::kernel::time;
use crate::sim::kernel::{Lost, Pending};
use crate::sim::machine::system::System;
use crate::sim::run::simulation::{Simulation, What};
use crate::sim::run::tape::Input;

impl<S: System> World<S> {
    pub(super) fn title(&self, entry: &Pending, payload: &Payload<S>, what: What) -> String {
        let settings = &self.fabric.settings;
        let node = S::name(settings, entry.node);
        let text = self.describe_payload(payload);
        match what {
            What::Message { from, .. } => format!("{node} receives {text} from {}", S::name(settings, from)),
            What::Lost { from, .. } => format!("{text} from {} to {node} is lost", S::name(settings, from)),
            What::Timer => format!("{node}: {text}"),
            What::Command => format!("{node} is asked: {text}"),
        }
    }

    pub(super) fn describe_payload(&self, payload: &Payload<S>) -> String {
        match payload {
            Payload::Message(message) => S::describe_message(&self.fabric.settings, message),
            Payload::Timer(timer) => S::describe_timer(&self.fabric.settings, *timer),
            Payload::Command(call) => describe_command(S::COMMANDS, call),
        }
    }

    pub(super) fn explain_loss(&mut self, entry: &Pending, why: Lost) {
        let node = entry.node;
        self.fabric.why(None, |settings| {
            let name = S::name(settings, node);
            match why {
                Lost::Down => format!("{name} is down: what reaches it is lost."),
                Lost::Cut => format!("The link to {name} is cut: the message is lost on the way."),
                Lost::Loss => format!("The link to {name} lost the message."),
                Lost::Dropped => format!("The message to {name} was dropped by hand."),
            }
        });
    }

    pub(super) fn words_of_input(&self, input: &Input) -> String {
        let speaker = Speaker {
            nodes: self.nodes.len(),
            rules: S::RULES,
            settings: S::SETTINGS,
            commands: S::COMMANDS,
            name: &|node| self.name(node),
            message: &|id| self.describe_pending(id),
        };
        speaker.input(input)
    }
}

/// What it takes to put an input into words, for any system, so that this code is compiled only once.
struct Speaker<'a> {
    nodes: usize,
    rules: &'static [Rule],
    settings: &'static [Setting],
    commands: &'static [Command],
    name: &'a dyn Fn(NodeId) -> String,
    message: &'a dyn Fn(u64) -> String,
}

impl Speaker<'_> {
    fn input(&self, input: &Input) -> String {
        let name = |node: &NodeId| (self.name)(*node);
        let message = |id: &u64| (self.message)(*id);
        match input {
            Input::Crash { node } => format!("Crash {}", name(node)),
            Input::PowerCut { node } => format!("Cut the power of {}", name(node)),
            Input::TearWrite { node, lost: 0 | 1 } => format!("Tear the last write of {}", name(node)),
            Input::TearWrite { node, lost } => format!("Tear the last {lost} writes of {}", name(node)),
            Input::Restart { node } => format!("Restart {}", name(node)),
            Input::Pause { node } => format!("Pause {}", name(node)),
            Input::Resume { node } => format!("Resume {}", name(node)),
            Input::Slow { node, percent: 100 } => format!("{} at normal speed", name(node)),
            Input::Slow { node, percent } => format!("{} takes {percent} % of the normal time", name(node)),
            Input::Skew { node, offset: 0, drift_ppm: 0 } => format!("Set the clock of {} right", name(node)),
            Input::Skew { node, offset, drift_ppm } => {
                let ms = offset / time::MS as i64;
                format!("Clock of {} off by {ms} ms, drifting {drift_ppm} ppm", name(node))
            }
            Input::LoseDisk { node } => format!("{} loses its disk", name(node)),
            Input::Cut { from, to } => format!("Cut {} to {}", name(from), name(to)),
            Input::Heal { from, to } => format!("Heal {} to {}", name(from), name(to)),
            Input::Partition { side } => {
                let inside = (0..self.nodes.min(64)).filter(|node| side >> node & 1 == 1);
                let names: Vec<String> = inside.map(|node| (self.name)(NodeId::from(node))).collect();
                format!("Cut {} from the rest", names.join(", "))
            }
            Input::HealAll => "Heal every link".to_owned(),
            Input::Latency { from, to, extra } => {
                format!("{} to {} takes {} longer", name(from), name(to), time::show(*extra))
            }
            Input::Loss { from, to, ppm } => {
                format!("{} to {} loses {}.{} %", name(from), name(to), ppm / 10_000, ppm / 1_000 % 10)
            }
            Input::Drop { id } => format!("Drop {}", message(id)),
            Input::Duplicate { id } => format!("Duplicate {}", message(id)),
            Input::Delay { id, by } => format!("Delay {} by {}", message(id), time::show(*by)),
            Input::DeliverNow { id } => format!("Deliver {} now", message(id)),
            Input::Rule { rule, on } => {
                let title = self.rules.get(usize::from(rule.0)).map_or("unknown rule", |rule| rule.title);
                format!("Rule {}: {title}", if *on { "on" } else { "off" })
            }
            Input::Setting { setting, value } => {
                let title = self.settings.get(usize::from(setting.0)).map_or("unknown setting", |known| known.title);
                format!("{title}: {value}")
            }
            Input::Command(call) => describe_command(self.commands, call),
            Input::Choose { id } => format!("Next: {}", message(id)),
        }
    }
}

/// A command in words: "SET x, 5".
fn describe_command(commands: &'static [Command], call: &CommandCall) -> String {
    let Some(command) = commands.get(usize::from(call.command.0)) else {
        return "an unknown command".to_owned();
    };
    let values = command.parts(&call.values).filter(|(_, own)| !own.is_empty()).map(|(field, own)| match field.entry {
        Entry::Value(Control::Choice(options), _) => {
            usize::try_from(own[0]).ok().and_then(|index| options.get(index)).unwrap_or(&"?").to_string()
        }
        Entry::Value(..) => own[0].to_string(),
        Entry::Text(_) => format!("'{}'", text::unpack(own)),
    });
    let words: Vec<String> = std::iter::once(command.title.to_owned()).chain(values).collect();
    words.join(" ")
}
