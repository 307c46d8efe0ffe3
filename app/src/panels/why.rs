//! Why: the event log, newest on top, with the reader's own inputs in it, and the chain of causes of one event.
//!
//! Only the visible rows are rendered; their words come from a replay that starts at an earlier checkpoint.

use leptos::html;
use leptos::prelude::*;

use faultline::guides::kit::info::Info;
use faultline::guides::kit::live::LiveWorld;
use faultline::lab::story::is_act;
use faultline::lab::telling::reasons;
use faultline::sim::NodeId;
use faultline::sim::kernel::Cause;
use faultline::sim::kernel::time;
use faultline::sim::run::Run;
use faultline::sim::run::simulation::{Handled, Record, Simulation};

use crate::player::{Player, Selection};
use crate::view::{Views, click, on, option, typed, when};

/// Height of a row against the size of the page's letters; the style sheet has the same value.
const ROW: f64 = 3.875;
/// Rows rendered beyond the visible ones.
const SPARE: u64 = 4;
/// How far back a filter looks, in events.
const FILTER_REACH: u64 = 4_000;
/// The longest chain of causes that is told.
const LONGEST_CHAIN: usize = 40;

#[derive(Clone, PartialEq, Eq)]
struct Row {
    /// Place from the top.
    place: u64,
    step: u64,
    time: String,
    title: String,
    text: String,
    /// Who did it, if it is an input.
    who: Option<&'static str>,
    node: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Filter {
    node: Option<NodeId>,
    kind: Option<&'static str>,
}

/// Who has done what the run was given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doer {
    Reader,
    Tour,
    Story,
}

impl Doer {
    /// Tracked.
    fn of(player: Player) -> Doer {
        player.changed();
        match (player.is_told(), player.on_tour.get()) {
            (true, _) => Doer::Story,
            (_, true) => Doer::Tour,
            _ => Doer::Reader,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Doer::Reader => "you",
            Doer::Tour => "tour",
            Doer::Story => "story",
        }
    }

    /// What is said of an act; of what is no act, the schedule that was found chose when it happens.
    fn sentence(self, is_act: bool) -> &'static str {
        match self {
            _ if !is_act => "Chosen by the schedule.",
            Doer::Reader => "You did this.",
            Doer::Tour => "The tour does this.",
            Doer::Story => "The story does this.",
        }
    }
}

const KINDS: [&str; 4] = ["message", "timer", "command", "lost"];

/// How many rows there are, and those between two places from the top.
fn rows(run: &Run<LiveWorld>, info: &Info, doer: Doer, filter: Filter, (from, to): (u64, u64)) -> (u64, Vec<Row>) {
    if filter != Filter::default() {
        return filtered(run, info, filter, from, to);
    }
    let (here, inputs) = (run.step_count(), run.branch().tape().inputs());
    let are_acts: Vec<bool> = inputs.iter().map(|stamped| is_act(&stamped.input)).collect();
    let inputs: Vec<u64> = inputs.iter().map(|stamped| stamped.after).filter(|after| *after <= here).collect();
    let total = here + inputs.len() as u64;
    let mut found = Vec::new();
    // Places of inputs, from the top: newer events and newer inputs are above.
    let places: Vec<(u64, u64)> =
        inputs.iter().rev().enumerate().map(|(newer, after)| (here - after + newer as u64, *after)).collect();
    let above = |place: u64| places.partition_point(|input| input.0 < place) as u64;
    let to = to.min(total);
    let steps: Vec<u64> = (from..to)
        .filter(|place| places.binary_search_by_key(place, |input| input.0).is_err())
        .map(|place| here - (place - above(place)))
        .collect();
    let records = match (steps.last(), steps.first()) {
        (Some(first), Some(last)) => run.records(*first, *last),
        _ => Vec::new(),
    };
    for place in from..to {
        if let Ok(at) = places.binary_search_by_key(&place, |input| input.0) {
            let after = places[at].1;
            let is_act = are_acts[places.len() - 1 - at];
            let nth = places[at + 1..].iter().filter(|input| input.1 == after).count();
            let title = run.describe_inputs(after).into_iter().nth(nth).unwrap_or_default();
            found.push(Row {
                place,
                step: after,
                time: String::new(),
                title,
                text: doer.sentence(is_act).to_owned(),
                who: Some(doer.name()),
                node: u16::MAX,
            });
        } else {
            let step = here - (place - above(place));
            if let Ok(at) = records.binary_search_by_key(&step, |record| record.0.step) {
                found.push(row(info, place, &records[at]));
            }
        }
    }
    (total, found)
}

fn row(info: &Info, place: u64, (handled, record): &(Handled, Record)) -> Row {
    Row {
        place,
        step: handled.step,
        time: time::show(handled.time),
        title: record.title.clone(),
        text: reasons(info, record),
        who: None,
        node: handled.node.0,
    }
}

fn filtered(run: &Run<LiveWorld>, info: &Info, filter: Filter, from: u64, to: u64) -> (u64, Vec<Row>) {
    let here = run.step_count();
    let first = here.saturating_sub(FILTER_REACH);
    let passes = |event: &Handled| {
        filter.node.is_none_or(|node| event.node == node) && filter.kind.is_none_or(|kind| event.what.name() == kind)
    };
    let all = run.branch().events();
    let steps: Vec<u64> =
        (first..here).rev().filter_map(|at| all.get(at as usize)).filter(passes).map(|event| event.step).collect();
    let shown = steps.iter().enumerate().skip(from as usize).take((to - from) as usize);
    let rows = shown.filter_map(|(place, step)| {
        run.records(*step, *step).into_iter().next().map(|record| row(info, place as u64, &record))
    });
    (steps.len() as u64, rows.collect())
}

/// An event, what caused it, what caused that, and so on.
fn chain(run: &Run<LiveWorld>, info: &Info, doer: Doer, step: u64) -> Vec<(u64, String, String)> {
    let mut found = Vec::new();
    let mut next = Some(step);
    while let Some(step) = next.filter(|_| found.len() < LONGEST_CHAIN) {
        let Some((handled, record)) = run.records(step, step).into_iter().next() else { break };
        found.push((step, record.title.clone(), reasons(info, &record)));
        next = match handled.cause {
            Cause::Event(cause) => Some(cause),
            Cause::Input(after) => {
                let what = run.describe_inputs(after).join(", ");
                found.push((after, doer.sentence(true).trim_end_matches('.').to_owned(), what));
                None
            }
            Cause::Start => {
                found.push((0, "The start of the run".to_owned(), "The node was there from the beginning.".to_owned()));
                None
            }
        };
    }
    found
}

/// Height of a row, in CSS pixels.
fn row_height() -> u64 {
    let style = document().document_element().and_then(|root| window().get_computed_style(&root).ok()?);
    let letters = style.and_then(|style| style.get_property_value("font-size").ok());
    (letters.map_or(16.0, |size| js_sys::Number::parse_float(&size)) * ROW) as u64
}

/// See the module's header.
#[component]
pub fn Why(player: Player) -> impl IntoView {
    let list = NodeRef::<html::Div>::new();
    let height_of_row = row_height();
    let scroll = RwSignal::new((0u64, 320u64));
    let filter = RwSignal::new(Filter::default());
    let view = Memo::new(move |_| {
        player.changed();
        let (top, height) = scroll.get();
        let from = (top / height_of_row).saturating_sub(SPARE);
        let to = from + height / height_of_row + 2 * SPARE + 1;
        let doer = Doer::of(player);
        player.with(|run| rows(run, &player.info(), doer, filter.get(), (from, to)))
    });
    let on_scroll = on(move |_: web_sys::Event| {
        if let Some(list) = list.get_untracked() {
            scroll.set((list.scroll_top().max(0) as u64, list.client_height().max(0) as u64));
        }
    });
    view! {
        <div class="why">
            <Filters player filter/>
            <div class="log" node_ref=list on:scroll=on_scroll role=move || if view.with(|view| view.0 == 0) { "region" } else { "list" } aria-label="Events, newest first" tabindex="0">
                <div style=move || format!("height:{}px", view.with(|view| view.0) * height_of_row)>
                    <For each=move || view.get().1 key=|row| (row.place, row.step, row.who, row.title.clone(), row.text.clone()) let:row>
                        <LogRow player row height=height_of_row/>
                    </For>
                </div>
                {when(move || view.with(|view| view.0 == 0), || view! { <p class="empty">"Each event will stand here, with its reason. Nothing has happened yet: step, or play."</p> }.into_any())}
            </div>
            <Causes player/>
        </div>
    }
}

#[component]
fn LogRow(player: Player, row: Row, height: u64) -> impl IntoView {
    let (step, who) = (row.step, row.who);
    let selected = move || who.is_none() && player.selection.get() == Selection::Event(step);
    let choose = click(move || {
        if player.selection.get_untracked() == Selection::Event(step) {
            player.pause();
            player.seek(step);
        }
        player.selection.set(Selection::Event(step));
    });
    let style = format!("top:{}px", row.place * height);
    view! {
        <div class="log-row" role="listitem" class:is-input=move || who.is_some() class:is-selected=move || selected() style=style data-event=step.to_string() data-of-node=row.node.to_string()>
            <button on:click=choose title="Select to see its causes; select again to go there">
                <span class="log-title"><b>{who.map_or_else(|| step.to_string(), str::to_owned)}</b> " " {row.title}</span>
                <span class="log-text">{row.text}</span>
                <span class="log-time">{row.time}</span>
            </button>
        </div>
    }
}

#[component]
fn Filters(player: Player, filter: RwSignal<Filter>) -> impl IntoView {
    let names = player.with(|run| {
        let world = run.world();
        (0..world.kernel().nodes().len()).map(|id| world.name(NodeId::from(id))).collect::<Vec<_>>()
    });
    let by_node = typed(move |id| filter.update(|filter| filter.node = id.parse().ok().map(NodeId)));
    let by_kind =
        typed(move |chosen| filter.update(|filter| filter.kind = KINDS.into_iter().find(|kind| *kind == chosen)));
    let reach = move || view! { <small>{format!("of the last {FILTER_REACH} events")}</small> }.into_any();
    view! {
        <div class="filters">
            <label>"Node " <select on:change=by_node>
                <option value="">"all"</option>
                {names.into_iter().enumerate().map(|(id, name)| option(id, name, false)).views()}
            </select></label>
            <label>"Kind " <select on:change=by_kind>
                <option value="">"all"</option>
                {KINDS.map(|kind| option(kind, kind, false)).views()}
            </select></label>
            {when(move || filter.get() != Filter::default(), reach)}
        </div>
    }
}

/// The chain of causes of the chosen event.
#[component]
fn Causes(player: Player) -> impl IntoView {
    let link = move |(step, title, text): (u64, String, String)| {
        let go = click(move || player.seek(step));
        view! { <li><button on:click=go><b>{step.to_string()}</b> " " {title}</button><p>{text}</p></li> }
    };
    let causes = move || {
        player.changed();
        let Selection::Event(step) = player.selection.get() else { return None };
        let doer = Doer::of(player);
        let links = (step > 0).then(|| player.with(|run| chain(run, &player.info(), doer, step)))?;
        let go = click(move || player.seek(step));
        let view = view! {
            <section class="causes" aria-label="Causes">
                <h3>"Why did this happen?" <button class="quiet" on:click=go>"Go there"</button></h3>
                <ol>{links.into_iter().map(link).views()}</ol>
            </section>
        };
        Some(view.into_any())
    };
    view! { {move || causes()} }
}
