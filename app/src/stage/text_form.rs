//! The stage in words, always in step with the picture: nodes with their state, messages in flight.

use leptos::prelude::*;

use faultline::picture::{Frame, svg};
use faultline::sim::kernel::time;
use faultline::sim::run::simulation::Simulation;

use crate::player::Player;

/// The most messages that are listed.
const MOST_MESSAGES: usize = 40;

/// Two tables.
#[component]
pub fn TextForm(player: Player) -> impl IntoView {
    let nodes = move || {
        player.changed();
        player.with(|run| {
            let picture = run.world().picture(Frame::Wide);
            picture.nodes.iter().map(|mark| (mark.label.clone(), svg::state_text(mark))).collect::<Vec<_>>()
        })
    };
    let messages = move || {
        player.changed();
        player.with(|run| {
            let world = run.world();
            let mut flights = world.flights();
            flights.retain(|flight| flight.lost.is_none());
            let all = flights.len();
            let line = |flight: &faultline::picture::FlightMark| {
                let view = world.message(flight.id)?;
                Some((view.title, world.name(view.from), world.name(view.to), time::show(view.due)))
            };
            (all, flights.iter().take(MOST_MESSAGES).filter_map(line).collect::<Vec<_>>())
        })
    };
    view! {
        <table>
            <caption>"Nodes"</caption>
            <thead><tr><th scope="col">"Node"</th><th scope="col">"State"</th></tr></thead>
            <tbody>
                {move || nodes().into_iter().map(|(name, state)| view! {
                    <tr><th scope="row">{name}</th><td>{state}</td></tr>
                }).collect_view()}
            </tbody>
        </table>
        <table>
            <caption>{move || format!("Messages in flight: {}", messages().0)}</caption>
            <thead><tr>
                <th scope="col">"Message"</th><th scope="col">"From"</th><th scope="col">"To"</th><th scope="col">"Due at"</th>
            </tr></thead>
            <tbody>
                {move || messages().1.into_iter().map(|(title, from, to, due)| view! {
                    <tr><th scope="row">{title}</th><td>{from}</td><td>{to}</td><td>{due}</td></tr>
                }).collect_view()}
            </tbody>
        </table>
    }
}
