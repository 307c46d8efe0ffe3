//! What if: the run once more with one thing changed, beside the reader's own, and what each came to.

use leptos::prelude::*;

use faultline::guides::catalogue;
use faultline::guides::kit::info::Info;
use faultline::guides::kit::live::LiveWorld;
use faultline::lab::what_if::{Change, beside, difference, show_value};
use faultline::sim::declare::settings::Control;
use faultline::sim::kernel::time::{self, MS};
use faultline::sim::measure::metrics::{MetricKind, Window};
use faultline::sim::numbers::grouped;
use faultline::sim::run::Run;
use faultline::sim::run::compare::{Summary, first_difference};
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::Link;

use crate::player::{Beside, Notice, Player};

/// How far an input is moved, in microseconds.
const STEP: i64 = 100 * MS as i64;

/// Puts a run beside the reader's own. The reader's own stays as it is.
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
                let sentence = format!("{refused} of the inputs did not apply in the run beside yours.");
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

/// One thing to change.
#[component]
fn Changes(player: Player) -> impl IntoView {
    let inputs = move || {
        player.changed();
        player.with(|run| {
            let stamped = run.branch().tape().inputs();
            let mut words: Vec<(usize, String)> = Vec::new();
            let mut at = 0;
            while let Some(first) = stamped.get(at) {
                let same = run.describe_inputs(first.after);
                let moment = time::show(run.branch().time_at(first.after));
                let count = stamped[at..].iter().take_while(|other| other.after == first.after).count();
                words.extend((0..count).map(|nth| {
                    (at + nth, format!("{} at {moment}", same.get(nth).map_or("an input", String::as_str)))
                }));
                at += count;
            }
            words
        })
    };
    view! {
        <h3>"What if ..."</h3>
        <p class="hint">"Change one thing. The same seed, faults and load run again beside your run, as far as yours has come."</p>
        <ul class="what-if-inputs">
            {move || inputs().into_iter().map(|(index, title)| view! {
                <li>
                    <span>{title}</span>
                    <button on:click=move |_| change(player, &Change::Without(index))>"without it"</button>
                    <button on:click=move |_| change(player, &Change::Moved(index, -STEP))>"100 ms earlier"</button>
                    <button on:click=move |_| change(player, &Change::Moved(index, STEP))>"100 ms later"</button>
                </li>
            }).collect_view()}
        </ul>
        <RuleChanges player/>
        <SettingChange player/>
        <ScenarioChange player/>
    }
}

#[component]
fn RuleChanges(player: Player) -> impl IntoView {
    let rules = player.info().rules.iter().map(|(id, rule)| (*id, rule.title)).collect::<Vec<_>>();
    view! {
        <h4>"a rule were switched"</h4>
        <ul class="what-if-rules">{rules.into_iter().map(|(id, title)| {
            let on = move || {
                player.changed();
                player.rule_on(id)
            };
            view! {
                <li><button on:click=move |_| change(player, &Change::Rule(id, !on()))>
                    {move || if on() { "without: " } else { "with: " }} {title}
                </button></li>
            }
        }).collect_view()}</ul>
    }
}

#[component]
fn SettingChange(player: Player) -> impl IntoView {
    let info = player.info();
    let settings: Vec<_> = info.settings.iter().map(|(id, setting, _)| (*id, *setting)).collect();
    let chosen = RwSignal::new(0usize);
    let value = RwSignal::new(None::<i64>);
    let all = StoredValue::new(settings.clone());
    let now = move || all.with_value(|all| all.get(chosen.get()).copied());
    let compare = move |_| {
        if let (Some((id, _)), Some(value)) = (untrack(now), value.get_untracked()) {
            change(player, &Change::Setting(id, value));
        }
    };
    let control = move || {
        now().map(|(id, setting)| {
        let start = player.setting(id);
        value.set(None);
        match setting.control {
            Control::Slider { min, max, step, .. } => view! {
                <input type="range" aria-label="Its value" min=min max=max step=step prop:value=start.to_string()
                    on:input=move |event| value.set(event_target_value(&event).parse().ok())/>
                <output>{move || show_value(&setting.control, value.get().unwrap_or(start))}</output>
            }.into_any(),
            Control::Choice(options) => view! {
                <select aria-label="Its value" on:change=move |event| value.set(event_target_value(&event).parse().ok())>
                    {options.iter().enumerate().map(|(index, title)| view! {
                        <option value=index selected=index as i64 == start>{*title}</option>
                    }).collect_view()}
                </select>
            }.into_any(),
            Control::Toggle => {
                value.set(Some(i64::from(start == 0)));
                view! { <span>{if start == 0 { "on" } else { "off" }}</span> }.into_any()
            }
        }
    })
    };
    view! {
        <h4>"a setting were different"</h4>
        <div class="what-if-setting">
            <select aria-label="Setting" on:change=move |event| chosen.set(event_target_value(&event).parse().unwrap_or(0))>
                {settings.into_iter().enumerate().map(|(index, (_, setting))| view! { <option value=index>{setting.title}</option> }).collect_view()}
            </select>
            {control}
            <button on:click=compare disabled=move || value.get().is_none()>"Compare"</button>
        </div>
    }
}

#[component]
fn ScenarioChange(player: Player) -> impl IntoView {
    let here = player.info().path();
    let others: Vec<(String, &'static str)> = catalogue()
        .iter()
        .map(|scenario| scenario.info())
        .filter(|info| info.path() != here)
        .map(|info| (info.path(), info.title))
        .collect();
    if others.is_empty() {
        return ().into_any();
    }
    let chosen = RwSignal::new(others.first().map(|other| other.0.clone()).unwrap_or_default());
    view! {
        <h4>"it were another scenario of this guide"</h4>
        <div class="what-if-setting">
            <select aria-label="Scenario" on:change=move |event| chosen.set(event_target_value(&event))>
                {others.into_iter().map(|(path, title)| view! { <option value=path>{title}</option> }).collect_view()}
            </select>
            <button on:click=move |_| change(player, &Change::Scenario(chosen.get_untracked()))>"Compare"</button>
        </div>
    }
    .into_any()
}

/// A line of the comparison: what, and its value in each run.
type Line = (String, String, String);

/// Two runs in figures.
#[component]
fn Compared(player: Player, other: Player, title: String) -> impl IntoView {
    let lines = Memo::new(move |_| {
        player.changed();
        other.changed();
        player.with(|one| other.with(|two| lines(&player.info(), &other.info(), one, two)))
    });
    let first = move || {
        player.changed();
        let step = player.with(|one| other.with(|two| first_difference(one.branch(), two.branch())));
        match step {
            None => view! { <p>"Event for event the same so far."</p> }.into_any(),
            Some(step) => {
                let at = player.with(|run| time::show(run.branch().time_at(step)));
                let title = player.with(|run| run.records(step, step).pop().map(|record| record.1.title));
                view! {
                    <p>"They differ from event " {step} " on, at " {at} ": in your run " {title.unwrap_or_default()} ". "
                        <button on:click=move |_| { player.pause(); player.seek(step); }>"Go there"</button></p>
                }.into_any()
            }
        }
    };
    let promises = move || {
        other.changed();
        player.changed();
        player.with(|one| other.with(|two| promise_lines(&player.info(), &other.info(), one, two)))
    };
    view! {
        <h3>"Your run, and beside it: " {title}</h3>
        {first}
        <table class="compared">
            <thead><tr><td></td><th scope="col">"yours"</th><th scope="col">"beside"</th></tr></thead>
            <tbody>
                {move || promises().into_iter().chain(lines.get()).map(|(what, one, two)| {
                    let differs = one != two;
                    view! { <tr class:differs=differs><th scope="row">{what}</th><td>{one}</td><td>{two}</td></tr> }
                }).collect_view()}
            </tbody>
        </table>
        <p><small>"Charts shows both runs when they measure the same. Copy link carries the comparison."</small></p>
        <button on:click=move |_| player.beside.set(None)>"Close the comparison"</button>
    }
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
            summary
                .messages_per_operation()
                .map_or("–".to_owned(), |hundredths| format!("{:.1}", hundredths as f64 / 100.0))
        };
        lines.push(("messages an operation".to_owned(), ratio(&a), ratio(&b)));
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
