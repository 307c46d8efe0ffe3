//! The futures of a run: each as a bar from where it left its parent to where it ends, over the scrubber's width.

use leptos::prelude::*;

use faultline::guides::kit::live::LiveWorld;
use faultline::picture::decimal::tenths;
use faultline::sim::run::Run;

use super::player::Player;
use crate::view::{Views, click};

/// One future, as it is listed.
#[derive(Clone, PartialEq)]
struct Future {
    index: usize,
    is_current: bool,
    /// Where its bar begins and how wide it is, in percent of the longest future.
    bar: (f64, f64),
    title: String,
}

fn futures(run: &Run<LiveWorld>) -> Vec<Future> {
    let branches = run.branches();
    let longest = branches.iter().map(|branch| branch.len()).max().unwrap_or(0).max(1) as f64;
    let line = |(place, index): (usize, usize)| {
        let (branch, left) = (&branches[index], branches[index].parent().map_or(0, |parent| parent.1));
        let (start, end) = (left as f64 / longest * 100.0, branch.len() as f64 / longest * 100.0);
        let broken = if branch.breakings().is_empty() { "" } else { ", breaks a promise" };
        let name =
            run.opened_by(index).unwrap_or_else(|| if place == 0 { "as it began" } else { "as it went on" }.to_owned());
        let title = format!("{}: {name}, from event {left} to {}{broken}", place + 1, branch.len());
        Future { index, is_current: index == run.current(), bar: (start, (end - start).max(1.0)), title }
    };
    in_tree_order(run).into_iter().enumerate().map(line).collect()
}

/// Every future, listed below the one it left; without those that another only continues, and those dismissed.
fn in_tree_order(run: &Run<LiveWorld>) -> Vec<usize> {
    let branches = run.branches();
    let is_continued = |index: usize| {
        let end = Some((index, branches[index].len()));
        index != run.current() && branches.iter().any(|branch| branch.continues() && branch.parent() == end)
    };
    let (mut order, mut open) = (Vec::new(), vec![0]);
    while let Some(index) = open.pop() {
        if !is_continued(index) && !branches[index].is_dismissed() {
            order.push(index);
        }
        let children = (0..branches.len()).rev();
        open.extend(children.filter(|child| branches[*child].parent().is_some_and(|parent| parent.0 == index)));
    }
    order
}

/// Whether there is more than one; tracked.
pub fn has_futures(player: Player) -> bool {
    player.changed();
    player.with(|run| in_tree_order(run).len() > 1)
}

/// See the module's header.
#[component]
pub fn Futures(player: Player) -> impl IntoView {
    let all = Memo::new(move |_| {
        player.changed();
        player.with(futures)
    });
    let button = move |Future { index, is_current, bar, title }: Future| {
        let style = format!("left:{}%;width:{}%", tenths(bar.0), tenths(bar.1));
        view! {
            <div class="future">
                <button aria-pressed=is_current.to_string() on:click=click(move || player.switch_branch(index))>
                    <span class="future-track" aria-hidden="true"><span style=style></span></span>
                    <span>{title.clone()}</span>
                </button>
                {(!is_current).then(|| view! {
                    <button class="quiet" aria-label=format!("Dismiss {title}") title="Do not list it any more"
                        on:click=click(move || player.dismiss_branch(index))>"Dismiss"</button>
                }.into_any())}
            </div>
        }
    };
    view! {
        <nav class="futures" aria-label="Futures of this run">{move || all.get().into_iter().map(button).views()}</nav>
    }
}
