//! "Break it": search for a way to break a promise, and make a broken run smaller. Both run in a worker.

use leptos::prelude::*;

use faultline::lab::search::{From, Quest};
use faultline::sim::explore::{Budget, Order, Progress};
use faultline::sim::numbers::grouped;
use faultline::sim::run::tape::Link;

use crate::focus::focus_first;
use crate::player::Player;
use crate::view::{Views, click, described, effect, on, option, typed, when};
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

/// What was found, and where it opens: from the instance's start, or as a future of the reader's run.
#[derive(Clone)]
struct Prize {
    link: Link,
    /// The event after which it leaves the reader's run.
    leaves_at: Option<u64>,
}

/// The panel's state, which is kept while the panel is closed. Copy it freely.
#[derive(Clone, Copy)]
pub struct Desk {
    pub player: Player,
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
            job: StoredValue::new_local(None),
            standing: RwSignal::new(Standing::Idle),
            prize: RwSignal::new(None),
            began: StoredValue::new(0.0),
        }
    }

    fn start(self, ask: Ask, leaves_at: Option<u64>) {
        self.prize.set(None);
        self.began.set_value(js_sys::Date::now());
        let job = Job::start(ask, move |reply| self.hear(reply, leaves_at));
        if job.is_none() {
            let sentence =
                "This browser cannot start workers, so nothing can be searched here. The terminal can: see the README.";
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
                Standing::Shrinking(format!("{tried} runs tried; {inputs} inputs and {steps} events remain."))
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
        // The reader may have left by now.
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
                    format!("None found in {} states; stopped before all were searched.", grouped(progress.states)),
                    *progress,
                ),
                Standing::Shrinking(_) => Standing::Sorry("Stopped. Your run is unchanged.".to_owned()),
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
        self.standing.set(Standing::Shrinking("Starting ...".to_owned()));
        self.start(Ask::Shrink { path, run: link.encode(), promise }, None);
    }

    fn open(self) {
        let Some(Prize { link, leaves_at }) = self.prize.get_untracked() else { return };
        match leaves_at {
            Some(step) => self.player.open_future(step, &link),
            None => self.player.tell(&link, None, 0),
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
#[derive(Clone, Copy)]
struct Wish {
    promise: RwSignal<Option<usize>>,
    from: RwSignal<From>,
    states: RwSignal<u64>,
    order: RwSignal<Order>,
    /// What the instance under the present rules takes.
    usual: Memo<Budget>,
    /// What the reader has set instead.
    chosen: RwSignal<Option<Budget>>,
}

impl Wish {
    fn quest(self) -> Quest {
        Quest {
            promise: self.promise.get_untracked(),
            from: self.from.get_untracked(),
            states: self.states.get_untracked(),
            depth: None,
            budget: Some(untrack(|| self.budget())),
            order: self.order.get_untracked(),
        }
    }

    fn budget(self) -> Budget {
        self.chosen.get().unwrap_or_else(|| self.usual.get())
    }
}

#[component]
fn SearchForm(desk: Desk) -> impl IntoView {
    let rules = Memo::new(move |_| {
        desk.player.changed();
        desk.player.rules_off()
    });
    let instance = Memo::new(move |_| {
        rules.get();
        desk.player.instance()
    });
    let wish = Wish {
        promise: desk.player.wanted,
        from: RwSignal::new(From::Instance),
        states: RwSignal::new(STATES[1]),
        order: RwSignal::new(Order::Breadth),
        usual: Memo::new(move |_| instance.with(|(_, bounds)| bounds.budget)),
        chosen: RwSignal::new(None),
    };
    let small = Signal::derive(move || format!(" a small start: {}", instance.with(|(words, _)| words.clone())));
    let search = on(move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        desk.search(wish.quest());
    });
    view! {
        <form class="search" on:submit=search>
            <PromiseChoice desk/>
            <fieldset class="field"><legend>"From"</legend>
                <Start wish from=From::Instance words=small/>
                <Start wish from=From::Here words=Signal::stored(" here, where your run stands".to_owned())/>
            </fieldset>
            <fieldset class="field faults"><legend>"At most this many faults"</legend>
                <Faults title="crashes" wish get=|budget| budget.crashes set=|budget, count| (budget.crashes, budget.restarts) = (count, count)/>
                <Faults title="power cuts" wish get=|budget| budget.power_cuts set=|budget, count| (budget.power_cuts, budget.restarts) = (count, budget.restarts.max(count))/>
                <Faults title="drops" wish get=|budget| budget.drops set=|budget, count| budget.drops = count/>
                <Faults title="duplicates" wish get=|budget| budget.duplicates set=|budget, count| budget.duplicates = count/>
                <Faults title="cuts" wish get=|budget| budget.cuts set=|budget, count| budget.cuts = count/>
            </fieldset>
            <Extent wish/>
            <button type="submit" class="primary" disabled=move || desk.is_busy()>"Search every schedule"</button>
        </form>
    }
}

#[component]
fn PromiseChoice(desk: Desk) -> impl IntoView {
    let (info, promise) = (desk.player.info(), desk.player.wanted);
    view! {
        <label class="field"><span>"Promise"</span>
            <select prop:value=move || promise.get().map_or_else(String::new, |index| index.to_string())
                on:change=typed(move |value| promise.set(value.parse().ok()))>
                <option value="">"any promise that must always hold"</option>
                {info.promises.iter().enumerate().map(|(index, promise)| option(index, promise.title, false)).views()}
            </select>
        </label>
    }
}

#[component]
fn Start(wish: Wish, from: From, words: Signal<String>) -> impl IntoView {
    view! {
        <label><input type="radio" name="search-from" prop:checked=move || wish.from.get() == from
            on:change=typed(move |_| wish.from.set(from))/>{words}</label>
    }
}

#[component]
fn Faults(title: &'static str, wish: Wish, get: fn(&Budget) -> u8, set: fn(&mut Budget, u8)) -> impl IntoView {
    view! {
        <label><span>{title}</span>
            <input type="number" min="0" max="4" prop:value=move || get(&wish.budget()).to_string()
                on:input=typed(move |value| {
                    let count = value.parse().unwrap_or(0).min(4);
                    let mut budget = untrack(|| wish.budget());
                    set(&mut budget, count);
                    wish.chosen.set(Some(budget));
                })/>
        </label>
    }
}

/// The most states, and the order of the search.
#[component]
fn Extent(wish: Wish) -> impl IntoView {
    let order = typed(move |value| {
        wish.order.set(match value.as_str() {
            "depth" => Order::Depth,
            "random" => Order::Random { seed: 1 },
            _ => Order::Breadth,
        })
    });
    view! {
        <div class="field pair">
            <label><span>"States"</span> <select on:change=typed(move |value| wish.states.set(value.parse().unwrap_or(STATES[1])))>
                {STATES.map(|count| option(count, grouped(count), count == STATES[1])).views()}
            </select></label>
            <label><span>"Order"</span> <select on:change=order>
                <option value="breadth">"nearest first"</option>
                <option value="depth">"deepest first"</option>
                <option value="random">"random walks"</option>
            </select></label>
        </div>
    }
}

fn figures(desk: Desk, progress: Progress) -> AnyView {
    let figures = [
        ("states", grouped(progress.states)),
        ("per second", grouped(desk.rate(progress.states))),
        ("moves deep", progress.depth.to_string()),
        ("still to expand", grouped(progress.open)),
        ("memory", format!("{} MB", progress.memory >> 20)),
    ];
    let figures = figures.map(|(what, count)| described(what, &count)).concat();
    view! { <dl class="tallies" inner_html=figures></dl> }.into_any()
}

/// How far a search is, or came.
fn progress(desk: Desk) -> Option<AnyView> {
    match desk.standing.get() {
        Standing::Searching(progress) | Standing::Found(_, progress) => Some(figures(desk, progress)),
        _ => None,
    }
}

/// How a job stands, in a sentence.
fn standing(desk: Desk) -> AnyView {
    let words = |words: String, is_broken: bool| {
        let class = if is_broken { "verdict-words is-broken" } else { "verdict-words" };
        view! { <p class=class tabindex="-1">{words}</p> }.into_any()
    };
    match desk.standing.get() {
        Standing::Idle => view! {
            <p class="hint">"Tries every order of events, with these faults, and shows the shortest way to break the promise."</p>
        }
        .into_any(),
        Standing::Searching(_) => view! { <p>"Searching ..."</p> }.into_any(),
        Standing::Found(found, _) => words(found, desk.prize.get().is_some()),
        Standing::Shrinking(words) => view! { <p>"Shrinking. " {words}</p> }.into_any(),
        Standing::Shrunk(shrunk) => words(shrunk, false),
        Standing::Sorry(sentence) => words(sentence, false),
    }
}

/// How far it has come, and what came of it.
#[component]
fn Result(desk: Desk) -> impl IntoView {
    keep_in_sight(desk);
    let offer = move |class: &'static str, title: &'static str, act: fn(Desk)| {
        view! { <button class=class on:click=click(move || act(desk))>{title}</button> }.into_any()
    };
    view! {
        <div class="result">
            <div aria-live="polite">{move || standing(desk)}</div>
            {when(move || desk.is_busy(), move || offer("", "Stop", Desk::stop))}
            {when(move || desk.prize.get().is_some(), move || offer("primary", "Step through it", Desk::open))}
            {when(move || desk.player.has_kept(), move || offer("", "Back to your own run", |desk| desk.player.return_to_own()))}
            {move || progress(desk)}
        </div>
    }
}

/// When a job has ended, the focus of those who waited for it in this panel goes to what came of it.
fn keep_in_sight(desk: Desk) {
    let mut was_busy = false;
    effect(move || {
        let is_busy = desk.is_busy();
        let is_here = |holder: web_sys::Element| holder.matches("body, .hunt *").unwrap_or(false);
        let waits = || document().active_element().is_none_or(is_here);
        if was_busy && !is_busy && waits() {
            request_animation_frame(|| _ = focus_first(".hunt .verdict-words"));
        }
        was_busy = is_busy;
    });
}

/// Offered once a promise is broken on the reader's run.
#[component]
fn ShrinkForm(desk: Desk) -> impl IntoView {
    let player = desk.player;
    let offer = move || {
        player.changed();
        match player.with(|run| run.branch().breakings().first().map(|breaking| (breaking.promise, breaking.step))) {
            None => {
                view! { <p class="hint">"Break a promise first: then your run can be cut down to what it needs."</p> }
                    .into_any()
            }
            Some((promise, step)) => {
                let title = player.info().promises.get(promise).map_or("", |promise| promise.title);
                let words = format!("Your run breaks \"{title}\" at event {step}. How much of that was needed?");
                view! {
                    <p class="hint">{words}</p>
                    <button disabled=move || desk.is_busy() on:click=click(move || desk.shrink(promise))>"Shrink my run"</button>
                }
                .into_any()
            }
        }
    };
    view! {
        <section class="shrink">
            <h3>"Make it smaller"</h3>
            {move || offer()}
        </section>
    }
}
