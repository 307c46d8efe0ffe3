//! Cutting the system in two, on the stage: while the reader cuts, pressing a node puts it on one side or the other.

use leptos::html;
use leptos::prelude::*;

use faultline::sim::NodeId;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::Input;

use crate::player::{Player, Selection};
use crate::view::{click, effect, when};

/// The nodes on one side, a bit each, while the reader cuts. Copy it freely.
#[derive(Clone, Copy)]
pub struct Side(RwSignal<Option<u64>>);

impl Side {
    /// Nothing is being cut.
    pub fn new() -> Side {
        Side(RwSignal::new(None))
    }

    /// Whether what was pressed on the stage belongs to the cut; a node then changes sides.
    pub fn takes(self, pressed: Selection) -> bool {
        let Some(side) = self.0.get_untracked() else { return false };
        if let Selection::Node(NodeId(id @ 0..64)) = pressed {
            self.0.set(Some(side ^ 1 << id));
        }
        true
    }

    /// Marks the chosen nodes in a picture.
    pub fn keep_marked(self, player: Player, canvas: NodeRef<html::Div>) {
        effect(move || {
            let side = self.0.get().unwrap_or_default();
            let Some(canvas) = canvas.get() else { return };
            if side == 0 && canvas.query_selector("[data-side]").ok().flatten().is_none() {
                return;
            }
            player.changed();
            for id in 0..64 {
                let node = canvas.query_selector(&format!("[data-node='{id}']")).ok().flatten();
                // The attribute's name is ours and valid, so this cannot fail.
                let _ = node.map(|node| node.toggle_attribute_with_force("data-side", side >> id & 1 == 1));
            }
        });
    }
}

/// Begins a cut, or gives it up.
#[component]
pub fn CutButton(player: Player, side: Side) -> impl IntoView {
    let toggle = click(move || {
        player.selection.set(Selection::Nothing);
        side.0.update(|side| *side = if side.is_some() { None } else { Some(0) });
    });
    view! { <button class="quiet" aria-pressed=move || side.0.get().is_some().to_string() on:click=toggle>"Cut in two"</button> }
}

/// What is on which side, and the cut itself.
#[component]
pub fn CutStrip(player: Player, side: Side) -> impl IntoView {
    let sides = Memo::new(move |_| {
        player.changed();
        let side = side.0.get().unwrap_or_default();
        player.with(|run| {
            let world = run.world();
            let (one, other): (Vec<usize>, Vec<usize>) =
                (0..world.kernel().nodes().len().min(64)).partition(|id| side >> id & 1 == 1);
            [one, other]
                .map(|ids| ids.into_iter().map(|id| world.name(NodeId::from(id))).collect::<Vec<_>>().join(", "))
        })
    });
    let is_useful = move || sides.with(|sides| sides.iter().all(|names| !names.is_empty()));
    let says = move || match (is_useful(), sides.get()) {
        (true, [one, other]) => format!("{one} | {other}"),
        _ => "Press the nodes of one side.".to_owned(),
    };
    let cut = move || {
        player.act(Input::Partition { side: side.0.get_untracked().unwrap_or_default() });
        side.0.set(None);
    };
    let heal = move || {
        player.act(Input::HealAll);
        side.0.set(None);
    };
    let strip = move || {
        view! {
            <div class="strip cut-strip" role="group" aria-label="Cut in two">
                <p aria-live="polite">{move || says()}</p>
                <button disabled=move || !is_useful() on:click=click(cut)>"Cut"</button>
                <button on:click=click(heal)>"Heal all"</button>
                <button class="quiet" on:click=click(move || side.0.set(None))>"Close"</button>
            </div>
        }
        .into_any()
    };
    when(move || side.0.get().is_some(), strip)
}
