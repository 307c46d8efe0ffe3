//! The stage in words, always in step with the picture: nodes with their state, messages in flight.

use leptos::prelude::*;

use faultline::picture::{FlightMark, Frame, svg};
use faultline::sim::kernel::time;
use faultline::sim::run::simulation::Simulation;

use crate::player::Player;
use crate::view::row;

/// The most messages that are listed.
const MOST_MESSAGES: usize = 40;

fn nodes(player: Player) -> String {
    player.changed();
    player.with(|run| {
        let picture = run.world().picture(Frame::Wide);
        picture.nodes.iter().map(|mark| row(&mark.label, &[svg::state_text(mark)])).collect()
    })
}

/// How many messages are in flight, and a row for each of the first.
fn messages(player: Player) -> (usize, String) {
    player.changed();
    player.with(|run| {
        let world = run.world();
        let mut flights = world.flights();
        flights.retain(|flight| flight.lost.is_none());
        let line = |flight: &FlightMark| {
            let view = world.message(flight.id)?;
            Some(row(&view.title, &[world.name(view.from), world.name(view.to), time::show(view.due)]))
        };
        (flights.len(), flights.iter().take(MOST_MESSAGES).filter_map(line).collect())
    })
}

/// Two tables.
#[component]
pub fn TextForm(player: Player) -> impl IntoView {
    view! {
        <table>
            <caption>"Nodes"</caption>
            <thead><tr><th scope="col">"Node"</th><th scope="col">"State"</th></tr></thead>
            <tbody inner_html=move || nodes(player)></tbody>
        </table>
        <table>
            <caption>{move || format!("Messages in flight: {}", messages(player).0)}</caption>
            <thead><tr>
                <th scope="col">"Message"</th><th scope="col">"From"</th><th scope="col">"To"</th><th scope="col">"Due at"</th>
            </tr></thead>
            <tbody inner_html=move || messages(player).1></tbody>
        </table>
    }
}
