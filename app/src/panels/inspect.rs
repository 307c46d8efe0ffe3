//! Inspect: what the chosen node keeps on disk and in memory, what a message says, the state of a link.

use leptos::prelude::*;

use faultline::picture::svg::escape;
use faultline::sim::NodeId;
use faultline::sim::kernel::time;
use faultline::sim::run::simulation::Simulation;
use faultline::views::Fields;

use crate::player::{Player, Selection};
use crate::view::tagged;

/// A titled list of fields as HTML; those that the last step changed are marked.
fn section(title: &str, about: &str, fields: &Fields, before: &Fields) -> String {
    let field = |field: &(String, String)| {
        let changed = !before.is_empty() && !before.contains(field);
        let class = if changed { " class=\"changed\"" } else { "" };
        format!("<div{class}>{}{}</div>", tagged("dt", &field.0), tagged("dd", &field.1))
    };
    let fields: String = fields.iter().map(field).collect();
    let title = format!("<h4>{} {}</h4>", escape(title), tagged("small", about));
    format!("<section>{title}<dl class=\"fields\">{fields}</dl></section>")
}

fn node(player: Player, id: NodeId) -> (String, String) {
    player.with(|run| {
        let (now, name) = (run.world().inspect(id), run.world().name(id));
        let before = run.before().map(|world| world.inspect(id)).unwrap_or_default();
        let state = run.world().kernel().node(id);
        let disk = section("Disk", "survives a crash", &now.disk, &before.disk);
        let memory = match state.up {
            true => section("Memory", "gone after a crash", &now.memory, &before.memory),
            false => section("Memory", "gone: the node is down", &Vec::new(), &Vec::new()),
        };
        (name, disk + &memory)
    })
}

fn message(player: Player, id: u64) -> Option<(String, String)> {
    player.with(|run| {
        let (view, world) = (run.world().message(id)?, run.world());
        let mut fields = vec![
            ("from".to_owned(), world.name(view.from)),
            ("to".to_owned(), world.name(view.to)),
            ("sent at".to_owned(), time::show(view.sent)),
            ("arrives at".to_owned(), time::show(view.due)),
        ];
        fields.extend(view.fields);
        Some((view.title, section("Message", "in flight", &fields, &Vec::new())))
    })
}

fn link(player: Player, a: NodeId, b: NodeId) -> (String, String) {
    player.with(|run| {
        let world = run.world();
        let (left, right) = (world.name(a), world.name(b));
        let direction = |from: NodeId, to: NodeId, title: String| {
            let state = world.kernel().link(from, to);
            let fields = vec![
                ("state".to_owned(), if state.cut { "cut" } else { "open" }.to_owned()),
                ("extra latency".to_owned(), time::show(state.extra)),
                ("extra loss".to_owned(), format!("{} %", state.loss_ppm / 10_000)),
            ];
            section(&title, "one direction", &fields, &Vec::new())
        };
        let (forth, back) = (format!("{left} to {right}"), format!("{right} to {left}"));
        (format!("{left} – {right}"), direction(a, b, forth) + &direction(b, a, back))
    })
}

fn chosen(player: Player) -> String {
    let shown = match player.selection.get() {
        Selection::Node(id) => Some(node(player, id)),
        Selection::Link(a, b) => Some(link(player, a, b)),
        Selection::Message(id) => message(player, id),
        Selection::Event(step) => {
            let event = player.with(|run| run.branch().event(step));
            event.map(|event| node(player, event.node))
        }
        Selection::Nothing => None,
    };
    match shown {
        Some((title, sections)) => tagged("h3", &title) + &sections,
        None => tagged("p class=\"empty\"", "Choose a node, a link or a message on the stage."),
    }
}

/// See the module's header.
#[component]
pub fn Inspect(player: Player) -> impl IntoView {
    let shown = move || {
        player.changed();
        chosen(player)
    };
    view! { <div class="inspect" inner_html=move || shown()></div> }
}
