//! The transport: restart, back, play, step, next beat, a scrubber with marks, speed, and what is shared.

use leptos::prelude::*;

use faultline::sim::kernel::time;
use faultline::sim::run::Run;

use super::player::Player;
use super::{keys, share};

/// A mark on the scrubber: its class, its place in percent, what it is, and the step it is at.
type Mark = (&'static str, f64, String, u64);

fn marks(player: Player) -> Vec<Mark> {
    let info = player.info();
    let beats = player.beats_at.get();
    player.with(|run| {
        let length = run.branch().len().max(1) as f64;
        let place = |step: u64| (step as f64 / length * 100.0).min(100.0);
        let mut found: Vec<Mark> = Vec::new();
        for stamped in run.branch().tape().inputs() {
            found.push(("mark-input", place(stamped.after), "an input".to_owned(), stamped.after));
        }
        for (beat, step) in beats.into_iter().enumerate() {
            found.push(("mark-beat", place(step), format!("beat {}", beat + 1), step));
        }
        for branch in run.branches().iter().filter_map(|branch| branch.parent()) {
            found.push(("mark-branch", place(branch.1), "a branch".to_owned(), branch.1));
        }
        for breaking in run.branch().breakings() {
            let title = info.promises.get(breaking.promise).map_or("a promise", |promise| promise.title);
            found.push(("mark-broken", place(breaking.step), format!("broken: {title}"), breaking.step));
        }
        found
    })
}

/// Speeds from a thousandth of real time to ten times as fast, as the exponent of ten of microseconds a second.
const SLOWEST: f64 = 3.0;
const FASTEST: f64 = 7.0;

fn speed_text(speed: f64) -> String {
    let factor = speed / 1e6;
    if factor >= 1.0 { format!("{factor:.0}× real time") } else { format!("1/{:.0} of real time", 1.0 / factor) }
}

/// See the module's header.
#[component]
pub fn Transport(player: Player) -> impl IntoView {
    let length = move || {
        player.changed();
        player.with(|run| run.branch().len())
    };
    let step = move || {
        player.changed();
        player.with(Run::step_count)
    };
    let now = move || time::show(player.clock());
    let toggle = move |_| if player.playing() { player.pause() } else { player.play() };
    let at_last_beat = move || player.beat.get() >= player.info().beats.len();
    let speed_changed = move |event| {
        let exponent: f64 = event_target_value(&event).parse().unwrap_or(5.0);
        player.speed.set(10f64.powi(exponent.floor() as i32) * stretch(exponent.fract()));
    };
    view! {
        <section class="transport" aria-label="Transport">
            <div class="buttons">
                <button aria-label="Restart" title="Restart (0)" on:click=move |_| player.restart()><Icon name="restart"/></button>
                <button aria-label="Step back" title="Step back (←)" on:click=move |_| player.back()><Icon name="back"/></button>
                <button class="play" aria-label=move || if player.playing() { "Pause" } else { "Play" }
                    title="Play or pause (space)" on:click=toggle>
                    {move || if player.playing() { view! { <Icon name="pause"/> } } else { view! { <Icon name="play"/> } }}
                </button>
                <button aria-label="Step" title="Step (→)" on:click=move |_| player.step()><Icon name="step"/></button>
                <button class="primary" disabled=at_last_beat title="Next beat (n)" on:click=move |_| player.next_beat()>
                    "Next beat"
                </button>
            </div>
            <div class="scrub">
                <div class="scrub-marks" aria-hidden="true">
                    {move || { player.changed(); marks(player).into_iter().map(|(class, place, title, _)| view! {
                        <span class=class style=format!("left:{place:.2}%") title=title></span>
                    }).collect_view() }}
                </div>
                <input type="range" aria-label="Seek" min="0" max=length prop:value=move || step().to_string()
                    aria-valuetext=move || format!("event {} of {}", step(), length())
                    on:input=move |event| {
                        player.pause();
                        player.seek(event_target_value(&event).parse().unwrap_or(0));
                    }/>
            </div>
            <output class="moment">
                <span>"event " <b>{step}</b> " of " {length}</span>
                <span title="Virtual time: the simulator's own clock">{now} " virtual"</span>
            </output>
            <label class="speed">
                <span>{move || speed_text(player.speed.get())}</span>
                <input type="range" aria-label="Speed" min=SLOWEST max=FASTEST step="0.1"
                    prop:value=move || exponent(player.speed.get()).to_string() on:input=speed_changed/>
            </label>
            <div class="sharing">
                <share::ShareButtons player/>
                <button class="quiet" aria-label="Keys" title="Keys (?)" on:click=move |_| keys::open_help()>"?"</button>
            </div>
        </section>
    }
}

/// Ten to a power between 0 and 1, in the tenths the slider has; the picture needs no more.
fn stretch(part: f64) -> f64 {
    const TENTHS: [f64; 11] = [1.0, 1.26, 1.58, 2.0, 2.51, 3.16, 3.98, 5.01, 6.31, 7.94, 10.0];
    TENTHS.get((part * 10.0).round() as usize).copied().unwrap_or(1.0)
}

/// The slider's place for a speed.
fn exponent(speed: f64) -> f64 {
    (libm::log10(speed) * 10.0).round() / 10.0
}

/// An icon from the page's sprite.
#[component]
pub fn Icon(name: &'static str) -> impl IntoView {
    view! { <svg class="icon" aria-hidden="true" inner_html=format!("<use href=\"#icon-{name}\"/>")></svg> }
}
