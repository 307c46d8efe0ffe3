//! What can be done to the chosen node, link or message: every fault is two clicks or two keys away.

use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use faultline::guides::kit::live::LiveWorld;
use faultline::picture::decimal::tenths;
use faultline::sim::NodeId;
use faultline::sim::declare::commands::{Command, CommandCall, CommandId};
use faultline::sim::kernel::PendingKind;
use faultline::sim::kernel::time::{self, MS};
use faultline::sim::run::simulation::{Choice, Simulation};
use faultline::sim::run::tape::Input;

use crate::focus::{focus, focus_first, next_among};
use crate::player::{Player, Selection};
use crate::view::{Views, click, effect, on, when};

/// A button of the menu: what it says and what it does.
type Act = (String, Vec<Input>);

fn act(title: &str, input: Input) -> Act {
    (title.to_owned(), vec![input])
}

/// The timers of a node: each can fire now.
fn timers(world: &LiveWorld, node: NodeId) -> Vec<Act> {
    let timers = world.choices().into_iter().filter(|choice| choice.node == node && choice.kind == PendingKind::Timer);
    let act =
        |choice: Choice| act(&format!("Now: {}", world.describe_pending(choice.id)), Input::Choose { id: choice.id });
    timers.map(act).collect()
}

/// A command that goes to several clients says in its first value which; so many are tried.
const MOST_CLIENTS: i64 = 8;

/// The client commands that a node takes, each with the values that it begins with.
fn commands(player: Player, world: &LiveWorld, node: NodeId) -> Vec<Act> {
    let call = |(id, command): &(CommandId, &'static Command)| {
        let values = command.complete(&[]);
        let others = (0..MOST_CLIENTS).filter(|_| !values.is_empty()).map(|first| command.complete(&[first]));
        let mut calls =
            std::iter::once(values.clone()).chain(others).map(|values| CommandCall { command: *id, values });
        let input = Input::Command(calls.find(|call| world.route(call) == Some(node))?);
        Some(act(&world.describe_input(&input), input))
    };
    player.info().commands.iter().filter_map(call).collect()
}

fn node_acts(player: Player, node: NodeId) -> (String, Vec<Act>) {
    player.with(|run| {
        let (world, state) = (run.world(), run.world().kernel().node(node));
        let mut acts = Vec::new();
        if !state.up {
            acts.push(act(&format!("Restart {}", world.name(node)), Input::Restart { node }));
            return (world.name(node), acts);
        }
        acts.push(act("Crash", Input::Crash { node }));
        acts.extend(timers(world, node));
        acts.extend(commands(player, world, node));
        if player.info().power_cut {
            match world.is_power_needed(node) {
                true => {
                    acts.push(act("Cut the power", Input::PowerCut { node }));
                    acts.push(act("Tear its last write", Input::TearWrite { node, lost: 1 }));
                }
                false => acts.push(act("Cut the power: all is synced", Input::PowerCut { node })),
            }
        }
        acts.push(match state.paused {
            true => act("Resume", Input::Resume { node }),
            false => act("Pause", Input::Pause { node }),
        });
        for percent in [100, 200, 1_000] {
            let title = if percent == 100 { "Normal speed".to_owned() } else { format!("Slow ×{}", percent / 100) };
            if state.slow != percent {
                acts.push((title, vec![Input::Slow { node, percent }]));
            }
        }
        acts.push(match state.offset {
            0 => act("Clock +1 s", Input::Skew { node, offset: time::SEC as i64, drift_ppm: 0 }),
            _ => act("Correct the clock", Input::Skew { node, offset: 0, drift_ppm: 0 }),
        });
        acts.push(match state.drift_ppm {
            0 => act("Clock slow 20 %", Input::Skew { node, offset: state.offset, drift_ppm: -200_000 }),
            _ => act("Steady the clock", Input::Skew { node, offset: state.offset, drift_ppm: 0 }),
        });
        acts.push(act("Lose the disk", Input::LoseDisk { node }));
        (world.name(node), acts)
    })
}

fn link_acts(player: Player, a: NodeId, b: NodeId) -> (String, Vec<Act>) {
    player.with(|run| {
        let world = run.world();
        let (left, right) = (world.name(a), world.name(b));
        let both = |make: &dyn Fn(NodeId, NodeId) -> Input| vec![make(a, b), make(b, a)];
        let (forth, back) = (world.kernel().link(a, b), world.kernel().link(b, a));
        let mut acts = Vec::new();
        if !forth.cut && !back.cut {
            acts.push(("Cut".to_owned(), both(&|from, to| Input::Cut { from, to })));
        }
        if !forth.cut {
            acts.push(act(&format!("Cut {left} to {right}"), Input::Cut { from: a, to: b }));
        }
        if !back.cut {
            acts.push(act(&format!("Cut {right} to {left}"), Input::Cut { from: b, to: a }));
        }
        acts.push(("Add 200 ms".to_owned(), both(&|from, to| Input::Latency { from, to, extra: 200 * MS })));
        acts.push(("Lose 30 %".to_owned(), both(&|from, to| Input::Loss { from, to, ppm: 300_000 })));
        acts.push(("Heal".to_owned(), both(&|from, to| Input::Heal { from, to })));
        (format!("{left} – {right}"), acts)
    })
}

fn message_acts(player: Player, id: u64) -> Option<(String, Vec<Act>)> {
    player.with(|run| {
        let view = run.world().message(id)?;
        let acts = vec![
            act("Drop", Input::Drop { id }),
            act("Duplicate", Input::Duplicate { id }),
            act("Delay 100 ms", Input::Delay { id, by: 100 * MS }),
            act("Delay 1 s", Input::Delay { id, by: time::SEC }),
            act("Deliver now", Input::DeliverNow { id }),
        ];
        let (from, to) = (run.world().name(view.from), run.world().name(view.to));
        Some((format!("{}, {from} to {to}", view.title), acts))
    })
}

/// Moves the focus into the menu, once it is there.
pub fn enter() {
    request_animation_frame(|| _ = focus_first(".acts button"));
}

/// Where something that can be chosen is in a picture.
fn query(selection: Selection) -> Option<String> {
    match selection {
        Selection::Node(node) => Some(format!("[data-node='{}']", node.0)),
        Selection::Link(a, b) => Some(format!("[data-link='{}-{}']", a.0, b.0)),
        Selection::Message(id) => Some(format!("[data-flight='{id}']")),
        _ => None,
    }
}

/// Returns the focus to what was chosen. False if it is gone.
fn focus_chosen(selection: Selection) -> bool {
    query(selection).is_some_and(|query| focus_first(&query))
}

/// Between the menu and what it belongs to, in CSS pixels.
const GAP: f64 = 10.0;

/// Puts the menu beside what was chosen, on the first side that has room, and never over it. On a phone the style sheet
/// gives it a fixed place below the stage instead.
fn place(menu: &web_sys::HtmlElement, selection: Selection) -> Option<()> {
    let stage = menu.parent_element()?;
    let chosen = stage.query_selector(&query(selection)?).ok()??.get_bounding_client_rect();
    let (room, own) = (stage.get_bounding_client_rect(), menu.get_bounding_client_rect());
    let (x, y) = (chosen.x() + chosen.width() / 2.0, chosen.y() + chosen.height() / 2.0);
    // A link is met in its middle.
    let is_link = matches!(selection, Selection::Link(..));
    let (half_width, half_height) = if is_link { (0.0, 0.0) } else { (chosen.width() / 2.0, chosen.height() / 2.0) };
    let page = window().inner_width().ok()?.as_f64()?;
    let (beside, above) = (y - own.height() / 2.0, x - own.width() / 2.0);
    let places = [
        (x + half_width + GAP, beside),
        (x - half_width - GAP - own.width(), beside),
        (above, y + half_height + GAP),
        (above, y - half_height - GAP - own.height()),
    ];
    let within = |at: f64, size: f64, (from, to): (f64, f64)| at >= from && at + size <= to;
    let (across, down) = ((GAP, page - GAP), (room.top(), room.bottom()));
    let fits = |(index, (left, top)): &(usize, (f64, f64))| match index {
        0 | 1 => within(*left, own.width(), across),
        _ => within(*top, own.height(), down),
    };
    let (_, (left, top)) = places.into_iter().enumerate().find(fits).unwrap_or((0, places[0]));
    let left = left.min(across.1 - own.width()).max(across.0);
    let top = top.min(down.1 - own.height()).max(down.0);
    let place = format!("left:{}px;top:{}px", tenths(left - room.left()), tenths(top - room.top()));
    menu.set_attribute("style", &place).ok()
}

/// What is chosen, and what can be done to it.
fn content(player: Player) -> Option<(String, Vec<Act>)> {
    player.changed();
    match player.selection.get() {
        Selection::Node(node) => Some(node_acts(player, node)),
        Selection::Link(a, b) => Some(link_acts(player, a, b)),
        Selection::Message(id) => message_acts(player, id),
        _ => None,
    }
}

fn close(player: Player) {
    let chosen = player.selection.get_untracked();
    player.selection.set(Selection::Nothing);
    _ = focus_chosen(chosen);
}

fn act_button(player: Player, (title, inputs): Act) -> AnyView {
    let run = click(move || {
        let chosen = player.selection.get_untracked();
        let receiver = match chosen {
            Selection::Message(id) => player.with(|run| run.world().message(id)).map(|view| view.to),
            _ => None,
        };
        for input in &inputs {
            let is_done = player.act(input.clone());
            if is_done && matches!(input, Input::Choose { .. }) {
                player.step();
            }
        }
        // What a command does is to be seen.
        if inputs.iter().any(|input| matches!(input, Input::Command(_))) {
            return close(player);
        }
        match receiver {
            // A message may be gone; its receiver is not.
            Some(receiver) => {
                player.selection.set(Selection::Nothing);
                _ = focus_chosen(chosen) || focus_chosen(Selection::Node(receiver));
            }
            None => enter(),
        }
    });
    view! { <button on:click=run>{title}</button> }.into_any()
}

/// Goes with a message to where it arrives; what is sent there is chosen next, so that a request can be followed.
fn follow_button(player: Player) -> AnyView {
    let follow = click(move || {
        if let Selection::Message(id) = player.selection.get_untracked() {
            player.follow_message(id);
        }
    });
    view! { <button on:click=follow>"Follow it"</button> }.into_any()
}

/// When the menu goes and takes the focus with it, by Undo say, what it belonged to has it again.
fn keep_focus(player: Player) {
    let mut last = Selection::Nothing;
    effect(move || {
        let was = std::mem::replace(&mut last, player.selection.get());
        if last == Selection::Nothing && was != Selection::Nothing {
            request_animation_frame(move || {
                if document().active_element().is_none_or(|element| element.tag_name() == "BODY") {
                    _ = focus_chosen(was);
                }
            });
        }
    });
}

/// The menu of what is chosen.
#[component]
pub fn ActMenu(player: Player) -> impl IntoView {
    let own = NodeRef::<html::Div>::new();
    effect(move || {
        // What it belongs to moves with the run, and what it offers changes.
        player.changed();
        let selection = player.selection.get();
        own.track();
        request_animation_frame(move || {
            own.get_untracked().into_iter().for_each(|menu| _ = place(&menu, selection));
        });
    });
    keep_focus(player);
    let on_key = move |event: web_sys::KeyboardEvent| {
        let from = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        if event.key() == "Escape" {
            event.stop_propagation();
            close(player);
        } else if let Some(next) = from.and_then(|from| next_among(&from, &event.key(), "button")) {
            event.prevent_default();
            event.stop_propagation();
            focus(&next);
        }
    };
    let menu = move || {
        view! {
            <div class="acts" node_ref=own role="group" aria-label="What to do to it" on:keydown=on(on_key)>
                <strong class="acts-title">{move || content(player).map(|content| content.0).unwrap_or_default()}</strong>
                {when(move || matches!(player.selection.get(), Selection::Message(_)), move || follow_button(player))}
                {move || content(player).map_or_else(Vec::new, |content| content.1).into_iter().map(|act| act_button(player, act)).views()}
                <button class="quiet" on:click=click(move || close(player))>"Close"</button>
            </div>
        }
        .into_any()
    };
    when(move || content(player).is_some(), menu)
}
