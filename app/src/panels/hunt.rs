//! "Break it": search for a way to break a promise, and make a broken run smaller. Both work beside the page.

use leptos::prelude::*;

use faultline::lab::search::{From, Quest};
use faultline::sim::explore::{Budget, Order, Progress};
use faultline::sim::numbers::grouped;
use faultline::sim::run::tape::Link;

use crate::player::Player;
use crate::router::Router;
use crate::worker::{Ask, Job, Reply};

/// The limits of states on offer.
const STATES: [u64; 4] = [100_000, 1_000_000, 3_000_000, 10_000_000];

/// How a job stands.
#[derive(Clone, Default)]
enum Standing {
    #[default]
    Idle,
    Searching(Progress),
    /// What was found, and how far the search came.
    Found(String, Progress),
    Shrinking(String),
    Shrunk(String),
    Sorry(String),
}

/// What is found opens here: from the instance's start, or as a future of the reader's run.
#[derive(Clone)]
struct Prize {
    link: Link,
    /// The event after which it leaves the reader's run.
    leaves_at: Option<u64>,
}

/// The panel's state, which outlives its being looked at. Copy it freely.
#[derive(Clone, Copy)]
pub struct Desk {
    player: Player,
    home: StoredValue<String>,
    job: StoredValue<Option<Job>, LocalStorage>,
    standing: RwSignal<Standing>,
    prize: RwSignal<Option<Prize>>,
    began: StoredValue<f64>,
}

impl Desk {
    /// Nothing under way.
    pub fn new(player: Player) -> Desk {
        Desk {
            player,
            home: StoredValue::new(expect_context::<Router>().home()),
            job: StoredValue::new_local(None),
            standing: RwSignal::new(Standing::Idle),
            prize: RwSignal::new(None),
            began: StoredValue::new(0.0),
        }
    }

    fn start(self, ask: Ask, leaves_at: Option<u64>) {
        self.prize.set(None);
        self.began.set_value(js_sys::Date::now());
        let job = Job::start(&self.home.get_value(), ask, move |reply| self.hear(reply, leaves_at));
        if job.is_none() {
            let sentence =
                "This browser starts no workers, so nothing can be searched here. The terminal can: see README.";
            self.standing.set(Standing::Sorry(sentence.to_owned()));
        }
        self.job.set_value(job);
    }

    fn hear(self, reply: Reply, leaves_at: Option<u64>) {
        let decode = |run: Option<String>| run.and_then(|run| Link::decode(&self.player.info().path(), &run).ok());
        let standing = match reply {
            Reply::Ready => return,
            Reply::Searching(progress) => Standing::Searching(progress),
            Reply::Found { words, run, progress } => {
                self.prize.set(decode(run).map(|link| Prize { link, leaves_at }));
                Standing::Found(words, progress)
            }
            Reply::Shrinking { tried, inputs, steps } => {
                Standing::Shrinking(format!("{tried} runs tried; {inputs} inputs and {steps} events are left."))
            }
            Reply::Shrunk { run, from, to, tried } => {
                self.prize.set(decode(Some(run)).map(|link| Prize { link, leaves_at: None }));
                Standing::Shrunk(format!(
                    "From {} inputs and {} events to {} inputs and {} events, after {tried} runs.",
                    from.0, from.1, to.0, to.1
                ))
            }
            Reply::Sorry(sentence) => Standing::Sorry(sentence),
        };
        let ended = !matches!(standing, Standing::Searching(_) | Standing::Shrinking(_));
        // The reader may have left meanwhile.
        let _ = self.standing.try_set(standing);
        if ended {
            self.job.try_update_value(|job| job.take());
        }
    }

    fn is_busy(self) -> bool {
        self.standing.with(|standing| matches!(standing, Standing::Searching(_) | Standing::Shrinking(_)))
    }

    fn stop(self) {
        self.job.set_value(None);
        self.standing.update(|standing| {
            *standing = match &*standing {
                Standing::Searching(progress) => Standing::Found(
                    format!("None found in {} states, not exhausted: it was stopped.", grouped(progress.states)),
                    *progress,
                ),
                Standing::Shrinking(_) => Standing::Sorry("Stopped. Your run is as it was.".to_owned()),
                other => other.clone(),
            };
        });
    }

    fn search(self, quest: Quest) {
        let (path, link) = (self.player.info().path(), self.player.link());
        let leaves_at = (quest.from == From::Here).then_some(link.step);
        self.standing.set(Standing::Searching(Progress::default()));
        self.start(Ask::Search { path, run: link.encode(), quest }, leaves_at);
    }

    fn shrink(self, promise: usize) {
        let (path, link) = (self.player.info().path(), self.player.whole_link());
        self.standing.set(Standing::Shrinking("Begins ...".to_owned()));
        self.start(Ask::Shrink { path, run: link.encode(), promise }, None);
    }

    fn open(self) {
        let Some(Prize { link, leaves_at }) = self.prize.get_untracked() else { return };
        match leaves_at {
            Some(step) => self.player.open_future(step, &link),
            None => self.player.open_found(&link),
        }
    }

    fn rate(self, states: u64) -> u64 {
        let seconds = (js_sys::Date::now() - self.began.get_value()) / 1_000.0;
        (states as f64 / seconds.max(0.001)) as u64
    }
}

/// See the module's header.
#[component]
pub fn HuntPanel(desk: Desk) -> impl IntoView {
    view! {
        <div class="hunt">
            <h3>"Find a way to break this"</h3>
            <Result desk/>
            <SearchForm desk/>
            <ShrinkForm desk/>
        </div>
    }
}

/// What to search for, from where, with which faults.
#[component]
fn SearchForm(desk: Desk) -> impl IntoView {
    let info = desk.player.info();
    let (instance, bounds) = desk.player.instance();
    let promise = desk.player.wanted;
    let from = RwSignal::new(From::Instance);
    let states = RwSignal::new(STATES[1]);
    let order = RwSignal::new(Order::Breadth);
    let budget = RwSignal::new(bounds.budget);
    let search = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let (promise, from) = (promise.get_untracked(), from.get_untracked());
        let (states, order) = (states.get_untracked(), order.get_untracked());
        desk.search(Quest { promise, from, states, depth: None, budget: Some(budget.get_untracked()), order });
    };
    let titles: Vec<&'static str> = info.promises.iter().map(|promise| promise.title).collect();
    view! {
        <form class="search" on:submit=search>
            <label class="field"><span>"Promise"</span>
                <select prop:value=move || promise.get().map_or_else(String::new, |index| index.to_string())
                    on:change=move |event| promise.set(event_target_value(&event).parse().ok())>
                    <option value="">"any that is about every state"</option>
                    {titles.into_iter().enumerate().map(|(index, title)| view! { <option value=index>{title}</option> }).collect_view()}
                </select>
            </label>
            <fieldset class="field"><legend>"From"</legend>
                <label><input type="radio" name="search-from" prop:checked=move || from.get() == From::Instance
                    on:change=move |_| from.set(From::Instance)/> " the start, small: " {instance}</label>
                <label><input type="radio" name="search-from" prop:checked=move || from.get() == From::Here
                    on:change=move |_| from.set(From::Here)/> " here, where your run stands"</label>
            </fieldset>
            <fieldset class="field faults"><legend>"At most so many faults"</legend>
                <Faults title="crashes" budget get=|budget| budget.crashes set=|budget, count| (budget.crashes, budget.restarts) = (count, count)/>
                <Faults title="drops" budget get=|budget| budget.drops set=|budget, count| budget.drops = count/>
                <Faults title="duplicates" budget get=|budget| budget.duplicates set=|budget, count| budget.duplicates = count/>
                <Faults title="cuts" budget get=|budget| budget.cuts set=|budget, count| budget.cuts = count/>
            </fieldset>
            <div class="field pair">
                <label><span>"States"</span> <select on:change=move |event| states.set(event_target_value(&event).parse().unwrap_or(STATES[1]))>
                    {STATES.map(|count| view! { <option value=count selected=count == STATES[1]>{grouped(count)}</option> })}
                </select></label>
                <label><span>"Order"</span> <select on:change=move |event| order.set(match event_target_value(&event).as_str() {
                    "depth" => Order::Depth,
                    "random" => Order::Random { seed: 1 },
                    _ => Order::Breadth,
                })>
                    <option value="breadth">"nearest first"</option>
                    <option value="depth">"deepest first"</option>
                    <option value="random">"walks at random"</option>
                </select></label>
            </div>
            <button type="submit" class="primary" disabled=move || desk.is_busy()>"Search every schedule"</button>
        </form>
    }
}

#[component]
fn Faults(
    title: &'static str,
    budget: RwSignal<Budget>,
    get: fn(&Budget) -> u8,
    set: fn(&mut Budget, u8),
) -> impl IntoView {
    view! {
        <label><span>{title}</span>
            <input type="number" min="0" max="4" prop:value=move || budget.with(get).to_string()
                on:input=move |event| {
                    let count = event_target_value(&event).parse().unwrap_or(0).min(4);
                    budget.update(|budget| set(budget, count));
                }/>
        </label>
    }
}

/// How far it has come, and what came of it.
#[component]
fn Result(desk: Desk) -> impl IntoView {
    let figures = move |progress: Progress| {
        view! {
            <dl class="tallies">
                <div><dt>"states"</dt><dd>{grouped(progress.states)}</dd></div>
                <div><dt>"a second"</dt><dd>{grouped(desk.rate(progress.states))}</dd></div>
                <div><dt>"moves deep"</dt><dd>{progress.depth}</dd></div>
                <div><dt>"to be left"</dt><dd>{grouped(progress.open)}</dd></div>
                <div><dt>"memory"</dt><dd>{progress.memory >> 20} " MB"</dd></div>
            </dl>
        }
    };
    let shown = move || {
        match desk.standing.get() {
        Standing::Idle => view! {
            <p class="hint">"Tries every order of events, with these faults, and shows the shortest way to break the promise."</p>
        }
        .into_any(),
        Standing::Searching(progress) => view! { <p>"Searching ..."</p> {figures(progress)} }.into_any(),
        Standing::Found(words, progress) => view! {
            <p class="verdict-words" class:is-broken=desk.prize.get().is_some()>{words}</p> {figures(progress)}
        }
        .into_any(),
        Standing::Shrinking(words) => view! { <p>"Shrinking. " {words}</p> }.into_any(),
        Standing::Shrunk(words) => view! { <p class="verdict-words">{words}</p> }.into_any(),
        Standing::Sorry(words) => view! { <p class="verdict-words">{words}</p> }.into_any(),
    }
    };
    view! {
        <div class="result">
            <div aria-live="polite">{shown}</div>
            <Show when=move || desk.is_busy()><button on:click=move |_| desk.stop()>"Stop"</button></Show>
            <Show when=move || desk.prize.get().is_some()>
                <button class="primary" on:click=move |_| desk.open()>"Step through it"</button>
            </Show>
            <Show when=move || desk.player.has_kept()>
                <button on:click=move |_| desk.player.return_to_own()>"Back to your own run"</button>
            </Show>
        </div>
    }
}

/// Offered once a promise is broken on the reader's run.
#[component]
fn ShrinkForm(desk: Desk) -> impl IntoView {
    let player = desk.player;
    let broken = move || {
        player.changed();
        player.with(|run| run.branch().breakings().first().map(|breaking| (breaking.promise, breaking.step)))
    };
    let title = move |promise: usize| player.info().promises.get(promise).map_or("", |promise| promise.title);
    view! {
        <section class="shrink">
            <h3>"Make it smaller"</h3>
            {move || match broken() {
                None => view! { <p class="hint">"Break a promise first: then your run can be cut down to what it needs."</p> }.into_any(),
                Some((promise, step)) => view! {
                    <p class="hint">"Your run breaks \"" {title(promise)} "\" at event " {step} ". What of all that was needed?"</p>
                    <button disabled=move || desk.is_busy() on:click=move |_| desk.shrink(promise)>"Shrink my run"</button>
                }.into_any(),
            }}
        </section>
    }
}
