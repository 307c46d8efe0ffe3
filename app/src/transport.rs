//! The transport, in one row: restart, back, play, step, a scrubber with marks, the moment, and the speed.

use leptos::prelude::*;

use faultline::guides::kit::info::PromiseInfo;
use faultline::guides::kit::live::LiveWorld;
use faultline::lab::play::NORMAL_SPEED;
use faultline::lab::story::acts;
use faultline::picture::decimal::{hundredths, tenths, whole};
use faultline::picture::svg::escape;
use faultline::sim::NodeId;
use faultline::sim::judge::verdict::Kind;
use faultline::sim::kernel::time;
use faultline::sim::run::Run;
use faultline::sim::run::simulation::Simulation;

use super::player::{Player, Until};
use crate::view::{Views, click, on, option, tagged, typed};

/// The marks on the scrubber, as HTML: what happened where in the run.
fn marks(player: Player) -> String {
    player.changed();
    let (info, beats) = (player.info(), player.beats_at());
    player.with(|run| {
        let length = run.branch().len().max(1) as f64;
        let mut out = String::new();
        let mut mark = |class: &str, step: u64, title: &str| {
            let place = hundredths((step as f64 / length * 100.0).min(100.0));
            let title = escape(title);
            out.push_str(&format!(r#"<span class="{class}" style="left:{place}%" title="{title}"></span>"#));
        };
        acts(run.branch().tape().inputs()).for_each(|stamped| mark("mark-input", stamped.after, "an act"));
        for (beat, step) in beats.into_iter().enumerate() {
            mark("mark-beat", step, &format!("beat {}", beat + 1));
        }
        let ends = |parent: &(usize, u64)| run.branches()[parent.0].len() == parent.1;
        for branch in run.branches().iter().filter_map(|branch| branch.parent()).filter(|parent| !ends(parent)) {
            mark("mark-branch", branch.1, "a branch");
        }
        for breaking in run.branch().breakings() {
            let title = info.promises.get(breaking.promise).map_or("a promise", |promise| promise.title);
            mark("mark-broken", breaking.step, &format!("broken: {title}"));
        }
        out
    })
}

/// The slider's ends: the speed's exponent of ten, in tenths. From a thousandth of real time to ten times as fast.
const SLOWEST: u32 = 30;
const FASTEST: u32 = 70;

/// Ten to the power of each tenth below 1; the picture needs no more places.
const TENTHS: [f64; 10] = [1.0, 1.26, 1.58, 2.0, 2.51, 3.16, 3.98, 5.01, 6.31, 7.94];

/// The speed at a place of the slider.
fn speed_at(place: u32) -> f64 {
    TENTHS[(place % 10) as usize] * 10u64.pow(place / 10) as f64
}

/// The slider's place nearest to a speed.
fn place_of(speed: f64) -> u32 {
    /// Ten to the power of half a tenth.
    const HALF_A_TENTH: f64 = 1.122;
    (SLOWEST..FASTEST).find(|place| speed < speed_at(*place) * HALF_A_TENTH).unwrap_or(FASTEST)
}

/// How quickly it plays: against the usual pace of events, or against real time.
fn speed_text(speed: f64, by_events: bool) -> String {
    let factor = speed / if by_events { NORMAL_SPEED } else { 1e6 };
    let than = if by_events { "the usual pace" } else { "real time" };
    if factor >= 1.0 { format!("{}× {than}", whole(factor)) } else { format!("1/{} of {than}", whole(1.0 / factor)) }
}

/// See the module's header.
#[component]
pub fn Transport(player: Player) -> impl IntoView {
    view! {
        <section class="transport" aria-label="Transport">
            <Buttons player/>
            <Scrubber player/>
            <Speed player/>
        </section>
    }
}

#[component]
fn Buttons(player: Player) -> impl IntoView {
    let quiet = |name: &'static str, label: &'static str, title: &'static str, act: fn(Player)| {
        view! { <button aria-label=label title=title on:click=click(move || act(player)) inner_html=icon(name)></button> }
    };
    let toggle = click(move || if player.playing() { player.pause() } else { player.play() });
    view! {
        <div class="buttons">
            {quiet("restart", "Restart", "Restart (0)", Player::restart)}
            {quiet("back", "Step back", "Step back (←)", Player::back)}
            <button class="play" aria-label=move || if player.playing() { "Pause" } else { "Play" }
                title="Play or pause (space)" on:click=toggle
                inner_html=move || if player.playing() { worded("pause", "Pause") } else { worded("play", "Play") }></button>
            {quiet("step", "Step", "Step (→)", Player::step)}
        </div>
    }
}

/// The scrubber with its marks, and the moment it stands at.
#[component]
fn Scrubber(player: Player) -> impl IntoView {
    let count = move |count: fn(&Run<LiveWorld>) -> u64| {
        player.changed();
        player.with(count)
    };
    let length = move || count(|run| run.branch().len()).to_string();
    let step = move || count(Run::step_count).to_string();
    let seek = typed(move |step| {
        player.pause();
        player.seek(step.parse().unwrap_or(0));
    });
    view! {
        <div class="scrub">
            <div class="scrub-marks" aria-hidden="true" inner_html=move || marks(player)></div>
            <input type="range" aria-label="Seek" min="0" max=move || length() prop:value=move || step()
                aria-valuetext=move || format!("event {} of {}", step(), length()) on:input=seek/>
        </div>
        <output class="moment">
            <span>"event " <b>{move || step()}</b> " of " {move || length()}</span>
            <span title="Virtual time: the simulator's own clock">{move || format!("{} virtual", time::show(player.clock()))}</span>
        </output>
    }
}

/// How quickly it plays, by what, and how far.
#[component]
fn Speed(player: Player) -> impl IntoView {
    let change = on(move |event: web_sys::Event| {
        let exponent = event_target::<web_sys::HtmlInputElement>(&event).value_as_number();
        player.speed.set(speed_at(whole(exponent * 10.0) as u32));
    });
    let choose = typed(move |chosen| player.by_events.set(chosen == BY_EVENT));
    let words = move || speed_text(player.speed.get(), player.by_events.get());
    view! {
        <div class="speed">
            <UntilChoice player/>
            <select aria-label="Pace" title="What sets the pace: each event in sight, or virtual time" on:change=choose>
                {option(BY_EVENT, BY_EVENT, player.by_events.get_untracked())}
                {option(BY_TIME, BY_TIME, !player.by_events.get_untracked())}
            </select>
            <input type="range" aria-label="Speed" min="3" max="7" step="0.1" title=words aria-valuetext=words
                prop:value=move || tenths(f64::from(place_of(player.speed.get())) / 10.0).to_string() on:input=change/>
        </div>
    }
}

const BY_EVENT: &str = "by event";
const BY_TIME: &str = "by time";

/// The choice of any promise.
const ANY: &str = "any promise";

/// What play stops at: a broken promise in any case, and what is chosen here.
#[component]
fn UntilChoice(player: Player) -> impl IntoView {
    // A promise that always holds can only break, and play stops there anyway.
    let is_awaited = |promise: &PromiseInfo| promise.kind != Kind::Always;
    let awaited = player.info().promises.clone().into_iter().enumerate().filter(|(_, promise)| is_awaited(promise));
    let awaited: Vec<(usize, &str)> = awaited.map(|(at, promise)| (at, promise.title)).collect();
    let names: Vec<String> = player.with(|run| {
        let world = run.world();
        (0..world.kernel().nodes().len()).map(|id| world.name(NodeId::from(id))).collect()
    });
    let choose = typed(move |chosen| {
        let number = |kind: &str| chosen.strip_prefix(kind).and_then(|number| number.parse::<u16>().ok());
        let node = number("node ").map(|node| Until::Acts(NodeId(node)));
        let promise = number("promise ").map(|promise| Until::Changes(usize::from(promise)));
        let any = (chosen == ANY).then_some(Until::AnyChanges);
        player.until.set(node.or(promise).or(any).unwrap_or_default());
    });
    view! {
        <select class="until" aria-label="Play until" title="Play stops here, and at a broken promise in any case" on:change=choose>
            {option("", "until it breaks", true)}
            {(!awaited.is_empty()).then(|| option(ANY, "until a promise comes true or is in doubt", false))}
            {awaited.into_iter().map(|(at, title)| option(format!("promise {at}"), format!("until “{title}” comes true or is in doubt"), false)).views()}
            {names.into_iter().enumerate().map(|(at, name)| option(format!("node {at}"), format!("until {name} acts"), false)).views()}
        </select>
    }
}

/// An icon with its word.
fn worded(name: &str, word: &str) -> String {
    icon(name) + &tagged("span", word)
}

/// An icon from the page's sprite.
fn icon(name: &str) -> String {
    format!(r##"<svg class="icon" aria-hidden="true"><use href="#icon-{name}"/></svg>"##)
}
