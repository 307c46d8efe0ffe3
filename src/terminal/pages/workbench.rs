//! The workbench as it is before the app takes its place: the first picture, the buttons in their places, the tour's first
//! words and the promises. Its markup is the app's, so that nothing moves when the app comes.

use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::info::{BeatInfo, ChallengeInfo, Info, PromiseInfo};
use faultline::guides::kit::live::LiveWorld;
use faultline::lab::glossary::parts;
use faultline::picture::Frame;
use faultline::picture::svg::{escape, whole};
use faultline::sim::judge::verdict::Standing;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::Origin;

/// What the place of the workbench says until the app is there; if the app does not come, `assets/site.js` says so here.
const LOADING: &str = "<p class=\"loading\" role=\"status\"><span class=\"if-scripted\">Loading the simulator for the \
                       buttons.</span><noscript>The simulator needs JavaScript and WebAssembly, which are \
                       switched off in this browser. The picture stands still; everything else on this page is here \
                       to read.</noscript></p>";

/// The workbench, to be replaced by the app's.
pub fn still(scenario: &'static dyn AnyScenario, info: &Info) -> String {
    let world = scenario.start(&Origin { seed: info.seed, ..Origin::default() });
    let load = if info.load { " shows-load" } else { "" };
    format!(
        "<div id=\"app\" class=\"workbench{load}\"><div class=\"stage-frame\">{}{}</div>{}{}\
         <aside class=\"panels\"></aside><div class=\"dock-bar\"></div></div>",
        promises(&world, info),
        stage(&world, info),
        tour(&world, info),
        transport(),
    )
}

/// Both pictures are there, and the width of the page chooses.
fn stage(world: &LiveWorld, info: &Info) -> String {
    let draw = |frame| {
        whole(&world.picture(frame), &world.flights(), world.kernel().now(), &format!("{}, at the start", info.title))
    };
    format!(
        "<div class=\"stages\"><section class=\"stage-box\" aria-label=\"Stage\"><div id=\"stage\" \
         class=\"stage is-still-page\" data-scenario=\"{}\"><div class=\"canvas\"><div class=\"only-wide\">{}</div>\
         <div class=\"only-narrow\">{}</div></div><ul class=\"stage-legend\"></ul></div></section>{LOADING}</div>",
        info.path(),
        draw(Frame::Wide),
        draw(Frame::Narrow),
    )
}

fn transport() -> String {
    let button = |(label, icon): (&str, &str)| {
        // The one that one presses most has its word.
        let (class, word) = if icon == "play" { (" class=\"play\"", "<span>Play</span>") } else { ("", "") };
        format!(
            "<button{class} disabled aria-label=\"{label}\"><svg class=\"icon\" aria-hidden=\"true\">\
             <use href=\"#icon-{icon}\"/></svg>{word}</button>"
        )
    };
    let buttons = [("Restart", "restart"), ("Step back", "back"), ("Play", "play"), ("Step", "step")].map(button);
    format!(
        "<section class=\"transport\" aria-label=\"Transport\"><div class=\"buttons\">{}</div>\
         <div class=\"scrub\"><input type=\"range\" aria-label=\"Seek\" max=\"0\" disabled></div>\
         <output class=\"moment\"><span>event <b>0</b> of 0</span><span>0 µs virtual</span></output>\
         <div class=\"speed\"><input type=\"range\" aria-label=\"Speed\" disabled></div></section>",
        buttons.concat(),
    )
}

/// The first beat, the button that shows it, and the challenges after the last.
fn tour(world: &LiveWorld, info: &Info) -> String {
    let beat = info.beats.first().map_or(String::new(), |beat| first_beat(beat, &world.beat_options(0)));
    let count = info.beats.len();
    let dot = |beat| format!("<button class=\"dot\" disabled aria-label=\"Beat {beat}\"></button>");
    let dots: String = (1..=count).map(dot).collect();
    format!(
        "<section class=\"tour is-still\" aria-labelledby=\"tour-title\"><div class=\"tour-head\"><h2 id=\"tour-title\">Tour \
         <span class=\"count\">1 of {count}</span></h2><div class=\"dots\">{dots}</div></div>\
         <div class=\"tour-body\">{beat}{}</div><div class=\"tour-foot\">\
         <button disabled aria-label=\"Previous beat\">‹</button><button class=\"primary\" disabled>Show me</button></div>\
         </section>",
        challenges(info),
    )
}

fn challenges(info: &Info) -> String {
    let challenge = |challenge: &ChallengeInfo| {
        let [title, goal, hint] = [challenge.title, challenge.goal, challenge.hint].map(escape);
        format!("<li><b>{title}</b><p>{goal}</p><details><summary>Hint</summary><p>{hint}</p></details></li>")
    };
    let all: String = info.challenges.iter().map(challenge).collect();
    let count = info.challenges.len();
    format!(
        "<details class=\"challenges\"><summary>Challenges <span class=\"count\">0 of {count} solved</span></summary>\
         <ol>{all}</ol></details>"
    )
}

fn first_beat(beat: &BeatInfo, options: &[String]) -> String {
    let options: String =
        options.iter().map(|option| format!("<button disabled>{}</button>", escape(option))).collect();
    let guess = beat.question.map_or(String::new(), |question| {
        format!("<fieldset class=\"guess\"><legend>{}</legend>{options}</fieldset>", escape(question))
    });
    let (title, say) = (escape(beat.title), with_emphasis(beat.say));
    format!("<div class=\"beat\"><h3>{title}</h3><p>{say}</p>{guess}</div>")
}

/// A text as HTML: `*term*` is set apart. What it means is the app's to say.
pub fn with_emphasis(text: &str) -> String {
    let part = |(is_marked, part)| match is_marked {
        true => format!("<em>{}</em>", escape(part)),
        false => escape(part),
    };
    parts(text).into_iter().map(part).collect()
}

/// A chip for each promise, as it stands before anything has happened, and one for all where there is little room.
fn promises(world: &LiveWorld, info: &Info) -> String {
    let chip = |(promise, standing): (&PromiseInfo, &Standing)| {
        let (state, mark) = if standing.is_shown_to_hold(promise.kind) { ("holds", "✓") } else { ("pending", "…") };
        format!(
            "<li data-verdict=\"{state}\"><span class=\"chip\"><span class=\"verdict-mark\" aria-hidden=\"true\">{mark}</span>\
             <span class=\"promise-title\">{}</span></span></li>",
            escape(promise.title)
        )
    };
    let all: String = info.promises.iter().zip(world.standings()).map(chip).collect();
    let count = info.promises.len();
    format!(
        "<section class=\"promises\" aria-label=\"Promises\"><span class=\"chip promise-summary\">{count} promises</span>\
         <ul class=\"chips\">{all}</ul></section>"
    )
}
