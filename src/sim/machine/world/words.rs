//! Events and inputs in words.

use super::World;
use super::fabric::Payload;
use crate::sim::NodeId;
use crate::sim::declare::commands::{Command, CommandCall};
use crate::sim::declare::rules::Rule;
use crate::sim::declare::settings::Setting;
use crate::sim::kernel::time;
use crate::sim::kernel::{Lost, Pending};
use crate::sim::machine::system::System;
use crate::sim::numbers::listed;
use crate::sim::run::simulation::{Simulation, What};
use crate::sim::run::tape::Input;

impl<S: System> World<S> {
    pub(super) fn title(&self, entry: &Pending, payload: &Payload<S>, what: What) -> String {
        let settings = &self.fabric.settings;
        let node = S::name(settings, entry.node);
        let text = self.describe_payload(payload);
        match what {
            What::Message { from, .. } => {
                let comma = if is_list(&text) { "," } else { "" };
                format!("{node} receives {text}{comma} from {}", S::name(settings, from))
            }
            What::Lost { from, .. } => format!("{text} from {} to {node} is lost", S::name(settings, from)),
            What::Timer => format!("{node}: {text}"),
            What::Command => format!("{node} is asked to {}", asked(S::COMMANDS, call_of(payload))),
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
            Input::Slow { node, percent: 100 } => format!("Bring {} back to normal speed", name(node)),
            Input::Slow { node, percent } => format!("Slow {} to {percent} % of the normal time", name(node)),
            Input::Skew { node, offset: 0, drift_ppm: 0 } => format!("Set the clock of {} right", name(node)),
            Input::Skew { node, offset, drift_ppm } => {
                format!("Set the clock of {} {}", name(node), wrong(*offset, i64::from(*drift_ppm)))
            }
            Input::LoseDisk { node } => format!("Take the disk of {}", name(node)),
            Input::Cut { from, to } => format!("Cut the link from {} to {}", name(from), name(to)),
            Input::Heal { from, to } => format!("Heal the link from {} to {}", name(from), name(to)),
            Input::Partition { side } => {
                let inside = (0..self.nodes.min(64)).filter(|node| side >> node & 1 == 1);
                format!(
                    "Cut {} from the rest",
                    joined(&inside.map(|node| (self.name)(NodeId::from(node))).collect::<Vec<_>>())
                )
            }
            Input::HealAll => "Heal every link".to_owned(),
            Input::Latency { from, to, extra } => {
                format!("Delay what {} sends to {} by {}", name(from), name(to), time::show(*extra))
            }
            Input::Loss { from, to, ppm } => {
                let percent = format!("{}.{} %", ppm / 10_000, ppm / 1_000 % 10);
                format!("Lose {percent} of what {} sends to {}", name(from), name(to))
            }
            Input::Drop { id } => format!("Drop {}", message(id)),
            Input::Duplicate { id } => format!("Duplicate {}", message(id)),
            Input::Delay { id, by } => format!("Delay {} by {}", message(id), time::show(*by)),
            Input::DeliverNow { id } => format!("Deliver {} now", message(id)),
            Input::Rule { rule, on } => {
                let title = self.rules.get(usize::from(rule.0)).map_or("unknown rule", |rule| rule.title);
                format!("Switch {} the rule “{title}”", if *on { "on" } else { "off" })
            }
            Input::Setting { setting, value } => {
                let title = self.settings.get(usize::from(setting.0)).map_or("unknown setting", |known| known.title);
                format!("Set “{title}” to {value}")
            }
            Input::Command(call) => describe_command(self.commands, call),
            Input::Choose { id } => format!("Next: {}", message(id)),
        }
    }
}

/// A command in words: "Set x = 5 at A".
fn describe_command(commands: &'static [Command], call: &CommandCall) -> String {
    let command = commands.get(usize::from(call.command.0));
    command.map_or_else(|| "an unknown command".to_owned(), |command| command.told(&call.values))
}

/// What a command asks of its node, in words: "set x = 5".
fn asked(commands: &'static [Command], call: Option<&CommandCall>) -> String {
    let known = call.and_then(|call| Some(commands.get(usize::from(call.command.0))?.asked(&call.values)));
    known.unwrap_or_else(|| "do something unknown".to_owned())
}

fn call_of<S: System>(payload: &Payload<S>) -> Option<&CommandCall> {
    if let Payload::Command(call) = payload { Some(call) } else { None }
}

/// Whether a text has a comma of its own, outside of what it quotes or puts in parentheses.
fn is_list(text: &str) -> bool {
    let (mut depth, mut is_quoted) = (0, false);
    text.chars().any(|letter| {
        match letter {
            '"' => is_quoted = !is_quoted,
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        letter == ',' && depth == 0 && !is_quoted
    })
}

/// How a clock is wrong: "85 ms ahead and 5.2 % fast".
fn wrong(offset: i64, drift_ppm: i64) -> String {
    let ahead = format!("{} ms {}", offset.unsigned_abs() / time::MS, if offset < 0 { "behind" } else { "ahead" });
    let tenths = drift_ppm.abs() / 1_000;
    let fast = format!("{}.{} % {}", tenths / 10, tenths % 10, if drift_ppm < 0 { "slow" } else { "fast" });
    match (offset, drift_ppm) {
        (_, 0) => ahead,
        (0, _) => fast,
        _ => format!("{ahead} and {fast}"),
    }
}

/// "A, B and C"; "nobody" where there is none.
fn joined(names: &[String]) -> String {
    if names.is_empty() { "nobody".to_owned() } else { listed(names) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_lists_read_as_english() {
        let names = |all: &[&str]| joined(&all.iter().map(|name| name.to_string()).collect::<Vec<_>>());
        assert_eq!([names(&[]), names(&["A"]), names(&["A", "B", "C"])], ["nobody", "A", "A, B and C"]);
        assert_eq!([wrong(85_000, 52_011), wrong(-197_000, 0)], ["85 ms ahead and 5.2 % fast", "197 ms behind"]);
        assert_eq!(["RequestVote, term 2", "\"x=0, v0\"", "(1, 2)"].map(is_list), [true, false, false]);
    }
}
