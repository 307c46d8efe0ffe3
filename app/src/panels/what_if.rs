//! What if: the run once more with one thing changed, next to the reader's own, and how each turned out.

use leptos::prelude::*;

use faultline::guides::catalogue;
use faultline::guides::kit::info::Info;
use faultline::guides::kit::live::LiveWorld;
use faultline::lab::what_if::{Change, beside, difference, show_value};
use faultline::sim::declare::rules::RuleId;
use faultline::sim::declare::settings::{Control, Setting};
use faultline::sim::kernel::time::{self, MS};
use faultline::sim::measure::metrics::{MetricKind, Window};
use faultline::sim::numbers::grouped;
use faultline::sim::run::Run;
use faultline::sim::run::compare::{Summary, first_difference};
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::Link;

use crate::player::{Beside, Notice, Player};
use crate::view::{Views, click, option, tagged, typed};

/// How far an input is moved, in microseconds.
const STEP: i64 = 100 * MS as i64;

/// Shows a run next to the reader's own, which stays as it is.
pub fn show_beside(player: Player, other: &Link) {
    let title = difference(&player.whole_link(), other);
    let Some(scenario) = faultline::guides::find(&other.scenario) else { return };
    let follower = player.in_its_owner(|| Player::beside(scenario, other));
    player.beside.set(Some(Beside { player: follower, title }));
    follower.follow(player.clock());
}

fn change(player: Player, change: &Change) {
    player.pause();
    match beside(&player.whole_link(), change) {
        Some((other, refused)) => {
            show_beside(player, &other);
            if refused > 0 {
                let sentence = format!("{refused} of the inputs did not apply in the other run.");
                player.notice.set(Some(Notice(sentence)));
            }
        }
        None => player.notice.set(Some(Notice("There is nothing to change there.".to_owned()))),
    }
}

/// See the module's header.
#[component]
pub fn WhatIf(player: Player) -> impl IntoView {
    view! {
        <div class="what-if">
            {move || match player.beside.get() {
                Some(Beside { player: other, title }) => view! { <Compared player other title/> }.into_any(),
                None => view! { <Changes player/> }.into_any(),
            }}
        </div>
    }
}

/// The inputs of the run in words, each with its index.
fn inputs(player: Player) -> Vec<(usize, String)> {
    player.changed();
    player.with(|run| {
        let stamped = run.branch().tape().inputs();
        let mut words: Vec<(usize, String)> = Vec::new();
        let mut at = 0;
        while let Some(first) = stamped.get(at) {
            let same = run.describe_inputs(first.after);
            let moment = time::show(run.branch().time_at(first.after));
            let count = stamped[at..].iter().take_while(|other| other.after == first.after).count();
            words
                .extend((0..count).map(|nth| {
                    (at + nth, format!("{} at {moment}", same.get(nth).map_or("an input", String::as_str)))
                }));
            at += count;
        }
        words
    })
}

/// A button that changes one thing.
fn change_button(player: Player, title: &'static str, wanted: Change) -> AnyView {
    view! { <button on:click=click(move || change(player, &wanted))>{title}</button> }.into_any()
}

/// One thing to change.
#[component]
fn Changes(player: Player) -> impl IntoView {
    let input = move |(index, title): (usize, String)| {
        let changes = [
            change_button(player, "without it", Change::Without(index)),
            change_button(player, "100 ms earlier", Change::Moved(index, -STEP)),
            change_button(player, "100 ms later", Change::Moved(index, STEP)),
        ];
        view! { <li><span>{title}</span>{changes.views()}</li> }
    };
    view! {
        <h3>"What if ..."</h3>
        <p class="hint">"Change one thing. The same seed, faults and load run again next to yours, as far as yours has gone."</p>
        <ul class="what-if-inputs">{move || inputs(player).into_iter().map(input).views()}</ul>
        <RuleChanges player/>
        <SettingChange player/>
        <ScenarioChange player/>
    }
}

#[component]
fn RuleChanges(player: Player) -> impl IntoView {
    let rule = |(id, title): (RuleId, &'static str)| {
        let words = move || {
            player.changed();
            format!("{}{title}", if player.rule_on(id) { "without: " } else { "with: " })
        };
        let flip = click(move || change(player, &Change::Rule(id, !player.rule_on(id))));
        view! { <li><button on:click=flip>{move || words()}</button></li> }
    };
    view! {
        <h4>"a rule were switched"</h4>
        <ul class="what-if-rules">{player.info().rules.iter().map(|(id, known)| rule((*id, known.title))).views()}</ul>
    }
}

#[component]
fn SettingChange(player: Player) -> impl IntoView {
    let (chosen, value) = (RwSignal::new(0usize), RwSignal::new(None::<i64>));
    let now = move || player.info().settings.get(chosen.get()).map(|known| (known.0, known.1));
    let compare = click(move || {
        if let (Some((id, _)), Some(value)) = (untrack(now), value.get_untracked()) {
            change(player, &Change::Setting(id, value));
        }
    });
    let settings = player.info();
    let titles = settings.settings.iter().enumerate().map(|(index, known)| option(index, known.1.title, false));
    view! {
        <h4>"a setting were different"</h4>
        <div class="what-if-setting">
            <select aria-label="Setting" on:change=typed(move |index| chosen.set(index.parse().unwrap_or(0)))>
                {titles.views()}
            </select>
            {move || now().map(|(id, setting)| control(setting, player.setting(id), value))}
            <button on:click=compare disabled=move || value.get().is_none()>"Compare"</button>
        </div>
    }
}

/// The control for a setting, showing its value in the reader's run. `value`: what was chosen instead.
fn control(setting: &'static Setting, start: i64, value: RwSignal<Option<i64>>) -> AnyView {
    value.set(None);
    let choose = typed(move |chosen| value.set(chosen.parse().ok()));
    match setting.control {
        Control::Slider { min, max, step, .. } => view! {
            <input type="range" aria-label="Its value" min=min.to_string() max=max.to_string() step=step.to_string() prop:value=start.to_string() on:input=choose/>
            <output>{move || show_value(&setting.control, value.get().unwrap_or(start))}</output>
        }
        .into_any(),
        Control::Choice(options) => {
            let options = options.iter().enumerate().map(|(index, title)| option(index, title, index as i64 == start));
            view! { <select aria-label="Its value" on:change=choose>{options.views()}</select> }.into_any()
        }
        Control::Toggle => {
            value.set(Some(i64::from(start == 0)));
            view! { <span>{if start == 0 { "on" } else { "off" }}</span> }.into_any()
        }
    }
}

#[component]
fn ScenarioChange(player: Player) -> impl IntoView {
    let here = player.info().path();
    let others = catalogue().iter().map(|scenario| scenario.info()).filter(|info| info.path() != here);
    let others: Vec<(String, &'static str)> = others.map(|info| (info.path(), info.title)).collect();
    let Some((first, _)) = others.first() else { return ().into_any() };
    let chosen = RwSignal::new(first.clone());
    view! {
        <h4>"it were another scenario"</h4>
        <div class="what-if-setting">
            <select aria-label="Scenario" on:change=typed(move |path| chosen.set(path))>
                {others.into_iter().map(|(path, title)| option(path, title, false)).views()}
            </select>
            <button on:click=click(move || change(player, &Change::Scenario(chosen.get_untracked())))>"Compare"</button>
        </div>
    }
    .into_any()
}

/// A line of the comparison: what, and its value in each run.
type Line = (String, String, String);

/// Two runs in numbers.
#[component]
fn Compared(player: Player, other: Player, title: String) -> impl IntoView {
    let all = move || {
        player.changed();
        other.changed();
        let (ours, theirs) = (player.info(), other.info());
        player.with(|one| {
            other.with(|two| {
                let promises = promise_lines(&ours, &theirs, one, two);
                promises.into_iter().chain(lines(&ours, &theirs, one, two)).map(compared).collect::<String>()
            })
        })
    };
    view! {
        <h3>"Your run and the other run: " {title}</h3>
        {move || first(player, other)}
        <table class="compared">
            <thead><tr><td></td><th scope="col">"yours"</th><th scope="col">"other"</th></tr></thead>
            <tbody inner_html=move || all()></tbody>
        </table>
        <p><small>"Charts shows both runs when they measure the same things. Copy link includes the comparison."</small></p>
        <button on:click=click(move || player.beside.set(None))>"Close the comparison"</button>
    }
}

fn compared((what, one, two): Line) -> String {
    let class = if one != two { " class=\"differs\"" } else { "" };
    let cells = tagged("th scope=\"row\"", &what) + &tagged("td", &one) + &tagged("td", &two);
    format!("<tr{class}>{cells}</tr>")
}

/// Where the two runs begin to differ.
fn first(player: Player, other: Player) -> AnyView {
    player.changed();
    let Some(step) = player.with(|one| other.with(|two| first_difference(one.branch(), two.branch()))) else {
        return view! { <p>"Event for event the same so far."</p> }.into_any();
    };
    let at = player.with(|run| time::show(run.branch().time_at(step)));
    let title = player.with(|run| run.records(step, step).pop().map(|record| record.1.title)).unwrap_or_default();
    let go = click(move || {
        player.pause();
        player.seek(step);
    });
    view! {
        <p>{format!("They differ from event {step} on, at {at}: in your run {title}. ")} <button on:click=go>"Go there"</button></p>
    }
    .into_any()
}

fn promise_lines(ours: &Info, theirs: &Info, one: &Run<LiveWorld>, two: &Run<LiveWorld>) -> Vec<Line> {
    let verdict = |run: &Run<LiveWorld>, at: usize| {
        run.world().standings().get(at).map_or("–", |standing| standing.verdict.name()).to_owned()
    };
    let line = |(at, promise): (usize, &faultline::guides::kit::info::PromiseInfo)| {
        let there = theirs.promises.iter().position(|known| known.id == promise.id);
        (promise.title.to_owned(), verdict(one, at), there.map_or_else(|| "–".to_owned(), |at| verdict(two, at)))
    };
    ours.promises.iter().enumerate().map(line).collect()
}

fn lines(ours: &Info, theirs: &Info, one: &Run<LiveWorld>, two: &Run<LiveWorld>) -> Vec<Line> {
    let summary = |run: &Run<LiveWorld>| Summary::of(run.branch(), run.step_count(), run.world().history());
    let (a, b) = (summary(one), summary(two));
    let mut lines: Vec<Line> = Vec::new();
    let mut count = |what: &str, one: u64, two: u64| lines.push((what.to_owned(), grouped(one), grouped(two)));
    count("messages delivered", a.delivered, b.delivered);
    count("messages lost", a.lost, b.lost);
    if a.done + b.done > 0 {
        count("operations done", a.done, b.done);
        count("operations failed", a.failed, b.failed);
        count("operations open", a.open, b.open);
        let ratio = |summary: &Summary| {
            let tenths = summary.messages_per_operation().map(|hundredths| (hundredths + 5) / 10);
            tenths.map_or("–".to_owned(), |tenths| format!("{}.{}", tenths / 10, tenths % 10))
        };
        lines.push(("messages per operation".to_owned(), ratio(&a), ratio(&b)));
    }
    for (at, name) in ["median latency", "95 % latency", "99 % latency"].into_iter().enumerate() {
        let show = |summary: &Summary| summary.latency.map_or("–".to_owned(), |all| time::show(all[at]));
        if a.latency.is_some() || b.latency.is_some() {
            lines.push((name.to_owned(), show(&a), show(&b)));
        }
    }
    lines.extend(metric_lines(ours, theirs, one, two));
    lines
}

/// What the systems measured themselves: totals of counters, medians of latencies.
fn metric_lines(ours: &Info, theirs: &Info, one: &Run<LiveWorld>, two: &Run<LiveWorld>) -> Vec<Line> {
    let value = |info: &Info, run: &Run<LiveWorld>, id: &str| {
        let at = info.metrics.iter().position(|metric| metric.id == id)?;
        let metric = faultline::sim::measure::metrics::MetricId(at as u8);
        let series = || run.world().metrics().of(metric).map(|(_, series)| series);
        match info.metrics[at].kind {
            MetricKind::Counter => Some(grouped(series().map(|series| series.total()).sum())),
            MetricKind::Latency => {
                let mut all = Window::default();
                series().for_each(|series| all.absorb(&series.merged(0)));
                Some(all.quantile(500).map_or("–".to_owned(), time::show))
            }
            MetricKind::Gauge => None,
        }
    };
    let line = |metric: &faultline::sim::measure::metrics::Metric| {
        let one = value(ours, one, metric.id)?;
        Some((metric.title.to_owned(), one, value(theirs, two, metric.id).unwrap_or_else(|| "–".to_owned())))
    };
    ours.metrics.iter().filter_map(line).collect()
}
