//! The player: one run of one scenario, and everything a reader can do with it.
//!
//! The run lives outside the reactive graph. Signals carry what is drawn: a version that grows whenever the run
//! changes, the drawn moment of virtual time, and what is selected.

use std::rc::Rc;

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

use faultline::guides::kit::any::AnyScenario;
use faultline::guides::kit::info::Info;
use faultline::guides::kit::live::LiveWorld;
use faultline::lab::play::{By, NORMAL_SPEED, Pace};
use faultline::lab::what_if::show_value;
use faultline::sim::NodeId;
use faultline::sim::declare::rules::{RuleId, RuleSet};
use faultline::sim::declare::settings::{SettingId, Takes};
use faultline::sim::explore::Bounds;
use faultline::sim::kernel::time::Time;
use faultline::sim::run::Run;
use faultline::sim::run::simulation::{Refusal, Simulation};
use faultline::sim::run::tape::{BadLink, Input, Link, Origin, Stamped, Tape};

mod film;
mod follow;
mod past;
mod saved;
mod story;
mod tour;
mod tree;
mod until;

use film::Film;
use past::{Own, Past};
pub use story::Story;
use story::Told;
use tour::Course;
pub use tour::{BeatState, Guess};
pub use until::Until;

/// What the reader has chosen on the stage or in a panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    Nothing,
    Node(NodeId),
    Link(NodeId, NodeId),
    Message(u64),
    Event(u64),
}

/// One sentence for the reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice(pub String);

struct Session {
    scenario: &'static dyn AnyScenario,
    info: Rc<Info>,
    origin: Origin,
    run: Run<LiveWorld>,
    /// Runs of the reader's own, while the tour or a run that was found is shown instead; the newest last.
    kept: Vec<Own>,
    /// What can be taken back, and done again.
    undo: Vec<Past>,
    redo: Vec<Past>,
    /// Whether the run at hand was found by a search.
    is_found: bool,
    /// How far the tour has come.
    course: Course,
    /// The story that is told, if one is.
    story: Option<Told>,
    /// What is on its way over the screen.
    film: Option<Film>,
    /// Whether it only follows another player.
    follows: bool,
    /// What the player's signals belong to: the page.
    owner: Owner,
    /// The real time of the last frame, in milliseconds, while the loop runs.
    last_frame: Option<f64>,
    pace: Pace,
    /// What was said of the promises that play waits for, when it began.
    said: Vec<&'static str>,
}

/// How many runs of the reader's own are kept at most.
const MOST_KEPT: usize = 8;

impl Session {
    /// A run of this scenario.
    fn replayed(&self, origin: &Origin, tape: &Tape, step: u64) -> Run<LiveWorld> {
        replayed(self.scenario, origin, tape, step)
    }

    /// Sets the run at hand aside before another takes its place; one that was found can be found again, and so can
    /// the tour's.
    fn keep_own(&mut self) {
        if !self.is_found && !self.is_on_tour() {
            let own = self.take_own();
            self.kept.push(own);
            let surplus = self.kept.len().saturating_sub(MOST_KEPT);
            self.kept.drain(..surplus);
        }
    }
}

/// A run shown next to the reader's own.
#[derive(Clone, PartialEq)]
pub struct Beside {
    /// Its player, which follows.
    pub player: Player,
    /// What is different about it.
    pub title: String,
}

/// See the module's header. Copy it freely.
#[derive(Clone, Copy, PartialEq)]
pub struct Player {
    session: StoredValue<Session, LocalStorage>,
    /// Whether the page's address had no run: what is at hand is then the reader's own from the start.
    is_new: bool,
    changed: RwSignal<u64>,
    playing: RwSignal<bool>,
    clock: RwSignal<Time>,
    /// Virtual microseconds that pass in a real second, when time sets the pace.
    pub speed: RwSignal<f64>,
    /// What play stops at, besides a broken promise.
    pub until: RwSignal<Until>,
    /// Whether events set the pace, and not time.
    pub by_events: RwSignal<bool>,
    pub selection: RwSignal<Selection>,
    /// The beat whose text is shown, and where it stands.
    pub beat: RwSignal<usize>,
    pub beat_state: RwSignal<BeatState>,
    /// What the reader guesses before this beat.
    pub guess: RwSignal<Guess>,
    /// Whether the run at hand is the tour's. If not it is the reader's own.
    pub on_tour: RwSignal<bool>,
    /// Whether the reader has done anything to a run that was begun here: what a link or a tour does solves no challenge.
    pub has_acted: RwSignal<bool>,
    pub notice: RwSignal<Option<Notice>>,
    /// What the last step did, for the live region.
    pub said: RwSignal<String>,
    /// The promise that the reader wants to break.
    pub wanted: RwSignal<Option<usize>>,
    /// The other run, while two are compared.
    pub beside: RwSignal<Option<Beside>>,
}

/// The longest stretch of real time that one frame makes up for, in milliseconds.
const LONGEST_FRAME: f64 = 100.0;
/// How long one frame may handle events, in milliseconds.
const FRAME_BUDGET: f64 = 6.0;

impl Player {
    /// A player for a scenario; given a link's text, it stands where the link says.
    pub fn new(scenario: &'static dyn AnyScenario, text: Option<String>) -> Player {
        let info = Rc::new(scenario.info());
        let is_new = text.is_none();
        let read = text.map(|text| Link::decode(&info.path(), &text));
        let (link, notice) = match read {
            Some(Ok(link)) => (Some(link), None),
            Some(Err(bad)) => (None, Some(bad_link_notice(bad))),
            None => (None, None),
        };
        let own = Origin { seed: info.seed, ..Origin::default() };
        let (origin, tape, step) =
            link.as_ref().map_or((own, Tape::default(), 0), |link| (link.origin.clone(), link.tape.clone(), link.step));
        let run = replayed(scenario, &origin, &tape, step);
        let mut notice = notice;
        if link.is_some_and(|link| run.world().fingerprint() as u32 != link.check) {
            let sentence =
                "This link was made by another version of this scenario: the run may differ from the original.";
            notice = Some(Notice(sentence.to_owned()));
        }
        let clock = run.world().kernel().now();
        let owner = Owner::current().unwrap_or_default();
        let session = Session {
            scenario,
            info,
            origin,
            run,
            kept: Vec::new(),
            undo: Vec::new(),
            redo: Vec::new(),
            is_found: false,
            course: Course::default(),
            story: None,
            film: None,
            follows: false,
            owner,
            last_frame: None,
            pace: Pace::default(),
            said: Vec::new(),
        };
        let player = Player {
            session: StoredValue::new_local(session),
            is_new,
            changed: RwSignal::new(0),
            playing: RwSignal::new(false),
            clock: RwSignal::new(clock),
            speed: RwSignal::new(NORMAL_SPEED),
            until: RwSignal::new(Until::default()),
            by_events: RwSignal::new(true),
            selection: RwSignal::new(Selection::Nothing),
            beat: RwSignal::new(0),
            beat_state: RwSignal::new(BeatState::Read),
            guess: RwSignal::new(Guess::default()),
            on_tour: RwSignal::new(true),
            has_acted: RwSignal::new(false),
            notice: RwSignal::new(notice),
            said: RwSignal::new(String::new()),
            wanted: RwSignal::new(None),
            beside: RwSignal::new(None),
        };
        player.begin_tour();
        player
    }

    /// What is known about the scenario.
    pub fn info(self) -> Rc<Info> {
        self.session.with_value(|session| Rc::clone(&session.info))
    }

    /// Grows whenever the run changes; tracked.
    pub fn changed(self) -> u64 {
        self.changed.get()
    }

    /// Whether the run plays; tracked.
    pub fn playing(self) -> bool {
        self.playing.get()
    }

    /// The drawn moment; tracked.
    pub fn clock(self) -> Time {
        self.clock.get()
    }

    /// Looks at the run.
    pub fn with<R>(self, look: impl FnOnce(&Run<LiveWorld>) -> R) -> R {
        self.session.with_value(|session| look(&session.run))
    }

    /// Changes the run and shows it.
    fn change<R>(self, change: impl FnOnce(&mut Run<LiveWorld>) -> R) -> Option<R> {
        let done = self.session.try_update_value(|session| change(&mut session.run))?;
        self.show();
        Some(done)
    }

    fn show(self) {
        self.clock.set(self.resting());
        self.note_change();
        if !self.session.with_value(|session| session.follows) {
            super::crash::remember(self.address());
        }
    }

    /// Brings what is said of the run in step with it.
    fn note_change(self) {
        self.follow_cursor();
        self.follow_story();
        self.changed.update(|version| *version += 1);
    }

    /// A player for this run that follows another player.
    pub fn beside(scenario: &'static dyn AnyScenario, link: &Link) -> Player {
        let player = Player::new(scenario, Some(link.encode()));
        player.session.update_value(|session| session.follows = true);
        player
    }

    /// Makes something that lives as long as this player's page.
    pub fn in_its_owner<R>(self, make: impl FnOnce() -> R) -> R {
        self.session.with_value(|session| session.owner.clone()).with(make)
    }

    /// Handles the next event.
    pub fn step(self) {
        self.pause();
        let moved = self.change(|run| run.step().is_some());
        if moved != Some(true) {
            self.say_that_nothing_comes();
        }
        self.announce();
    }

    fn say_that_nothing_comes(self) {
        let sentence = match self.with(Run::is_full) {
            true => {
                "This run is as long as a run may be: three million events. Go back and take another future, or restart."
            }
            false => "Nothing more will happen here: no message is in flight and no timer is armed.",
        };
        self.notice.set(Some(Notice(sentence.to_owned())));
    }

    /// Goes one event back.
    pub fn back(self) {
        self.pause();
        self.change(Run::back);
        self.announce();
    }

    /// Goes to the state after `step` events.
    pub fn seek(self, step: u64) {
        self.change(|run| run.seek(step));
    }

    /// Goes to the last state at or before a moment of virtual time.
    pub fn seek_time(self, at: Time) {
        self.change(|run| run.seek_time(at));
    }

    /// Goes to the start, keeping what was done.
    pub fn restart(self) {
        self.pause();
        self.seek(0);
    }

    /// Does something to the run; a refusal becomes a notice.
    pub fn act(self, input: Input) -> bool {
        self.notice.set(None);
        self.stop_film();
        let done = self.session.try_update_value(|session| {
            let (before, words) = (session.here(), session.run.world().describe_input(&input));
            session.run.act_apart(input)?;
            session.note_act(before);
            // What was found is the reader's own from here on.
            session.is_found = false;
            Ok::<String, Refusal>(words)
        });
        match done {
            Some(Ok(words)) => {
                self.has_acted.set(true);
                self.show();
                self.said.set(format!("Done: {words}."));
                true
            }
            Some(Err(refusal)) => {
                self.notice.set(Some(Notice(refusal.0)));
                false
            }
            None => false,
        }
    }

    /// Goes to another future.
    pub fn switch_branch(self, branch: usize) {
        self.pause();
        self.change(|run| run.switch(branch));
    }

    /// Lists a future no more; undo still finds it.
    pub fn dismiss_branch(self, branch: usize) {
        self.change(|run| run.dismiss(branch));
    }

    /// Says what the last step did, for screen readers.
    fn announce(self) {
        let said = self.with(|run| {
            let step = run.step_count();
            let records = run.records(step, step);
            records.into_iter().next().map_or_else(
                || "The start of the run.".to_owned(),
                |(handled, record)| {
                    let whys: Vec<String> = record.whys.into_iter().map(|why| why.text).collect();
                    format!("Event {}: {}. {}", handled.step, record.title, whys.join(" "))
                },
            )
        });
        self.said.set(said);
    }

    /// Lets virtual time pass.
    pub fn play(self) {
        if self.playing.get_untracked() {
            return;
        }
        self.playing.set(true);
        let until = self.until.get_untracked();
        self.session.update_value(|session| {
            session.last_frame = None;
            session.said = until.said(&session.run, &session.info).collect();
        });
        self.request_frame();
    }

    /// Stops it.
    pub fn pause(self) {
        if self.playing.get_untracked() {
            self.playing.set(false);
            self.stop_film();
            let now = self.with(|run| run.world().kernel().now());
            self.clock.set(now);
        }
    }

    fn request_frame(self) {
        let callback = Closure::once_into_js(move |now: f64| self.frame(now));
        // A page without animation frames cannot play; stepping still works.
        let _ = window().request_animation_frame(callback.unchecked_ref());
    }

    /// One frame: decides how much virtual time passes, and lets the events in it happen.
    fn frame(self, now: f64) {
        if self.session.is_disposed() || !self.playing.try_get_untracked().unwrap_or(false) {
            return;
        }
        let elapsed = self.session.try_update_value(|session| {
            let elapsed = session.last_frame.map_or(0.0, |last| (now - last).clamp(0.0, LONGEST_FRAME));
            session.last_frame = Some(now);
            elapsed
        });
        let elapsed = elapsed.unwrap_or_default();
        let is_film = self.is_filming();
        let (reached, stepped, stop) = if is_film { self.roll(elapsed) } else { self.pass(elapsed) };
        self.clock.set(reached);
        if stepped {
            self.note_change();
        }
        match stop {
            true if is_film => self.end_film(),
            true => {
                self.pause();
                if self.with(|run| run.world().next_at().is_none() || run.is_full()) {
                    self.say_that_nothing_comes();
                }
            }
            false => self.request_frame(),
        }
    }

    /// Lets so many milliseconds pass at the chosen pace. Gives what [`Player::run_until`] gives.
    fn pass(self, elapsed: f64) -> (Time, bool, bool) {
        let (speed, clock) = (self.speed.get_untracked(), self.clock.get_untracked());
        let by = if self.by_events.get_untracked() { By::usual(self.info().load) } else { By::Time };
        let target =
            self.session.try_update_value(|session| session.pace.target(&session.run, by, clock, elapsed, speed));
        self.run_until(target.unwrap_or(clock))
    }

    /// Handles the events due by a moment. Gives the moment reached, whether there were events, and whether to stop.
    fn run_until(self, target: Time) -> (Time, bool, bool) {
        let (start, until) = (performance(), self.until.get_untracked());
        let outcome = self.session.try_update_value(|session| {
            let run = &mut session.run;
            let (mut stepped, broken) = (false, run.branch().breakings().len());
            loop {
                match run.world().next_at() {
                    None => return (run.world().kernel().now(), stepped, true),
                    Some(at) if at > target => return (target, stepped, false),
                    Some(_) => {}
                }
                let was_new = run.is_at_end();
                let Some(handled) = run.step() else {
                    return (run.world().kernel().now(), stepped, true);
                };
                stepped = true;
                let breaks = was_new && run.branch().breakings().len() > broken;
                if breaks || until.is_met(run, &session.info, &handled, &session.said) {
                    return (run.world().kernel().now(), true, true);
                }
                if performance() - start > FRAME_BUDGET {
                    return (run.world().kernel().now(), true, false);
                }
            }
        });
        outcome.unwrap_or((target, false, true))
    }

    /// Where the run begins.
    pub fn origin(self) -> Origin {
        self.session.with_value(|session| session.origin.clone())
    }

    /// Begins a new run.
    pub fn set_origin(self, origin: Origin) {
        self.pause();
        self.notice.set(None);
        self.session.update_value(|session| {
            let run = Run::new(session.scenario.start(&origin), Tape::default());
            session.replace(origin, run);
        });
        self.has_acted.set(false);
        self.selection.set(Selection::Nothing);
        self.show();
    }

    /// Opens a future that was found, where the reader stands; the cursor stays there.
    pub fn open_future(self, step: u64, link: &Link) {
        self.pause();
        let already = self.with(|run| run.branch().tape().up_to(step).len());
        let inputs: Vec<Stamped> = link.tape.inputs().iter().skip(already).cloned().collect();
        self.change(|run| run.graft(step, &inputs, link.step));
    }

    /// Whether the reader's own run is set aside for one that was found; tracked.
    pub fn has_kept(self) -> bool {
        self.changed();
        self.session.with_value(|session| !session.kept.is_empty())
    }

    /// Shows the reader's own run again.
    pub fn return_to_own(self) {
        self.pause();
        self.session.update_value(|session| {
            let Some(own) = session.kept.pop() else { return };
            session.keep_own();
            session.put_back(own);
        });
        self.has_acted.set(false);
        self.selection.set(Selection::Nothing);
        self.show();
    }

    /// The scenario it plays.
    pub fn scenario(self) -> &'static dyn AnyScenario {
        self.session.with_value(|session| session.scenario)
    }

    /// Follows another player: stands at this moment of virtual time.
    pub fn follow(self, at: Time) {
        self.change(|run| run.seek_time(at));
        self.clock.set(at);
    }

    /// Plays a link's run, as an import does.
    pub fn open(self, link: &Link) {
        self.pause();
        self.notice.set(None);
        self.session.update_value(|session| {
            let run = session.replayed(&link.origin, &link.tape, link.step);
            session.replace(link.origin.clone(), run);
        });
        self.has_acted.set(false);
        self.selection.set(Selection::Nothing);
        self.show();
    }

    /// Whether a rule is on at the cursor.
    pub fn rule_on(self, rule: RuleId) -> bool {
        self.with(|run| run.world().rules().on(rule))
    }

    /// The rules that are off at the cursor, a bit each.
    pub fn rules_off(self) -> u64 {
        self.with(|run| run.world().rules().off_bits())
    }

    /// Switches a rule: at the untouched start for the whole run, later from here on.
    pub fn set_rule(self, rule: RuleId, on: bool) {
        if self.is_untouched() {
            let mut origin = self.origin();
            origin.rules_off = RuleSet::from_off_bits(origin.rules_off).with(rule, on).off_bits();
            self.set_origin(origin);
        } else {
            self.act(Input::Rule { rule, on });
        }
    }

    /// The value of a setting at the cursor.
    pub fn setting(self, setting: SettingId) -> i64 {
        self.with(|run| run.world().settings().get(setting))
    }

    /// Turns settings: one that takes effect at the start begins a new run.
    pub fn set_settings(self, turned: &[(SettingId, i64)]) {
        let info = self.info();
        let begins_anew = |setting: SettingId| {
            info.settings.iter().any(|known| known.0 == setting && known.1.takes == Takes::AtStart)
        };
        if turned.iter().any(|(setting, _)| begins_anew(*setting)) || self.is_untouched() {
            let mut origin = self.origin();
            origin.settings.retain(|known| turned.iter().all(|(setting, _)| known.0 != *setting));
            origin.settings.extend(turned);
            self.set_origin(origin);
        } else {
            turned.iter().for_each(|&(setting, value)| _ = self.act(Input::Setting { setting, value }));
        }
    }

    /// What differs from how the scenario begins, in words: rules that are off, settings that are turned; tracked.
    pub fn changes(self) -> Vec<String> {
        self.changed();
        let info = self.info();
        let off =
            info.rules.iter().filter(|(rule, _)| !self.rule_on(*rule)).map(|(_, rule)| format!("off: {}", rule.title));
        let turned = self.turned().into_iter().filter_map(|(setting, _)| {
            let known = info.settings.iter().find(|known| known.0 == setting)?.1;
            Some(format!("{}: {}", known.title, show_value(&known.control, self.setting(setting))))
        });
        off.chain(turned).collect()
    }

    /// The settings that are not as the scenario begins, with how they begin.
    fn turned(self) -> Vec<(SettingId, i64)> {
        let info = self.info();
        let all = info.settings.iter().filter(|(setting, _, value)| self.setting(*setting) != *value);
        all.map(|(setting, _, value)| (*setting, *value)).collect()
    }

    /// Switches every rule on and turns every setting back.
    pub fn reset(self) {
        let info = self.info();
        let (turned, mut origin) = (self.turned(), self.origin());
        if self.is_untouched() {
            origin = Origin { settings: Vec::new(), rules_off: 0, ..origin };
            return self.set_origin(origin);
        }
        let off = info.rules.iter().map(|(rule, _)| *rule).filter(|rule| !self.rule_on(*rule));
        off.collect::<Vec<_>>().into_iter().for_each(|rule| self.set_rule(rule, true));
        if !turned.is_empty() {
            self.set_settings(&turned);
        }
    }

    fn is_untouched(self) -> bool {
        self.with(|run| run.step_count() == 0 && run.is_at_end() && run.branch().tape().inputs().is_empty())
    }

    /// The whole branch as a value: everything that was done on it, to its end.
    pub fn whole_link(self) -> Link {
        self.session.with_value(|session| {
            let (branch, origin) = (session.run.branch(), session.origin.clone());
            Link { scenario: session.info.path(), origin, tape: branch.tape().clone(), step: branch.len(), check: 0 }
        })
    }

    /// The small instance that is explored from the start under the rules at the cursor, in words, and its bounds.
    pub fn instance(self) -> (String, Bounds) {
        let (scenario, info) = (self.scenario(), self.info());
        let origin = Origin { rules_off: self.rules_off(), ..self.origin() };
        let (settings, inputs) = scenario.hunt_start(&origin);
        let (world, bounds) = scenario.hunt(&origin);
        let nodes = world.kernel().nodes().len();
        let named = settings.iter().filter_map(|(id, value)| {
            let setting = info.settings.iter().find(|known| known.0 == *id)?.1;
            let title = setting.title.to_ascii_lowercase();
            (title != "nodes").then(|| format!("{title}: {}", show_value(&setting.control, *value)))
        });
        let mut words: Vec<String> = std::iter::once(format!("{nodes} nodes")).chain(named).collect();
        words.extend(inputs.iter().map(|input| world.describe_input(input)));
        (words.join(", "), bounds)
    }

    /// The run as a value: replays to where the reader stands.
    pub fn link(self) -> Link {
        self.session.with_value(|session| link_to(session.info.path(), &session.origin, &session.run))
    }

    /// The run as a value, with all that was done on it, later than where the reader stands as well.
    pub fn link_of_all(self) -> Link {
        let tape = self.with(|run| run.branch().tape().clone());
        Link { tape, ..self.link() }
    }

    /// Whether anything was done later than where the reader stands; tracked.
    pub fn has_more(self) -> bool {
        self.changed();
        self.with(Run::is_acted_later)
    }

    /// The address of this run at this step.
    pub fn address(self) -> String {
        self.address_of(&self.link())
    }

    /// The address of a run of this scenario.
    pub fn address_of(self, link: &Link) -> String {
        let location = window().location();
        let (origin, path) = (location.origin().unwrap_or_default(), location.pathname().unwrap_or_default());
        let beside = self.beside.with_untracked(|beside| beside.as_ref().map(|beside| beside.player.whole_link()));
        let with = beside.map(|link| format!("&with={}~{}", link.scenario, link.encode())).unwrap_or_default();
        format!("{origin}{path}?run={}{with}", link.encode())
    }
}

/// The run that begins at this origin and has this tape, at a step; as far as something was done, it has happened.
fn replayed(scenario: &'static dyn AnyScenario, origin: &Origin, tape: &Tape, step: u64) -> Run<LiveWorld> {
    let mut run = Run::new(scenario.start(origin), tape.clone());
    // What is done after that step belongs to the run, too, and lies ahead.
    run.seek(tape.inputs().last().map_or(step, |last| last.after.max(step)));
    run.seek(step);
    run
}

/// A run as a value: replays to where it stands.
fn link_to(scenario: String, origin: &Origin, run: &Run<LiveWorld>) -> Link {
    let (tape, check) = (run.tape_here(), run.world().fingerprint() as u32);
    Link { scenario, origin: origin.clone(), tape, step: run.step_count(), check }
}

fn bad_link_notice(bad: BadLink) -> Notice {
    Notice(format!("{bad} Here is the scenario's start instead."))
}

fn performance() -> f64 {
    window().performance().map_or(0.0, |performance| performance.now())
}
