//! The stage in words, in step with the picture, unless it is out of sight while the run plays: what is promised, nodes, links, messages, figures, charts, and what
//! was done to the system.

use leptos::prelude::*;

use faultline::guides::kit::chart::Plot;
use faultline::guides::kit::info::Info;
use faultline::guides::kit::live::LiveWorld;
use faultline::lab::{plot, story};
use faultline::picture::{Body, Cell, Figure, FlightMark, Frame, GridRow, NodeMark, svg};
use faultline::sim::NodeId;
use faultline::sim::judge::verdict::Verdict;
use faultline::sim::kernel::time::{self, Time};
use faultline::sim::kernel::{PendingKind, link::LinkState};
use faultline::sim::run::Run;
use faultline::sim::run::simulation::Simulation;

use crate::player::Player;
use crate::view::{Views, effect, row, tagged};

/// The most messages that are listed, and the most acts: the latest.
const MOST: usize = 40;

/// How many of a kind there are, and a row for each, or for each of the first.
type Rows = (usize, Vec<Vec<String>>);

fn counted(rows: impl Iterator<Item = Vec<String>>) -> Rows {
    let rows: Vec<Vec<String>> = rows.collect();
    (rows.len(), rows)
}

fn promises(info: &Info, run: &Run<LiveWorld>) -> Rows {
    let all = info.promises.iter().zip(run.world().standings());
    counted(all.map(|(promise, standing)| {
        let why = match &standing.verdict {
            Verdict::Broken(broken) => broken.breach.text.clone(),
            Verdict::Outside(says) => (*says).to_owned(),
            _ => String::new(),
        };
        vec![promise.title.to_owned(), standing.words(promise.kind).to_owned(), why]
    }))
}

fn nodes(_: &Info, run: &Run<LiveWorld>) -> Rows {
    let world = run.world();
    let timers = |mark: &NodeMark| {
        let own = world.choices().into_iter().filter(|it| it.node == mark.node && it.kind == PendingKind::Timer);
        let names: Vec<String> = own.map(|timer| world.describe_pending(timer.id)).collect();
        let until = mark.ring.map_or(String::new(), |ring| format!("; the ring ends at {}", time::show(ring.until)));
        names.join(", ") + &until
    };
    let state = |mark: &NodeMark| {
        let level = mark.fill.map(|(value, full)| format!("{value} of {full}"));
        let leads = mark.crown.then(|| "leads".to_owned());
        let words = [Some(svg::state_text(mark)), leads, level].into_iter().flatten();
        words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" · ")
    };
    let picture = world.picture(Frame::Wide);
    counted(picture.nodes.iter().map(|mark| vec![mark.label.clone(), state(mark), timers(mark)]))
}

fn sets(_: &Info, run: &Run<LiveWorld>) -> Rows {
    let picture = run.world().picture(Frame::Wide);
    let label = |id: &NodeId| picture.node(*id).map(|mark| mark.label.clone());
    counted(picture.sets.iter().map(|set| {
        let members: Vec<String> = set.members.iter().filter_map(label).collect();
        vec![set.label.clone(), members.join(", ")]
    }))
}

/// What is wrong with a link in one direction; nothing if nothing is.
fn trouble(link: LinkState) -> Option<String> {
    if link.cut {
        return Some("cut".to_owned());
    }
    let late = (link.extra > 0).then(|| format!("{} slower", time::show(link.extra)));
    let lossy = (link.loss_ppm > 0).then(|| format!("loses {} %", link.loss_ppm / 10_000));
    late.into_iter().chain(lossy).reduce(|all, more| format!("{all}, {more}"))
}

/// How a link stands, in either direction.
pub fn link_words(world: &LiveWorld, a: NodeId, b: NodeId) -> String {
    let one = |from, to| Some((trouble(world.kernel().link(from, to))?, world.name(from), world.name(to)));
    match (one(a, b), one(b, a)) {
        (None, None) => "open".to_owned(),
        (Some((forth, ..)), Some((back, ..))) if forth == back => forth,
        (forth, back) => {
            let words = forth.into_iter().chain(back).map(|(what, from, to)| format!("{from} to {to}: {what}"));
            words.collect::<Vec<_>>().join("; ")
        }
    }
}

fn links(_: &Info, run: &Run<LiveWorld>) -> Rows {
    let world = run.world();
    let picture = world.picture(Frame::Wide);
    let line = |(a, b)| vec![format!("{} – {}", world.name(a), world.name(b)), link_words(world, a, b)];
    counted(picture.links.iter().map(|mark| line((mark.a, mark.b))))
}

fn messages(_: &Info, run: &Run<LiveWorld>) -> Rows {
    let world = run.world();
    let flights = world.flights();
    let line = |flight: &FlightMark| {
        let title = world.message(flight.id).map_or_else(|| "a message".to_owned(), |view| view.title);
        let due = match flight.lost {
            Some(at) => format!("lost at {}", time::show(at)),
            None => time::show(flight.due),
        };
        vec![title, world.name(flight.from), world.name(flight.to), due]
    };
    let count = flights.iter().filter(|flight| flight.lost.is_none()).count();
    (count, flights.iter().take(MOST).map(line).collect())
}

fn charts(info: &Info, run: &Run<LiveWorld>) -> Rows {
    let now: Time = run.world().kernel().now();
    let line = |title: &str, name: String, value: String| vec![title.to_owned(), name, value];
    counted(info.charts.iter().flat_map(|chart| match chart.plot {
        Plot::Share(metric) => {
            let totals = plot::shares(run.world(), metric).into_iter();
            totals.map(|(name, total)| line(chart.title, name, total.to_string())).collect::<Vec<_>>()
        }
        plot => {
            let (scale, lines) = plot::lines(run.world(), plot, now);
            lines.into_iter().map(|drawn| line(chart.title, drawn.name.clone(), drawn.last(scale))).collect()
        }
    }))
}

fn acts(_: &Info, run: &Run<LiveWorld>) -> Rows {
    let here = run.step_count();
    let all: Vec<_> = story::acts(run.branch().tape().inputs()).filter(|stamped| stamped.after <= here).collect();
    let latest = all.iter().skip(all.len().saturating_sub(MOST));
    let line = |after: u64, what: String| vec![format!("after event {after}"), what];
    let rows = latest.map(|stamped| line(stamped.after, run.world().describe_input(&stamped.input)));
    (all.len(), rows.collect())
}

/// A cell's text; what may still change says so, as its dashes do in the picture.
fn cell_text(cell: &Cell) -> String {
    if cell.firm || cell.text.is_empty() { cell.text.clone() } else { format!("{} (dashed)", cell.text) }
}

/// A row of cells; where the picture has a bar, its head says after how many.
fn grid_row(grid: &GridRow) -> String {
    let mark = grid.mark.map_or(String::new(), |mark| format!(", bar after {mark}"));
    row(&format!("{}{mark}", grid.label), &grid.cells.iter().map(cell_text).collect::<Vec<_>>())
}

fn head(columns: &[String]) -> String {
    // A column without a name has no header to read out.
    let cell = |column: &String| tagged(if column.is_empty() { "td" } else { "th scope=\"col\"" }, column);
    let cells: String = columns.iter().map(cell).collect();
    format!("<thead><tr>{cells}</tr></thead>")
}

/// The head and the rows of a grid whose columns have numbers, from `first` on.
fn numbered(first: u32, rows: &[GridRow]) -> (String, String) {
    let widest = rows.iter().map(|row| row.cells.len()).max().unwrap_or(0) as u32;
    let places = (0..widest).map(|at| (first + at).to_string());
    let columns: Vec<String> = std::iter::once("Row".to_owned()).chain(places).collect();
    (head(&columns), rows.iter().map(grid_row).collect())
}

/// A figure as a table.
fn figure(figure: &Figure) -> String {
    let (head, rows): (String, String) = match &figure.body {
        Body::Grid { first, rows } => numbered(*first, rows),
        Body::Matrix(rows) => numbered(0, rows),
        Body::Queues(rows) => (String::new(), rows.iter().map(grid_row).collect()),
        Body::Table { head: columns, rows } => {
            let cells = |cells: &Vec<Cell>| cells.iter().map(|cell| tagged("td", &cell_text(cell))).collect::<String>();
            (head(columns), rows.iter().map(|row| format!("<tr>{}</tr>", cells(row))).collect())
        }
        Body::Bars(bars) => {
            (String::new(), bars.iter().map(|bar| row(&bar.label, std::slice::from_ref(&bar.text))).collect())
        }
    };
    format!("<table>{}{head}<tbody>{rows}</tbody></table>", tagged("caption", &figure.title))
}

fn figures(_: &Info, run: &Run<LiveWorld>) -> String {
    run.world().picture(Frame::Wide).figures.iter().map(figure).collect()
}

/// A table with its count in the caption; nothing where there is nothing of the kind.
fn table(title: &str, columns: &[&str], (count, rows): Rows) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let line = |cells: &Vec<String>| cells.split_first().map_or(String::new(), |(first, rest)| row(first, rest));
    let caption = tagged("caption", &format!("{title}: {count}"));
    let head = head(&columns.iter().map(|column| (*column).to_owned()).collect::<Vec<_>>());
    format!("<table>{caption}{head}<tbody>{}</tbody></table>", rows.iter().map(line).collect::<String>())
}

/// A part of the form as HTML; only those that change are written anew, so that one does not lose one's place.
type Part = fn(&Info, &Run<LiveWorld>) -> String;

const PARTS: [Part; 8] = [
    |info, run| table("Promises", &["Promise", "How it stands", "Why"], promises(info, run)),
    |info, run| table("Nodes", &["Node", "State", "Timers"], nodes(info, run)),
    |info, run| table("Sets of nodes", &["Set", "Nodes"], sets(info, run)),
    |info, run| table("Links", &["Link", "State"], links(info, run)),
    |info, run| table("Messages in flight", &["Message", "From", "To", "Due at"], messages(info, run)),
    figures,
    |info, run| table("Latest values of the charts", &["Chart", "What", "Value"], charts(info, run)),
    |info, run| table("What was done", &["When", "What"], acts(info, run)),
];

/// See the module's header.
#[component]
pub fn TextForm(player: Player, is_shown: impl Fn() -> bool + 'static) -> impl IntoView {
    // Nobody reads what is out of sight and changes sixty times a second.
    let version = RwSignal::new(0);
    effect(move || {
        let now = player.changed();
        if is_shown() || !player.playing() {
            version.set(now);
        }
    });
    let part = move |part: Part| {
        let html = move || {
            version.track();
            player.with(|run| part(&player.info(), run))
        };
        view! { <div class="text-part" inner_html=move || html()></div> }
    };
    PARTS.map(part).views()
}
