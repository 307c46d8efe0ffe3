//! Side by side: Raft, Multi-Paxos and Zab under the same load and the same crash, measured and compared with theory.

use super::zab as zab_view;
use crate::guides::kit::scenario::{
    Beat, Challenge, Chart, Fields, Guide, Hunt, Inspection, Plot, Predict, Scenario, no_inputs,
};
use crate::picture::{Body, Cell, Figure, Frame, Look, NodeMark, Picture, Shape, Tone};
use crate::prose;
use crate::sim::NodeId;
use crate::sim::declare::settings::Settings;
use crate::sim::explore::{Bounds, Budget};
use crate::sim::kernel::time::{MS, Micros, SEC, show};
use crate::sim::machine::system::System;
use crate::sim::machine::world::World;
use crate::sim::measure::metrics::{MetricId, WINDOW};
use crate::sim::run::chaos::FaultModel;
use crate::sim::run::tape::{Input, Origin};
use crate::sim::small;
use crate::systems::consensus::raft::{Raft, Role};
use crate::systems::consensus::side_by_side::promises::{
    ALL_GO_ON, PAXOS_AGREES, RAFT_AGREES, ZAB_AGREES, longest_pause, pause,
};
use crate::systems::consensus::side_by_side::{
    self as trio, Disk, Message, Protocol, Said, SideBySide, State, applied, group, inner, inner_settings, leader,
    reign,
};
use crate::systems::consensus::{paxos, zab};
use crate::views::{paxos as paxos_words, raft as raft_view};

type Trio = World<SideBySide>;

/// Commands a second, once the load is on.
const LOAD: i64 = 20;

/// The scenario.
pub static SCENARIO: Scenario<SideBySide> = Scenario {
    slug: "side-by-side",
    title: "Side by side: Raft, Multi-Paxos, Zab",
    guide: Guide::Consensus,
    level: 4,
    summary: "Three protocols, the same commands at the same moments, the same crash. What a commit takes, what it costs in \
              messages, and how long nobody commits: measured, and compared with what theory says.",
    seed: 5,
    settings: &[(trio::SERVERS, 0), (trio::RATE, 0), (trio::LATENCY, 10_000), (trio::TIMEOUT, 150_000)],
    busy: &[(trio::RATE, LOAD)],
    fixed: &[],
    rules: &[],
    commands: &[trio::SET],
    promises: &[RAFT_AGREES, PAXOS_AGREES, ZAB_AGREES, ALL_GO_ON],
    impossible: false,
    faults: FaultModel::ASYNCHRONOUS,
    charts: &[
        Chart {
            title: "Commit latency, 95th percentile",
            about: "At the leader. With a stable leader all three need a way to the faster majority and back.",
            plot: Plot::PercentileOfEach(trio::COMMIT_LATENCY),
        },
        Chart {
            title: "Commands committed",
            about: "A gap is a group without a leader.",
            plot: Plot::Rate(trio::COMMITTED),
        },
        Chart {
            title: "Messages for commands",
            about: "Raft needs two for each follower and command, the others three.",
            plot: Plot::Rate(trio::MESSAGES),
        },
        Chart {
            title: "Other messages",
            about: "Heartbeats and their answers, elections, and what is sent again.",
            plot: Plot::Rate(trio::UPKEEP),
        },
    ],
    subject,
    picture,
    look,
    fields,
    inspect,
    tour: TOUR,
    challenges: CHALLENGES,
    explore: SMALL,
    breaks: &[],
    prose: prose!("side_by_side.md"),
};

/// Metrics are kept by protocol.
fn subject(_: &Settings, _: MetricId, subject: u16) -> String {
    Protocol::ALL.get(usize::from(subject)).map_or("?", |of| of.title()).to_owned()
}

/// The letter of a server within its group.
fn letter(world: &Trio, node: NodeId) -> String {
    Raft::name(world.settings(), inner(world.settings(), node).1)
}

fn leaders(world: &Trio) -> Vec<NodeId> {
    Protocol::ALL.into_iter().filter_map(|of| leader(world, of)).collect()
}

fn all(world: &Trio) -> Vec<NodeId> {
    world.nodes().map(|(id, _)| id).collect()
}

fn crashed(world: &Trio) -> Vec<NodeId> {
    all(world).into_iter().filter(|id| !world.kernel().node(*id).up).collect()
}

/// How many commands each group's leaders have seen committed, at least.
fn committed(world: &Trio) -> u32 {
    Protocol::ALL.into_iter().map(|of| world.witness().commits(of).count).min().unwrap_or(0)
}

/// The median commit latency of the last minute.
fn median(world: &Trio, of: Protocol) -> Option<Micros> {
    let first = world.kernel().now().saturating_sub(60 * SEC) / WINDOW;
    world.metrics().get(trio::COMMIT_LATENCY, of as u16)?.merged(first).quantile(500)
}

/// Tenths of messages for each command that was committed.
fn tenths_a_command(world: &Trio, of: Protocol) -> Option<u64> {
    let total = |metric| world.metrics().total(metric, of as u16);
    (total(trio::MESSAGES) * 10 + total(trio::COMMITTED) / 2).checked_div(total(trio::COMMITTED))
}

/// Where a group's servers stand.
fn places(frame: Frame, of: Protocol, count: usize) -> Vec<(i32, i32)> {
    let column = of as i32;
    let places: &[(i32, i32)] = match (frame, count) {
        (Frame::Wide, 3) => &[(160, 110), (250, 270), (70, 270)],
        (Frame::Wide, _) => &[(160, 92), (264, 168), (226, 288), (94, 288), (56, 168)],
        (Frame::Narrow, 3) => &[(100, 88), (200, 56), (300, 88)],
        (Frame::Narrow, _) => &[(50, 56), (116, 90), (200, 56), (284, 90), (350, 56)],
    };
    let (right, down) = if frame == Frame::Wide { (320, 0) } else { (0, 118) };
    places.iter().map(|(x, y)| (x + column * right, y + column * down)).collect()
}

fn picture(world: &Trio, frame: Frame) -> Picture {
    let mut picture = Picture::new(frame);
    for of in Protocol::ALL {
        let members = group(world.settings(), of);
        for (id, at) in members.iter().zip(places(frame, of, members.len())) {
            picture.nodes.push(server(world, *id, at, frame));
        }
        picture.link_all(&members, &members);
        picture.figures.push(heading(world, of, frame));
    }
    picture.figures.push(table(world, frame));
    picture
}

/// The name of a group, above it.
fn heading(world: &Trio, of: Protocol, frame: Frame) -> Figure {
    let (id, column) = (["raft", "multi-paxos", "zab"][of as usize], of as i32);
    let (at, size, title) = match (frame, leader(world, of)) {
        (Frame::Wide, None) => ((24 + column * 320, 12), (272, 24), format!("{}: no leader", of.title())),
        (Frame::Wide, Some(_)) => ((24 + column * 320, 12), (272, 24), of.title().to_owned()),
        (Frame::Narrow, _) => ((84, 4 + column * 118), (82, 20), of.title().to_owned()),
    };
    Figure { id, at, size, title, body: Body::Bars(Vec::new()) }
}

/// What a server does, in at most 10 characters, and its colour.
fn words(world: &Trio, id: NodeId) -> (String, Tone) {
    if let Some(reign) = reign(world, id) {
        return (format!("leads {reign}"), Tone::Active);
    }
    let (word, tone) = match world.memory(id).map(|memory| &memory.state) {
        Some(State::Raft(memory)) => match memory.role {
            Role::Candidate { .. } | Role::PreCandidate { .. } => ("candidate", Tone::Question),
            _ => ("follows", Tone::Neutral),
        },
        Some(State::Paxos(paxos::Memory::Member(member))) => match member.phase {
            paxos::Phase::Prepare { .. } => ("prepares", Tone::Question),
            _ => ("accepts", Tone::Neutral),
        },
        Some(State::Zab(memory)) => match &memory.role {
            zab::Role::Looking(_) => ("looks", Tone::Question),
            zab::Role::Following(following) if following.stage == zab::Stage::Broadcast => ("follows", Tone::Neutral),
            zab::Role::Following(_) => ("joins", Tone::Risk),
            zab::Role::Leading(leading) if leading.stage == zab::Stage::Discovery => ("discovers", Tone::Question),
            zab::Role::Leading(_) => ("syncs", Tone::Question),
        },
        _ => ("", Tone::Neutral),
    };
    (word.to_owned(), tone)
}

fn server(world: &Trio, id: NodeId, at: (i32, i32), frame: Frame) -> NodeMark {
    let mut mark = NodeMark::new(id, at, Shape::Client, letter(world, id));
    let (word, tone) = words(world, id);
    mark.crown = reign(world, id).is_some();
    mark.tone = tone;
    // Three rows on a phone leave no room for a line below each server.
    mark.state = if frame == Frame::Wide { word } else { String::new() };
    mark
}

const HEAD: [&str; 7] = ["protocol", "leader", "commit", "in theory", "msgs/cmd", "in theory", "pause"];

/// What was measured of a protocol, and what theory says.
fn row(world: &Trio, of: Protocol) -> Vec<Cell> {
    let lead = leader(world, of);
    let servers = trio::servers(world.settings()) as u64;
    let none = || "-".to_owned();
    let cell = |text: String, tone| Cell::firm(text, tone);
    let tenths = tenths_a_command(world, of);
    let rest = pause(world, of).filter(|pause| *pause > SEC / 2);
    vec![
        cell(of.title().to_owned(), Tone::Neutral),
        match lead {
            Some(node) => cell(letter(world, node), Tone::Active),
            None => cell("nobody".to_owned(), Tone::Risk),
        },
        cell(median(world, of).map_or_else(none, show), Tone::Fine),
        cell(show(2 * world.settings().amount(trio::LATENCY)), Tone::Neutral),
        cell(tenths.map_or_else(none, |tenths| format!("{}.{}", tenths / 10, tenths % 10)), Tone::Fine),
        cell(of.theory(servers).to_string(), Tone::Neutral),
        cell(show_pause(longest_pause(world, of)), if rest.is_some() { Tone::Risk } else { Tone::Neutral }),
    ]
}

/// A pause in whole milliseconds, or seconds.
fn show_pause(pause: Micros) -> String {
    if pause == 0 { "-".to_owned() } else { show(pause / MS * MS) }
}

fn table(world: &Trio, frame: Frame) -> Figure {
    let rows: Vec<Vec<Cell>> = Protocol::ALL.into_iter().map(|of| row(world, of)).collect();
    let (at, size, head, rows) = match frame {
        Frame::Wide => ((24, 384), (912, 164), HEAD.map(str::to_owned).to_vec(), rows),
        Frame::Narrow => {
            let head =
                std::iter::once(String::new()).chain(rows.iter().filter_map(|row| Some(row.first()?.text.clone())));
            let line = |at: usize| {
                let name = std::iter::once(Cell::firm(HEAD[at], Tone::Neutral));
                name.chain(rows.iter().filter_map(|row| row.get(at).cloned())).collect()
            };
            ((8, 366), (384, 188), head.collect(), (1..HEAD.len()).map(line).collect())
        }
    };
    let title = "Measured, and in theory".to_owned();
    Figure { id: "measures", at, size, title, body: Body::Table { head, rows } }
}

fn look(message: &Message) -> Look {
    match &message.said {
        Said::Raft(said) => raft_view::look(said),
        Said::Paxos(said) => paxos_words::look(said),
        Said::Zab(said) => zab_view::look(said),
    }
}

fn fields(settings: &Settings, message: &Message) -> Fields {
    let mut fields = match &message.said {
        Said::Raft(said) => raft_view::fields(&inner_settings(settings, Protocol::Raft), said),
        Said::Paxos(said) => paxos_words::fields(&inner_settings(settings, Protocol::Paxos), said),
        Said::Zab(said) => zab_view::fields(&inner_settings(settings, Protocol::Zab), said),
    };
    fields.push(field("because of a command", if message.work { "yes" } else { "no" }));
    fields
}

fn field(name: &str, value: impl ToString) -> (String, String) {
    (name.to_owned(), value.to_string())
}

fn inspect(world: &Trio, id: NodeId) -> Inspection {
    let Some(node) = world.node(id) else { return Inspection::default() };
    let disk = match &node.disk {
        Disk::Raft(disk) => vec![field("term", disk.term), field("last index", disk.log.last_index())],
        Disk::Paxos(disk) => {
            let ballot = paxos::ballot_name(&inner_settings(world.settings(), Protocol::Paxos), disk.promised);
            vec![field("promised ballot", ballot), field("last slot accepted", disk.accepted.last())]
        }
        Disk::Zab(disk) => {
            vec![field("promised epoch", disk.accepted), field("last zxid", zab::epochs(disk.history.last()))]
        }
    };
    let memory = match node.memory {
        Some(_) => vec![field("role", words(world, id).0), field("commands applied", applied(world, id))],
        None => Vec::new(),
    };
    Inspection { disk, memory }
}

fn set(of: Protocol, register: i64, value: i64) -> Input {
    Input::call(trio::SET, &[of as i64, register, value])
}

fn set_everywhere(register: i64, value: i64) -> Vec<Input> {
    Protocol::ALL.map(|of| set(of, register, value)).to_vec()
}

fn load(value: i64) -> Input {
    Input::Setting { setting: trio::RATE, value }
}

fn titles(more: &[&str]) -> Vec<String> {
    Protocol::ALL.iter().map(|of| of.title()).chain(more.iter().copied()).map(str::to_owned).collect()
}

fn index_of(of: Option<Protocol>) -> usize {
    of.map_or(0, |of| of as usize)
}

/// Whether a group has committed within the last moments.
fn commits(world: &Trio, of: Protocol) -> bool {
    pause(world, of).is_some_and(|pause| pause < SEC / 4)
}

/// Whether a group has committed since the last crash.
fn is_back(world: &Trio, of: Protocol) -> bool {
    let crash = crashed(world).into_iter().map(|id| world.kernel().node(id).up_changed).max().unwrap_or(0);
    world.witness().commits(of).last > crash
}

fn first_back(world: &Trio) -> Option<Protocol> {
    let back = Protocol::ALL.into_iter().filter(|of| is_back(world, *of));
    back.min_by_key(|of| world.witness().commits(*of).last)
}

/// The groups in the order of their longest pauses.
fn by_pause(world: &Trio) -> [Protocol; 3] {
    let mut all = Protocol::ALL;
    small::sort_by_key(&mut all, |of| longest_pause(world, *of));
    all
}

/// Whether every running server has applied all of its group's commits, or nearly.
fn together(world: &Trio, slack: u32) -> bool {
    Protocol::ALL.into_iter().all(|of| {
        let at = |id: NodeId| applied(world, id);
        let members = group(world.settings(), of);
        let most = members.iter().map(|id| at(*id)).max().unwrap_or(0);
        members.into_iter().all(|id| at(id) + slack >= most)
    })
}

const TOUR: &[Beat<SideBySide>] = &[
    Beat {
        title: "Three leaders",
        say: "Three groups of three servers, each with a protocol of its own, all with the same latency and the same \
              *timeouts*. Each finds itself a leader.",
        inputs: no_inputs,
        until: |world| leaders(world).len() == 3,
        look: leaders,
        predict: None,
    },
    Beat {
        title: "The same command for each",
        say: "Set x to 5. Each leader sends it to its followers and waits for a majority, which is itself and one more.",
        inputs: |_| set_everywhere(0, 5),
        until: |world| committed(world) >= 1,
        look: leaders,
        predict: None,
    },
    Beat {
        title: "The followers hear of it",
        say: "The leaders know that the command is *committed*. Their followers do not yet. Multi-Paxos and Zab send them a \
              message of its own; Raft lets the news ride on the next message, here a heartbeat.",
        inputs: no_inputs,
        until: |world| committed(world) >= 1 && together(world, 0),
        look: all,
        predict: None,
    },
    Beat {
        title: "A steady load",
        say: "Now 20 commands a second, each for all three leaders at the same moment. The table shows the *median* time \
              from a leader's taking a command up until it knows that it is committed.",
        inputs: |_| vec![load(LOAD)],
        until: |world| committed(world) >= 60,
        look: leaders,
        predict: Some(Predict {
            question: "Which protocol commits fastest?",
            options: |_| titles(&["No real difference"]),
            answer: |world| {
                let of = |of: Protocol| median(world, of).unwrap_or(0);
                let (quick, slow) = (Protocol::ALL.map(of).into_iter().min(), Protocol::ALL.map(of).into_iter().max());
                let apart = slow.zip(quick).is_some_and(|(slow, quick)| (slow - quick) * 5 > slow);
                if apart { index_of(Protocol::ALL.into_iter().min_by_key(|one| of(*one))) } else { 3 }
            },
            because: "With a stable leader all three do the same: out to the followers, back from the faster one. Theory \
                      says two message delays.",
        }),
    },
    Beat {
        title: "What a command costs",
        say: "The table also counts the messages that commands cause. With n servers Multi-Paxos and Zab need 3(n - 1): \
              out, back, and the news. Heartbeats are not in it.",
        inputs: no_inputs,
        until: |world| committed(world) >= 100,
        look: leaders,
        predict: Some(Predict {
            question: "How many messages does a command cost in Raft, with three servers?",
            options: |_| ["2", "4", "6"].map(str::to_owned).to_vec(),
            answer: |world| match tenths_a_command(world, Protocol::Raft).unwrap_or(0) {
                0..=30 => 0,
                31..=50 => 1,
                _ => 2,
            },
            because: "Four: 2(n - 1). The news that it is committed costs nothing of its own. The price is that followers \
                      apply it later.",
        }),
    },
    Beat {
        title: "The same crash",
        say: "All three leaders crash at the same moment. Nobody commits until the followers have noticed and a new leader \
              is there.",
        inputs: |world| leaders(world).into_iter().map(|node| Input::Crash { node }).collect(),
        until: |world| crashed(world).len() == 3 && first_back(world).is_some(),
        look: all,
        predict: Some(Predict {
            question: "Which group commits again first?",
            options: |_| titles(&[]),
            answer: |world| index_of(first_back(world)),
            because: "Raft and Multi-Paxos wait for a random time between one and two timeouts, and then need one round trip \
                      for votes or promises. Which of the two comes first is chance: another seed, another winner.",
        }),
    },
    Beat {
        title: "All three are back",
        say: "The survivors of Zab look for the best vote, wait a moment for a better one, agree on an *epoch*, and \
              synchronise. Only then may the new leader broadcast.",
        inputs: no_inputs,
        until: |world| Protocol::ALL.into_iter().all(|of| is_back(world, of)),
        look: all,
        predict: Some(Predict {
            question: "Which group is the last to commit again?",
            options: |_| titles(&[]),
            answer: |world| by_pause(world)[2] as usize,
            because: "Zab notices after one timeout, sooner than the others. But then it has the most to do: here 200 ms \
                      of waiting for a better vote, as ZooKeeper does, and two more round trips before the first proposal.",
        }),
    },
    Beat {
        title: "The old leaders return",
        say: "They boot from their disks, follow whoever leads now, and get what they missed. No command is lost, and \
              none is applied twice.",
        inputs: |world| crashed(world).into_iter().map(|node| Input::Restart { node }).collect(),
        until: |world| crashed(world).is_empty() && together(world, 4),
        look: all,
        predict: None,
    },
    Beat {
        title: "Read the table",
        say: "Commit time: the same. Messages: two against three for each follower. The pause after a crash: a matter of \
              timeouts and of what a new leader must do first, not of how commands are committed.",
        inputs: no_inputs,
        until: |world| committed(world) >= 250,
        look: leaders,
        predict: None,
    },
];

fn origin() -> Origin {
    Origin { seed: SCENARIO.seed, ..Origin::default() }
}

/// Whether two groups that have committed before are without a leader, and the third commits.
fn one_goes_on(world: &Trio) -> bool {
    let without = Protocol::ALL.into_iter().filter(|of| leader(world, *of).is_none()).count();
    committed(world) > 0
        && without == 2
        && Protocol::ALL.into_iter().any(|of| leader(world, of).is_some() && commits(world, of))
}

/// Whether no group has committed for 2 s under a load, with every server up and none paused.
fn all_silent(world: &Trio) -> bool {
    let fine = |id: NodeId| world.kernel().is_running(id);
    all(world).into_iter().all(fine)
        && Protocol::ALL.into_iter().all(|of| pause(world, of).is_some_and(|pause| pause > 2 * SEC))
}

/// The pairs of servers within each group.
fn pairs(world: &Trio) -> Vec<(NodeId, NodeId)> {
    let of = |of: Protocol| {
        let members = group(world.settings(), of);
        members.clone().into_iter().flat_map(move |a| members.clone().into_iter().map(move |b| (a, b)))
    };
    Protocol::ALL.into_iter().flat_map(of).filter(|(a, b)| a != b).collect()
}

const CHALLENGES: &[Challenge<SideBySide>] = &[
    Challenge {
        id: "one-goes-on",
        title: "One of three goes on",
        goal: "After all three have committed, have two of the groups without a leader while the third one commits.",
        hint: "A group without a majority elects nobody.",
        reached: one_goes_on,
        origin,
        solve: |script| {
            script.act(load(LOAD));
            script.until(|world| committed(world) > 3);
            for of in [Protocol::Raft, Protocol::Zab] {
                let lead = leader(script.world(), of);
                let other = group(script.world().settings(), of).into_iter().find(|id| Some(*id) != lead);
                for node in lead.into_iter().chain(other) {
                    script.act(Input::Crash { node });
                }
            }
            script.until(one_goes_on);
        },
    },
    Challenge {
        id: "all-silent",
        title: "Nobody is down, nobody commits",
        goal: "With the load on and every server running, let no group commit for 2 s.",
        hint: "A majority must hear each other. Links can be cut.",
        reached: all_silent,
        origin,
        solve: |script| {
            script.act(load(LOAD));
            script.until(|world| committed(world) > 3);
            for (from, to) in pairs(script.world()) {
                script.act(Input::Cut { from, to });
            }
            script.until(all_silent);
        },
    },
];

/// Three servers each, a command for each of the first ones. Three protocols at once are far too much to see all of it:
/// each has a scenario of its own for that.
const SMALL: Hunt<SideBySide> = Hunt {
    settings: &[(trio::SERVERS, 0), (trio::RATE, 0)],
    inputs: || set_everywhere(0, 5),
    bounds: Bounds::new(100_000, 40, Budget::NONE),
    within: |_| true,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guides::kit::scenario::Script;

    fn steady(choice: i64) -> Script<SideBySide> {
        let settings = vec![(trio::SERVERS, choice), (trio::RATE, LOAD)];
        let mut script = Script::new(SCENARIO.world(&Origin { settings, ..origin() }, &[]));
        assert!(script.until(|world| committed(world) >= 300));
        // The load is turned off, and the last command's messages arrive.
        assert!(script.act(load(0)));
        let at_work = |world: &Trio| world.flights().any(|flight| flight.message.work);
        let end = script.world().kernel().now() + SEC;
        assert!(script.until(|world| world.kernel().now() > end && !at_work(world)));
        script
    }

    /// Two message delays, whatever the protocol; a little less, since the faster majority decides.
    #[test]
    fn a_commit_takes_two_message_delays_in_all_three() {
        for choice in [0, 1] {
            let script = steady(choice);
            for of in Protocol::ALL {
                let median = median(script.world(), of).unwrap_or(0);
                println!("{} servers: {choice}, median {median} us", of.title());
                assert!((16_000..=24_000).contains(&median), "{of:?}: {median} us");
            }
        }
    }

    /// 2(n - 1) messages a command in Raft, 3(n - 1) in Multi-Paxos and Zab, to the message.
    #[test]
    fn commands_cost_what_the_formula_says() {
        for choice in [0, 1] {
            let script = steady(choice);
            let world = script.world();
            for of in Protocol::ALL {
                let total = |metric| world.metrics().total(metric, of as u16);
                let (sent, done) = (total(trio::MESSAGES), total(trio::COMMITTED));
                println!("{} servers: {choice}, {sent} messages, {done} commands", of.title());
                assert_eq!(sent, done * of.theory(trio::servers(world.settings()) as u64), "{of:?}: {done} commands");
            }
        }
    }
}
