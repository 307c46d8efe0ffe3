//! The workbench as it is before the app takes its place: the first picture, the buttons in their places, the tour's first
//! words and the promises. Its markup is the app's, so that nothing moves when the app comes.

use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::info::{BeatInfo, Info, PromiseInfo};
use faultline::guides::kit::live::LiveWorld;
use faultline::picture::Frame;
use faultline::picture::svg::{escape, whole};
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::Origin;

/// What the place of the workbench says until the app is there; `assets/site.js` says so if it does not come.
const LOADING: &str = "<p class=\"notice-bar loading\" role=\"status\"><span class=\"if-scripted\">Loading the \
                       simulator: the buttons will work when it is here.</span><noscript>The simulator needs \
                       JavaScript and WebAssembly, which are switched off in this browser. The picture stands still; \
                       everything else on this page is here to read.</noscript></p>";

/// The workbench, to be replaced by the app's.
pub fn still(scenario: &'static dyn AnyScenario, info: &Info) -> String {
    let world = scenario.start(&Origin { seed: info.seed, ..Origin::default() });
    let load = if info.load { " shows-load" } else { "" };
    format!(
        "<div id=\"app\" class=\"workbench{load}\"><div class=\"stage-frame\">{}{}</div>{}{}\
         <aside class=\"panels\"></aside><div class=\"dock-bar\"></div></div>",
        promises(info),
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
         <div class=\"only-narrow\">{}</div></div></div></section>{LOADING}</div>",
        info.path(),
        draw(Frame::Wide),
        draw(Frame::Narrow),
    )
}

fn transport() -> String {
    let button = |label: &str, icon: &str| {
        format!(
            "<button disabled aria-label=\"{label}\"><svg class=\"icon\" aria-hidden=\"true\">\
             <use href=\"#icon-{icon}\"/></svg></button>"
        )
    };
    let buttons = [("Restart", "restart"), ("Step back", "back"), ("Play", "play"), ("Step", "step")];
    let buttons = buttons.map(|(label, icon)| button(label, icon)).concat();
    format!(
        "<section class=\"transport\" aria-label=\"Transport\"><div class=\"buttons\">{buttons}</div>\
         <div class=\"scrub\"><input type=\"range\" aria-label=\"Seek\" max=\"0\" disabled></div>\
         <output class=\"moment\"><span>event <b>0</b> of 0</span><span>0 µs virtual</span></output>\
         <label class=\"speed\"><span>Speed</span><input type=\"range\" disabled></label></section>"
    )
}

/// The first beat, and the button that shows it.
fn tour(world: &LiveWorld, info: &Info) -> String {
    let beat = info.beats.first().map_or(String::new(), |beat| first_beat(beat, &world.beat_options(0)));
    format!(
        "<section class=\"tour\" aria-labelledby=\"tour-title\"><div class=\"tour-head\"><h2 id=\"tour-title\">Tour \
         <span class=\"count\">1 of {}</span></h2></div><div class=\"tour-body\">{beat}</div><div class=\"tour-foot\">\
         <button class=\"primary\" disabled>Show me</button></div></section>",
        info.beats.len(),
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
fn with_emphasis(text: &str) -> String {
    let part = |(index, part)| match index % 2 {
        1 => format!("<em>{}</em>", escape(part)),
        _ => escape(part),
    };
    text.split('*').enumerate().map(part).collect()
}

/// A chip for each promise, and one for all where there is little room.
fn promises(info: &Info) -> String {
    let mark = "<span class=\"verdict-mark\" aria-hidden=\"true\">…</span>";
    let chip = |promise: &PromiseInfo| {
        let title = escape(promise.title);
        format!(
            "<li data-verdict=\"pending\"><span class=\"chip\">{mark}<span class=\"promise-title\">{title}</span></span></li>"
        )
    };
    let all: String = info.promises.iter().map(chip).collect();
    let count = info.promises.len();
    format!(
        "<section class=\"promises\" aria-label=\"Promises\"><span class=\"chip promise-summary\">{count} promises</span>\
         <ul class=\"chips\">{all}</ul></section>"
    )
}
