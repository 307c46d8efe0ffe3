//! Inspect: what the chosen node keeps on disk and in memory, what a message says, how a link is.

use leptos::prelude::*;

use faultline::sim::NodeId;
use faultline::sim::kernel::time;
use faultline::sim::run::simulation::Simulation;
use faultline::views::Fields;

use crate::player::{Player, Selection};

/// A titled list of fields; those that the last step changed are marked.
#[derive(Clone, PartialEq, Eq)]
struct Section {
    title: String,
    about: &'static str,
    fields: Vec<(String, String, bool)>,
}

fn section(title: &str, about: &'static str, fields: Fields, before: &Fields) -> Section {
    let changed = |field: &(String, String)| !before.is_empty() && !before.contains(field);
    let fields = fields.into_iter().map(|field| {
        let is_new = changed(&field);
        (field.0, field.1, is_new)
    });
    Section { title: title.to_owned(), about, fields: fields.collect() }
}

fn node(player: Player, id: NodeId) -> (String, Vec<Section>) {
    player.with(|run| {
        let (now, name) = (run.world().inspect(id), run.world().name(id));
        let before = run.before().map(|world| world.inspect(id)).unwrap_or_default();
        let state = run.world().kernel().node(id);
        let mut sections = vec![section("Disk", "survives a crash", now.disk, &before.disk)];
        match state.up {
            true => sections.push(section("Memory", "gone after a crash", now.memory, &before.memory)),
            false => sections.push(section("Memory", "gone: the node is down", Vec::new(), &Vec::new())),
        }
        (name, sections)
    })
}

fn message(player: Player, id: u64) -> Option<(String, Vec<Section>)> {
    player.with(|run| {
        let (view, world) = (run.world().message(id)?, run.world());
        let mut fields = vec![
            ("from".to_owned(), world.name(view.from)),
            ("to".to_owned(), world.name(view.to)),
            ("sent at".to_owned(), time::show(view.sent)),
            ("arrives at".to_owned(), time::show(view.due)),
        ];
        fields.extend(view.fields);
        Some((view.title, vec![section("Message", "in flight", fields, &Vec::new())]))
    })
}

fn link(player: Player, a: NodeId, b: NodeId) -> (String, Vec<Section>) {
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
            section(&title, "one direction", fields, &Vec::new())
        };
        let (forth, back) = (format!("{left} to {right}"), format!("{right} to {left}"));
        (format!("{left} – {right}"), vec![direction(a, b, forth), direction(b, a, back)])
    })
}

/// See the module's header.
#[component]
pub fn Inspect(player: Player) -> impl IntoView {
    let content = Memo::new(move |_| {
        player.changed();
        match player.selection.get() {
            Selection::Node(id) => Some(node(player, id)),
            Selection::Link(a, b) => Some(link(player, a, b)),
            Selection::Message(id) => message(player, id),
            Selection::Event(step) => {
                let node_of =
                    player.with(|run| run.branch().events().get(step.checked_sub(1)? as usize).map(|event| event.node));
                node_of.map(|id| node(player, id))
            }
            Selection::Nothing => None,
        }
    });
    view! {
        <div class="inspect">
            {move || match content.get() {
                None => view! { <p class="empty">"Choose a node, a link or a message on the stage."</p> }.into_any(),
                Some((title, sections)) => view! {
                    <h3>{title}</h3>
                    {sections.into_iter().map(|section| view! {
                        <section>
                            <h4>{section.title} " " <small>{section.about}</small></h4>
                            <dl class="fields">
                                {section.fields.into_iter().map(|(name, value, changed)| view! {
                                    <div class:changed=changed><dt>{name}</dt><dd>{value}</dd></div>
                                }).collect_view()}
                            </dl>
                        </section>
                    }).collect_view()}
                }.into_any(),
            }}
        </div>
    }
}
