//! A scenario on paper: each beat of the tour with its question, the promises and the rules. It is part of every page, and
//! shown where it is printed, and where no script can show the tour.

use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::info::{BeatInfo, Info};
use faultline::picture::svg::escape;
use faultline::sim::run::Run;
use faultline::sim::run::tape::{Origin, Tape};

use super::super::tour::play;
use super::workbench::with_emphasis;

/// See the module's header. A question stands without its answer: the next beat, or the run, gives it.
pub fn section(scenario: &'static dyn AnyScenario, info: &Info) -> String {
    let promises = info.promises.iter().map(|promise| described(promise.title, promise.about)).collect();
    let rules = info.rules.iter().map(|(_, rule)| described(rule.title, rule.about)).collect();
    format!(
        "<section class=\"handout\" aria-label=\"Handout\"><h2>The tour</h2><ol>{}</ol>{}{}</section>",
        beats(scenario, info),
        list("What is promised", promises),
        list("The rules", rules),
    )
}

/// All beats. What a question offers depends on where the tour stands by then.
fn beats(scenario: &'static dyn AnyScenario, info: &Info) -> String {
    let origin = Origin { seed: info.seed, ..Origin::default() };
    let mut run = Run::new(scenario.start(&origin), Tape::default());
    let numbered = info.beats.iter().enumerate();
    let told = numbered.map(|(at, beat)| {
        let options = run.world().beat_options(at);
        play(&mut run, at, false, 0);
        self::beat(beat, &options)
    });
    told.collect()
}

fn beat(beat: &BeatInfo, options: &[String]) -> String {
    let options: String = options.iter().map(|option| format!("<li>{}</li>", escape(option))).collect();
    let question = beat.question.map_or(String::new(), |question| {
        format!("<p class=\"handout-question\">{}</p><ul class=\"handout-options\">{options}</ul>", escape(question))
    });
    format!("<li><h3>{}</h3><p>{}</p>{question}</li>", escape(beat.title), with_emphasis(beat.say))
}

fn described(title: &str, about: &str) -> String {
    format!("<dt>{}</dt><dd>{}</dd>", escape(title), escape(about))
}

fn list(title: &str, entries: String) -> String {
    if entries.is_empty() { entries } else { format!("<h2>{title}</h2><dl>{entries}</dl>") }
}
