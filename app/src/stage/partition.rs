//! Cutting the system in two: the reader ticks one side.

use leptos::prelude::*;

use faultline::sim::NodeId;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::Input;

use crate::player::Player;
use crate::view::{Views, click, ticked};

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
    view! {
        <details class="partition">
            <summary>"Cut in two"</summary>
            <fieldset>
                <legend>"One side; the rest is the other"</legend>
                {move || names.get().into_iter().map(member).views()}
                <button disabled=move || !is_useful() on:click=cut>"Cut"</button>
                <button on:click=heal>"Heal all"</button>
            </fieldset>
        </details>
    }
}
