//! Cutting the system in two: the reader ticks one side.

use leptos::html;
use leptos::prelude::*;

use faultline::sim::NodeId;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::Input;

use crate::player::Player;
use crate::view::{Views, click, on, ticked};

/// The tool, in a disclosure.
#[component]
pub fn PartitionTool(player: Player) -> impl IntoView {
    let side = RwSignal::new(0u64);
    let nodes = move || {
        player.changed();
        player.with(|run| {
            let world = run.world();
            (0..world.kernel().nodes().len()).map(|id| (id, world.name(NodeId::from(id)))).collect::<Vec<_>>()
        })
    };
    let names = Memo::new(move |_| nodes());
    let is_useful = move || {
        let all = names.with(Vec::len).min(63);
        let (side, whole) = (side.get(), (1u64 << all) - 1);
        side & whole != 0 && side & whole != whole
    };
    let member = move |(id, name): (usize, String)| {
        let tick = ticked(move |on| side.update(|side| *side = if on { *side | 1 << id } else { *side & !(1 << id) }));
        view! { <label><input type="checkbox" on:change=tick/>{name}</label> }
    };
    let cut = click(move || {
        player.act(Input::Partition { side: side.get_untracked() });
    });
    let heal = click(move || {
        player.act(Input::HealAll);
    });
    let (details, summary) = (NodeRef::<html::Details>::new(), NodeRef::<html::Summary>::new());
    let close = on(move |event: web_sys::KeyboardEvent| {
        if event.key() == "Escape" {
            details.get_untracked().into_iter().for_each(|details| details.set_open(false));
            // A summary that cannot take the focus leaves it where it is.
            summary.get_untracked().into_iter().for_each(|summary| _ = summary.focus());
        }
    });
    view! {
        <details class="partition" node_ref=details on:keydown=close>
            <summary node_ref=summary>"Cut in two"</summary>
            <fieldset>
                <legend>"One side; the rest is the other"</legend>
                {move || names.get().into_iter().map(member).views()}
                <button disabled=move || !is_useful() on:click=cut>"Cut"</button>
                <button on:click=heal>"Heal all"</button>
            </fieldset>
        </details>
    }
}
